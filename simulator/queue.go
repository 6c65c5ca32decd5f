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

// before is the total order of events: time, receiver, sender, counter.
func (a *letter) before(b *letter) bool {
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

// what is a number for the trace's hash.
func (a *letter) what() uint64 { return 2 + uint64(a.from)<<32 + uint64(a.counter) }

// mail is a 4-ary heap of letters.
type mail []letter

func (q *mail) push(l letter) {
	*q = append(*q, l)
	h := *q
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !h[i].before(&h[p]) {
			break
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
}

func (q *mail) pop() letter {
	h := *q
	top := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = letter{}
	*q = h[:last]
	q.down(0)
	return top
}

func (h mail) down(i int) {
	for {
		best := i
		for c := 4*i + 1; c <= 4*i+4 && c < len(h); c++ {
			if h[c].before(&h[best]) {
				best = c
			}
		}
		if best == i {
			return
		}
		h[i], h[best] = h[best], h[i]
		i = best
	}
}

// alarms is an indexed 4-ary heap of the nodes' deadlines: one a node. The
// times stand in the heap itself, so that comparing them touches no node.
type alarms []alarm

type alarm struct {
	at time.Duration
	n  *node
}

func (a *alarm) before(b *alarm) bool { return a.at < b.at || a.at == b.at && a.n.index < b.n.index }

func (a *alarms) set(n *node, at time.Duration) {
	n.wake = at
	switch {
	case n.alarm >= 0 && at == market.Never:
		a.remove(int(n.alarm))
	case n.alarm >= 0:
		a.fix(int(n.alarm), alarm{at, n})
	case at != market.Never:
		*a = append(*a, alarm{})
		a.fix(len(*a)-1, alarm{at, n})
	}
}

func (a *alarms) remove(i int) {
	h := *a
	h[i].n.alarm = -1
	last := len(h) - 1
	moved := h[last]
	h[last] = alarm{}
	*a = h[:last]
	if i != last {
		a.fix(i, moved)
	}
}

// fix puts an alarm where it belongs, from the place i, which is free.
func (a alarms) fix(i int, x alarm) {
	for i > 0 && x.before(&a[(i-1)/4]) {
		a.put(i, a[(i-1)/4])
		i = (i - 1) / 4
	}
	for 4*i+1 < len(a) {
		best := 4*i + 1
		for c := best + 1; c <= 4*i+4 && c < len(a); c++ {
			if a[c].before(&a[best]) {
				best = c
			}
		}
		if !a[best].before(&x) {
			break
		}
		a.put(i, a[best])
		i = best
	}
	a.put(i, x)
}

func (a alarms) put(i int, x alarm) {
	a[i] = x
	x.n.alarm = int32(i)
}
