package simulator

import (
	"cmp"
	"math/bits"
	"slices"
	"time"

	"caravela/market"
)

// Overlay is the model of kad-dht. A node's k-buckets are not stored: bucket b
// of a node is a sample of k of the nodes that share exactly b bits with it,
// drawn by a hash of the node and the bucket from those that lived when the
// tables were last refreshed. Buckets that are not full, of the nodes around it,
// follow who comes and goes, as the real overlay does that watches its connections
// to these. A lookup is worked out when it begins, against the tables of that
// moment, with the latencies of its links.
type Overlay struct {
	K      int  // bucket size
	Alpha  int  // questions under way
	Beta   int  // nearest peers that must have answered
	Oracle bool // answer at once, without questions

	Rebuild time.Duration // tables learn who came and went this often

	id    func(uint32) market.PeerID
	spots []spot   // of all nodes, by index
	ring  ring     // members of the tables
	fresh []member // who came since, by point: known to those around them only
	gone  int      // who went since, and is missed by those around them
	epoch uint64
	kept  uint64 // of a million peers of a table, those to which a connection is kept
}

// spot is where a node stands.
type spot struct {
	point uint64
	rank  uint32 // in the ring; outside = it is no member
	gone  bool   // those around it have noticed that it went
}

// outside is the rank of a node that is in nobody's table.
const outside = 1<<32 - 1

// populate gives n nodes their places, with nobody in a table yet.
func (o *Overlay) populate(n int, id func(uint32) market.PeerID) {
	o.id, o.spots = id, make([]spot, n)
	for i := range o.spots {
		o.spots[i] = spot{point: pointOf(id(uint32(i))), rank: outside}
	}
}

// build sorts the members. alive is called once for each node.
func (o *Overlay) build(alive func(uint32) bool) {
	o.epoch++
	members := slices.Grow(o.ring.members[:0], len(o.spots))
	for i := range o.spots {
		if o.spots[i].rank, o.spots[i].gone = outside, false; alive(uint32(i)) {
			members = append(members, member{o.spots[i].point, uint32(i)})
		}
	}
	o.ring.arrange(members)
	o.fresh, o.gone = o.fresh[:0], 0
	for rank, m := range o.ring.members {
		o.spots[m.node].rank = uint32(rank)
	}
	o.kept = million
	if table := o.table(len(members)); 2*table > connections {
		o.kept = uint64(connections * million / (2 * table))
	}
}

// admit makes a newcomer known to those around it: it has looked for itself, and
// so asked them all.
func (o *Overlay) admit(m uint32) {
	at := &o.spots[m]
	if at.gone {
		at.gone = false
		o.gone--
	}
	if at.rank != outside {
		return
	}
	if i, known := slices.BinarySearchFunc(o.fresh, at.point, comparePoint); !known {
		o.fresh = slices.Insert(o.fresh, i, member{at.point, m})
	}
}

// miss has those around a node forget it: their connections to it broke, and it
// could not be dialled again.
func (o *Overlay) miss(m uint32) {
	at := &o.spots[m]
	if i, fresh := slices.BinarySearchFunc(o.fresh, at.point, comparePoint); fresh {
		o.fresh = slices.Delete(o.fresh, i, i+1)
	}
	if at.rank != outside && !at.gone {
		at.gone = true
		o.gone++
	}
}

func comparePoint(m member, point uint64) int { return cmp.Compare(m.point, point) }

// around lists the newcomers near a key: among about as few members as a bucket
// takes.
func (o *Overlay) around(key uint64) []member {
	if len(o.fresh) == 0 {
		return nil
	}
	rest := ^uint64(0) >> max(0, bits.Len(uint(len(o.ring.members)/o.K))-1)
	lo, _ := slices.BinarySearchFunc(o.fresh, key&^rest, comparePoint)
	hi := lo
	for hi < len(o.fresh) && o.fresh[hi].point <= key|rest {
		hi++
	}
	return o.fresh[lo:hi]
}

// neighbour reports whether m is around t: t's bucket for it is not full.
func (o *Overlay) neighbour(t uint32, m member) bool {
	lo, hi := o.ring.span(m.point, 1+bits.LeadingZeros64(o.spots[t].point^m.point))
	return t != m.node && hi-lo <= o.K
}

// crowd is how many members there seem to be to one of them, by those around it.
func (o *Overlay) crowd(m uint32) uint64 {
	at := o.spots[m].point
	near := o.ring.nearest(at, o.K+1, make([]member, 0, 64)) // which may be itself
	if len(near) <= o.K {
		return 0
	}
	return market.Crowd(o.K, at^near[o.K].point)
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

// has reports whether m is in t's table: whether it is the one that is drawn
// from its part of the bucket, or the only one there.
func (o *Overlay) has(t, m uint32) bool {
	at := o.spots[m]
	if at.rank == outside || t == m {
		return false
	}
	shared := bits.LeadingZeros64(o.spots[t].point ^ at.point)
	lo, hi := o.ring.span(at.point, shared+1)
	width, n, from := uint64(hi-lo), uint64(o.K), uint64(at.rank)-uint64(lo)
	return draw(o.seed(t, shared), ((from+1)*n-1)/width, width, n) == from
}

// contacts appends the (up to) K members nearest to key that node t knows. Of those
// around it it knows who came and went since the tables were refreshed.
func (o *Overlay) contacts(t uint32, key uint64, buf []member) []member {
	shared := bits.LeadingZeros64(o.spots[t].point ^ key)
	lo, hi := o.ring.span(key, shared+1)
	buf = o.sample(t, shared, lo, hi, buf)
	for b := shared; len(buf) < o.K && b >= 0; b-- { // the bucket is not full: nearer to t, then further out
		l, h := o.ring.span(key, b)
		buf = o.sample(t, 64+b, l, lo, buf)
		buf = o.sample(t, 64+b, hi, h, buf)
		lo, hi = l, h
	}
	if o.gone > 0 {
		buf = slices.DeleteFunc(buf, func(m member) bool { return o.spots[m.node].gone && o.neighbour(t, m) })
	}
	for _, m := range o.around(key) {
		if o.neighbour(t, m) {
			buf = append(buf, m)
		}
	}
	return buf
}

// sample draws K of the members in [lo, hi), but for t: one of each K-th part
// of the range, so that they are spread evenly and none is drawn twice.
func (o *Overlay) sample(t uint32, bucket, lo, hi int, buf []member) []member {
	drawn := o.ring.members[lo:hi]
	width, n := uint64(len(drawn)), uint64(o.K)
	if width <= n {
		for _, m := range drawn {
			if m.node != t {
				buf = append(buf, m)
			}
		}
		return buf
	}
	seed := o.seed(t, bucket)
	for i := range n {
		if m := drawn[draw(seed, i, width, n)]; m.node != t {
			buf = append(buf, m)
		}
	}
	return buf
}

// seed is that of the draws for a bucket of a node.
func (o *Overlay) seed(t uint32, bucket int) uint64 { return mix(uint64(t), uint64(bucket), o.epoch) }

// draw is the place in a range that was drawn from the i-th of n parts of it.
func draw(seed, i, width, n uint64) uint64 {
	from, to := width*i/n, width*(i+1)/n
	return from + mix(seed, i)%(to-from)
}
