package trader

import (
	"slices"

	"caravela/market"
)

// onGetOffers answers a search. When nothing here fits and the view from
// above is old, the view is fetched first: once for all who wait for it.
func (t *Trader) onGetOffers(now market.Time, from market.Ref, m *market.GetOffers, out *market.Outbox) {
	a := t.Answer(now, from.Peer, m)
	p := t.place(m.Region)
	if p != nil && m.Relay && len(a.Offers) == 0 && (m.Max == 0 || len(a.Hints) == 0) && t.pull(now, p, out) {
		p.waiting = append(p.waiting, question{from, m, a})
		return
	}
	if p != nil && p.viewAt == now.Mono { // the trader above is this peer
		a = t.Answer(now, from.Peer, m)
	}
	if p != nil && t.queue(now, p, from, m, a) {
		return
	}
	out.Send(from, a)
}

// Answer filters and ranks the offers of one region; for a buyer it adds some
// that are not among the best. Offers are compared by the request's score; equal
// ones stand in an order that differs from answer to answer, so that two buyers
// do not run to the same supplier. When few fit, they are promised to a buyer for
// a moment.
func (t *Trader) Answer(now market.Time, from market.PeerID, m *market.GetOffers) *market.Offers {
	a := &market.Offers{Ref: m.Ref, Region: m.Region}
	p := t.place(m.Region)
	if p == nil {
		return a
	}
	a.Trader, a.Tally.Regions = true, 1
	if m.Max > 0 && (m.Relay || !m.Buy || p.summary.MayFit(&m.Want)) { // who was led here does not ask why not
		t.filter(now, p, from, m, a)
	}
	if len(a.Offers) == 0 || m.Max == market.MaxOffers {
		a.Hints = t.hints(now, p, m)
	}
	return a
}

func (t *Trader) filter(now market.Time, p *place, from market.PeerID, m *market.GetOffers, a *market.Offers) {
	salt := t.rng.Uint64()
	fits := ranking{most: min(m.Max, market.MaxOffers)}
	var lucky ranking // of whatever score
	if m.Buy {
		lucky.most = fits.most / 3
	}
	promised := 0
	s := &p.shelf
	v := newSieve(now.Mono, s, p.region, &m.Want, &a.Tally)
	for i := v.next(s, 0); i < s.count(); i = v.next(s, i+1) {
		h := &s.rest[i]
		if m.Buy && p.promised(now, &h.offer.Offer, from, m.Want.Need) {
			promised++
			continue
		}
		fits.add(h, m.Want.Score(&h.offer.Offer), market.Rand(salt^uint64(i)))
		if lucky.most > 0 {
			lucky.add(h, 0, market.Rand(salt^uint64(i)))
		}
	}
	v.finish(s)
	for range promised {
		a.Tally.Promised()
	}
	for _, h := range fits.with(&lucky) {
		a.Offers = append(a.Offers, market.OfferAt{Offer: h.offer, Addrs: h.at().Addrs})
		if m.Buy && fits.seen <= few {
			p.promise(now, h.offer.Supplier, from, m.Want.Need)
		}
	}
}

// with lists the best offers, of which the last ones give way to those that
// were lucky: who refuses everybody is never used up, and would be among the best
// for ever.
func (k *ranking) with(lucky *ranking) []*held {
	if k.kept == 0 {
		return nil
	}
	list := make([]*held, 0, k.most)
	take := func(r *ranking, most int) {
		for _, f := range r.best[:r.kept] {
			if len(list) < most && !slices.Contains(list, f.h) {
				list = append(list, f.h)
			}
		}
	}
	take(k, k.most-lucky.most)
	take(lucky, k.most)
	take(k, k.most)
	return list
}

// ranking keeps the best of the offers that it has seen, the best one first.
type ranking struct {
	most, kept, seen int
	best             [market.MaxOffers]ranked
}

type ranked struct {
	h     *held
	score int64
	tie   uint64
}

func (x *ranked) before(y *ranked) bool {
	return x.score < y.score || x.score == y.score && x.tie < y.tie
}

// add takes an offer, of which tie is drawn only if the score does not decide.
func (k *ranking) add(h *held, score int64, tie market.Rand) {
	k.seen++
	if k.kept == k.most && (k.most == 0 || score > k.best[k.most-1].score) {
		return
	}
	x := ranked{h, score, tie.Uint64()}
	switch {
	case k.kept < k.most:
		k.kept++
	case !x.before(&k.best[k.most-1]):
		return
	}
	i := k.kept - 1
	for ; i > 0 && x.before(&k.best[i-1]); i-- {
		k.best[i] = k.best[i-1]
	}
	k.best[i] = x
}

// lead is a hint that is not written yet: about a region below, or elsewhere,
// or, neither of those, about the place itself.
type lead struct {
	below *child
	view  *market.Hint
}

// hints tells of the regions below, and elsewhere if that is wanted, which may
// have what is wanted; and whoever asks for hints only, of the place itself if it
// holds offers: not all of a region's suppliers need be below. Many fit in a large
// market, and are asked for often: so a hint is written once it is known which
// ones are told.
func (t *Trader) hints(now market.Time, p *place, m *market.GetOffers) []market.Hint {
	leads := make([]lead, 0, maxChilds+market.MaxHints+1) // on the stack
	for c := range p.believed() {
		if c.summary.MayFit(&m.Want) && now.Mono-c.heard <= t.childTTL() {
			leads = append(leads, lead{below: c})
		}
	}
	for i := range p.view {
		if m.Relay && !t.stale(now, p) && p.view[i].Summary.MayFit(&m.Want) {
			leads = append(leads, lead{view: &p.view[i]})
		}
	}
	if m.Max == 0 && p.shelf.count() > 0 && p.summary.MayFit(&m.Want) {
		leads = append(leads, lead{})
	}
	for i := len(leads) - 1; i > 0; i-- {
		j := t.rng.IntN(i + 1)
		leads[i], leads[j] = leads[j], leads[i]
	}
	return t.write(now, p, leads[:min(len(leads), market.MaxHints)])
}

// write makes hints of leads.
func (t *Trader) write(now market.Time, p *place, leads []lead) []market.Hint {
	if len(leads) == 0 {
		return nil
	}
	hints := make([]market.Hint, len(leads))
	for i, l := range leads {
		switch {
		case l.below != nil:
			hints[i] = market.Hint{Summary: l.below.summary, Traders: t.tradersOf(now, p, l.below)}
		case l.view != nil:
			hints[i] = *l.view
		default:
			own := p.summary
			own.Peaks = slices.Clone(own.Peaks)
			hints[i] = market.Hint{Summary: own, Traders: []market.Ref{t.here()}}
		}
	}
	return hints
}

// tradersOf lists who trades in a region below, the one believed first, then the
// nearest of those that are there and know about as much. It seldom changes between two answers, which then share the list.
func (t *Trader) tradersOf(now market.Time, p *place, best *child) []market.Ref {
	refs := append(make([]market.Ref, 0, hinted), best.trader) // on the stack
	for i := p.firstChild(best.summary.Region); i < len(p.children) && len(refs) < hinted && p.children[i].summary.Region == best.summary.Region; i++ {
		if c := &p.children[i]; c.trader.Peer != best.trader.Peer && c.summary.Offers >= best.summary.Offers/2 && !t.overdue(now, c) {
			refs = append(refs, c.trader)
		}
	}
	if !slices.EqualFunc(best.told, refs, sameRef) {
		best.told = slices.Clone(refs)
	}
	return best.told
}

func sameRef(a, b market.Ref) bool { return a.Peer == b.Peer && slices.Equal(a.Addrs, b.Addrs) }
