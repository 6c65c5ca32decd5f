package supplier

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// tomb remembers a lease that its buyer cancelled before we saw it, or that
// is over: a late or replayed launch must find it, over restarts too.
type tomb struct {
	*market.Tomb
	until time.Duration
}

// bury makes a later launch of the lease impossible. One buyer can fill the
// list with its own cancellations only at the cost of its oldest ones.
func (s *Supplier) bury(now market.Time, lease market.LeaseID, buyer market.PeerID, out *market.Outbox) {
	a := s.open()
	a.tombs = slices.DeleteFunc(a.tombs, func(t tomb) bool {
		over := t.until <= now.Mono && t.Lease != lease
		if over {
			out.Drop(t.Tomb)
		}
		return over || t.Lease == lease
	})
	if len(a.tombs) >= maxTombs {
		oldest := max(0, slices.IndexFunc(a.tombs, func(t tomb) bool { return t.Buyer == buyer }))
		out.Drop(a.tombs[oldest].Tomb)
		a.tombs = slices.Delete(a.tombs, oldest, oldest+1)
	}
	t := tomb{&market.Tomb{Lease: lease, Buyer: buyer, Until: now.Wall.Add(tombTime)}, now.Mono + tombTime}
	a.tombs = append(a.tombs, t)
	out.Save(t.Tomb)
}

func (s *Supplier) buried(lease market.LeaseID) bool {
	return s.sales != nil && slices.ContainsFunc(s.sales.tombs, func(t tomb) bool { return t.Lease == lease })
}

// exhume takes up the tombs of an earlier life, oldest first. A clock that
// was moved meanwhile does not make them last longer.
func (s *Supplier) exhume(now market.Time, list []*market.Tomb) {
	if len(list) == 0 {
		return
	}
	a := s.open()
	for _, t := range list {
		left := min(max(0, t.Until.Sub(now.Wall)), tombTime)
		a.tombs = append(a.tombs, tomb{t, now.Mono + left})
	}
	slices.SortFunc(a.tombs, func(x, y tomb) int {
		return cmp.Or(cmp.Compare(x.Until, y.Until), x.Lease.Compare(y.Lease))
	})
}
