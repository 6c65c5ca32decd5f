package simulator

import (
	"slices"
	"time"
)

// links are a node's newest connections, beside those to the peers of its
// table.
type links struct {
	dialing []dialing       // those that are being made; nil where there are none
	to      [dialled]uint32 // the one used last comes first; numbers of nodes, plus 1
	_       [8]byte         // two cache lines in all
}

// dialled is how many of them a node is known to have.
const dialled = 24

// dialing is a connection that stands at a time.
type dialing struct {
	to uint32
	at time.Duration
}

// knows reports whether there is a connection, which is then the last to be
// given up.
func (l *links) knows(m uint32) bool {
	for i, d := range l.to {
		if d == m+1 {
			copy(l.to[1:i+1], l.to[:i])
			l.to[0] = d
			return true
		}
	}
	return false
}

// connect notes a new connection; the one used least lately is given up.
func (l *links) connect(m uint32) {
	copy(l.to[1:], l.to[:])
	l.to[0] = m + 1
}

// dial notes a connection that will stand at a time.
func (l *links) dial(m uint32, at time.Duration) {
	l.connect(m)
	l.dialing = append(l.dialing, dialing{m, at})
}

// ready is when what is said to a peer now can leave: a connection to it may
// still be in the making, and nothing overtakes what it waits for.
func (l *links) ready(m uint32, now time.Duration) time.Duration {
	if l.dialing == nil {
		return now
	}
	if l.dialing = slices.DeleteFunc(l.dialing, func(d dialing) bool { return d.at <= now }); len(l.dialing) == 0 {
		l.dialing = nil
	}
	for _, d := range l.dialing {
		if d.to == m {
			now = max(now, d.at)
		}
	}
	return now
}

// connected reports whether a node can talk to another without a dial.
func (s *Sim) connected(n *node, m uint32) bool {
	return s.links == nil || s.links[n.index].knows(m) || s.c.Overlay.connected(n.index, m)
}

// departs is when a message to another node leaves: it may have to wait for a
// dial, which takes two round trips.
func (s *Sim) departs(n *node, to uint32, now, link time.Duration) time.Duration {
	switch {
	case s.links == nil:
		return now
	case s.connected(n, to):
		return s.links[n.index].ready(to, now)
	}
	now += 4 * link
	s.links[n.index].dial(to, now)
	return now
}
