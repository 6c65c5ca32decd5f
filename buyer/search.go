package buyer

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// inquiry is one region that is being searched.
type inquiry struct {
	region  market.Region
	asks    []ask
	led     bool   // a trader pointed here
	looking uint64 // Ref of a lookup for the region's traders
	looked  bool   // the overlay was asked before: not once more
	settled bool
	tally   market.Tally // the fullest answer
	dueAt   time.Duration
}

// lead is a region that is to be searched next.
type lead struct {
	region market.Region
	up     bool // not known to have anything, but to know more
}

// ask is one question to one trader.
type ask struct {
	ref    uint64
	peer   market.PeerID
	at     time.Duration
	closed bool // answered, or given up
}

// search starts a round in a region whose traders are known, best the one of
// the own offer; without any, at the platform's root. Answers tell where to go
// from there.
func (b *Buyer) search(now market.Time, r *request, out *market.Outbox) {
	r.phase, r.rounds = searching, r.rounds+1
	r.inquiries, r.leads, r.offers, r.asked = nil, nil, nil, 0
	b.inquire(now, r, b.start(now, r.want.Platform), false, out)
	b.settle(now, r, out)
}

// inquire begins with one region. The overlay is asked for its traders only
// where the search starts.
func (b *Buyer) inquire(now market.Time, r *request, region market.Region, led bool, out *market.Outbox) {
	r.inquiries = append(r.inquiries, inquiry{region: region, led: led, looked: led, dueAt: market.Never})
	b.askMore(now, r, len(r.inquiries)-1, out)
}

// follow takes up the next leads; those that go up only when nothing else is
// left. It reports whether there was one.
func (b *Buyer) follow(now market.Time, r *request, out *market.Outbox) bool {
	n := 0
	slices.SortStableFunc(r.leads, func(x, y lead) int { return cmp.Compare(y.region.Depth, x.region.Depth) })
	for len(r.leads) > 0 && n < leadsAtOnce && r.asked < maxAsks {
		region := r.leads[0].region
		r.leads = slices.Delete(r.leads, 0, 1)
		b.inquire(now, r, region, true, out)
		n++
	}
	return n > 0
}

// lead notes a region that a trader pointed to.
func (b *Buyer) lead(now market.Time, r *request, h market.Hint) {
	region := h.Summary.Region
	if region.Platform != r.want.Platform || len(r.leads) >= market.MaxHints ||
		slices.ContainsFunc(r.leads, func(l lead) bool { return l.region == region }) ||
		slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return q.region == region }) {
		return
	}
	up := len(h.Summary.Peaks) == 0
	if up || h.Summary.MayFit(&r.want) {
		b.Learn(now, region, h.Traders)
		r.leads = append(r.leads, lead{region, up})
	}
}

// askMore keeps two questions under way in a region; without known traders
// the overlay is asked who they are.
func (b *Buyer) askMore(now market.Time, r *request, i int, out *market.Outbox) {
	q := &r.inquiries[i]
	open, atOnce := 0, askedDeep
	if q.region.Depth == 0 && !q.led {
		atOnce = askedRoot
	}
	for _, a := range q.asks {
		if !a.closed {
			open++
		}
	}
	for _, t := range b.traders(now, q.region) {
		if open >= atOnce || r.asked >= maxAsks {
			break
		}
		if slices.ContainsFunc(q.asks, func(a ask) bool { return a.peer == t.Peer }) {
			continue
		}
		a := ask{ref: b.ref(), peer: t.Peer, at: now.Mono}
		q.asks = append(q.asks, a)
		out.Send(t, &market.GetOffers{Ref: a.ref, Region: q.region, Want: r.want, Max: b.most(r), Relay: !q.led, Buy: !r.req.DryRun})
		open++
		r.asked++
	}
	switch {
	case open > 0 || q.looking != 0:
	case q.looked || r.asked >= maxAsks:
		q.settled = true
	default:
		q.looking, q.looked = b.ref(), true
		out.Lookups = append(out.Lookups, market.Lookup{Ref: q.looking, Key: q.region.Key(b.network), N: b.params.Replicas})
	}
}

func (b *Buyer) most(r *request) int {
	if r.req.DryRun {
		return market.MaxOffers
	}
	return min(market.MaxOffers, 8+r.req.Replicas)
}

func (b *Buyer) onFound(now market.Time, ev market.Found, out *market.Outbox) {
	for i := range b.requests {
		r := &b.requests[i]
		for j := range r.inquiries {
			q := &r.inquiries[j]
			if q.looking == 0 || q.looking != ev.Ref {
				continue
			}
			q.looking = 0
			b.Learn(now, q.region, ev.Peers)
			b.askMore(now, r, j, out)
			b.settle(now, r, out)
			return
		}
	}
}

// onOffers takes a trader's answer. What it claims is checked against the
// request again: a trader may lie, but it cannot forge an offer.
func (b *Buyer) onOffers(now market.Time, from market.Ref, m *market.Offers, out *market.Outbox) {
	r, i, a := b.asked(m.Ref, from.Peer)
	if a == nil {
		return
	}
	a.closed = true
	q := &r.inquiries[i]
	if m.Region != q.region {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "answer about another region")
		b.askMore(now, r, i, out)
		b.settle(now, r, out)
		return
	}
	if m.Trader {
		b.learn(now, q.region, from)
		if m.Tally.Offers >= q.tally.Offers {
			q.tally = m.Tally
		}
	} else {
		b.unlearn(q.region, from.Peer)
	}
	had := len(r.offers)
	for _, o := range m.Offers {
		b.take(now, r, o)
	}
	for _, h := range m.Hints {
		if m.Trader {
			b.lead(now, r, h)
		}
	}
	open := slices.ContainsFunc(q.asks, func(a ask) bool { return !a.closed })
	switch {
	case m.Trader && !open:
		q.settled = true
	case m.Trader && len(r.offers) > had: // the other trader may add some, but is not waited for long
		q.dueAt = min(q.dueAt, now.Mono+secondAnswer)
	case m.Trader: // the other one may know more
	default:
		b.askMore(now, r, i, out)
	}
	b.settle(now, r, out)
}

// take keeps an offer that fits, the newest of each supplier.
func (b *Buyer) take(now market.Time, r *request, o market.OfferAt) {
	if o.Offer.Network != b.network || o.Offer.ValidUntil.Add(2*time.Minute) < now.Wall {
		return
	}
	if kind, _ := r.want.Miss(&o.Offer.Offer); kind != market.MissNone {
		return
	}
	for i := range r.offers {
		if p := &r.offers[i]; p.Offer.Supplier == o.Offer.Supplier {
			if p.Offer.Seq < o.Offer.Seq {
				*p = o
			}
			return
		}
	}
	r.offers = append(r.offers, o)
}

// onUnanswered gives up on a trader and asks another one.
func (b *Buyer) onUnanswered(now market.Time, peer market.PeerID, ref uint64, out *market.Outbox) {
	r, i, a := b.asked(ref, peer)
	if a == nil {
		return
	}
	a.closed = true
	b.distrust(r.inquiries[i].region, peer)
	b.askMore(now, r, i, out)
	b.settle(now, r, out)
}

func (b *Buyer) distrust(region market.Region, peer market.PeerID) {
	for i := range b.known {
		if k := &b.known[i]; k.region == region && k.Peer == peer {
			k.bad = true
		}
	}
}

// tickSearch closes questions that took too long.
func (b *Buyer) tickSearch(now market.Time, r *request, out *market.Outbox) {
	for i := range r.inquiries {
		q := &r.inquiries[i]
		late := false
		for j := range q.asks {
			if a := &q.asks[j]; !a.closed && now.Mono >= a.at+answerTimeout {
				a.closed, late = true, true
				b.distrust(q.region, a.peer)
			}
		}
		switch {
		case now.Mono >= q.dueAt:
			q.settled, q.dueAt = true, market.Never
		case late:
			b.askMore(now, r, i, out)
		}
	}
	b.settle(now, r, out)
}

// settle ends the search once every region has answered.
func (b *Buyer) settle(now market.Time, r *request, out *market.Outbox) {
	if r.phase != searching || slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return !q.settled }) {
		return
	}
	if len(r.offers) < r.enough() && b.follow(now, r, out) {
		b.settle(now, r, out)
		return
	}
	r.tally = market.Tally{}
	for i := range r.inquiries {
		q := &r.inquiries[i]
		q.tally.Regions = 1
		r.tally.Merge(&q.tally)
	}
	for _, f := range r.refusals {
		r.tally.Refused(f.reason)
	}
	r.phase = choosing
	tally := r.tally
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Searched, Offers: slices.Clone(r.offers), Tally: &tally})
	out.Note(market.NoteSearch, b.self, market.LeaseID{}, r.want.Need.String())
	if r.req.DryRun {
		b.finish(r, market.Outcome{Kind: market.Done, Tally: &tally}, out)
		return
	}
	b.choose(now, r, out)
}

// asked finds the open question that an answer belongs to.
func (b *Buyer) asked(ref uint64, peer market.PeerID) (*request, int, *ask) {
	for i := range b.requests {
		r := &b.requests[i]
		for j := range r.inquiries {
			for k := range r.inquiries[j].asks {
				if a := &r.inquiries[j].asks[k]; a.ref == ref && a.peer == peer && !a.closed {
					return r, j, a
				}
			}
		}
	}
	return nil, 0, nil
}

func (r *request) searchDeadline() time.Duration {
	d := market.Never
	for i := range r.inquiries {
		q := &r.inquiries[i]
		d = min(d, q.dueAt)
		for _, a := range q.asks {
			if !a.closed {
				d = min(d, a.at+answerTimeout)
			}
		}
	}
	return d
}
