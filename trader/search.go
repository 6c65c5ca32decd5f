package trader

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// question is a search that waits for the view from above.
type question struct {
	from market.Ref
	msg  *market.GetOffers
}

// onGetOffers answers a search. When nothing here fits and the view from
// above is old, the view is fetched first: once for all who wait for it.
func (t *Trader) onGetOffers(now market.Time, from market.Ref, m *market.GetOffers, out *market.Outbox) {
	a := t.Answer(now, m)
	p := t.place(m.Region)
	if p != nil && m.Relay && len(a.Offers) == 0 && (m.Max == 0 || len(a.Hints) == 0) && t.pull(now, p, out) {
		p.waiting = append(p.waiting, question{from, m})
		return
	}
	out.Send(from, a)
}

// release answers those who waited.
func (t *Trader) release(now market.Time, p *place, out *market.Outbox) {
	for _, q := range p.waiting {
		out.Send(q.from, t.Answer(now, q.msg))
	}
	p.waiting, p.pulling = nil, 0
}

// Answer filters and ranks the offers of one region. Offers are compared by
// the request's score; equal ones stand in an order that differs from answer
// to answer, so that two buyers do not run to the same supplier. When few
// fit, they are promised to a buyer for a moment.
func (t *Trader) Answer(now market.Time, m *market.GetOffers) *market.Offers {
	a := &market.Offers{Ref: m.Ref, Region: m.Region}
	p := t.place(m.Region)
	if p == nil {
		return a
	}
	a.Trader, a.Tally.Regions = true, 1
	if m.Max > 0 {
		t.filter(now, m, a)
	}
	if len(a.Offers) == 0 || m.Max == market.MaxOffers {
		a.Hints = t.hints(now, p, m)
	}
	return a
}

func (t *Trader) filter(now market.Time, m *market.GetOffers, a *market.Offers) {
	type ranked struct {
		h     *held
		score int64
		tie   uint64
	}
	salt := t.rng.Uint64()
	var fits []ranked
	for i := t.first(m.Region); i < len(t.held) && t.held[i].region == m.Region; i++ {
		h := &t.held[i]
		if now.Mono >= h.expires || !a.Tally.Look(&m.Want, &h.offer.Offer) {
			continue
		}
		if m.Buy && now.Mono < h.promisedTo && !h.offer.Free.Sub(h.promised).Fits(m.Want.Need) {
			a.Tally.Promised()
			continue
		}
		tie := market.Rand(salt ^ uint64(i))
		fits = append(fits, ranked{h, m.Want.Score(&h.offer.Offer), tie.Uint64()})
	}
	slices.SortFunc(fits, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.score, y.score), cmp.Compare(x.tie, y.tie))
	})
	for _, f := range fits[:min(len(fits), m.Max, market.MaxOffers)] {
		a.Offers = append(a.Offers, market.OfferAt{Offer: f.h.offer, Addrs: f.h.addrs})
		if m.Buy && len(fits) <= few {
			f.h.promise(now, m.Want.Need)
		}
	}
}

// promise keeps an offer from others while its first taker leases it.
func (h *held) promise(now market.Time, need market.Resources) {
	if now.Mono >= h.promisedTo {
		h.promised = market.Resources{}
	}
	h.promised, h.promisedTo = h.promised.Add(need), now.Mono+promiseTime
}

// hints tells of the regions below, and elsewhere, that may have what is
// wanted.
func (t *Trader) hints(now market.Time, p *place, m *market.GetOffers) []market.Hint {
	var hints []market.Hint
	for i := range p.children {
		if c := &p.children[i]; c.summary.MayFit(&m.Want) && now.Mono-c.heard <= t.childTTL() && p.freshest(i) {
			hints = append(hints, market.Hint{Summary: c.summary, Traders: []market.Ref{c.trader}})
		}
	}
	for i := range p.outer {
		if o := &p.outer[i]; m.Relay && !p.stale(now) && o.Summary.MayFit(&m.Want) {
			hints = append(hints, *o)
		}
	}
	for i := len(hints) - 1; i > 0; i-- {
		j := t.rng.IntN(i + 1)
		hints[i], hints[j] = hints[j], hints[i]
	}
	return hints[:min(len(hints), market.MaxHints)]
}

// pull asks a trader above for its view unless it is fresh, and reports
// whether it is on its way.
func (t *Trader) pull(now market.Time, p *place, out *market.Outbox) bool {
	switch {
	case !p.stale(now) || len(p.above) == 0 || len(p.waiting) >= maxWaiting:
		return false
	case p.pulling != 0:
		return true
	}
	t.refs++
	p.pulling, p.pullDue = t.refs, now.Mono+pullTimeout
	out.Send(p.above[t.rng.IntN(len(p.above))], &market.GetOffers{Ref: p.pulling, Region: p.region.Parent(), Relay: true})
	return true
}

// stale reports whether the view from above is too old to be used.
func (p *place) stale(now market.Time) bool {
	fresh := freshView
	for range p.summary.Deeper {
		fresh *= deeperFresh
	}
	return p.region.Depth > 0 && (p.outerAt == 0 || now.Mono-p.outerAt > fresh)
}

// tickPulls gives up on a trader above that does not answer: the old view
// must do for a while.
func (t *Trader) tickPulls(now market.Time, out *market.Outbox) {
	for i := range t.places {
		if p := &t.places[i]; p.pulling != 0 && now.Mono >= p.pullDue {
			p.outerAt = max(1, now.Mono)
			t.release(now, p, out)
		}
	}
}

func (t *Trader) childTTL() time.Duration { return 5 * t.params.Refresh / 2 }

// first is the index of the first offer held in a region.
func (t *Trader) first(r market.Region) int {
	i, _ := slices.BinarySearchFunc(t.held, r, func(h held, r market.Region) int {
		if c := h.region.Compare(r); c != 0 {
			return c
		}
		return 1 // all offers of the region stand after this point
	})
	return i
}

// count is the number of offers held in a region.
func (t *Trader) count(r market.Region) int {
	i, _ := slices.BinarySearchFunc(t.held, r, func(h held, r market.Region) int {
		if c := h.region.Compare(r); c != 0 {
			return c
		}
		return -1 // all offers of the region stand before this point
	})
	return i - t.first(r)
}
