package simulator

import "time"

// refresher charges nodes for keeping their tables fresh. The lookups of a
// refresh are not worked out for each node, which would cost more than the
// market itself: a sample of them is, and every node pays the mean.
type refresher struct {
	next    time.Duration
	members int    // when the sample was taken
	asks    uint32 // questions of one node's refresh
}

// overlay/kademlia refreshes a table a minute after the start, then every 1.5
// to 1.9 hours: a question to each peer that was not asked since the last
// time, a lookup for the node itself, and one for each bucket.
const (
	refreshTick    = time.Minute
	refreshMinutes = 101
	refreshSample  = 64 // nodes
)

// refresh runs between windows, which may be long where nothing happens.
func (s *Sim) refresh(now time.Duration) {
	for r := &s.tables; r.next <= now && !s.c.Overlay.Oracle; r.next += refreshTick {
		s.refreshAt(r.next)
	}
}

func (s *Sim) refreshAt(now time.Duration) {
	r := &s.tables
	if n := len(s.c.Overlay.ring.members); 10*max(n-r.members, r.members-n) > n {
		r.members, r.asks = n, s.c.Overlay.refreshCost(s.c.Seed)
	}
	minute := uint64(now / refreshTick)
	for i := range s.nodes {
		n := &s.nodes[i]
		age := now - max(n.since, s.starts(n.index))
		if !n.up || age < refreshTick {
			continue
		}
		if age < 2*refreshTick || (minute+mix(uint64(i), s.c.Seed, 18))%refreshMinutes == 0 {
			n.upkeep += 2 * r.asks // as many as it asks, it answers
			n.bytes += uint64(r.asks) * rpcBytes
		}
	}
}

// refreshCost is the mean number of questions of a table's refresh.
func (o *Overlay) refreshCost(seed uint64) uint32 {
	members := o.ring.members
	asked, nodes := 0, min(refreshSample, len(members))
	for i := range nodes {
		m := members[mix(uint64(i), seed, 19)%uint64(len(members))]
		self, p := m.node, m.point
		asked += o.fullCost(self, p)
		for b := 0; ; b++ { // a random key of each bucket that can have peers
			if lo, hi := o.ring.span(p, b); hi-lo <= 1 {
				break
			}
			key := p ^ 1<<(63-b)
			key ^= mix(uint64(i), uint64(b), seed) & (1<<(63-b) - 1)
			asked += o.fullCost(self, key)
		}
	}
	return uint32(asked/max(1, nodes) + o.table(len(members)-1))
}

// fullCost is what a lookup costs that is not cut short: it asks all of the K
// nearest in the end.
func (o *Overlay) fullCost(self uint32, key uint64) int {
	asked := map[uint32]bool{}
	o.lookup(self, key, 1, true, func(uint32) bool { return true }, func(uint32) time.Duration { return time.Millisecond }, patience, func(m uint32) { asked[m] = true })
	for _, m := range o.ring.nearest(key, o.K, nil) {
		if m.node != self {
			asked[m.node] = true
		}
	}
	return len(asked)
}
