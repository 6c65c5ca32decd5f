package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// question is a search that waits for the view from above, and its answer but
// for that.
type question struct {
	from   market.Ref
	msg    *market.GetOffers
	answer *market.Offers
}

// pull asks a trader above for its view unless it is fresh, and reports
// whether it is on its way: once for all who wait for it.
func (t *Trader) pull(now market.Time, p *place, out *market.Outbox) bool {
	switch {
	case !t.stale(now, p) || len(p.above) == 0 || len(p.waiting) >= maxWaiting:
		return false
	case p.pulling != 0:
		return true
	}
	to := p.above[0] // hears the news first; and whoever asks next finds its view fresh
	if p.atTop() {   // too many would ask that one
		to = p.above[t.rng.IntN(len(p.above))]
	}
	if to.Peer == t.me.Self {
		if up := t.place(p.region.Parent()); up != nil {
			t.look(now, p, t.Answer(now, t.me.Self, &market.GetOffers{Region: up.region, Relay: true}))
		}
		return false
	}
	t.refs++
	p.pulling, p.pullDue = t.refs, now.Mono+pullTimeout
	out.Send(to, &market.GetOffers{Ref: p.pulling, Region: p.region.Parent(), Relay: true})
	return true
}

// atTop reports whether the root is the next region above.
func (p *place) atTop() bool { return p.region.Depth == 1 }

// large reports whether the root hears much of a place: its traders speak and
// ask a little less often, for the sake of the three that all of them tell.
func (t *Trader) large(p *place) bool {
	return p.atTop() && int(p.summary.Offers) >= t.me.Params.SplitAt/2
}

// stale reports whether the view from above is too old to be used.
func (t *Trader) stale(now market.Time, p *place) bool {
	age := freshView
	if t.large(p) {
		age = largeView
	}
	return p.region.Depth > 0 && (p.viewAt == 0 || now.Mono-p.viewAt > age)
}

// onView takes the view from above, and answers those who waited for it.
func (t *Trader) onView(now market.Time, from market.PeerID, m *market.Offers, out *market.Outbox) bool {
	for i := range t.places {
		p := &t.places[i]
		if p.pulling != 0 && p.pulling == m.Ref && m.Region == p.region.Parent() {
			p.trusted(from)
			t.look(now, p, m)
			t.release(now, p, out)
			return true
		}
	}
	return false
}

// look takes the hints of another region's trader, but for those about here. For
// the region above all of its traders that are known will do.
func (t *Trader) look(now market.Time, p *place, m *market.Offers) {
	p.viewAt, p.view = max(1, now.Mono), p.view[:0]
	for _, h := range m.Hints {
		switch {
		case h.Summary.Region == p.region:
			continue
		case h.Summary.Region == p.region.Parent():
			h.Traders = p.above
		}
		p.view = append(p.view, h)
	}
}

// release answers those who waited.
func (t *Trader) release(now market.Time, p *place, out *market.Outbox) {
	for _, q := range p.waiting {
		q.answer.Hints = t.hints(now, p, q.msg)
		out.Send(q.from, q.answer)
	}
	p.waiting, p.pulling = nil, 0
}

// lostPull asks another trader above instead.
func (t *Trader) lostPull(now market.Time, ref uint64, out *market.Outbox) {
	for i := range t.places {
		if p := &t.places[i]; p.pulling != 0 && p.pulling == ref {
			p.giveUpView(now)
			t.release(now, p, out)
		}
	}
}

// tickPulls gives up on a trader above that does not answer: the old view
// must do for a while.
func (t *Trader) tickPulls(now market.Time, out *market.Outbox) {
	for i := range t.places {
		if p := &t.places[i]; p.pulling != 0 && now.Mono >= p.pullDue {
			p.giveUpView(now)
			t.release(now, p, out)
		}
	}
}

// giveUpView makes do with the old view, and has another trader asked next.
func (p *place) giveUpView(now market.Time) {
	p.viewAt = max(1, now.Mono)
	if len(p.above) > 1 && !p.atTop() {
		p.above = append(slices.Clone(p.above[1:]), p.above[0])
	}
}

func (p *place) pullDeadline() time.Duration {
	if p.pulling == 0 {
		return market.Never
	}
	return p.pullDue
}
