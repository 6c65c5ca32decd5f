package discovery_test

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"caravela/discovery"
	"caravela/discovery/discoverytest"
	"caravela/market"
)

// walk makes the operations of a random walk.
func walk(seed uint64) []byte {
	r := market.Rand(seed)
	data := make([]byte, 8+seed%80)
	for i := range data {
		data[i] = byte(r.Uint64() >> 32)
	}
	return data
}

// TestWalks takes random walks through faults of every kind: no step breaks a
// rule, and what is left comes to rest. WALKS=5000 takes more of them.
func TestWalks(t *testing.T) {
	walks := 200
	if n, err := strconv.Atoi(os.Getenv("WALKS")); err == nil {
		walks = n
	}
	for seed := range uint64(walks) {
		data := walk(seed)
		if _, err := discoverytest.Walk(data); err != nil {
			t.Errorf("walk %d, %s: %v", seed, discoverytest.Describe(data), err)
		}
	}
}

// FuzzStep searches for a walk that breaks a rule.
func FuzzStep(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(walk(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 200)]
		if _, err := discoverytest.Walk(data); err != nil {
			t.Errorf("%s: %v", discoverytest.Describe(data), err)
		}
	})
}

// FuzzDeterminism: the same walk gives the same effects, and each node's
// recorded events, given to a fresh peer, give the recorded effects.
func FuzzDeterminism(f *testing.F) {
	for seed := range uint64(12) {
		f.Add(walk(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 200)]
		w, trace := record(data)
		if _, again := record(data); !slices.Equal(trace, again) {
			t.Fatalf("%s: two traces of one walk differ", discoverytest.Describe(data))
		}
		for _, n := range w.Nodes {
			replay(t, w, n)
		}
	})
}

func record(data []byte) (w *discoverytest.World, trace []string) {
	w = discoverytest.NewWalk(data)
	w.Record, w.Trace = true, func(s string) { trace = append(trace, s) }
	for _, n := range w.Nodes { // a fresh life, recorded from its first event on
		w.Crash(n)
		w.Boot(n)
	}
	w.Operate(data)
	return w, trace
}

func replay(t *testing.T, w *discoverytest.World, n *discoverytest.Node) {
	t.Helper()
	p := discovery.New(w.Config(n))
	for i, e := range n.Log {
		var out market.Outbox
		p.Step(e.Now, e.Ev, &out)
		if !reflect.DeepEqual(out, e.Out) {
			t.Fatalf("%s: event %d, %T, gives\n%+v\nwhere it gave\n%+v", n.Name, i, e.Ev, out, e.Out)
		}
	}
}
