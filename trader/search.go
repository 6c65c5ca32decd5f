package trader

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// Answer filters and ranks the offers of one region. Offers are compared by
// the request's score; equal ones stand in an order that differs from answer
// to answer, so that two buyers do not run to the same supplier.
func (t *Trader) Answer(now market.Time, m *market.GetOffers) *market.Offers {
	a := &market.Offers{Ref: m.Ref, Region: m.Region}
	p := t.place(m.Region)
	if p == nil {
		return a
	}
	a.Trader, a.Tally.Regions = true, 1
	salt := t.rng.Uint64()
	type ranked struct {
		h     *held
		score int64
		tie   uint64
	}
	var fits []ranked
	for i := range t.held {
		h := &t.held[i]
		if h.region != m.Region || now.Mono >= h.expires || !a.Tally.Look(&m.Want, &h.offer.Offer) {
			continue
		}
		tie := market.Rand(salt ^ uint64(i))
		fits = append(fits, ranked{h, m.Want.Score(&h.offer.Offer), tie.Uint64()})
	}
	slices.SortFunc(fits, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.score, y.score), cmp.Compare(x.tie, y.tie))
	})
	for _, f := range fits[:min(len(fits), max(1, m.Max), market.MaxOffers)] {
		a.Offers = append(a.Offers, market.OfferAt{Offer: f.h.offer, Addrs: f.h.addrs})
	}
	if m.Relay {
		a.Hints = t.hints(now, p, &m.Want)
	}
	return a
}

// hints tells of the regions below that may have what is wanted.
func (t *Trader) hints(now market.Time, p *place, w *market.Want) []market.Hint {
	var hints []market.Hint
	for i := range p.children {
		c := &p.children[i]
		if !c.summary.MayFit(w) || now.Mono-c.heard > t.childTTL() {
			continue
		}
		j := slices.IndexFunc(hints, func(h market.Hint) bool { return h.Summary.Region == c.summary.Region })
		switch {
		case j >= 0:
			hints[j].Traders = append(hints[j].Traders, c.trader)
		case len(hints) < market.MaxHints:
			hints = append(hints, market.Hint{Summary: c.summary, Traders: []market.Ref{c.trader}})
		}
	}
	return hints
}

func (t *Trader) childTTL() time.Duration { return 5 * t.params.Refresh / 2 }
