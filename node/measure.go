package node

import (
	"context"
	"sync"
	"time"

	"caravela/docker"
	"caravela/market"
)

// Bounds of the measurements: they are for information, and must cost next to
// nothing.
const (
	measureWorkers = 2
	measureQueue   = 1024
	measureEvery   = 10 * time.Second // a unit is not measured more often
	measureTimeout = 10 * time.Second
)

// gauges measure what running units use, once an interval: each usage note of
// a unit asks for what the next one is to tell.
type gauges struct {
	node *Node
	pool pool

	mu    sync.Mutex
	units map[market.LeaseID]*gauge
}

// gauge is what is remembered of a unit between two measurements.
type gauge struct {
	last time.Time
	peak market.Bytes
}

func newGauges(n *Node, c *crew) *gauges {
	return &gauges{node: n, pool: pool{crew: c, workers: measureWorkers, depth: measureQueue}, units: make(map[market.LeaseID]*gauge)}
}

// noted has a sold unit measured whose meter was saved, unless it was just now.
// The last note, and the end of the meter, are the end of the unit's gauge.
func (g *gauges) noted(s market.Save) {
	m, is := s.Record.(*market.Meter)
	if !is || !m.Sold || g.node.cfg.Engine == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.Delete || m.Note == nil || m.Note.Last || m.Receipt != nil {
		delete(g.units, m.Unit)
		return
	}
	at := g.units[m.Unit]
	if at == nil {
		at = &gauge{}
		g.units[m.Unit] = at
	}
	if time.Since(at.last) < measureEvery {
		return
	}
	at.last = time.Now()
	g.pool.do(func(ctx context.Context) { g.measure(ctx, m.Unit) })
}

func (g *gauges) measure(ctx context.Context, unit market.LeaseID) {
	ask, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	var seen *docker.Stats
	err := g.node.cfg.Engine.Stats(ask, unit, false, func(s docker.Stats) { seen = &s })
	if err != nil || seen == nil {
		g.node.log.Debug("container not measured", "unit", unit.Short(), "error", err)
		return
	}
	c := market.Counters{
		CPUSeconds: uint64(seen.CPUTime / time.Second), NetIn: seen.NetIn, NetOut: seen.NetOut, DiskRead: seen.BlockRead,
		DiskWrite: seen.BlockWrite, PeakMemory: g.peak(unit, seen.Memory),
	}
	if s := g.node.board.soldUnit(unit); s != nil && s.Status != nil {
		c.Restarts = s.Status.Restarts
	}
	g.node.post(ctx, market.Measured{Unit: unit, Counters: c})
}

// peak is the most memory that was seen.
func (g *gauges) peak(unit market.LeaseID, now market.Bytes) market.Bytes {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := g.units[unit]
	if at == nil {
		return now
	}
	at.peak = max(at.peak, now)
	return at.peak
}
