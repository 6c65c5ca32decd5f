package scenario

import (
	"os"
	"path/filepath"
	"testing"
)

// everything that can go wrong, in one small market.
const rough = `
name = "rough"
nodes = 300
duration = "40m"
workload = "r"
baseline = false
[network]
loss = 0.01
nat = 0.1
bandwidth = "1m"
[[partition]]
from = "12m"
until = "16m"
regions = ["us"]
[[outage]]
from = "20m"
until = "25m"
regions = ["asia"]
[life]
session = { law = "weibull", median = "20m", shape = 0.7 }
absence = { law = "exponential", mean = "5m" }
crash = 0.5
lose_disk = 0.2
keep = 0.3
[faults]
slow = 0.05
silent = 0.05
boasters = 0.05
refusers = 0.05
stale = 0.05
engine_fail = 0.05
[load]
arrivals = "poisson"
rate = 4
lifetime = { law = "exponential", mean = "10m" }
`

func parsed1(t *testing.T, text string, set ...string) *Scenario {
	t.Helper()
	s, err := Parse("test.toml", text, set)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The same scenario and seed give the same trace, whatever the number of
// partitions that step at once; another seed gives another one.
func TestTraceHash(t *testing.T) {
	hash := func(seed string, workers int) string {
		s := parsed1(t, rough, "seed="+seed)
		s.Config.Workers = workers
		r := s.Run(t.Context(), "test", nil)
		if r.Measures.Placed == 0 {
			t.Error("nothing was placed: the test is blind")
		}
		return r.Summary.TraceHash
	}
	one := hash("1", 1)
	for _, workers := range []int{1, 2, 3} {
		if h := hash("1", workers); h != one {
			t.Errorf("%d workers: hash %s, one worker: %s", workers, h, one)
		}
	}
	if hash("2", 2) == one {
		t.Error("two seeds have the same hash")
	}
}

// Whatever goes wrong, nothing is sold twice and nothing is forgotten.
func TestInvariants(t *testing.T) {
	s := parsed1(t, rough)
	m := s.Run(t.Context(), "test", nil).Measures
	if m.PeersChecked != 300 {
		t.Errorf("%d peers were checked", m.PeersChecked)
	}
	for _, v := range m.Violations {
		t.Error(v)
	}
}

// Every scenario that ships can be read and means what its name says.
func TestShipped(t *testing.T) {
	files, err := filepath.Glob("../../scenarios/*.toml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	for _, f := range files {
		s, err := Load(f, nil)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if want := filepath.Base(f); s.Name+".toml" != want || s.About == "" || len(s.Bounds) == 0 {
			t.Errorf("%s: name %q, about %q, %d bounds", f, s.Name, s.About, len(s.Bounds))
		}
	}
}

// The smallest one that ships keeps what it promises.
func TestSmall(t *testing.T) {
	s, err := Load("../../scenarios/small.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := s.Run(t.Context(), "test", nil)
	for _, e := range r.Summary.Expectations {
		if !e.Met {
			t.Errorf("%s: %v, expected %s", e.Metric, e.Value, e.Bound)
		}
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(dir, r); err != nil {
		t.Fatal(err)
	}
}
