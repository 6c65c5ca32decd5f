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

// Those around a node know at once that it came, and that it went once they have
// noticed; tables farther away learn of it when they are refreshed.
func TestComersAndGoers(t *testing.T) {
	o := overlayOf(3000)
	knows := func(t, m uint32) bool {
		return slices.ContainsFunc(o.contacts(t, o.spots[m].point, nil), func(x member) bool { return x.node == m })
	}
	around := func(m uint32) (near, far int) {
		for i := range uint32(3000) {
			switch {
			case i == m || i%7 == 3 || !knows(i, m):
			case o.neighbour(i, member{o.spots[m].point, m}):
				near++
			default:
				far++
			}
		}
		return near, far
	}
	const comer, goer = 3, 4 // of which the first is no member yet
	if near, far := around(comer); near+far != 0 {
		t.Fatalf("%d and %d know one that is not there", near, far)
	}
	o.admit(comer)
	o.admit(comer)
	if near, far := around(comer); near < 5 || near > 40 || far != 0 {
		t.Errorf("%d around a newcomer know it, and %d others", near, far)
	}
	everybody, afar := around(goer)
	if everybody < 5 || afar < 5 {
		t.Fatalf("%d around a member know it, and %d others", everybody, afar)
	}
	o.miss(goer)
	o.miss(goer)
	if near, far := around(goer); near != 0 || far != afar {
		t.Errorf("%d around one that went know it, and %d others, want %d", near, far, afar)
	}
	o.admit(goer)
	if near, far := around(goer); near != everybody || far != afar {
		t.Errorf("%d around one that is back know it, and %d others", near, far)
	}
	o.miss(comer)
	if near, far := around(comer); near+far != 0 {
		t.Errorf("%d and %d know a newcomer that went", near, far)
	}
	o.admit(comer)
	o.miss(goer)
	o.build(func(i uint32) bool { return i%7 != 3 || i == comer })
	if near, far := around(comer); near == 0 || far == 0 || len(o.fresh) != 0 || o.gone != 0 {
		t.Errorf("after a refresh %d and %d know a newcomer", near, far)
	}
}
