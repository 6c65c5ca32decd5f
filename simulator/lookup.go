package simulator

import (
	"cmp"
	"slices"
	"sort"
	"time"

	"caravela/market"
)

// found is what a lookup cost and gave.
type found struct {
	peers   []market.Ref
	took    time.Duration
	rpcs    int
	depth   int
	timeout int
}

// candidate is a peer that a lookup has heard of.
type candidate struct {
	distance uint64
	node     uint32
	depth    uint8
	state    candidateState
}

type candidateState uint8

const (
	heardOf candidateState = iota
	asked
	answered
	dead
)

// flight is a question under way, and when its answer is due.
type flight struct {
	node uint32
	back time.Duration
}

// shortlist is the candidates of a lookup, nearest first.
type shortlist []candidate

// add takes a candidate in, unless it is known or farther away than most others.
func (s shortlist) add(c candidate, most int) shortlist {
	if n := len(s); n >= most && s[n-1].distance < c.distance {
		return s
	}
	i := s.at(c.distance)
	if i < len(s) && s[i].node == c.node || i >= most {
		return s
	}
	s = slices.Insert(s, i, c)
	return s[:min(len(s), most)]
}

// at is where a candidate of this distance stands, or would.
func (s shortlist) at(distance uint64) int {
	return sort.Search(len(s), func(i int) bool { return s[i].distance >= distance })
}

// find returns a candidate; nil = it was dropped, for others are nearer.
func (s shortlist) find(node uint32) *candidate {
	for i := range s {
		if s[i].node == node {
			return &s[i]
		}
	}
	return nil
}

// done reports whether the n nearest peers that are not dead have answered.
func (s shortlist) done(n int) bool {
	for i := range s {
		switch s[i].state {
		case dead:
			continue
		case answered:
			if n--; n == 0 {
				return true
			}
		default:
			return false
		}
	}
	return false
}

// lookup works out an iterative search by node self for the n members nearest
// to key. alive tells whether a node answers; rtt what asking it takes, a dial
// included where it is needed.
func (o *Overlay) lookup(self uint32, key uint64, n int, server bool, alive func(uint32) bool, rtt func(uint32) time.Duration, patience time.Duration, ask func(uint32)) found {
	f := found{peers: make([]market.Ref, 0, n)}
	buf := make([]member, 0, 64) // on the stack, as all but the peers is
	if o.Oracle {
		near := append(o.ring.nearest(key, n, buf), o.around(key)...)
		slices.SortFunc(near, func(a, b member) int { return cmp.Compare(a.point^key, b.point^key) })
		for _, m := range near[:min(n, len(near))] {
			f.peers = append(f.peers, market.Ref{Peer: o.id(m.node)})
		}
		return f
	}
	heard, flying := make(shortlist, 0, 64), make([]flight, 0, 16)
	hear := func(from uint32, depth uint8) {
		for _, m := range o.contacts(from, key, buf) {
			if m.node != self {
				heard = heard.add(candidate{distance: m.point ^ key, node: m.node, depth: depth}, 2*o.K)
			}
		}
	}
	hear(self, 1)
	now := time.Duration(0)
	for !heard.done(max(o.Beta, n)) {
		for i := range heard { // ask the nearest ones
			if len(flying) >= o.Alpha {
				break
			}
			c := &heard[i]
			if c.state != heardOf {
				continue
			}
			f.rpcs++
			ask(c.node)
			c.state = asked
			back := now + patience
			if alive(c.node) {
				back = now + rtt(c.node)
			}
			flying = append(flying, flight{c.node, back})
		}
		if len(flying) == 0 {
			break
		}
		k := 0
		for i := range flying {
			if flying[i].back < flying[k].back || flying[i].back == flying[k].back && flying[i].node < flying[k].node {
				k = i
			}
		}
		now = flying[k].back
		m := flying[k].node
		flying = slices.Delete(flying, k, k+1)
		c := heard.find(m)
		if !alive(m) {
			f.timeout++
			if c != nil {
				c.state = dead
			}
			continue
		}
		depth := uint8(1)
		if c != nil {
			c.state, depth = answered, c.depth
		}
		f.depth = max(f.depth, int(depth))
		hear(m, depth+1)
	}
	f.took = now
	if server { // a lookup never asks its own node, which may be the nearest
		d := o.spots[self].point ^ key
		heard = slices.Insert(heard, heard.at(d), candidate{distance: d, node: self, state: answered})
	}
	for _, c := range heard {
		if c.state == answered && len(f.peers) < n {
			f.peers = append(f.peers, market.Ref{Peer: o.id(c.node)})
		}
	}
	return f
}
