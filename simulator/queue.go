package simulator

import (
	"time"

	"caravela/market"
)

// letter is a message or another event on its way to a node.
type letter struct {
	at      time.Duration
	to      uint32
	from    uint32
	counter uint32 // the sender's
	kind    letterKind
	life    uint16         // of the receiver, with all but delivered
	msg     market.Message // with delivered and undelivered
	event   market.Event   // with local
}

type letterKind uint8

const (
	delivered   letterKind = iota // msg from another node
	undelivered                   // msg of our own, lost
	unanswered                    // the same, said by nobody: it may be for an earlier life
	local                         // an event of the node's own driver
)

// what is a number for the trace's hash.
func (l *letter) what() uint64 { return 2 + uint64(l.from)<<32 + uint64(l.counter) }

// mail is a 4-ary heap of letters. Their loads lie apart: so what is moved
// within the heap is small, and is nothing that the collector looks at.
type mail struct {
	stamps []stamp
	loads  []load
	free   []uint32 // loads that may be used again
	heads  []uint32 // of what due has yet to look at
}

// load is what a letter carries.
type load struct {
	kind  letterKind
	life  uint16
	msg   market.Message
	event market.Event
}

// stamp is a letter's place in the total order of events: time, receiver,
// sender, counter.
type stamp struct {
	at      time.Duration
	to      uint32
	from    uint32
	counter uint32
	load    uint32
}

func (a *stamp) before(b *stamp) bool {
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.to != b.to:
		return a.to < b.to
	case a.from != b.from:
		return a.from < b.from
	}
	return a.counter < b.counter
}

// next is the time of the first letter.
func (q *mail) next() time.Duration {
	if len(q.stamps) == 0 {
		return never
	}
	return q.stamps[0].at
}

func (q *mail) push(l letter) {
	x := stamp{l.at, l.to, l.from, l.counter, q.keep(load{l.kind, l.life, l.msg, l.event})}
	q.stamps = append(q.stamps, x)
	h := q.stamps
	i := len(h) - 1
	for i > 0 && x.before(&h[(i-1)/4]) {
		h[i] = h[(i-1)/4]
		i = (i - 1) / 4
	}
	h[i] = x
}

// keep finds room for a load.
func (q *mail) keep(l load) (at uint32) {
	if last := len(q.free) - 1; last >= 0 {
		at, q.free = q.free[last], q.free[:last]
		q.loads[at] = l
		return at
	}
	q.loads = append(q.loads, l)
	return uint32(len(q.loads) - 1)
}

func (q *mail) pop() letter {
	top, last := q.stamps[0], len(q.stamps)-1
	moved := q.stamps[last]
	if q.stamps = q.stamps[:last]; last > 0 {
		q.down(moved)
	}
	x := q.loads[top.load]
	q.loads[top.load] = load{}
	q.free = append(q.free, top.load)
	return letter{top.at, top.to, top.from, top.counter, x.kind, x.life, x.msg, x.event}
}

// down puts a stamp where it belongs, from the top, which is free.
func (q *mail) down(x stamp) {
	h, i := q.stamps, 0
	for 4*i+1 < len(h) {
		best := 4*i + 1
		for c := best + 1; c <= 4*i+4 && c < len(h); c++ {
			if h[c].before(&h[best]) {
				best = c
			}
		}
		if !h[best].before(&x) {
			break
		}
		h[i] = h[best]
		i = best
	}
	h[i] = x
}
