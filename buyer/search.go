package buyer

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// inquiry is one region that is being searched.
type inquiry struct {
	region   market.Region
	asks     []ask
	looking  uint64 // Ref of a lookup for the region's traders
	looked   bool   // the overlay was asked before: not once more
	waiting  bool   // nobody has been asked yet: the first regions may do
	answered bool   // by a trader of the region
	settled  bool
	tally    market.Tally // the fullest answer
	dueAt    time.Duration
}

// ask is one question to one trader.
type ask struct {
	ref    uint64
	peer   market.PeerID
	at     time.Duration
	closed bool // answered, or given up
	late   bool // given up only because it took long: an answer still counts
}

// search starts a round: the root of the wanted platform first; answers tell
// where to go from there.
func (b *Buyer) search(now market.Time, r *request, out *market.Outbox) {
	r.phase, r.rounds = searching, r.rounds+1
	r.inquiries, r.offers, r.asked = nil, nil, 0
	b.inquire(now, r, market.RootRegion(r.want.Platform), out)
	b.settle(now, r, out)
}

func (b *Buyer) inquire(now market.Time, r *request, region market.Region, out *market.Outbox) {
	for i := range r.inquiries {
		if r.inquiries[i].region == region {
			return
		}
	}
	r.inquiries = append(r.inquiries, inquiry{region: region, dueAt: market.Never, waiting: true})
	b.begin(now, r, out)
}

// begin asks in further regions, a few at a time, until there is enough.
func (b *Buyer) begin(now market.Time, r *request, out *market.Outbox) {
	if r.enough() {
		return
	}
	open := 0
	for i := range r.inquiries {
		switch q := &r.inquiries[i]; {
		case q.settled:
		case !q.waiting:
			open++
		case open < abreast:
			q.waiting = false
			b.askMore(now, r, i, out)
			if !q.settled {
				open++
			}
		}
	}
}

// enough reports whether a search may leave regions out.
func (r *request) enough() bool { return !r.req.DryRun && len(r.offers) >= r.req.Replicas+spare }

// askMore keeps two questions under way in a region; without known traders
// the overlay is asked who they are.
func (b *Buyer) askMore(now market.Time, r *request, i int, out *market.Outbox) {
	q := &r.inquiries[i]
	if q.settled {
		return
	}
	open := 0
	for _, a := range q.asks {
		if !a.closed {
			open++
		}
	}
	traders := b.traders(now, q.region)
	if on := r.want.On; !on.IsZero() && len(r.inquiries) == 1 && len(q.asks) == 0 {
		traders = []market.Ref{{Peer: on}} // who knows best; the traders, should it not answer
	}
	for _, t := range traders {
		if open >= askedAtOnce || r.asked >= r.mostAsks() {
			break
		}
		if slices.ContainsFunc(q.asks, func(a ask) bool { return a.peer == t.Peer }) {
			continue
		}
		a := ask{ref: b.ref(), peer: t.Peer, at: now.Mono}
		q.asks = append(q.asks, a)
		out.Send(t, &market.GetOffers{Ref: a.ref, Region: q.region, Want: r.want, Max: b.most(r), Relay: true})
		open++
		r.asked++
	}
	switch {
	case open > 0 || q.looking != 0:
	case !q.looked && r.asked < r.mostAsks():
		q.looking, q.looked = b.ref(), true
		out.Lookups = append(out.Lookups, market.Lookup{Ref: q.looking, Key: q.region.Key(b.network), N: b.params.Replicas})
	case now.Mono < q.patience(): // a busy machine's silence does not mean that there is nothing
		q.dueAt = q.patience()
	default:
		q.settled = true
	}
}

// patience is until when a late answer is waited for where no other came; 0
// where one did, or none can come any more.
func (q *inquiry) patience() (until time.Duration) {
	for _, a := range q.asks {
		if a.late && !q.answered {
			until = max(until, a.at+lateAnswer)
		}
	}
	return until
}

// mostAsks bounds the questions of one search. One that is there to see the
// whole market may ask more.
func (r *request) mostAsks() int {
	if r.req.DryRun {
		return 4 * maxAsks
	}
	return maxAsks
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
	a.closed, a.late = true, false
	q := &r.inquiries[i]
	if m.Region != q.region {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "answer about another region")
		b.askMore(now, r, i, out)
		b.settle(now, r, out)
		return
	}
	if m.Trader {
		if from.Peer != r.want.On {
			b.learn(now, q.region, from)
		}
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
	if m.Trader {
		b.follow(now, r, q.region, m.Hints, out)
	}
	q = &r.inquiries[i] // inquire may have moved it
	open := slices.ContainsFunc(q.asks, func(a ask) bool { return !a.closed })
	switch {
	case m.Trader && !open:
		q.settled = true
	case m.Trader && len(r.offers)+len(m.Hints) > had: // the other trader may add some, but is not waited for long
		q.dueAt = min(q.dueAt, now.Mono+secondAnswer)
	case m.Trader: // the other one may know more
	default:
		b.askMore(now, r, i, out)
	}
	b.settle(now, r, out)
}

// follow inquires in the regions below, those first where the best offers
// must be: on the low rungs for binpack, on the high ones for spread.
func (b *Buyer) follow(now market.Time, r *request, from market.Region, hints []market.Hint, out *market.Outbox) {
	hints = slices.Clone(hints)
	for i := len(hints) - 1; i > 0; i-- {
		j := b.rng.IntN(i + 1)
		hints[i], hints[j] = hints[j], hints[i]
	}
	slices.SortStableFunc(hints, func(x, y market.Hint) int {
		if r.want.Strategy == market.Spread {
			x, y = y, x
		}
		return cmp.Compare(x.Summary.Region.Rung, y.Summary.Region.Rung)
	})
	for _, h := range hints {
		s := &h.Summary
		if s.Region == from || s.Region.Parent() != from || int(s.Region.Rung) >= len(b.params.Rungs) || !s.MayFit(&r.want) {
			continue
		}
		b.Learn(now, s.Region, h.Traders[:min(len(h.Traders), hintTraders)])
		b.inquire(now, r, s.Region, out)
	}
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
	a.closed, a.late = true, false
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
		if q.settled {
			continue
		}
		late := false
		for j := range q.asks {
			if a := &q.asks[j]; !a.closed && now.Mono >= a.at+answerTimeout {
				a.closed, a.late, late = true, true, true
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

// settle ends the search once every region has answered, or those that were
// asked have offers enough.
func (b *Buyer) settle(now market.Time, r *request, out *market.Outbox) {
	if r.phase != searching {
		return
	}
	b.begin(now, r, out)
	if r.enough() { // whoever has not answered is not waited for long
		for i := range r.inquiries {
			if q := &r.inquiries[i]; !q.settled && !q.waiting {
				q.dueAt = min(q.dueAt, now.Mono+secondAnswer)
			}
		}
	}
	if slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return !q.settled && !(q.waiting && r.enough()) }) {
		return
	}
	r.tally = market.Tally{}
	for i := range r.inquiries {
		if q := &r.inquiries[i]; len(q.asks) > 0 {
			q.tally.Regions = 1
			r.tally.Merge(&q.tally)
		}
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

// asked finds the question that an answer belongs to, open or late.
func (b *Buyer) asked(ref uint64, peer market.PeerID) (*request, int, *ask) {
	for i := range b.requests {
		r := &b.requests[i]
		for j := range r.inquiries {
			for k := range r.inquiries[j].asks {
				if a := &r.inquiries[j].asks[k]; a.ref == ref && a.peer == peer && (!a.closed || a.late) {
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
		if q.settled {
			continue
		}
		d = min(d, q.dueAt)
		for _, a := range q.asks {
			if !a.closed {
				d = min(d, a.at+answerTimeout)
			}
		}
	}
	return d
}
