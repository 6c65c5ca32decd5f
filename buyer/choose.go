package buyer

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// choose fills the empty slots from the offers at hand, as far as they go.
func (b *Buyer) choose(now market.Time, r *request, out *market.Outbox) {
	r.lapse(now)
	if r.byHolds() {
		r.held = true
	}
	for i := range r.slots {
		if r.slots[i].state != empty {
			continue
		}
		k := b.pick(now, r)
		if k < 0 {
			b.exhausted(now, r, out)
			return
		}
		if r.held {
			b.reserve(now, r, i, r.offers[k], out)
		} else {
			b.launch(now, r, i, r.offers[k], nil, out)
		}
	}
	b.takeUp(now, r, out)
}

// pick returns the index of an offer for one more replica, or -1. Among those
// that are nearly as good as the best one, chance decides: two buyers with
// the same view must not run to the same supplier. Where the price decides,
// whoever has failed of late comes last: what is never kept is not cheap.
func (b *Buyer) pick(now market.Time, r *request) int {
	const near = 50 // thousandths of a machine
	type ranked struct {
		i, failed int
		score     int64
	}
	fits := make([]ranked, 0, len(r.offers))
	w := r.want
	w.Need, w.MaxPrice = r.req.Want.Need, r.req.Want.MaxPrice
	for i := range r.offers {
		o := r.offers[i].Offer.Offer
		o.Free = o.Free.Sub(b.promised(r, o.Supplier))
		if kind, _ := w.Miss(&o); kind != market.MissNone || !b.mayHost(r, o.Supplier) {
			continue
		}
		f := ranked{i: i, score: w.Score(&o) + b.blamed(now, o.Supplier)}
		if w.Strategy == market.Cheapest {
			f.failed = int(b.blamed(now, o.Supplier) / (oneBad / 2))
		}
		fits = append(fits, f)
	}
	if len(fits) == 0 {
		return -1
	}
	slices.SortStableFunc(fits, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.failed, y.failed), cmp.Compare(x.score, y.score))
	})
	n := 1
	for n < len(fits) && fits[n].failed == fits[0].failed && fits[n].score <= fits[0].score+near {
		n++
	}
	return fits[b.rng.IntN(n)].i
}

// promised is what this request already takes from a supplier's offer.
func (b *Buyer) promised(r *request, p market.PeerID) (sum market.Resources) {
	for i := range r.slots {
		if s := &r.slots[i]; s.state != empty && s.supplier == p {
			sum = sum.Add(r.req.Want.Need)
		}
	}
	return sum
}

func (b *Buyer) mayHost(r *request, p market.PeerID) bool {
	if slices.ContainsFunc(r.refusals, func(f refusal) bool { return f.peer == p }) {
		return false
	}
	for i := range r.slots {
		s := &r.slots[i]
		if s.state != empty && (r.req.Apart && s.supplier == p || r.req.Together && s.supplier != p) {
			return false
		}
	}
	return true
}

// launch signs a lease, saves it, and asks the supplier for its signature. The
// lease makes use of a hold if there is one.
func (b *Buyer) launch(now market.Time, r *request, i int, o market.OfferAt, hold *market.SignedHold, out *market.Outbox) {
	spec := r.spec(i)
	l := market.Lease{
		Network: b.me.Params.Network, Buyer: b.me.Self, Supplier: o.Offer.Supplier, OfferSeq: o.Offer.Seq, Nonce: b.rng.Uint64(),
		Resources: spec.Limits, Pids: spec.Pids, Image: spec.Image, Ports: spec.Ports, SpecHash: b.me.Seal.SpecHash(spec),
		Start: now.Wall, End: now.Wall.Add(r.req.Term), Renew: r.req.Renew, Terms: o.Offer.Terms,
	}
	if hold != nil {
		l.Hold, l.Terms, l.OfferSeq = hold.ID, hold.Terms, hold.OfferSeq
	}
	l.MaxCost = maxCost(&l, r.req.MaxCost)
	lease := b.me.Seal.Lease(l)
	ref := market.Ref{Peer: o.Offer.Supplier, Addrs: o.Addrs}
	rec := &market.Bought{Lease: lease, Spec: spec, Supplier: ref, Offer: o.Offer.Name}
	h := b.hold(now, rec)
	h.signedAt = now.Mono
	out.Save(rec)
	b.ask(h, r, out)
	offer := &o.Offer.Offer
	r.slots[i] = slot{state: asking, unit: lease.ID, supplier: o.Offer.Supplier, dueAt: now.Mono + b.me.Params.Grant, offer: offer, hold: hold}
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Asking, Replica: i, Unit: lease.ID, Offer: offer})
}

// ask sends the launch of a saved lease. Again is as good as once.
func (b *Buyer) ask(h *holding, r *request, out *market.Outbox) {
	out.Send(h.rec.Supplier, &market.LaunchContainer{Lease: h.rec.Lease, Spec: h.rec.Spec, Auth: r.req.Auth, At: b.here()})
}

// exhausted decides what to do when no offer at hand fits: search again after
// refusals, wait if the user wants that, or give up.
func (b *Buyer) exhausted(now market.Time, r *request, out *market.Outbox) {
	pending := slices.ContainsFunc(r.slots, func(s slot) bool { return s.state == asking || s.state == reserving })
	stale := slices.ContainsFunc(r.refusals, func(f refusal) bool { return roomless(f.reason) }) ||
		heldBack(&r.tally) ||
		slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return q.region.Depth > 0 })
	switch {
	case pending: // its answer decides
	case !r.req.Hold.IsZero(): // no other offer serves
		b.giveUp(now, r, b.why(r), b.detail(r), out)
	case r.resume():
		b.settle(now, r, out)
	case stale && r.rounds < maxRounds:
		b.pause(r, now.Mono+roundPause+b.rng.Jitter(roundPause/4))
	case r.rounds == maxRounds && r.hope():
		b.pause(r, now.Mono+roundPause+b.rng.Jitter(roundPause/4))
	case now.Mono+waitPause < r.giveUpAt:
		b.pause(r, now.Mono+b.rng.Jitter(2*waitPause))
	default:
		b.giveUp(now, r, b.why(r), b.detail(r), out)
	}
}

// resume goes on with a search that stopped early, for offers that are gone:
// it was pointed to more regions, and may still ask. It reports whether it
// does. Where as many offers are left as are wanted, but do not serve, no
// region would be asked, and the search is over.
func (r *request) resume() bool {
	gone := func(o market.OfferAt) bool {
		return slices.ContainsFunc(r.refusals, func(f refusal) bool { return f.peer == o.Offer.Supplier })
	}
	if r.asked >= r.mostAsks() || !slices.ContainsFunc(r.refusals, func(f refusal) bool { return roomless(f.reason) }) ||
		!slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return q.waiting && !q.settled }) {
		return false
	}
	had := r.offers
	if r.offers = slices.DeleteFunc(slices.Clone(had), gone); r.enough() {
		r.offers = had
		return false
	}
	r.phase = searching
	return true
}

// heldBack reports whether a trader kept an offer back that it had just shown to
// another buyer.
func heldBack(t *market.Tally) bool {
	return slices.ContainsFunc(t.Misses, func(m market.Miss) bool { return m.Kind == market.MissPromised })
}

// hope has the next search ask where offers are promised to others, who may not
// take them, and nowhere else. It reports whether there are such regions.
func (r *request) hope() bool {
	hopes := 0
	for i := range r.inquiries {
		q := &r.inquiries[i]
		if q.settled = hopes >= abreast || !heldBack(&q.tally); !q.settled {
			hopes++
			q.asks, q.answered, q.waiting, q.looked, q.dueAt = nil, false, true, true, market.Never
		}
	}
	r.hopeful = hopes > 0
	return r.hopeful
}

// pause forgets refusals for want of room: the next search may find other
// offers of the same suppliers.
func (b *Buyer) pause(r *request, until time.Duration) {
	r.phase, r.pauseAt = pausing, until
	r.refusals = slices.DeleteFunc(r.refusals, func(f refusal) bool { return roomless(f.reason) })
}
