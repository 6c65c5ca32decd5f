package trader

import (
	"encoding/binary"
	"slices"
	"sort"
	"time"

	"caravela/market"
)

// shelf is the offers held in one region, sorted by supplier. What a search
// reads of every offer stands apart from the rest, and so does the first date
// of each block of offers: a busy trader holds a thousand, and is asked many
// times between two changes of one.
type shelf struct {
	briefs []brief
	rest   []held          // in the same order
	dates  []time.Duration // the earliest of each block
	bound  int             // offers with a longest term
}

// brief is what most searches ask of an offer.
type brief struct {
	free  market.Resources
	tag   uint32 // the first bytes of the supplier
	class market.CPUClass
}

type held struct {
	offer     *market.SignedOffer
	addrs     *[]string     // where the supplier can be dialled; nil = ask the overlay
	heard     time.Duration // when the supplier last confirmed it
	refreshAt time.Duration
	expires   time.Duration
	missed    uint8
	asked     bool // a RefreshOffer is under way
}

// at is how a message reaches the supplier.
func (h *held) at() market.Ref {
	if h.addrs == nil {
		return market.Ref{Peer: h.offer.Supplier}
	}
	return market.Ref{Peer: h.offer.Supplier, Addrs: *h.addrs}
}

func (h *held) date() time.Duration { return min(h.refreshAt, h.expires) }

// shelfBlock is how many offers share a date. It divides the work of a change
// and of looking for what is due about equally.
const shelfBlock = 32

func tagOf(p market.PeerID) uint32 { return binary.BigEndian.Uint32(p[:4]) }

func (s *shelf) count() int { return len(s.rest) }

// find returns where a supplier's offer stands, or would.
func (s *shelf) find(p market.PeerID) (int, bool) {
	tag := tagOf(p)
	return sort.Find(len(s.briefs), func(i int) int {
		switch b := s.briefs[i].tag; {
		case tag < b:
			return -1
		case tag > b:
			return 1
		}
		return p.Compare(s.rest[i].offer.Supplier)
	})
}

// insert makes room for an offer, which set must follow.
func (s *shelf) insert(i int, h held) {
	s.briefs = slices.Insert(roomFor(s.briefs), i, brief{})
	s.rest = slices.Insert(roomFor(s.rest), i, h)
	if blocks := (len(s.rest) + shelfBlock - 1) / shelfBlock; blocks > len(s.dates) {
		s.dates = append(s.dates, market.Never)
	}
	s.redate(i, len(s.rest))
}

// roomFor makes room for one offer more, and not much more: in large markets
// offers are most of what a trader keeps.
func roomFor[T any](list []T) []T {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]T, 0, len(list)+len(list)/8+2), list...)
}

// spare gives memory back once half of it is not needed.
func spare[T any](list []T) []T {
	if len(list) > cap(list)/2 {
		return list
	}
	return slices.Clip(slices.Clone(list))
}

// set puts a supplier's newest offer in its place.
func (s *shelf) set(i int, o *market.SignedOffer) {
	h := &s.rest[i]
	if h.offer != nil && h.offer.Longest > 0 {
		s.bound--
	}
	if o.Longest > 0 {
		s.bound++
	}
	h.offer = o
	s.briefs[i] = brief{free: o.Free, tag: tagOf(o.Supplier), class: o.Class}
}

func (s *shelf) remove(i int) {
	if s.rest[i].offer.Longest > 0 {
		s.bound--
	}
	s.briefs = spare(slices.Delete(s.briefs, i, i+1))
	s.rest = spare(slices.Delete(s.rest, i, i+1))
	s.dates = s.dates[:(len(s.rest)+shelfBlock-1)/shelfBlock]
	s.redate(i, len(s.rest))
}

// redated must follow every change of an offer's dates.
func (s *shelf) redated(i int) { s.redate(i, i+1) }

// redate works out the dates of the blocks of offers from to end.
func (s *shelf) redate(from, end int) {
	for b := from / shelfBlock; b*shelfBlock < end; b++ {
		d := market.Never
		for i := b * shelfBlock; i < min((b+1)*shelfBlock, len(s.rest)); i++ {
			d = min(d, s.rest[i].date())
		}
		s.dates[b] = d
	}
}

// due is the first date of all.
func (s *shelf) due() time.Duration {
	d := market.Never
	for _, b := range s.dates {
		d = min(d, b)
	}
	return d
}

// dueBefore is the last offer below end whose date has come, or -1.
func (s *shelf) dueBefore(now time.Duration, end int) int {
	for i := min(end, len(s.rest)) - 1; i >= 0; i-- {
		if s.dates[i/shelfBlock] > now {
			i -= i % shelfBlock // to the block before
			continue
		}
		if s.rest[i].date() <= now {
			return i
		}
	}
	return -1
}
