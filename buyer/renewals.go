package buyer

import (
	"fmt"
	"slices"
	"time"

	"caravela/market"
)

// Waiting times of renewals.
const (
	renewRetry = time.Minute
	dearRetry  = 10 * time.Minute // after the supplier asked for more than before: it may think better of it
)

// wish is the local user's request for a new term.
type wish struct {
	ref   uint64
	term  time.Duration
	dueAt time.Duration
}

// onRenewal asks for a new term now, as the local user wants. Who asks in
// person agrees to the supplier's present price.
func (b *Buyer) onRenewal(now market.Time, ev market.Renewal, out *market.Outbox) {
	i, known := b.find(ev.Unit)
	if !known {
		done(ev.Ref, ev.Unit, market.NoSuchLease, "no such container", out)
		return
	}
	h := b.holdings[i]
	l := h.rec.Lease
	term := ev.Term
	if term == 0 {
		term = l.Term()
	}
	switch {
	case l.BySupplier == "" || h.rec.Undo || h.state() == market.Ended || now.Wall > l.End:
		done(ev.Ref, ev.Unit, market.Superseded, "the lease is not in force", out)
	case term < time.Second || term > market.MaxTerm:
		done(ev.Ref, ev.Unit, market.TooLong, fmt.Sprintf("a term is from 1s to %v", market.MaxTerm), out)
	case b.blocked(l.Supplier):
		done(ev.Ref, ev.Unit, market.Blocked, "this node has blocked the supplier", out)
	case h.wish != nil, h.rec.Renewal != nil && h.rec.Renewal.Term() != term:
		done(ev.Ref, ev.Unit, market.Busy, "another renewal is under way; try again once it is answered", out)
	default:
		h.wish, h.repriced = &wish{ev.Ref, term, now.Mono + orderTimeout}, false
		b.renew(now, h, out)
	}
}

// renew asks for a new term, as long as the one before unless the user wants
// another. The same signed lease is sent again until it is granted or refused,
// so that all of our questions make one renewal.
func (b *Buyer) renew(now market.Time, h *holding, out *market.Outbox) {
	old := h.rec.Lease
	h.renewAt = now.Mono + renewRetry
	if now.Wall > old.End {
		b.expired(now, h)
		return
	}
	if h.rec.Renewal == nil { // else the supplier may have signed it: another one would contradict
		if b.blocked(old.Supplier) {
			b.warn(h, "the lease is not renewed, since its supplier is blocked", out)
			return
		}
		if !h.inquired && !market.PriceOf(old.Terms).IsFree() {
			b.inquire(now, h, out)
			return
		}
		rec := *h.rec
		rec.Renewal = b.me.Seal.Lease(b.renewal(now, h))
		h.rec, h.signedAt = &rec, now.Mono
		out.Save(h.rec)
	}
	out.Send(h.rec.Supplier, &market.LaunchContainer{Lease: h.rec.Renewal, At: b.here()})
}

// inquire asks a supplier for its offer of now: one that has become cheaper
// would take the old price without a word.
func (b *Buyer) inquire(now market.Time, h *holding, out *market.Outbox) {
	h.inquired, h.inquiry, h.renewAt = true, b.ref(), now.Mono+answerTimeout
	anywhere := market.RootRegion(market.Platform{OS: "linux", Arch: "amd64"}) // who is asked by name looks for no region
	out.Send(h.rec.Supplier, &market.GetOffers{Ref: h.inquiry, Region: anywhere, Max: 1,
		Want: market.Want{On: h.rec.Lease.Supplier}})
}

// onPrice renews by the offer that was asked for, unless that is dearer and
// the user has not asked in person. The supplier has its say in any case.
func (b *Buyer) onPrice(now market.Time, from market.Ref, m *market.Offers, out *market.Outbox) {
	i := slices.IndexFunc(b.holdings, func(h *holding) bool {
		return h.inquiry != 0 && h.inquiry == m.Ref && h.rec.Lease.Supplier == from.Peer
	})
	if i < 0 {
		return
	}
	h := b.holdings[i]
	h.inquiry = 0
	old := h.rec.Lease
	for _, o := range m.Offers {
		fresh := o.Offer.Supplier == from.Peer && o.Offer.Network == b.me.Params.Network && o.Offer.Seq >= old.OfferSeq
		if fresh && (h.wish != nil || !dearer(o.Offer.Terms, old.Terms, old.Resources)) {
			h.asks = &o.Offer.Offer
		}
	}
	if h.rec.Renewal == nil && h.renewAt != market.Never {
		b.renew(now, h, out)
	}
}

// renewal is the next lease of a unit.
func (b *Buyer) renewal(now market.Time, h *holding) market.Lease {
	old := h.rec.Lease
	l, term := old.Lease, old.Term()
	if h.wish != nil {
		term = h.wish.term
	}
	l.First, l.Prev, l.Nonce, l.Hold = old.Unit(), old.ID, b.rng.Uint64(), market.HoldID{}
	l.Start, l.End = now.Wall, now.Wall.Add(term)
	if h.asks != nil {
		l.Terms, l.OfferSeq = h.asks.Terms, h.asks.Seq
	}
	said := old.MaxCost
	if said == maxCost(&old.Lease, 0) { // nobody said anything
		said = 0
	}
	l.MaxCost = maxCost(&l, said)
	return l
}

func (b *Buyer) expired(now market.Time, h *holding) {
	h.renewAt, h.dropAt = market.Never, now.Mono+keepEnded
}

// renewalRefused asks once more by the terms of now, if the supplier has told
// them and they are agreed to: by the user in person, or because they are no
// worse.
func (b *Buyer) renewalRefused(now market.Time, h *holding, m *market.Refusal, out *market.Outbox) {
	old := h.rec.Lease
	rec := *h.rec
	rec.Renewal = nil
	h.rec = &rec
	out.Save(h.rec)
	h.asks, h.inquired = nil, false
	b.plan(now, h)
	h.renewAt = max(h.renewAt, now.Mono+renewRetry)
	if m.Reason == market.PriceChanged && m.Offer != nil && m.Offer.Supplier == old.Supplier && h.wanted() {
		more := dearer(m.Offer.Terms, old.Terms, old.Resources)
		switch {
		case more && h.wish == nil:
			h.renewAt = now.Mono + dearRetry
			b.warn(h, fmt.Sprintf("the supplier asks for %s now, and %s before; renewal at a higher price needs `caravela lease renew`",
				hourly(m.Offer.Terms, old.Resources), hourly(old.Terms, old.Resources)), out)
			return
		case !h.repriced:
			h.asks, h.repriced, h.inquired = &m.Offer.Offer, true, true
			b.renew(now, h, out)
			return
		}
	}
	if h.wish != nil {
		o := market.Outcome{Ref: h.wish.ref, Kind: market.Refused, Unit: old.Unit(), Reason: m.Reason, Detail: m.Detail}
		if m.Offer != nil {
			o.Offer = &m.Offer.Offer
		}
		out.Outcomes = append(out.Outcomes, o)
		h.answer(m.Reason, m.Detail, nil, out)
	}
}

// wanted reports whether somebody still wants another term: the user in
// person, or the lease's rule.
func (h *holding) wanted() bool {
	if h.rec.Undo || h.state() == market.Ended {
		return false
	}
	return h.wish != nil || h.rec.Lease.Renew == market.RenewAuto && h.kept()
}

// hourly is a price for people.
func hourly(t *market.Terms, r market.Resources) string {
	p := market.PriceOf(t)
	if p.IsFree() {
		return "nothing"
	}
	return fmt.Sprintf("%v %s an hour", p.Hourly(r), p.Unit)
}

// warn tells the user once that a lease will end.
func (b *Buyer) warn(h *holding, text string, out *market.Outbox) {
	if h.warned {
		return
	}
	h.warned = true
	l := h.rec.Lease
	out.Note(market.NoteNotice, l.Supplier, l.Unit(), text+"; it ends at "+l.End.Time().Format(time.RFC3339))
}

// onLostRenewal answers a user who waits; the renewal goes on.
func (b *Buyer) onLostRenewal(l *market.SignedLease, out *market.Outbox) {
	if i, known := b.find(l.Unit()); known && b.holdings[i].rec.Renewal != nil && b.holdings[i].rec.Renewal.ID == l.ID {
		b.holdings[i].answer(market.Unreachable, noAnswer, nil, out)
	}
}

const noAnswer = "the supplier does not answer; the renewal is repeated until it does, or the lease ends"

// answer tells the user who waits for a renewal what has come of it.
func (h *holding) answer(why market.Reason, detail string, l *market.SignedLease, out *market.Outbox) {
	if h.wish == nil {
		return
	}
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: h.wish.ref, Kind: market.Done, Unit: h.rec.Lease.Unit(), Lease: l, Reason: why, Detail: detail})
	h.wish = nil
}
