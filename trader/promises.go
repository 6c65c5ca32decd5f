package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// promise keeps an offer from others while a buyer who was shown it leases it.
type promise struct {
	supplier market.PeerID
	sum      market.Resources
	to       market.PeerID // the last buyer
	till     time.Duration
	next     *question // of who waits for what that buyer leaves; nil = nobody does
}

// promise notes that a buyer was shown one of few offers that fit.
func (p *place) promise(now market.Time, supplier, to market.PeerID, need market.Resources) {
	p.promises = slices.DeleteFunc(p.promises, func(x promise) bool { return now.Mono >= x.till && x.next == nil })
	i := slices.IndexFunc(p.promises, func(x promise) bool { return x.supplier == supplier })
	if i < 0 {
		i = len(p.promises)
		p.promises = append(p.promises, promise{supplier: supplier})
	}
	x := &p.promises[i]
	if x.to == to {
		x.sum = market.Resources{}
	}
	x.sum, x.to, x.till = x.sum.Add(need), to, now.Mono+promiseTime
}

// promised reports whether an offer would not do for another buyer as well.
func (p *place) promised(now market.Time, o *market.Offer, from market.PeerID, need market.Resources) bool {
	for i := range p.promises {
		if x := &p.promises[i]; x.supplier == o.Supplier {
			return now.Mono < x.till && from != x.to && !o.Free.Sub(x.sum).Fits(need)
		}
	}
	return false
}

// queue has a question wait for an offer that is promised to somebody else, and
// that nobody waits for yet: a moment is cheaper than another search. It
// reports whether there is such an offer.
func (t *Trader) queue(now market.Time, p *place, from market.Ref, m *market.GetOffers, a *market.Offers) bool {
	if !m.Buy || m.Max == 0 || len(a.Offers)+len(a.Hints) > 0 {
		return false
	}
	for i := range p.promises {
		x := &p.promises[i]
		if x.next != nil || now.Mono >= x.till || x.to == from.Peer {
			continue
		}
		j, known := p.shelf.find(x.supplier)
		if !known {
			continue
		}
		if kind, _ := m.Want.Miss(&p.shelf.rest[j].offer.Offer); kind == market.MissNone {
			x.next = &question{from: from, msg: m}
			return true
		}
	}
	return false
}

// settled says that a supplier has told anew what is free, or is gone: whoever
// waited for it is answered.
func (t *Trader) settled(now market.Time, p *place, supplier market.PeerID, out *market.Outbox) {
	i := slices.IndexFunc(p.promises, func(x promise) bool { return x.supplier == supplier })
	if i < 0 {
		return
	}
	next := p.promises[i].next
	if p.promises = slices.Delete(p.promises, i, i+1); next != nil {
		out.Send(next.from, t.Answer(now, next.from.Peer, next.msg))
	}
}

// tickPromises answers those who waited for an offer that its buyer has not
// taken in time.
func (t *Trader) tickPromises(now market.Time, out *market.Outbox) {
	for i := range t.places {
		p := &t.places[i]
		for {
			j := slices.IndexFunc(p.promises, func(x promise) bool { return x.next != nil && now.Mono >= x.till })
			if j < 0 {
				break
			}
			t.settled(now, p, p.promises[j].supplier, out)
		}
	}
}

// promiseDeadline is when the first of those who wait is answered at last.
func (p *place) promiseDeadline() time.Duration {
	d := market.Never
	for i := range p.promises {
		if p.promises[i].next != nil {
			d = min(d, p.promises[i].till)
		}
	}
	return d
}
