package buyer

import (
	"slices"
	"time"

	"caravela/market"
)

// inquiry is one region that is being searched.
type inquiry struct {
	region   market.Region
	led      bool         // a trader pointed here
	up       bool         // above where the search began: it holds offers itself
	traders  []market.Ref // that it named
	asks     []ask
	looking  uint64 // Ref of a lookup for the region's traders
	looked   bool   // the overlay was asked before: not once more
	waiting  bool   // nobody has been asked yet: the first regions may do
	answered bool   // by a trader of the region
	settled  bool
	tally    market.Tally // the fullest answer
	dueAt    time.Duration
	since    time.Duration // when the first question was due
	againAt  time.Duration // when to ask once more, where nobody could be asked; 0 = no need
	bereft   bool          // whoever traded there a moment ago is gone, or the overlay could not be asked
}

// ask is one question to one trader.
type ask struct {
	ref    uint64
	peer   market.PeerID
	at     time.Duration
	closed bool // answered, or given up
	late   bool // given up only because it took long: an answer still counts
	lost   bool // it could not be asked
	busy   bool // it had no time to be asked
}

// search starts a round in a region whose traders are known, best the one of
// the own offer; without any, at the platform's root. Answers tell where to go
// from there.
func (b *Buyer) search(now market.Time, r *request, out *market.Outbox) {
	r.phase, r.rounds = searching, r.rounds+1
	r.offers, r.asked = nil, 0
	if r.narrow, r.hopeful = r.hopeful, false; !r.narrow {
		r.inquiries = []inquiry{{region: b.start(now, r.want.Platform), dueAt: market.Never, waiting: true}}
	}
	b.settle(now, r, out)
}

// begin asks in further regions, a few at a time, until there is enough: in
// small regions first, of which the hints are fresh, but before them in one above
// that holds offers itself, since it is the better part of a market.
func (b *Buyer) begin(now market.Time, r *request, out *market.Outbox) {
	for !r.enough() {
		open, next := 0, -1
		for i := range r.inquiries {
			switch q := &r.inquiries[i]; {
			case q.settled:
			case !q.waiting:
				open++
			case next < 0 || q.up && !r.inquiries[next].up || q.up == r.inquiries[next].up && q.region.Depth > r.inquiries[next].region.Depth:
				next = i
			}
		}
		if next < 0 || open >= abreast {
			return
		}
		r.inquiries[next].waiting, r.inquiries[next].since = false, now.Mono
		b.askMore(now, r, next, out)
	}
}

// enough reports whether a search may leave regions out.
func (r *request) enough() bool {
	need := 0
	for i := range r.slots {
		if r.slots[i].state == empty {
			need++
		}
	}
	if r.req.Together {
		need = 1
	}
	return !r.req.DryRun && len(r.offers) >= need
}

// askMore keeps a question under way in a region, or two where it is the whole
// market; without known traders the overlay is asked who they are.
func (b *Buyer) askMore(now market.Time, r *request, i int, out *market.Outbox) {
	q := &r.inquiries[i]
	if q.settled {
		return
	}
	open, atOnce, traders := 0, 1, q.traders
	for _, a := range q.asks {
		if !a.closed {
			open++
		}
	}
	if !q.led {
		traders = b.traders(now, q.region)
		if q.region.Depth == 0 {
			atOnce = askedRoot
			if !q.looked && b.outOfDate(now, traders, q.region) {
				traders = nil
			}
		}
	}
	if on := r.want.On; !on.IsZero() && len(r.inquiries) == 1 && len(q.asks) == 0 {
		traders = []market.Ref{{Peer: on}} // who knows best; the traders, should it not answer
	}
	for _, t := range traders {
		if open >= atOnce || r.asked >= r.mostAsks() {
			break
		}
		if slices.ContainsFunc(q.asks, func(a ask) bool { return a.peer == t.Peer }) || b.blocked(t.Peer) {
			continue
		}
		a := ask{ref: b.ref(), peer: t.Peer, at: now.Mono}
		q.asks = append(q.asks, a)
		out.Send(t, &market.GetOffers{Ref: a.ref, Region: q.region, Want: r.want, Max: b.most(r), Relay: !q.led && !r.narrow, Buy: !r.req.DryRun})
		open++
		r.asked++
		if t.Peer != b.me.Self {
			r.cover.Questions++
		}
	}
	switch {
	case open > 0 || q.looking != 0:
	case q.unheard() && q.busy() && now.Mono < q.since+busyAgain: // they need not be looked for
		q.again(now)
	case !q.looked && r.asked < r.mostAsks():
		q.looking, q.looked, q.bereft = b.ref(), true, b.bereft(now, q.region)
		out.Lookups = append(out.Lookups, market.Lookup{Ref: q.looking, Key: q.region.Key(b.me.Params.Network), N: b.me.Params.Replicas})
	case q.unheard() && now.Mono < q.since+lateAnswer:
		q.again(now)
	case !q.led && now.Mono < q.patience(): // a busy machine's silence does not mean that there is nothing
		q.dueAt = q.patience()
	default:
		q.settled = true
	}
}

// unheard reports whether a search knows nothing because those who know, in
// the region where it began, could not be asked, or died before they had told
// others: that is no empty market.
func (q *inquiry) unheard() bool {
	return !q.led && !q.answered && (q.bereft || slices.ContainsFunc(q.asks, func(a ask) bool { return a.lost }))
}

func (q *inquiry) busy() bool { return slices.ContainsFunc(q.asks, func(a ask) bool { return a.busy }) }

// again has the region asked once more in a while.
func (q *inquiry) again(now market.Time) {
	q.againAt = now.Mono + firstAgain + (now.Mono-q.since)/2
}

// askAgain forgets who could not be asked, or knew nothing: both may be other
// by now.
func (b *Buyer) askAgain(now market.Time, r *request, i int, out *market.Outbox) {
	q := &r.inquiries[i]
	had := len(q.asks)
	q.looked, q.bereft = false, false
	q.asks = slices.DeleteFunc(q.asks, func(a ask) bool { return !a.late })
	q.againAt = 0
	r.asked -= had - len(q.asks)
	b.askMore(now, r, i, out)
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
// whole market may ask more, and one for what summaries do not tell.
func (r *request) mostAsks() int {
	if r.req.DryRun || len(r.want.Constraints)+len(r.want.Ports) > 0 {
		return wideAsks
	}
	return min(wideAsks, maxAsks+r.req.Replicas-1)
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
			q.looking, q.bereft = 0, q.bereft || ev.Failed
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
		b.onPrice(now, from, m, out)
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
		q.answered = true
		if from.Peer != r.want.On && !q.led {
			b.learn(now, q.region, from)
		}
		if t := &q.tally; m.Tally.Offers > t.Offers || m.Tally.Offers == t.Offers && m.Tally.Fit >= t.Fit {
			q.tally = m.Tally
		}
	} else {
		b.unlearn(q.region, from.Peer)
	}
	had := len(r.offers)
	for _, o := range m.Offers {
		b.take(now, r, o)
	}
	if m.Trader && !r.narrow {
		b.follow(r, q.region, q.led, m.Hints)
	}
	q = &r.inquiries[i] // follow may have moved it
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

// follow notes the regions that a trader pointed to: below its own, and
// elsewhere if the search began there.
func (b *Buyer) follow(r *request, from market.Region, led bool, hints []market.Hint) {
	for _, h := range hints {
		region := h.Summary.Region
		if len(r.inquiries) >= maxInquiries || region.Platform != from.Platform || led && !from.Above(region) || !h.Summary.MayFit(&r.want) ||
			slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return q.region == region }) {
			continue
		}
		traders := slices.Clone(h.Traders[:min(len(h.Traders), hintTraders)])
		b.shuffle(traders)
		r.inquiries = append(r.inquiries, inquiry{region: region, led: true, up: region.Above(from), looked: true, traders: traders, dueAt: market.Never, waiting: true})
	}
}

// take keeps an offer that fits, the newest of each supplier.
func (b *Buyer) take(now market.Time, r *request, o market.OfferAt) bool {
	if o.Offer.Network != b.me.Params.Network || o.Offer.ValidUntil.Add(2*time.Minute) < now.Wall {
		return false
	}
	if kind, _ := r.want.Miss(&o.Offer.Offer); kind != market.MissNone {
		return false
	}
	if b.blocked(o.Offer.Supplier) {
		r.shun(o.Offer.Supplier)
		return false
	}
	for i := range r.offers {
		if p := &r.offers[i]; p.Offer.Supplier == o.Offer.Supplier {
			if p.Offer.Seq < o.Offer.Seq {
				*p = o
			}
			return true
		}
	}
	r.offers = append(r.offers, o)
	return true
}

// shun notes that an offer would fit but for its supplier, whom the user has
// blocked.
func (r *request) shun(p market.PeerID) {
	if !slices.ContainsFunc(r.refusals, func(f refusal) bool { return f.peer == p }) {
		r.refusals = append(r.refusals, refusal{p, market.Blocked, "this node has blocked the suppliers that fit"})
	}
}

// onUnanswered gives up on a trader for now and asks another one.
func (b *Buyer) onUnanswered(now market.Time, ev market.Undelivered, ref uint64, out *market.Outbox) {
	r, i, a := b.asked(ref, ev.To)
	if a == nil {
		return
	}
	a.closed, a.late, a.lost, a.busy = true, false, true, ev.Busy
	if !ev.Busy {
		b.distrust(r.inquiries[i].region, ev.To, true)
	}
	b.askMore(now, r, i, out)
	b.settle(now, r, out)
}

// distrust leaves a trader out that did not answer, or is gone.
func (b *Buyer) distrust(region market.Region, peer market.PeerID, gone bool) {
	for i := range b.known {
		if k := &b.known[i]; k.region == region && k.Peer == peer {
			k.bad, k.gone = true, gone
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
				b.distrust(q.region, a.peer, false)
			}
		}
		switch {
		case now.Mono >= q.dueAt:
			q.settled, q.dueAt = true, market.Never
		case q.againAt > 0 && now.Mono >= q.againAt:
			b.askAgain(now, r, i, out)
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
	if slices.ContainsFunc(r.inquiries, func(q inquiry) bool { return !q.settled && (!q.waiting || !r.enough()) }) {
		return
	}
	r.count()
	for _, f := range r.refusals {
		r.tally.Refused(f.reason)
	}
	r.phase = choosing
	tally := r.tally
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Searched, Offers: slices.Clone(r.offers), Tally: &tally, Cover: r.cover})
	out.Note(market.NoteSearch, b.me.Self, market.LeaseID{}, r.want.Need.String())
	if r.req.DryRun && !r.req.Quote {
		b.finish(r, market.Outcome{Kind: market.Done, Tally: &tally}, out)
		return
	}
	b.choose(now, r, out)
}

// count adds up what a search has seen, and what it has not.
func (r *request) count() {
	r.tally, r.cover.Silent, r.cover.Unasked = market.Tally{}, 0, 0
	for i := range r.inquiries {
		q := &r.inquiries[i]
		switch {
		case q.silent():
			r.cover.Silent++
		case len(q.asks) == 0 && !q.waiting:
			r.cover.Unasked++
		}
		if len(q.asks) > 0 {
			q.tally.Regions = 1
			r.tally.Merge(&q.tally)
		}
	}
}

// silent reports whether nobody told what there is in a region: who says that
// it does not trade there does tell, for suppliers would come to it.
func (q *inquiry) silent() bool {
	if q.answered || q.waiting {
		return false
	}
	return !q.led && (q.bereft || len(q.asks) == 0) || slices.ContainsFunc(q.asks, func(a ask) bool { return a.lost || a.late || !a.closed })
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
		if q.againAt > 0 {
			d = min(d, q.againAt)
		}
		for _, a := range q.asks {
			if !a.closed {
				d = min(d, a.at+answerTimeout)
			}
		}
	}
	return d
}
