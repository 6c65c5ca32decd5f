package buyer

import (
	"slices"
	"time"

	"caravela/market"
)

// maxCost is the most that a lease may cost: what the user said, or its price
// for the whole term.
func maxCost(l *market.Lease, said market.Micro) market.Micro {
	if !l.Terms.Metered() || said > 0 {
		return said
	}
	term := uint64(l.Term() / time.Second)
	return max(l.Due(market.Usage{Running: term}), l.Due(market.Usage{Parked: term}))
}

// dearer reports whether terms cost more than others in any respect: the hour
// of r, the parked hour, or the start; or in another unit.
func dearer(t, old *market.Terms, r market.Resources) bool {
	p, q := market.PriceOf(t), market.PriceOf(old)
	return !p.IsFree() && (p.Unit != q.Unit || p.Hourly(r) > q.Hourly(r) || p.Parked > q.Parked || p.Start > q.Start)
}

// reprice replaces a supplier's offer that is out of date by the one that came
// with its refusal, and reports whether it still fits. That is done once a
// supplier: one that changes its price for each launch is left alone.
func (b *Buyer) reprice(now market.Time, r *request, from market.PeerID, m *market.Refusal) bool {
	if m.Reason != market.PriceChanged || m.Offer == nil || m.Offer.Supplier != from || !r.req.Hold.IsZero() || slices.Contains(r.repriced, from) {
		return false
	}
	i := slices.IndexFunc(r.offers, func(o market.OfferAt) bool { return o.Offer.Supplier == from })
	if i < 0 || m.Offer.Seq < r.offers[i].Offer.Seq {
		return false
	}
	o := market.OfferAt{Offer: m.Offer, Addrs: r.offers[i].Addrs}
	r.offers = slices.Delete(slices.Clone(r.offers), i, i+1)
	r.repriced = append(r.repriced, from)
	return b.take(now, r, o)
}

// blocked reports whether the user wants no dealings with a peer.
func (b *Buyer) blocked(p market.PeerID) bool { return b.books.Blocked(p) }
