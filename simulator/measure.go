package simulator

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Measures is what a run found out.
type Measures struct {
	Nodes                          int
	Virtual, Wall                  time.Duration
	CPU                            float64
	Events                         uint64
	NodeSecondsPerCPU              float64
	RSS, Heap                      uint64
	Hash                           string
	Total, Placed, Missed, Refused int
	messages                       []uint32
	latency                        []time.Duration
	lookups, depth                 int
	Busiest, Mean                  float64
	Bytes                          float64

	Details
}

// judge takes the window's news in their order.
func (d *driver) judge() {
	all := d.news[:0]
	for _, p := range d.s.parts {
		all = append(all, p.news...)
		p.news = p.news[:0]
	}
	if d.news = all; len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b news) int {
		switch {
		case a.at != b.at:
			return int(a.at - b.at)
		case a.node != b.node:
			return int(a.node) - int(b.node)
		}
		return int(a.kind) - int(b.kind)
	})
	m := &d.s.M
	for i := range all {
		x := &all[i]
		switch x.kind {
		case newsFree:
			d.refile(&d.s.nodes[x.node])
		case newsPlaced:
			d.place(x)
			if x.req.placed { // before, and then a unit failed
				continue
			}
			k := d.replicas(x)
			m.Total += k
			m.Placed += k
			d.count(x)
		case newsGaveUp:
			k := d.replicas(x)
			if x.req.placed {
				m.Placed -= k
			} else {
				m.Total += k
			}
			if x.untrue {
				m.Untrue++
			}
			if d.feasible(x) {
				m.Missed += k
			} else {
				m.Refused += k
			}
			if !x.req.placed {
				d.count(x)
			}
		}
	}
}

func (d *driver) count(x *news) {
	m := &d.s.M
	m.messages = append(m.messages, x.req.messages)
	m.lookups += int(x.req.lookups)
	m.depth += int(x.req.depth)
	if x.kind == newsPlaced {
		m.latency = append(m.latency, x.at-x.req.since)
	}
}

func (m *Measures) finish(s *Sim, wall time.Duration, cpu float64) {
	s.refresh(s.now)
	m.Nodes, m.Virtual, m.Wall, m.CPU = len(s.nodes), s.now, wall, cpu
	h := fnv.New64a()
	var most, sum uint64
	for i := range s.nodes {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], s.nodes[i].hash)
		h.Write(b[:])
		k := s.nodes[i].traffic()
		most, sum = max(most, k), sum+k
		m.Bytes += float64(s.nodes[i].bytes)
	}
	m.Hash = fmt.Sprintf("%016x", h.Sum64())
	for _, p := range s.parts {
		m.Events += p.events
	}
	sec := max(s.now.Seconds(), 1e-9)
	m.Busiest, m.Mean = float64(most)/sec, float64(sum)/sec/float64(len(s.nodes))
	m.Bytes /= sec * float64(len(s.nodes))
	m.NodeSecondsPerCPU = sec * float64(len(s.nodes)) / cpu
	var ms runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&ms)
	m.Heap = ms.HeapAlloc
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	m.RSS = uint64(ru.Maxrss) << 10
	slices.Sort(m.messages)
	slices.Sort(m.latency)
	m.detail(s)
}

func cpuSeconds() float64 {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano()).Seconds()
}
