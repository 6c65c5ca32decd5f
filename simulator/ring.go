package simulator

import (
	"cmp"
	"math/bits"
	"slices"
)

// ring is the overlay's members in the order of their points. Points are
// hashes, and so spread evenly: an index of their first bits leads to within a
// few places of any of them.
type ring struct {
	members []member
	starts  []uint32 // by the first bits: the first member that has them, or that comes later
	shift   int      // what is left of a point without these bits
}

// member is a node that is in others' tables.
type member struct {
	point uint64
	node  uint32
}

// arrange takes the members in any order.
func (r *ring) arrange(members []member) {
	slices.SortFunc(members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.point, b.point), cmp.Compare(a.node, b.node))
	})
	r.members, r.shift = members, 64-max(0, bits.Len(uint(len(members)))-3)
	r.starts = slices.Grow(r.starts[:0], 1<<(64-r.shift)+1)
	for i, m := range members {
		for len(r.starts) <= int(m.point>>r.shift) {
			r.starts = append(r.starts, uint32(i))
		}
	}
	for len(r.starts) < 1<<(64-r.shift)+1 {
		r.starts = append(r.starts, uint32(len(members)))
	}
}

// span returns where the members stand whose first length bits are those of p.
func (r *ring) span(p uint64, length int) (lo, hi int) {
	if length <= 0 {
		return 0, len(r.members)
	}
	rest := uint64(1)<<(64-min(length, 64)) - 1
	low, high := p&^rest, p|rest
	lo, hi = int(r.starts[low>>r.shift]), int(r.starts[high>>r.shift+1])
	for lo < hi && r.members[lo].point < low {
		lo++
	}
	for hi > lo && r.members[hi-1].point > high {
		hi--
	}
	return lo, hi
}

// nearest appends the n members nearest to key, nearest first.
func (r *ring) nearest(key uint64, n int, buf []member) []member {
	length := 1 + bits.Len(uint(len(r.members)/max(1, n)))
	lo, hi := r.span(key, length)
	for ; hi-lo < n && length > 0; lo, hi = r.span(key, length) {
		length--
	}
	from := len(buf)
	buf = append(buf, r.members[lo:hi]...)
	near := buf[from:]
	slices.SortFunc(near, func(a, b member) int { return cmp.Compare(a.point^key, b.point^key) })
	return buf[:from+min(n, len(near))]
}
