package simulator

import (
	"context"
	"time"

	"caravela/market"
)

// Progress is how far a run has come.
type Progress struct {
	Now, End time.Duration // virtual
	Wall     time.Duration
	Events   uint64
	Requests int
}

// Sample is one point of a run's time series. Counts are since the start.
type Sample struct {
	At       time.Duration
	Up       int // nodes
	Requests int
	Placed   int
	Missed   int
	Refused  int
	Messages uint64 // sent by all nodes, RPCs of lookups included
	Bytes    uint64
	Units    int     // leased now
	CPU      float64 // share of the CPU of the nodes that are up that is leased now
	Memory   float64
	Events   uint64
}

// counts are what a partition counts by itself.
type counts struct {
	stale, engine uint64 // refusals for want of resources; runs that the engine refused
}

func (c *counts) message(m market.Message) {
	if r, ok := m.(*market.Refusal); ok && r.Reason == market.NoCapacity {
		c.stale++
	}
}

// watcher remembers when progress was told and the series sampled.
type watcher struct {
	told   time.Time
	rounds uint32
	next   time.Duration
}

// watched tells of the progress, and reports whether to go on.
func (s *Sim) watched(ctx context.Context, began time.Time) bool {
	w := &s.watch
	if w.rounds++; w.rounds%64 != 0 { // reading the clock costs more than a short window
		return true
	}
	if ctx.Err() != nil {
		s.M.Partial = true
		return false
	}
	if s.c.Watch == nil {
		return true
	}
	if now := time.Now(); now.Sub(w.told) > 200*time.Millisecond {
		w.told = now
		s.c.Watch(s.progress(now.Sub(began)))
	}
	return true
}

func (s *Sim) progress(wall time.Duration) Progress {
	p := Progress{Now: s.now, End: s.end(), Wall: wall, Requests: s.M.Total}
	for _, q := range s.parts {
		p.Events += q.events
	}
	return p
}

// sampleUpTo appends the points of the series that lie before t.
func (s *Sim) sampleUpTo(t time.Duration) {
	for s.c.Sample > 0 && s.watch.next <= t {
		s.M.Series = append(s.M.Series, s.sample(s.watch.next))
		s.watch.next += s.c.Sample
	}
}

func (s *Sim) sample(at time.Duration) Sample {
	x := Sample{At: at, Requests: s.M.Total, Placed: s.M.Placed, Missed: s.M.Missed, Refused: s.M.Refused}
	var total, free market.Resources
	for i := range s.nodes {
		n := &s.nodes[i]
		x.Messages += uint64(n.sent) + uint64(n.upkeep)
		x.Bytes += n.bytes
		x.Units += len(n.running)
		if !n.up {
			continue
		}
		x.Up++
		total = total.Add(n.total())
		free = free.Add(n.free())
	}
	for _, p := range s.parts {
		x.Events += p.events
	}
	x.CPU = 1 - float64(free.CPU)/float64(max(1, total.CPU))
	x.Memory = 1 - float64(free.Memory)/float64(max(1, total.Memory))
	return x
}

// free is what the node's supplier has not leased out.
func (n *node) free() market.Resources {
	if last := n.freeLog.last(); last.since != unset {
		return last.free()
	}
	return n.total()
}
