package buyer

import (
	"fmt"
	"slices"
	"time"

	"caravela/market"
)

const (
	holdMargin = 10 * time.Second // before its end a hold is not relied on any more
	maxQuotes  = 64               // holds that were quoted and not yet used
)

// quote is a hold that the user was told of, and may lease by.
type quote struct {
	ref   uint64 // of the request
	hold  *market.SignedHold
	offer market.OfferAt
	until time.Duration
}

// byHolds reports whether suppliers are asked to hold what is wanted before
// anything is leased: for a quote, and for a group as soon as money is at
// stake, since half a group that is started costs its start fees. A free group
// leases at once, which saves a round trip.
func (r *request) byHolds() bool {
	return r.quotes() || r.req.Replicas > 1 && slices.ContainsFunc(r.offers, func(o market.OfferAt) bool { return o.Offer.Terms != nil })
}

// quotes reports whether holds are all that is wanted.
func (r *request) quotes() bool { return r.req.DryRun && r.req.Quote }

// reserve asks a supplier to hold what one replica needs.
func (b *Buyer) reserve(now market.Time, r *request, i int, o market.OfferAt, out *market.Outbox) {
	spec, offer := r.spec(i), o.Offer.Offer
	s := slot{state: reserving, supplier: o.Offer.Supplier, dueAt: now.Mono + b.me.Params.Grant, offer: &offer, from: o, ref: b.ref()}
	r.slots[i] = s
	out.Send(market.Ref{Peer: s.supplier, Addrs: o.Addrs}, &market.RequestHold{
		Ref: s.ref, OfferSeq: o.Offer.Seq, Resources: spec.Limits, Pids: spec.Pids, Ports: spec.Ports, Image: spec.Image,
		Terms: o.Offer.Terms, Term: r.req.Term, For: market.HoldTime,
	})
}

// reserving finds the slot that waits for the answer to a RequestHold.
func (b *Buyer) reserving(ref uint64, from market.PeerID) (*request, int) {
	for i := range b.requests {
		r := &b.requests[i]
		for j := range r.slots {
			if s := &r.slots[j]; s.state == reserving && s.ref == ref && s.supplier == from && r.phase != over {
				return r, j
			}
		}
	}
	return nil, 0
}

// onGrantHold fills a slot. A hold that nobody waits for is given back.
func (b *Buyer) onGrantHold(now market.Time, from market.Ref, m *market.GrantHold, out *market.Outbox) {
	h := m.Hold
	if h.Buyer != b.me.Self || h.Supplier != from.Peer || h.Network != b.me.Params.Network {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "hold of others")
		return
	}
	r, i := b.reserving(m.Ref, from.Peer)
	if r == nil {
		if !b.relies(h.ID) {
			out.Send(from, &market.ReleaseHold{Hold: h.ID})
		}
		return
	}
	spec, s := r.spec(i), &r.slots[i]
	if h.Resources != spec.Limits || spec.Pids != 0 && h.Pids != spec.Pids || !slices.Equal(h.Ports, spec.Ports) || !h.Terms.Equal(s.offer.Terms) {
		out.Send(from, &market.ReleaseHold{Hold: h.ID})
		b.vacate(now, r, i, market.NotHonoured, "the hold is not what was asked for", out)
		return
	}
	s.state, s.hold, s.dueAt = reserved, h, now.Mono+max(0, h.Until.Sub(h.At)-holdMargin)
	if r.phase == choosing {
		b.choose(now, r, out)
	}
}

// relies reports whether a hold is in use: the message came twice.
func (b *Buyer) relies(id market.HoldID) bool {
	for i := range b.requests {
		if slices.ContainsFunc(b.requests[i].slots, func(s slot) bool { return s.hold != nil && s.hold.ID == id }) {
			return true
		}
	}
	return b.deals != nil && slices.ContainsFunc(b.deals.quotes, func(q quote) bool { return q.hold.ID == id })
}

// onHoldRefused asks the next supplier, or the same one by its new offer.
func (b *Buyer) onHoldRefused(now market.Time, from market.Ref, m *market.Refusal, out *market.Outbox) {
	if r, i := b.reserving(m.Ref, from.Peer); r != nil {
		b.refusedSlot(now, r, i, from.Peer, m, out)
	}
}

// onLostHold gives up on a supplier that could not be reached. If it holds
// something nevertheless, its grant is answered with a release, or it lapses.
func (b *Buyer) onLostHold(now market.Time, to market.PeerID, m *market.RequestHold, out *market.Outbox) {
	if r, i := b.reserving(m.Ref, to); r != nil {
		b.vacate(now, r, i, market.Unreachable, "the supplier could not be reached", out)
	}
}

// lapse empties slots whose holds cannot be relied on any more.
func (r *request) lapse(now market.Time) {
	for i := range r.slots {
		if s := &r.slots[i]; s.state == reserved && now.Mono >= s.dueAt {
			*s = slot{}
		}
	}
}

// takeUp makes use of the holds once every replica has its place: they are
// leased, or quoted.
func (b *Buyer) takeUp(now market.Time, r *request, out *market.Outbox) {
	if slices.ContainsFunc(r.slots, func(s slot) bool { return s.state == empty || s.state == reserving }) {
		return
	}
	if r.quotes() {
		b.tell(now, r, out)
		return
	}
	for i := range r.slots {
		if s := r.slots[i]; s.state == reserved {
			b.launch(now, r, i, s.from, s.hold, out)
		}
	}
}

// tell ends a quote. Its holds stay until they are used, abandoned, or over.
func (b *Buyer) tell(now market.Time, r *request, out *market.Outbox) {
	b.open()
	o := market.Outcome{Ref: r.req.Ref, Kind: market.Holding}
	for i := range r.slots {
		s := &r.slots[i]
		b.deals.quotes = append(b.deals.quotes, quote{r.req.Ref, s.hold, s.from, s.dueAt + holdMargin})
		o.Holds, o.Offers = append(o.Holds, s.hold), append(o.Offers, s.from)
	}
	b.deals.quotes = slices.DeleteFunc(b.deals.quotes, func(q quote) bool { return now.Mono >= q.until })
	for len(b.deals.quotes) > maxQuotes {
		b.release(b.deals.quotes[0], out)
		b.deals.quotes = slices.Delete(b.deals.quotes, 0, 1)
	}
	out.Outcomes = append(out.Outcomes, o)
	b.finish(r, market.Outcome{Kind: market.Done}, out)
}

func (b *Buyer) release(q quote, out *market.Outbox) {
	out.Send(market.Ref{Peer: q.hold.Supplier, Addrs: q.offer.Addrs}, &market.ReleaseHold{Hold: q.hold.ID})
}

// abandonQuotes gives back what a request was quoted.
func (b *Buyer) abandonQuotes(ref uint64, out *market.Outbox) {
	if b.deals == nil {
		return
	}
	b.deals.quotes = slices.DeleteFunc(b.deals.quotes, func(q quote) bool {
		if q.ref == ref {
			b.release(q, out)
		}
		return q.ref == ref
	})
}

// leaseHold leases by a hold that was quoted, and by no other offer.
func (b *Buyer) leaseHold(now market.Time, r *request, out *market.Outbox) {
	q, why := b.quoted(now, r)
	if why != "" {
		b.giveUp(now, r, market.NoSuchHold, why, out)
		return
	}
	b.deals.quotes = slices.DeleteFunc(b.deals.quotes, func(x quote) bool { return x.hold == q.hold })
	r.phase = choosing
	b.launch(now, r, 0, q.offer, q.hold, out)
}

// quoted finds the hold that a request names, or says why it does not serve.
func (b *Buyer) quoted(now market.Time, r *request) (q quote, why string) {
	i := -1
	if b.deals != nil {
		i = slices.IndexFunc(b.deals.quotes, func(q quote) bool { return q.hold.ID == r.req.Hold })
	}
	if i < 0 || now.Mono >= b.deals.quotes[i].until {
		return q, "no such hold here, or it is over; ask for a new one"
	}
	q = b.deals.quotes[i]
	spec, h := r.req.Spec, q.hold
	switch {
	case r.req.Replicas > 1:
		return q, "a hold is for one container"
	case !h.Resources.Fits(spec.Limits) || h.Pids != 0 && spec.Pids > h.Pids:
		return q, fmt.Sprintf("the hold is for %v, and %v are wanted", h.Resources, spec.Limits)
	case slices.ContainsFunc(spec.Ports, func(p market.Port) bool { return !slices.Contains(h.Ports, p) }):
		return q, "the hold is for other ports"
	}
	w := market.Want{Need: spec.Limits, MaxPrice: r.req.Want.MaxPrice, MaxPriceSet: r.req.Want.MaxPriceSet, Unit: r.req.Want.Unit}
	o := market.Offer{Free: h.Resources, Wares: &market.Wares{Terms: h.Terms}}
	if kind, _ := w.Miss(&o); kind == market.MissPrice {
		return q, fmt.Sprintf("the hold costs %v %s an hour", h.Hourly, h.Terms.Price.Unit)
	}
	return q, ""
}
