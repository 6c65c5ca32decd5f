package simulator

import (
	"math/bits"
	"slices"
	"sort"
	"time"

	"caravela/market"
)

// Overlay is the model of kad-dht. A node's k-buckets are not stored: bucket b
// of a node is a sample of k of the nodes that share exactly b bits with it,
// drawn by a hash of the node and the bucket from those that lived when the
// tables were last refreshed. A lookup is worked out when it begins, against
// the tables of that moment, with the latencies of its links.
type Overlay struct {
	K      int  // bucket size
	Alpha  int  // questions under way
	Beta   int  // nearest peers that must have answered
	Oracle bool // answer at once, without questions

	Rebuild time.Duration // tables learn who came and went this often

	id     func(uint32) market.PeerID
	points []uint64 // of all nodes, by index
	order  []uint32 // members of the tables, by point
	epoch  uint64
	kept   uint64 // of a million peers of a table, those to which a connection is kept
}

// found is what a lookup cost and gave.
type found struct {
	peers   []market.Ref
	took    time.Duration
	rpcs    int
	depth   int
	timeout int
}

// build sorts the members. alive is called once for each node.
func (o *Overlay) build(alive func(uint32) bool) {
	o.epoch++
	o.order = o.order[:0]
	for i := range o.points {
		if alive(uint32(i)) {
			o.order = append(o.order, uint32(i))
		}
	}
	slices.SortFunc(o.order, func(a, b uint32) int {
		x, y := o.points[a], o.points[b]
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return int(a) - int(b)
	})
	o.kept = million
	if table := o.table(len(o.order)); 2*table > connections {
		o.kept = uint64(connections * million / (2 * table))
	}
}

// connections is how many a node keeps: remote/libp2p's home profile closes
// the least useful ones above 128, until 64 remain.
const connections = 96

// table is how many peers a node's table holds among n members.
func (o *Overlay) table(n int) (size int) {
	for ; n > o.K; n /= 2 {
		size += min(o.K, n/2)
	}
	return size + n
}

// connected reports whether one of two nodes keeps a connection because the
// other is in its table.
func (o *Overlay) connected(a, b uint32) bool {
	return mix(uint64(min(a, b)), uint64(max(a, b)), 17)%million < o.kept && (o.has(a, b) || o.has(b, a))
}

// has reports whether m is in t's table.
func (o *Overlay) has(t, m uint32) bool {
	shared := bits.LeadingZeros64(o.points[t] ^ o.points[m])
	lo, hi := o.span(o.points[m], shared+1)
	var buf [32]uint32
	return slices.Contains(o.sample(t, shared, lo, hi, o.K, buf[:0]), m)
}

// span returns the members whose first length bits are those of p.
func (o *Overlay) span(p uint64, length int) (lo, hi int) {
	if length <= 0 {
		return 0, len(o.order)
	}
	if length > 64 {
		length = 64
	}
	low := p &^ (1<<(64-length) - 1)
	high := low | (1<<(64-length) - 1)
	lo = sort.Search(len(o.order), func(i int) bool { return o.points[o.order[i]] >= low })
	hi = lo + sort.Search(len(o.order)-lo, func(i int) bool { return o.points[o.order[lo+i]] > high })
	return lo, hi
}

// contacts appends the (up to) K members nearest to key that node t knows.
func (o *Overlay) contacts(t uint32, key uint64, buf []uint32) []uint32 {
	shared := bits.LeadingZeros64(o.points[t] ^ key)
	lo, hi := o.span(key, shared+1)
	buf = o.sample(t, shared, lo, hi, o.K, buf)
	for b := shared; len(buf) < o.K && b >= 0; b-- { // the bucket is not full: nearer to t, then further out
		l, h := o.span(key, b)
		buf = o.sample(t, 64+b, l, lo, o.K, buf)
		buf = o.sample(t, 64+b, hi, h, o.K, buf)
		lo, hi = l, h
	}
	return buf
}

// sample draws n of the members in [lo, hi).
func (o *Overlay) sample(t uint32, bucket, lo, hi, n int, buf []uint32) []uint32 {
	if hi-lo <= n {
		for i := lo; i < hi; i++ {
			if o.order[i] != t {
				buf = append(buf, o.order[i])
			}
		}
		return buf
	}
	start := mix(uint64(t), uint64(bucket), o.epoch)
	// One member of each n-th part of the range: spread evenly, no duplicates.
	width := uint64(hi - lo)
	for i := uint64(0); i < uint64(n); i++ {
		a, b := width*i/uint64(n), width*(i+1)/uint64(n)
		m := o.order[uint64(lo)+a+mix(start, i)%(b-a)]
		if m != t {
			buf = append(buf, m)
		}
	}
	return buf
}

// nearest returns the n members nearest to key.
func (o *Overlay) nearest(key uint64, n int) []uint32 {
	length := 64
	for {
		lo, hi := o.span(key, length)
		if hi-lo >= n || length == 0 {
			near := slices.Clone(o.order[lo:hi])
			slices.SortFunc(near, func(a, b uint32) int {
				if o.points[a]^key < o.points[b]^key {
					return -1
				}
				return 1
			})
			return near[:min(n, len(near))]
		}
		length = min(length-1, 2+bits.Len(uint(len(o.order)/max(1, n))))
	}
}

// candidate is a peer that a lookup has heard of.
type candidate struct {
	node     uint32
	distance uint64
	depth    uint8
	state    uint8 // 0 heard of, 1 asked, 2 answered, 3 dead
}

// flight is a question under way, and when its answer is due.
type flight struct {
	node uint32
	back time.Duration
}

// lookup works out an iterative search by node self for the n members nearest
// to key. alive tells whether a node answers; rtt what asking it takes, a dial
// included where it is needed.
func (o *Overlay) lookup(self uint32, key uint64, n int, server bool, alive func(uint32) bool, rtt func(uint32) time.Duration, patience time.Duration, ask func(uint32)) found {
	var f found
	if o.Oracle {
		for _, m := range o.nearest(key, n) {
			f.peers = append(f.peers, market.Ref{Peer: o.id(m)})
		}
		return f
	}
	heard, buf, flying := make([]candidate, 0, 64), make([]uint32, 0, 32), make([]flight, 0, 16) // all on the stack
	add := func(m uint32, depth uint8) {
		d := o.points[m] ^ key
		i := sort.Search(len(heard), func(i int) bool { return heard[i].distance >= d })
		if i < len(heard) && heard[i].node == m || m == self || i >= 2*o.K {
			return
		}
		heard = slices.Insert(heard, i, candidate{node: m, distance: d, depth: depth})
		if len(heard) > 2*o.K {
			heard = heard[:2*o.K]
		}
	}
	buf = o.contacts(self, key, buf[:0])
	for _, m := range buf {
		add(m, 1)
	}
	now := time.Duration(0)
	for !done(heard, max(o.Beta, n)) {
		for i := range heard { // ask the nearest ones
			if len(flying) >= o.Alpha {
				break
			}
			c := &heard[i]
			if c.state != 0 {
				continue
			}
			f.rpcs++
			ask(c.node)
			c.state = 1
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
		i := slices.IndexFunc(heard, func(c candidate) bool { return c.node == m })
		if !alive(m) {
			f.timeout++
			if i >= 0 {
				heard[i].state = 3
			}
			continue
		}
		depth := uint8(1)
		if i >= 0 {
			heard[i].state = 2
			depth = heard[i].depth
		}
		f.depth = max(f.depth, int(depth))
		buf = o.contacts(m, key, buf[:0])
		for _, x := range buf {
			add(x, depth+1)
		}
	}
	f.took = now
	if server { // a lookup never asks its own node, which may be the nearest
		d := o.points[self] ^ key
		i := sort.Search(len(heard), func(i int) bool { return heard[i].distance >= d })
		heard = slices.Insert(heard, i, candidate{node: self, state: 2})
	}
	for _, c := range heard {
		if c.state == 2 && len(f.peers) < n {
			f.peers = append(f.peers, market.Ref{Peer: o.id(c.node)})
		}
	}
	return f
}

// done reports whether the n nearest peers that are not dead have answered.
func done(heard []candidate, n int) bool {
	for i := range heard {
		switch heard[i].state {
		case 3:
			continue
		case 2:
			if n--; n == 0 {
				return true
			}
		default:
			return false
		}
	}
	return false
}
