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

// alarms is an indexed 4-ary heap of the nodes' deadlines: one a node.
type alarms struct {
	nodes []*node // heap order
}

func (a *alarms) set(n *node, at time.Duration) {
	if n.alarm < 0 {
		if at == market.Never {
			return
		}
		n.alarm = int32(len(a.nodes))
		a.nodes = append(a.nodes, n)
	}
	n.wake = at
	if at == market.Never {
		a.remove(n)
		return
	}
	a.fix(int(n.alarm))
}

func (a *alarms) remove(n *node) {
	i, last := int(n.alarm), len(a.nodes)-1
	n.alarm = -1
	moved := a.nodes[last]
	a.nodes = a.nodes[:last]
	if i != last {
		a.nodes[i] = moved
		moved.alarm = int32(i)
		a.fix(i)
	}
}

func (a *alarms) less(i, j int) bool {
	x, y := a.nodes[i], a.nodes[j]
	return x.wake < y.wake || x.wake == y.wake && x.index < y.index
}

func (a *alarms) swap(i, j int) {
	a.nodes[i], a.nodes[j] = a.nodes[j], a.nodes[i]
	a.nodes[i].alarm, a.nodes[j].alarm = int32(i), int32(j)
}

func (a *alarms) fix(i int) {
	for i > 0 && a.less(i, (i-1)/4) {
		a.swap(i, (i-1)/4)
		i = (i - 1) / 4
	}
	for {
		best := i
		for c := 4*i + 1; c <= 4*i+4 && c < len(a.nodes); c++ {
			if a.less(c, best) {
				best = c
			}
		}
		if best == i {
			return
		}
		a.swap(i, best)
		i = best
	}
}
