package simulator

import (
	"math/bits"
	"slices"
	"testing"

	"caravela/market"
)

func overlayOf(n int) *Overlay {
	o := &Overlay{K: 20, Alpha: 3, Beta: 3}
	o.populate(n, func(i uint32) market.PeerID { return peerID(i, 1) })
	o.build(func(i uint32) bool { return i%7 != 3 })
	return o
}

// The index leads to what a look at all members finds.
func TestRing(t *testing.T) {
	for _, n := range []int{0, 1, 2, 9, 100, 5000} {
		r := &overlayOf(n).ring
		for i := range uint64(2000) {
			p, length := mix(i, 1), int(i%66)
			if n > 0 && i%3 == 0 { // a member's own point, and what is beside it
				p = r.members[i%uint64(len(r.members))].point + i%9/3 - 1
			}
			lo, hi := r.span(p, length)
			for j, m := range r.members {
				if in := bits.LeadingZeros64(p^m.point) >= length; in != (j >= lo && j < hi) {
					t.Fatalf("%d nodes: the %d-th shares %d bits with %x: %v, the span is [%d, %d)", n, j, length, p, in, lo, hi)
				}
			}
		}
	}
}

// A peer is in a table if it is among those drawn for its bucket.
func TestTables(t *testing.T) {
	o := overlayOf(3000)
	for a := range uint32(40) {
		known := 0
		for b := range uint32(3000) {
			shared := bits.LeadingZeros64(o.spots[a].point ^ o.spots[b].point)
			lo, hi := o.ring.span(o.spots[b].point, shared+1)
			drawn := slices.ContainsFunc(o.sample(a, shared, lo, hi, nil), func(m member) bool { return m.node == b })
			if drawn != o.has(a, b) {
				t.Fatalf("%d is drawn for %d: %v, but has says %v", b, a, drawn, !drawn)
			}
			if drawn {
				known++
			}
		}
		if known < 100 {
			t.Errorf("%d knows %d", a, known)
		}
	}
}
