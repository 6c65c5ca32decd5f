package strategies_test

import (
	"testing"

	"caravela/simulator/scenario"
	"caravela/simulator/strategies"
)

const small = `
name = "small"
nodes = 400
duration = "30m"
baseline = false
workload = "s"
`

func run(t *testing.T, strategy string) scenario.Result {
	t.Helper()
	s, err := scenario.Parse("test.toml", small, []string{"strategy=" + strategy})
	if err != nil {
		t.Fatal(err)
	}
	return s.Run(t.Context(), "test", nil)
}

// All strategies are given the same requests, serve them, and give the same
// trace twice. A scheduler that knows everything places at least as many as
// one that guesses.
func TestStrategies(t *testing.T) {
	placed := map[string]int{}
	for _, name := range strategies.Names() {
		a, b := run(t, name), run(t, name)
		if a.Summary.TraceHash != b.Summary.TraceHash {
			t.Errorf("%s: two runs differ", name)
		}
		m := a.Measures
		if placed[name] = m.Placed; m.Placed == 0 || m.Placed+m.Missed+m.Refused != m.Total {
			t.Errorf("%s: %d placed, %d missed, %d refused of %d", name, m.Placed, m.Missed, m.Refused, m.Total)
		}
		if name == "central" && a.Summary.PlacedOfFeasible < 0.99 {
			t.Errorf("central placed only %v of the feasible", a.Summary.PlacedOfFeasible)
		}
	}
	if placed["central"] < placed["random"] || placed["central"] < placed["single"] {
		t.Errorf("the one that knows everything places less: %v", placed)
	}
}

// A request for several containers is placed whole or not at all.
func TestReplicas(t *testing.T) {
	for _, name := range strategies.Names() {
		s, err := scenario.Parse("test.toml", small+`
[load]
arrivals = "poisson"
rate = 1
lifetime = { law = "exponential", mean = "5m" }
[[profile]]
cpus = 1
class = 1
memory = "200m"
share = 100
replicas = 3
place = "apart"
`, []string{"strategy=" + name})
		if err != nil {
			t.Fatal(err)
		}
		if m := s.Run(t.Context(), "test", nil).Measures; m.Placed == 0 || m.Placed%3 != 0 {
			t.Errorf("%s: %d containers placed in groups of three", name, m.Placed)
		}
	}
}
