package simulator

import (
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
)

// lives makes nodes come and go. It acts between windows, so that all
// partitions agree on who is up: a node's end is late by a window at most.
type lives struct {
	queue   mail // of nodes' ends and returns, by time
	rebuild time.Duration
	on      bool // some node may go
}

// The kinds of letters that only lives reads.
const (
	comes letterKind = 16 + iota
	leaves
	crashes
	gone   // the end of a leave
	missed // those around it have noticed
)

const (
	farewell = 5 * time.Second  // from a goodbye to the end
	reboot   = 30 * time.Second // a program that crashed alone is back after this
	patience = 5 * time.Second  // until a peer that does not answer is given up
	notice   = 30 * time.Second // until a connection is known to be broken
)

func (v *lives) plan(at time.Duration, n *node, kind letterKind) {
	n.counter++
	v.queue.push(letter{at: at, to: n.index, from: n.index, counter: n.counter, kind: kind, life: n.life})
}

// settle plans what is known before the start.
func (s *Sim) settle() {
	v := &s.lives
	v.rebuild = s.c.Overlay.Rebuild
	v.on = len(s.c.Life.Session) > 0 || len(s.c.Life.Events) > 0 || len(s.c.Outages) > 0
	for _, e := range s.c.Life.Events {
		n := &s.nodes[e.Node]
		n.counter++
		k := letter{at: e.At, to: n.index, from: n.index, counter: n.counter, kind: []letterKind{comes, leaves, crashes}[e.Kind], life: anyLife}
		if e.LoseDisk {
			k.life = anyLifeNoDisk
		}
		v.queue.push(k)
	}
	for _, o := range s.c.Outages {
		for i := range s.nodes {
			n := &s.nodes[i]
			if slices.Contains(o.Regions, s.c.Network.region(n.index)) {
				n.counter++
				v.queue.push(letter{at: o.From, to: n.index, from: n.index, counter: n.counter, kind: crashes, life: anyLife})
			}
		}
	}
	if v.on {
		s.disks = make([][]market.Record, len(s.nodes))
	}
	if s.c.Network.Names != nil {
		for _, name := range s.c.Network.Names {
			s.labels = append(s.labels, []market.Label{{Key: "region", Value: name}})
		}
	}
	for i := range s.nodes {
		s.plan(&s.nodes[i], s.starts(uint32(i)))
	}
}

// Lives that a letter of lives may be for, beside one certain life.
const (
	anyLife       = 1<<16 - 1
	anyLifeNoDisk = 1<<16 - 2
)

// starts is when a node first boots.
func (s *Sim) starts(i uint32) time.Duration {
	return time.Duration(mix(uint64(i), s.c.Seed, 1) % uint64(s.c.Load.Warmup))
}

// chance draws for a node's present life.
func (s *Sim) chance(n *node, what uint64) uint64 {
	return mix(uint64(n.index), s.c.Seed, 16+what, uint64(n.life))
}

// plan draws how and when a life that begins will end.
func (s *Sim) plan(n *node, from time.Duration) {
	l := &s.c.Life
	if len(l.Session) == 0 {
		return
	}
	d := l.Session.draw(s.chance(n, 0))
	if d > s.c.Duration {
		return
	}
	kind := leaves
	if s.chance(n, 1)%million < uint64(l.Crash) {
		kind = crashes
	}
	s.lives.plan(from+d, n, kind)
}

// live does what is due, and teaches the overlay's tables.
func (s *Sim) live(now time.Duration) {
	v := &s.lives
	for v.queue.next() <= now {
		l := v.queue.pop()
		n := &s.nodes[l.to]
		if l.life != n.life && l.life < anyLifeNoDisk {
			continue
		}
		switch l.kind {
		case comes:
			s.comes(n, now)
		case leaves:
			if n.up {
				n.leaving = true
				s.load.forget(n)
				s.part(n.index).push(letter{at: now, to: n.index, from: 1<<32 - 2, counter: n.counter, kind: local, event: market.Leave{End: true}})
				v.plan(now+farewell, n, gone)
			}
		case gone:
			if n.up {
				s.halt(n, now)
				s.goes(n, now)
			}
		case missed:
			if !n.up {
				s.c.Overlay.miss(n.index)
			}
		case crashes:
			n.forget = l.life == anyLifeNoDisk
			s.crashes(n, now, l.life < anyLifeNoDisk)
		}
	}
	if v.on && v.rebuild > 0 && now >= v.rebuild {
		v.rebuild = now + s.c.Overlay.Rebuild
		s.c.Overlay.build(func(i uint32) bool { return s.nodes[i].up && s.nodes[i].server })
	}
}

// crashes ends a life at once, or within the node's next step: between any
// two of its effects.
func (s *Sim) crashes(n *node, now time.Duration, drawn bool) {
	if !n.up {
		return
	}
	if drawn {
		n.forget = s.chance(n, 2)%million < uint64(s.c.Life.LoseDisk)
	}
	if s.chance(n, 3)%2 == 0 {
		n.doomed = true
		return
	}
	s.crash(n, now)
}

// crash is the end of a life without a goodbye.
func (s *Sim) crash(n *node, now time.Duration) {
	if n.forget {
		s.disks[n.index], n.lost = nil, true
	}
	if !s.keepsContainers(n) {
		s.halt(n, now)
	}
	s.goes(n, now)
}

// halt ends all containers of a node.
func (s *Sim) halt(n *node, now time.Duration) {
	p := s.part(n.index)
	for _, unit := range n.running {
		p.clock(n, &market.UnitChanged{Unit: unit, State: market.Ended}, now)
	}
	n.running = n.running[:0]
}

// keepsContainers reports whether only the program of a node crashed.
func (s *Sim) keepsContainers(n *node) bool {
	return !n.forget && s.outage(n.index, s.now) == 0 && s.chance(n, 4)%million < uint64(s.c.Life.Keep)
}

// goes takes a node down and plans its return.
func (s *Sim) goes(n *node, now time.Duration) {
	back := never
	if until := s.outage(n.index, now); until > 0 {
		back = until + time.Duration(s.chance(n, 6)%uint64(time.Minute))
	} else if len(n.running) > 0 {
		back = now + reboot
	} else if d := s.c.Life.Absence.draw(s.chance(n, 5)); d < s.c.Duration {
		back = now + d
	}
	n.up, n.fresh, n.leaving, n.doomed, n.fell, n.since = false, false, false, false, false, now
	n.open, n.machine = nil, absent{}
	if s.links != nil {
		s.links[n.index] = links{}
	}
	s.part(n.index).alarms.set(n.index, never)
	n.wake = never
	s.load.forget(n)
	n.life = (n.life + 1) % anyLifeNoDisk
	s.lives.plan(now+notice+patience, n, missed)
	if back < s.c.Duration {
		s.lives.plan(back, n, comes)
	}
}

// comes begins another life with what the disk has kept.
func (s *Sim) comes(n *node, now time.Duration) {
	if n.up {
		return
	}
	if until := s.outage(n.index, now); until > 0 {
		s.lives.plan(until, n, comes)
		return
	}
	n.up, n.since = true, now
	n.freeLog.reset(now)
	s.found(n)
	p := s.part(n.index)
	p.push(letter{at: now, to: n.index, from: 1<<32 - 3, counter: n.counter, kind: local, event: market.Boot{Records: slices.Clone(s.disks[n.index])}})
	s.plan(n, now)
	if n.server { // those nearest to it learn of it, as a table does that is not full
		o := &s.c.Overlay
		o.admit(n.index)
		at := o.spots[n.index].point
		for _, near := range append(o.ring.nearest(at, 1+o.K, nil), o.around(at)...) {
			if m := near.node; m != n.index && s.nodes[m].up {
				s.part(m).push(letter{at: now + time.Second, to: m, from: n.index, counter: n.counter, kind: local, event: market.Near{Peer: market.Ref{Peer: s.c.Overlay.id(n.index)}}})
			}
		}
	}
}

// fall ends the lives of those that crashed within a step of this window.
func (s *Sim) fall() {
	for _, p := range s.parts {
		for _, i := range p.fallen {
			s.crash(&s.nodes[i], s.nodes[i].since)
		}
		p.fallen = p.fallen[:0]
	}
}

// found makes a node's peer.
func (s *Sim) found(n *node) {
	make := s.c.Machine
	if make == nil {
		make = newPeer
	}
	n.machine = make(discovery.Config{
		Self: s.c.Overlay.id(n.index), Network: s.net, Params: &s.c.Params, Sealer: &s.sealers[n.index],
		Seed: mix(uint64(n.index), s.c.Seed, 3, uint64(n.life)), Trader: !n.nat,
	})
}

// outage is when a node's outage ends; 0 when there is none now.
func (s *Sim) outage(i uint32, now time.Duration) (until time.Duration) {
	for _, o := range s.c.Outages {
		if now >= o.From && now < o.Until && slices.Contains(o.Regions, s.c.Network.region(i)) {
			until = max(until, o.Until)
		}
	}
	return until
}

// tear leaves only the first effects of a step, and the node falls. All saves
// are one effect: they are committed together.
func (p *part) tear(n *node) {
	o := &p.out
	left := int(p.s.chance(n, 7) % uint64(2+len(o.Sends)+len(o.Lookups)+len(o.Runs)+len(o.Controls)+len(o.Outcomes)))
	if left == 0 {
		o.Saves = nil
	} else {
		left--
	}
	o.Sends = first(o.Sends, &left)
	o.Lookups = first(o.Lookups, &left)
	o.Runs = first(o.Runs, &left)
	o.Controls = first(o.Controls, &left)
	o.Outcomes = first(o.Outcomes, &left)
	n.fell, n.doomed, n.since = true, false, p.at
	p.fallen = append(p.fallen, n.index)
}

func first[T any](list []T, left *int) []T {
	k := min(*left, len(list))
	*left -= k
	return list[:k]
}

// bounce returns a letter to its sender: nobody is there.
func (p *part) bounce(n *node, l *letter) {
	if l.kind != delivered {
		return
	}
	n.counter++
	back := letter{at: l.at + patience, to: l.from, from: n.index, counter: n.counter, kind: unanswered, msg: l.msg}
	q := int(l.from) % len(p.s.parts)
	if p.s.parts[q] == p {
		p.push(back)
	} else {
		p.away[q] = append(p.away[q], back)
	}
}

// keep makes the records of a step durable, where nodes can crash.
func (p *part) keep(n *node) {
	if !p.s.lives.on {
		return
	}
	disk := &p.s.disks[n.index]
	for _, save := range p.out.Saves {
		if _, log := save.Record.(*market.Entry); log { // which no peer reads
			continue
		}
		table, key := save.Record.Key()
		i := slices.IndexFunc(*disk, func(r market.Record) bool {
			t, k := r.Key()
			return t == table && k == key
		})
		switch {
		case save.Delete && i >= 0:
			*disk = slices.Delete(*disk, i, i+1)
		case save.Delete:
		case i >= 0:
			(*disk)[i] = save.Record
		default:
			*disk = append(*disk, save.Record)
		}
	}
}

// absent is the peer of a node that is down.
type absent struct{}

func (absent) Step(market.Time, market.Event, *market.Outbox) {}
func (absent) Deadline() time.Duration                        { return never }
func (absent) Free() (r market.Resources)                     { return r }
