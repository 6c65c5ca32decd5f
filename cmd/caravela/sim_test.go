package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	results "caravela/simulator/report"
)

const tinyScenario = `name = "tiny"
nodes = 50
duration = "15m"
[expect]
double_bookings = "== 0"
`

func tiny(t *testing.T) (file, out string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "tiny.toml")
	if err := os.WriteFile(file, []byte(tinyScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, filepath.Join(dir, "out")
}

// One run from the file to its results, and every command that reads them.
func TestSimRun(t *testing.T) {
	file, out := tiny(t)
	c := newCLI(t, nil)
	var s results.Summary
	if err := json.Unmarshal([]byte(c.ok("sim", "run", file, "--out", out, "--seed", "7", "-o", "json")), &s); err != nil {
		t.Fatal(err)
	}
	if s.Nodes != 50 || s.Seed != 7 || s.Requests.Placed == 0 || s.PeersChecked != 50 || s.AllMessagesPerPlacement.Mean == nil {
		t.Errorf("%+v", s)
	}
	again := out + "2"
	c.ok("sim", "run", file, "--out", again, "--set", "seed=7", "-o", "json")
	var rows []results.Row
	if err := json.Unmarshal([]byte(c.ok("sim", "compare", out, again, "-o", "json")), &rows); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Metric == "events" && *r.Values[0] != *r.Values[1] {
			t.Errorf("two runs with one seed differ: %+v", r)
		}
	}
	if text := c.ok("sim", "report", out); !strings.Contains(text, s.TraceHash) {
		t.Errorf("%s", text)
	}
	var at replayed
	if err := json.Unmarshal([]byte(c.ok("sim", "replay", out, "--until", "10m", "--peer", "3", "-o", "json")), &at); err != nil {
		t.Fatal(err)
	}
	if !at.Up || at.Offer == "" || len(at.Steps) == 0 {
		t.Errorf("%+v", at)
	}
	// The peer's ID is found again by its end.
	if text := c.ok("sim", "replay", out, "--until", "10m", "--peer", at.Peer[len(at.Peer)-8:]); !strings.Contains(text, at.Peer) {
		t.Errorf("%s", text)
	}
}

func TestSimMistakes(t *testing.T) {
	file, out := tiny(t)
	c := newCLI(t, nil)
	c.ok("sim", "run", file, "--out", out)
	for _, line := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"run", file, "--out", out}, 1, "exists"},
		{[]string{"run", file, "--out", "/dev/null/x"}, 1, "try: --out"},
		{[]string{"run", "nothing.toml"}, 1, "scenarios/small.toml"},
		{[]string{"run", file, "--set", "network.los=1"}, 1, "did you mean network.loss?"},
		{[]string{"run", file, "--strategy", "markte"}, 1, `did you mean "market"?`},
		{[]string{"run", file, "--set", `expect.placed_of_all="< 0"`, "--out", out + "3"}, codeBound, "expected < 0"},
		{[]string{"report", "/nothing"}, 1, "caravela sim run FILE"},
		{[]string{"replay", out, "--until", "soon"}, 1, "--until 54m"},
		{[]string{"replay", out, "--until", "5m", "--peer", "50"}, 1, "a number below 50"},
		{[]string{"sweep", file, "--vary", "nodes"}, 1, "--vary network.loss=0,0.01,0.05"},
		{[]string{"fuzz", "--runs", "0"}, 1, "at least one"},
	} {
		r := c.run(append([]string{"sim"}, line.args...)...)
		if r.code != line.code || !strings.Contains(r.err, line.says) {
			t.Errorf("%v: %+v\nwant code %d and %q", line.args, r, line.code, line.says)
		}
	}
}

func TestSimSweepAndFuzz(t *testing.T) {
	file, _ := tiny(t)
	c := newCLI(t, nil)
	var points []sweepPoint
	if err := json.Unmarshal([]byte(c.ok("sim", "sweep", file, "--seeds", "2", "--vary", "nodes=20,30", "-o", "json")), &points); err != nil {
		t.Fatal(err)
	}
	if len(points) != 2 || points[1].Metrics["nodes"].Mean != 30 || points[0].Metrics["placed_of_feasible"].N != 2 || points[0].Hashes[0] == points[0].Hashes[1] {
		t.Errorf("%+v", points)
	}
	var f fuzzed
	if err := json.Unmarshal([]byte(c.ok("sim", "fuzz", "--runs", "2", "-o", "json")), &f); err != nil {
		t.Fatal(err)
	}
	if f.Runs != 2 || f.Seed != nil {
		t.Errorf("%+v", f)
	}
}

// What no memory can hold is refused before the start, with what would fit.
func TestSimMemory(t *testing.T) {
	if _, ok := memoryAvailable(); !ok {
		return // this system does not tell, and nothing is refused
	}
	err := (&app{}).checkMemory(1<<60, 1<<40, 1, false)
	if err == nil || !strings.Contains(nextOf(err), "--nodes") {
		t.Errorf("%v, try %q", err, nextOf(err))
	}
	if err := (&app{}).checkMemory(1<<60, 1<<40, 1, true); err != nil {
		t.Error(err)
	}
}

// The collector has a third of room at least, whatever a market was thought to
// take; else it would do nothing but collect.
func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct{ nodes, live, want int64 }{
		{nodes: 1000, live: 0, want: simRunMemory},
		{nodes: 100_000, live: 0, want: 575_000_000},
		{nodes: 100_000, live: 300_000_000, want: 575_000_000},
		{nodes: 1000, live: 12_000_000, want: 16_000_000 + simRunMemory},
	} {
		if got := memoryLimit(c.nodes, c.live); got != c.want {
			t.Errorf("%d nodes, %d bytes alive: %d, want %d", c.nodes, c.live, got, c.want)
		}
	}
	runtime.GC()
	if heapLive() <= 0 {
		t.Error("the collector does not tell what is alive")
	}
}
