package simulator

import (
	"testing"
	"time"

	"caravela/market"
)

// The index of what nodes have free is what a look at all of them says, at
// any moment of a market in which nodes come and go.
func TestFeasible(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Workers, c.Load.Warmup = 150, 1, time.Minute
	c.Life = Life{Session: Exponential(10 * time.Minute), Absence: Exponential(3 * time.Minute), Crash: million / 2}
	yes, no := 0, 0
	for _, until := range []time.Duration{5, 9, 14, 20, 30} {
		c.Duration = time.Hour
		c.Until = until * time.Minute
		s := New(c)
		s.Run(t.Context())
		for k := range c.Load.Profiles {
			for _, since := range []time.Duration{0, c.Until / 2, c.Until} {
				x := &news{req: openRequest{profile: uint8(k), since: since}}
				want := false
				for i := range s.nodes {
					n, p := &s.nodes[i], &c.Load.Profiles[k]
					want = want || n.up && n.kind.Class >= p.Class && n.freeLog.had(since, p.need())
				}
				if got := s.load.feasible(x); got != want {
					t.Errorf("at %v, profile %d since %v: the index says %v", c.Until, k, since, got)
				}
				if want {
					yes++
				} else {
					no++
				}
			}
		}
	}
	if yes == 0 || no == 0 {
		t.Errorf("%d feasible, %d not: the test is blind", yes, no)
	}
}

// Lookups find the true nearest members, and ask for more of them where the
// network is larger, but not many.
func TestLookup(t *testing.T) {
	for _, n := range []int{10, 100, 3000} {
		o := Overlay{K: 20, Alpha: 3, Beta: 3}
		o.populate(n, func(i uint32) market.PeerID { return peerID(i, 1) })
		o.build(func(uint32) bool { return true })
		right, asked, depth := 0, 0, 0
		const lookups = 50
		for i := range lookups {
			key := mix(uint64(i), 99)
			f := o.lookup(uint32(i%n), key, 3, true, func(uint32) bool { return true }, func(uint32) time.Duration { return time.Millisecond }, time.Second, func(uint32) {})
			asked, depth = asked+f.rpcs, depth+f.depth
			same := len(f.peers) == 3
			for j, m := range o.ring.nearest(key, 3, nil) {
				same = same && f.peers[j].Peer == o.id(m.node)
			}
			if same {
				right++
			}
		}
		if right < lookups*95/100 {
			t.Errorf("%d nodes: %d of %d lookups found the three nearest", n, right, lookups)
		}
		if most := 60; asked > most*lookups || depth > 5*lookups {
			t.Errorf("%d nodes: %d questions and depth %d in %d lookups", n, asked, depth, lookups)
		}
	}
}

// Partitions that step at once, in every window, come to the same as one.
func TestPartitions(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Duration, c.Load.Warmup, c.Network.Loss = 200, 15*time.Minute, time.Minute, .01
	c.Life = Life{Session: Exponential(10 * time.Minute), Absence: Exponential(3 * time.Minute), Crash: million / 2}
	hashes := map[string]int{}
	for _, c.Workers = range []int{1, 2, 3} {
		s := New(c)
		s.alone = 0
		hashes[s.Run(t.Context()).Hash] = c.Workers
	}
	if len(hashes) != 1 {
		t.Errorf("by partitions: %v", hashes)
	}
}

// A market of few nodes is stepped by one core.
func TestFewNodes(t *testing.T) {
	for _, x := range []struct{ nodes, workers, most int }{{2, 0, 1}, {65_535, 0, 1}, {131_071, 0, 2}, {1 << 20, 0, 17}, {2, 5, 5}} {
		c := Config{Nodes: x.nodes, Workers: x.workers}
		if got := c.Partitions(); got > x.most || x.workers > 0 && got != x.workers {
			t.Errorf("%d nodes, %d workers: %d partitions", x.nodes, x.workers, got)
		}
	}
}

// A cut comes and goes, and separates those that it names.
func TestCuts(t *testing.T) {
	c := DefaultConfig()
	c.Nodes = 60
	c.Cuts = []Cut{{From: 10, Until: 20, Every: 100, Regions: []int{1}}}
	s := New(c)
	a, b := uint32(0), uint32(0) // in the region, and outside
	for i := range uint32(60) {
		if s.c.Network.region(i) == 1 {
			a = i
		} else {
			b = i
		}
	}
	for at, want := range map[time.Duration]bool{0: false, 9: false, 10: true, 19: true, 20: false, 99: false, 110: true, 119: true, 120: false, 215: true} {
		s.partition(at)
		if got := s.cut(a, b); got != want || s.cut(a, a) || s.cut(b, b) {
			t.Errorf("at %d: cut is %v", at, got)
		}
	}
}

// What was leased and never ran is not placed.
func TestNothingRuns(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Duration, c.Load.Warmup, c.Faults.EngineFail = 100, 30*time.Minute, time.Minute, million
	m := New(c).Run(t.Context())
	if m.Placed != 0 || m.Missed == 0 || m.Total != m.Placed+m.Missed+m.Refused {
		t.Errorf("%d placed, %d missed, %d refused of %d", m.Placed, m.Missed, m.Refused, m.Total)
	}
}

// A machine that the buyer cannot reach does not serve it.
func TestFeasibleBeyondACut(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Duration = 60, time.Hour
	c.Until = 10 * time.Minute
	s := New(c)
	s.Run(t.Context())
	x := &news{node: 0, req: openRequest{since: c.Until}}
	before := s.load.feasible(x)
	s.cuts = []*Cut{{Regions: []int{s.c.Network.region(0)}}}
	for i := range s.nodes[1:] {
		if n := &s.nodes[1+i]; s.c.Network.region(n.index) == s.c.Network.region(0) {
			s.load.take(n)
		}
	}
	s.load.take(&s.nodes[0])
	if after := s.load.feasible(x); !before || after {
		t.Errorf("feasible before the cut: %v, after: %v", before, after)
	}
}

// A machine that has said goodbye serves nobody, though it is there yet.
func TestFeasibleAfterAGoodbye(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Duration, c.Until = 60, time.Hour, 10*time.Minute
	c.Life.Events = []LifeEvent{{At: c.Until - time.Second, Node: 7, Kind: LifeLeave}}
	s := New(c)
	s.Run(t.Context())
	s.load.refile(&s.nodes[7]) // its containers are over
	if n := &s.nodes[7]; !n.up || n.place.in {
		t.Errorf("up: %v, counted: %v", n.up, n.place.in)
	}
}
