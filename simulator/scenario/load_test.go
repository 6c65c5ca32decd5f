package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caravela/market"
	"caravela/simulator"
)

// Mistakes are told with file, line, key and remedy, all of them at once.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"nodez = 10", `x.toml:1: nodez: unknown key; did you mean nodes?`},
		{"\n\nloss = 0.1", `x.toml:3: loss: unknown key; did you mean network.loss?`},
		{"[network]\nlosss = 0.1", `x.toml:2: network.losss: unknown key; did you mean network.loss?`},
		{"duration = 5", `x.toml:1: duration: is not a duration in quotes`},
		{"duration = \"5 parsecs\"", `x.toml:1: duration: "5 parsecs" is not a duration`},
		{"nodes = -1", `x.toml:1: nodes: -1 is not between`},
		{"nodes = [", `x.toml:1:`},
		{"[network]\nloss = 1.5", `x.toml:2: network.loss: 1.5 is not a share from 0 to 1`},
		{"[network]\nregions = [\"a\"]", `network.latency: 3 rows for 1 regions`},
		{"[network]\nregions = [\"a\", \"b\"]\nlatency = [[\"1ms\", \"2ms\"], [\"3ms\", \"1ms\"]]", `links are the same in both directions`},
		{"[[machine]]\ncpus = 1\nmemory = \"1g\"\nclass = 1\nshare = 60", `x.toml:1: machine: the shares add up to 60`},
		{"[load]\ndeploy = [1.0]", `load.deploy: 1 phases of deploy, 14 of stop`},
		{"[load]\narrivals = \"poisson\"\nrate = -3", `x.toml:3: load.rate: -3 is not above 0`},
		{"[load]\nrate = -3", `x.toml:2: load.rate: -3 is negative`},
		{"[load]\nsize = -1", `x.toml:2: load.size: -1 is negative`},
		{"[load]\narrivals = \"poison\"", `did you mean "poisson"?`},
		{"[life]\nsession = { law = \"exponential\" }", `life.session: needs either a mean or a median`},
		{"[faults]\nslow = 0.6\nsilent = 0.6", `x.toml:1: faults: the shares of all kinds of faulty nodes`},
		{"[[partition]]\nfrom = \"5m\"\nuntil = \"6m\"\nregions = [\"mars\"]", `x.toml:1: partition[1]: no region "mars"; regions are eu, us, asia`},
		{"[[outage]]\nfrom = \"5m\"\nuntil = \"3m\"\nregions = [\"eu\"]", `lasts from 5m0s until 3m0s`},
		{"[expect]\nplaced = \">= 1\"", `expect.placed: no such metric`},
		{"[expect]\nplaced_of_feasible = \"much\"", `x.toml:2: expect.placed_of_feasible: "much" is not a bound`},
		{"workload = \"z\"", `x.toml:1: workload: no workload "z"`},
		{"strategy = \"markte\"", `did you mean "market"?`},
	} {
		_, err := Parse("x.toml", c.text, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v\nwant %s", c.text, err, c.want)
		}
	}
	_, err := Parse("x.toml", "nodes = 1\nseed = -1\nsample = \"1ms\"", nil)
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all mistakes at once: %v", err)
	}
}

func TestChanges(t *testing.T) {
	s := parsed1(t, "nodes = 10\n[expect]\nplaced_of_feasible = \">= 0.5\"", "nodes=20", "network.loss=0.5", "duration=90m", "overlay.model=oracle")
	if s.Config.Nodes != 20 || s.Config.Network.Loss != .5 || s.Config.Duration != 90*time.Minute || !s.Config.Overlay.Oracle || len(s.Bounds) != 1 {
		t.Errorf("%+v", s.Config)
	}
	for _, change := range []string{"nodes", "=5", "nodes=many", "network.los=1", "nodes=1 2"} {
		if _, err := Parse("x.toml", "", []string{change}); err == nil || !strings.Contains(err.Error(), "--set") {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// The digest is of what the run is, not of how it was written.
func TestDigest(t *testing.T) {
	a := parsed1(t, "nodes = 10\nname = \"a\"")
	b := parsed1(t, "# the same\nname = \"b\"\nnodes = 99", "nodes=10")
	c := parsed1(t, "nodes = 11")
	if a.Digest != b.Digest || a.Digest == c.Digest {
		t.Errorf("%s %s %s", a.Digest, b.Digest, c.Digest)
	}
}

// Workload s, the file, is workload S of the engine's own tests.
func TestWorkloadS(t *testing.T) {
	got, want := parsed1(t, "workload = \"s\"").Config.Load, simulator.WorkloadS()
	if len(got.Machines) != len(want.Machines) || len(got.Profiles) != len(want.Profiles) || got.Tick != want.Tick || got.Lasts != want.Lasts {
		t.Fatalf("%+v\n%+v", got, want)
	}
	for i := range got.Machines {
		if got.Machines[i] != want.Machines[i] {
			t.Errorf("machine %d: %+v, %+v", i, got.Machines[i], want.Machines[i])
		}
	}
	for i := range got.Profiles {
		if got.Profiles[i] != want.Profiles[i] {
			t.Errorf("profile %d: %+v, %+v", i, got.Profiles[i], want.Profiles[i])
		}
	}
	for i := range got.Deploy {
		if got.Deploy[i] != want.Deploy[i] || got.Stop[i] != want.Stop[i] {
			t.Errorf("phase %d", i)
		}
	}
}

const traced = `
workload = "none"
duration = "20m"
[load]
arrivals = "trace"
trace = "requests.csv"
[life]
trace = "life.csv"
[[machine]]
class = 1
cpus = 4
memory = "4g"
share = 100
`

// Traces are read beside the scenario; a broken row is told with file, line
// and column.
func TestTraces(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("life.csv", "at,node,event,disk\n60,3,crash,lost\n120,3,up,\n")
	write("requests.csv", "# mine\nat,cpus,memory,lifetime,replicas,place\n0.5,1,1g,60,,\n2,0.5,512m,,2,apart\n2,1,1g,,,\n")
	s, err := Parse(filepath.Join(dir, "x.toml"), traced, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := s.Config.Load
	if len(l.Trace) != 3 || len(l.Profiles) != 2 || l.Trace[0].Lifetime != time.Minute || l.Trace[2].Profile != 0 || l.Trace[0].At != 500*time.Millisecond {
		t.Errorf("%+v %+v", l.Trace, l.Profiles)
	}
	if p := l.Profiles[1]; p.CPU != 500 || p.Memory != 512*market.MiB || p.Replicas != 2 || !p.Apart {
		t.Errorf("%+v", p)
	}
	if e := s.Config.Life.Events; len(e) != 2 || !e[0].LoseDisk || e[1].Kind != simulator.LifeUp {
		t.Errorf("%+v", e)
	}
	if m := s.Run(t.Context(), "", nil).Measures; m.Placed != 4 {
		t.Errorf("%d containers placed of a trace of four", m.Placed)
	}
	for rows, want := range map[string]string{
		"at,cpus,memory\nx,1,1g\n":          "requests.csv:2: column at:",
		"at,cpus,memory\n1,1,1g\n2,1,1q\n":  "requests.csv:3: column memory:",
		"at,cpus,memory\n5,1,1g\n2,1,1g\n":  "requests.csv:3: column at: 2s comes before",
		"at,cpus,memory\n5,1\n":             "requests.csv:2: wrong number of fields",
		"at,cpus\n5,1\n":                    "column memory: is missing",
		"at,cpus,memory,colour\n5,1,1g,x\n": "column colour: unknown column",
		"at,cpus,memory\n":                  "holds no request",
	} {
		write("requests.csv", rows)
		if _, err := Parse(filepath.Join(dir, "x.toml"), traced, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", rows, err, want)
		}
	}
}
