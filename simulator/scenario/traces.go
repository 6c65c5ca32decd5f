package scenario

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"caravela/configuration"
	"caravela/market"
	"caravela/simulator"
)

// row is one row of a CSV file with a header, read column by column. A cell
// that cannot be read becomes a problem with file, line and column.
type row struct {
	l      *loader
	key    string // of the scenario
	path   string
	line   int
	header []string
	cells  []string
	bad    bool // some cell of this row could not be read
}

// maxBroken bounds the broken rows that are reported of one file.
const maxBroken = 5

func (r *row) broken(column, format string, args ...any) {
	at := fmt.Sprintf("%s:%d", r.path, r.line)
	if column != "" {
		at += ": column " + column
	}
	r.l.b.found = append(r.l.b.found, &configuration.Problem{At: at, Text: fmt.Sprintf(format, args...)})
}

// text returns a cell; fallback where the file has no such column or the cell
// is empty.
func (r *row) text(column, fallback string) string {
	if i := slices.Index(r.header, column); i >= 0 && strings.TrimSpace(r.cells[i]) != "" {
		return strings.TrimSpace(r.cells[i])
	}
	return fallback
}

// cell reads one cell.
func cell[T any](r *row, column, fallback string, parse func(string) (T, error)) T {
	v, err := parse(r.text(column, fallback))
	if err != nil {
		r.broken(column, "%v", err)
		r.bad = true
	}
	return v
}

// rows reads a CSV file that the scenario names. need are columns that must be
// there, may those that can.
func (l *loader) rows(key, name string, need, may []string, each func(*row)) {
	text, path, ok := l.sibling(key, name)
	if !ok {
		return
	}
	in := csv.NewReader(strings.NewReader(text))
	in.Comment, in.TrimLeadingSpace, in.ReuseRecord = '#', true, true
	header, err := in.Read()
	if err != nil {
		l.b.problem(key, "the first row names the columns: "+strings.Join(need, ","), "%s: %v", path, err)
		return
	}
	r := &row{l: l, key: key, path: path, header: slices.Clone(header)}
	r.line, _ = in.FieldPos(0)
	for i, h := range r.header {
		r.header[i] = strings.TrimSpace(h)
		if !slices.Contains(need, r.header[i]) && !slices.Contains(may, r.header[i]) {
			r.broken(r.header[i], "unknown column; known are %s", strings.Join(append(slices.Clone(need), may...), ", "))
		}
	}
	for _, n := range need {
		if !slices.Contains(r.header, n) {
			r.broken(n, "is missing")
		}
	}
	before := len(l.b.found)
	if before > 0 {
		return
	}
	for len(l.b.found) < before+maxBroken {
		cells, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			r.line = bad.Line
			r.broken("", "%v", bad.Err)
			return
		}
		r.line, _ = in.FieldPos(0)
		r.cells, r.bad = cells, false
		each(r)
	}
}

// seconds reads "12.5" as well as "12.5s".
func seconds(s string) (time.Duration, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		if v < 0 || v > maxDuration.Seconds() {
			return 0, fmt.Errorf("%s s lie outside 0 to 31d", s)
		}
		return time.Duration(v*1000) * time.Millisecond, nil
	}
	return configuration.ParseDuration(s)
}

func whole(low, high int64) func(string) (int64, error) {
	return func(s string) (int64, error) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("%q is not a whole number from %d to %d", s, low, high)
		}
		return n, nil
	}
}

// durations reads a file of one column, "duration".
func (l *loader) durations(key, name string) (out []time.Duration) {
	l.rows(key, name, []string{"duration"}, nil, func(r *row) {
		if d := cell(r, "duration", "", seconds); d > 0 {
			out = append(out, d)
		}
	})
	if len(out) == 0 && len(l.b.found) == 0 {
		l.b.problem(key, "", "%s holds no duration above 0", name)
	}
	return out
}

// requestTrace reads requests: at,cpus,memory and perhaps class, lifetime,
// node, replicas, place. Each combination of the last ones is a profile.
func (l *loader) requestTrace() (profiles []simulator.Profile, trace []simulator.Arrival) {
	last := time.Duration(0)
	l.rows("load.trace", l.s.Load.Trace, []string{"at", "cpus", "memory"}, []string{"class", "lifetime", "node", "replicas", "place"}, func(r *row) {
		a := simulator.Arrival{At: cell(r, "at", "", seconds), Lifetime: cell(r, "lifetime", "0", seconds), Node: cell(r, "node", "-1", whole(-1, 1<<32-1))}
		if a.At < last && !r.bad {
			r.broken("at", "%v comes before the row above", a.At)
		}
		last = max(last, a.At)
		place := r.text("place", "any")
		p := profile(Profile{
			Class: cell(r, "class", "1", whole(1, 4)), CPUs: cell(r, "cpus", "", market.ParseCPU), Memory: cell(r, "memory", "", market.ParseBytes),
			Replicas: cell(r, "replicas", "1", whole(1, 32)), Place: place,
		})
		if !slices.Contains([]string{"any", "apart", "together"}, place) {
			r.broken("place", "%q is not any, apart or together", place)
		}
		if !r.bad && (p.CPU <= 0 || p.Memory <= 0) {
			r.broken("cpus", "asks for no CPUs or no memory")
		}
		i := slices.Index(profiles, p)
		if i < 0 {
			i = len(profiles)
			profiles = append(profiles, p)
		}
		if i >= maxKinds {
			r.broken("", "more than %d kinds of requests; round cpus and memory", maxKinds)
			return
		}
		a.Profile = uint8(i)
		trace = append(trace, a)
	})
	if len(trace) == 0 && len(l.b.found) == 0 {
		l.b.problem("load.trace", "", "%s holds no request", l.s.Load.Trace)
	}
	return profiles, trace
}

// lifeTrace reads ups and downs: at,node,event and perhaps disk.
func (l *loader) lifeTrace() (out []simulator.LifeEvent) {
	if l.s.Life.Trace == "" {
		return nil
	}
	kinds := map[string]simulator.LifeKind{"up": simulator.LifeUp, "leave": simulator.LifeLeave, "crash": simulator.LifeCrash}
	l.rows("life.trace", l.s.Life.Trace, []string{"at", "node", "event"}, []string{"disk"}, func(r *row) {
		e := simulator.LifeEvent{At: cell(r, "at", "", seconds), Node: uint32(cell(r, "node", "", whole(0, l.s.Nodes-1)))}
		kind, ok := kinds[r.text("event", "")]
		if !ok {
			r.broken("event", "%q is not up, leave or crash", r.text("event", ""))
		}
		disk := r.text("disk", "kept")
		if disk != "kept" && disk != "lost" {
			r.broken("disk", "%q is not kept or lost", disk)
		}
		e.Kind, e.LoseDisk = kind, disk == "lost"
		out = append(out, e)
	})
	slices.SortStableFunc(out, func(a, b simulator.LifeEvent) int { return int(a.At - b.At) })
	return out
}

// latencyFile reads a matrix of milliseconds: the first row and the first
// column name the regions.
func (l *loader) latencyFile(n *Network) {
	text, path, ok := l.sibling("network.latency_file", n.LatencyFile)
	if !ok {
		return
	}
	in := csv.NewReader(strings.NewReader(text))
	in.Comment, in.TrimLeadingSpace = '#', true
	all, err := in.ReadAll()
	if err != nil || len(all) < 2 {
		l.b.problem("network.latency_file", "a square CSV matrix, one way, in milliseconds", "%s: %v", path, err)
		return
	}
	n.Regions, n.Latency = all[0][1:], nil
	for i, cells := range all[1:] {
		r := &row{l: l, path: path, line: i + 2, header: all[0], cells: cells}
		var out []time.Duration
		for j := range n.Regions {
			v, err := strconv.ParseFloat(strings.TrimSpace(cells[j+1]), 64)
			if err != nil || v < 1 || v > 10_000 {
				r.broken(n.Regions[j], "%q is not between 1 and 10000 ms", cells[j+1])
			}
			out = append(out, time.Duration(v*1000)*time.Microsecond)
		}
		n.Latency = append(n.Latency, out)
	}
}
