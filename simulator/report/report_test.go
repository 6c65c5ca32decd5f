package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"caravela/simulator"
)

func measures(t *testing.T) *simulator.Measures {
	t.Helper()
	m := &simulator.Measures{Nodes: 4, Virtual: time.Minute, Total: 4, Placed: 3, Missed: 1, Hash: "0123"}
	m.Messages = []uint32{2, 2, 3, 9}
	m.Latency = []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}
	m.NodeMessages, m.NodeBytes = []float64{1, 1, 1, 5}, []float64{10, 10, 10, 50}
	m.RTT, m.Lookups, m.LookupDepth, m.Sent = 100*time.Millisecond, 2, 6, 90
	for i := range 4 {
		m.Series = append(m.Series, simulator.Sample{At: time.Duration(i) * 20 * time.Second, Up: 4, Requests: i, Placed: i, Messages: uint64(30 * i), CPU: .1 * float64(i)})
	}
	return m
}

// The names that programs rely on, and what they mean.
func TestSummary(t *testing.T) {
	idle := measures(t)
	idle.Sent, idle.Steady = 30, 15
	s := Summarise(About{Scenario: "x", Bounds: []Bound{{"placed_of_feasible", ">=", .7}, {"messages_per_request.mean", "<", 4}}}, measures(t), idle)
	for name, want := range map[string]float64{
		"nodes": 4, "virtual_seconds": 60, "requests.total": 4, "requests.placed": 3, "requests.missed": 1, "requests.refused": 0,
		"placed_of_feasible": .75, "messages_per_request.mean": 4, "messages_per_request.p50": 2, "messages_per_request.max": 9,
		"all_messages_per_placement.mean": 20, "lookups_per_request.mean": .5, "lookup_depth.mean": 3,
		"placement_latency_ms.p50": 200, "placement_latency_rtts.p99": 4, "node_messages_per_second.max": 5, "busiest_node_to_mean": 2.5,
		"node_bytes_per_second.idle_mean": 15, "node_bytes_per_second.mean": 20, "stale_offer_refusals": 0, "double_bookings": 0, "lost_leases": 0,
	} {
		if got, ok := s.Metric(name); !ok || got != want {
			t.Errorf("%s = %v, %v; want %v", name, got, ok, want)
		}
		if !slices.Contains(Metrics(), name) {
			t.Errorf("%s cannot be expected", name)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"scenario", "seed", "strategy", "wall_seconds", "cpu_seconds", "events", "events_per_second", "node_seconds_per_cpu_second", "peak_rss_bytes", "heap_bytes_per_node", "trace_hash"} {
		if !strings.Contains(string(text), `"`+name+`":`) {
			t.Errorf("summary.json lacks %s", name)
		}
	}
	if !s.Expectations[0].Met || s.Expectations[1].Met || s.Met() {
		t.Errorf("%+v", s.Expectations)
	}
	// What was not measured is null, and does not meet a bound.
	s = Summarise(About{Bounds: []Bound{{"all_messages_per_placement.mean", "<", 100}}}, measures(t), nil)
	if _, ok := s.Metric("all_messages_per_placement.mean"); ok || s.Met() {
		t.Errorf("%+v", s.Expectations)
	}
}

func TestBounds(t *testing.T) {
	for text, ok := range map[string]bool{">= 0.5": true, "<1": true, "== 0": true, ">0": true, "<= 1e3": true, "": false, "5": false, ">= x": false, "~ 4": false} {
		if _, err := ParseBound("m", text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Student's t at textbook values.
func TestInterval(t *testing.T) {
	i := IntervalOf([]float64{1, 2, 3, 4, 5})
	if i.Mean != 3 || math.Abs(i.Half-1.963) > .001 {
		t.Errorf("%+v", i)
	}
	if i := IntervalOf([]float64{7}); i.Mean != 7 || i.Half != 0 {
		t.Errorf("%+v", i)
	}
	if math.Abs(student(60)-2.000) > .003 || math.Abs(student(120)-1.980) > .003 {
		t.Error(student(60), student(120))
	}
}

func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	if err := Prepare(dir); err != nil {
		t.Fatal(err)
	}
	m := measures(t)
	if err := Write(dir, Summarise(About{Scenario: "<x>"}, m, nil), m, "name = \"x\"\n"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// All files are there; the page needs nothing from elsewhere, and the plots
// are XML.
func TestWrite(t *testing.T) {
	dir := written(t)
	page, err := os.ReadFile(filepath.Join(dir, ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(page, []byte("<svg")) != 6 || bytes.Contains(page, []byte("<h1><x>")) || bytes.Contains(page, []byte("src=")) || bytes.Contains(page, []byte("href=")) {
		t.Error("the page is not self-contained, or not escaped")
	}
	plots, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	if err != nil || len(plots) != 6 {
		t.Fatalf("%v %v", plots, err)
	}
	for _, p := range plots {
		f, err := os.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(f); err == nil; {
			_, err = d.Token()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", p, err)
		}
		_ = f.Close()
	}
	if _, _, err := Read(dir); err != nil {
		t.Error(err)
	}
	if err := Prepare(dir); err == nil {
		t.Error("an existing folder was taken")
	}
}

// CSV and Parquet hold the same rows.
func TestSeries(t *testing.T) {
	dir := written(t)
	rows, err := parquet.ReadFile[Point](filepath.Join(dir, SeriesFile))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, SeriesCSV))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 || bytes.Count(text, []byte("\n")) != 5 || rows[3].Seconds != 60 || rows[3].Requests != 3 || rows[2].MessagesPerNodeSec != .375 {
		t.Errorf("%+v\n%s", rows, text)
	}
}

// Results of another version are refused, by name.
func TestOtherVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.json")
	if err := os.WriteFile(path, []byte(`{"version": 99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSummary(path); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	a, b := Summarise(About{Seed: 1}, measures(t), nil), Summarise(About{Seed: 2}, measures(t), nil)
	b.MessagesPerRequest.Mean = 8
	if notes := Differences([]*Summary{a, b}); len(notes) != 1 || !strings.Contains(notes[0], "seed") {
		t.Errorf("%v", notes)
	}
	for _, r := range Compare([]*Summary{a, b}) {
		if r.Metric == "messages_per_request.mean" && (*r.Values[1] != 8 || *r.Ratios[1] != 2 || r.Ratios[0] != nil) {
			t.Errorf("%+v", r)
		}
	}
}

// Charts bear what a run may give them: nothing, one point, zeros on a
// logarithmic axis.
func TestCharts(t *testing.T) {
	for _, c := range []chart{
		{},
		{lines: []line{{"", []float64{1}, []float64{1}}}},
		{lines: []line{{"", []float64{0, 0}, []float64{0, 0}}}, logX: true, logY: true},
		{lines: []line{{"a", []float64{0, 5}, []float64{0, 1e9}}, {"b", []float64{1, 2}, []float64{3, 4}}}, logY: true},
	} {
		if s := c.svg(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || !strings.HasSuffix(s, "</svg>") {
			t.Errorf("%+v: %s", c, s)
		}
	}
}
