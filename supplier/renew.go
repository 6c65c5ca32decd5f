package supplier

import (
	"slices"

	"caravela/market"
)

// onRenew replaces the lease of a unit by one that runs longer, at the terms
// of now; nothing else may differ.
func (s *Supplier) onRenew(now market.Time, from market.Ref, l *market.SignedLease, refuse refusal, out *market.Outbox) {
	u := s.take(l.First)
	if u == nil {
		refuse(market.NoSuchLease, "nothing to renew")
		return
	}
	old := u.rec.Lease
	switch {
	case old.Buyer != l.Buyer:
		refuse(market.NotOwner, "the lease is another peer's")
		return
	case old.ID == l.ID && u.over() && u.meter != nil && u.meter.closing != nil:
		out.Send(from, &market.Grant{Lease: old}) // the first was lost, and no buyer signs for a lease that it has not
		s.resend(now, u, out)
		return
	case old.ID == l.ID:
		s.again(now, u, from, refuse, out)
		return
	case old.ID != l.Prev || u.over():
		refuse(market.Superseded, "the lease was renewed before, or is over")
		return
	}
	if r, why := s.admitRenewal(now, u, l); r != market.NoReason {
		s.refusedRenewal(now, u)
		refuse(r, "%s", why)
		return
	}
	s.renew(now, from, u, l, out)
}

func (s *Supplier) admitRenewal(now market.Time, u *unit, l *market.SignedLease) (market.Reason, string) {
	old, m := u.rec.Lease, u.meter
	skew := l.Start.Sub(now.Wall)
	switch {
	case skew > maxSkew || skew < -maxSkew:
		return market.ClockSkew, skewText(skew)
	case s.books.Account(l.Buyer).Blocked:
		return market.Blocked, "this node does not deal with you"
	case s.leaving:
		return market.SupplierLeft, "this node leaves the network"
	case m != nil && m.reclaimAt != market.Never:
		return market.Reclaimed, "this node takes its resources back"
	case m != nil && old.Terms.Metered() && m.strikes >= bear(old.Terms):
		return market.Unacknowledged, unackedText(m.strikes)
	case s.stock.Longest > 0 && l.Term() > s.stock.Longest:
		return market.TooLong, "the longest lease here is " + s.stock.Longest.String()
	case l.Resources != old.Resources || l.Pids != old.Pids || l.SpecHash != old.SpecHash || l.Image != old.Image || !slices.Equal(l.Ports, old.Ports):
		return market.BadLease, "a renewal changes the term only"
	case worse(l.Terms, s.stock.Terms):
		return market.PriceChanged, "this node asks for other terms now"
	}
	return s.admitCredit(l.Buyer, l.Terms, l.Resources, true)
}

// renew closes the books of the lease before and opens those of the new one.
func (s *Supplier) renew(now market.Time, from market.Ref, u *unit, l *market.SignedLease, out *market.Outbox) {
	old := u.rec.Lease
	rec := *u.rec
	rec.Lease, rec.Buyer = s.countersign(l), s.owner(from, rec.Buyer)
	u.rec, u.endsAt = &rec, now.Mono+l.End.Sub(now.Wall)
	out.Save(u.rec)
	s.close(now, u, old, market.Renewed, out)
	s.grant(now, u, out)
	if m := u.meter; m != nil {
		if m.closing == nil {
			m.edit().Lease = l.ID
		}
		delete(s.sales.leases, old.ID)
		s.enterLeases(u)
	}
	out.Note(market.NoteGranted, from.Peer, rec.Lease.Unit(), "renewed")
}
