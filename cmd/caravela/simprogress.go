package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"caravela/configuration"
	"caravela/simulator"
	results "caravela/simulator/report"
	"caravela/simulator/scenario"
)

// simBar shows how far a simulation has come, on standard error: a line that
// is overwritten on a terminal, else a line now and then.
type simBar struct {
	app  *app
	name string
	live bool
	said time.Time
	wide int
	last simulator.Progress
}

// simQuiet is the time between two lines where they cannot be overwritten.
const simQuiet = 30 * time.Second

func newSimBar(a *app, s *scenario.Scenario) *simBar {
	return &simBar{app: a, name: s.Name, live: a.terminal.isTerminal(a.err), said: a.now()}
}

func (b *simBar) show(p simulator.Progress) {
	if p.Now < b.last.Now { // the run without requests has begun
		b.name += ", without requests"
	}
	b.last = p
	share := float64(p.Now) / float64(p.End)
	left := "?"
	if share > 0.01 {
		left = brief(time.Duration(float64(p.Wall) * (1 - share) / share))
	}
	text := fmt.Sprintf("%s of %s · %.2gM events/s · %d requests · %s left",
		virtual(p.Now.Seconds()), virtual(p.End.Seconds()), float64(p.Events)/1e6/max(p.Wall.Seconds(), 1e-3), p.Requests, left)
	if b.live {
		const cells = 24
		done := min(cells, int(share*cells))
		line := fmt.Sprintf("%s [%s%s] %s", b.name, strings.Repeat("=", done), strings.Repeat(" ", cells-done), text)
		_, _ = fmt.Fprintf(b.app.err, "\r\x1b[K%s", line)
		b.wide = len(line)
		return
	}
	if now := b.app.now(); now.Sub(b.said) >= simQuiet {
		b.said = now
		b.app.sayf("%s: %2.0f %% · %s", b.name, 100*share, text)
	}
}

// finish clears the line.
func (b *simBar) finish() {
	if b.wide > 0 {
		_, _ = fmt.Fprint(b.app.err, "\r\x1b[K")
		b.wide = 0
	}
}

func virtual(seconds float64) string {
	return configuration.FormatDuration(time.Duration(seconds) * time.Second)
}

// prepareResults makes the folder of the results: the one that was named,
// which must not exist, or the first free of results/NAME, results/NAME-2, ...
func prepareResults(named, scenario string) (string, error) {
	if named != "" {
		return named, advise(results.Prepare(named), "--out another folder; results are never overwritten")
	}
	for i := 1; ; i++ {
		dir := filepath.Join("results", scenario)
		if i > 1 {
			dir += "-" + strconv.Itoa(i)
		}
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			return dir, advise(results.Prepare(dir), "--out a folder that can be written")
		} else if err != nil {
			return "", advise(err, "--out a folder that can be written")
		}
	}
}

// checkMemory refuses, before the start, what memory cannot hold. Where the
// system does not say how much there is, nothing is refused.
func (a *app) checkMemory(need uint64, nodes, runs int, force bool) error {
	need *= uint64(runs)
	free, ok := memoryAvailable()
	if !ok || need <= free || force {
		return nil
	}
	fits := int(float64(nodes) * float64(free) / float64(need))
	return advise(fmt.Errorf("%d nodes need about %s of memory, and %s is available", nodes, size(int64(need)>>20<<20), size(int64(free)>>20<<20)),
		"--nodes %d, or --force", fits)
}

// memoryAvailable is Linux' own estimate of what can be used without swapping.
func memoryAvailable() (uint64, bool) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
