package buyer

import (
	"slices"
	"time"

	"caravela/market"
)

// phase is where a request stands.
type phase uint8

const (
	searching phase = iota // questions are under way
	choosing               // launches, or statuses, are awaited
	pausing                // before searching again
	over
)

// request is one Wanted until all of its units run, or none can be placed.
type request struct {
	req       market.Wanted
	want      market.Want // what traders are asked; grows by excluded suppliers
	phase     phase
	held      bool // nothing is leased before everything is held
	rounds    int
	inquiries []inquiry
	hopeful   bool // the next search is for what may be left of inquiries
	narrow    bool // this one is
	asked     int  // questions in this round
	offers    []market.OfferAt
	tally     market.Tally
	cover     market.Coverage
	refusals  []refusal
	repriced  []market.PeerID // suppliers whose new price was looked at
	slots     []slot
	pauseAt   time.Duration
	giveUpAt  time.Duration // while waiting for an offer
}

type refusal struct {
	peer   market.PeerID
	reason market.Reason
	detail string
}

// slot is one replica.
type slot struct {
	state    slotState
	unit     market.LeaseID
	supplier market.PeerID
	dueAt    time.Duration // for the grant, or the first running status; of the end of a hold
	offer    *market.Offer // that it was chosen by
	from     market.OfferAt
	ref      uint64             // of the question for a hold
	hold     *market.SignedHold // that it is leased by
}

type slotState uint8

const (
	empty     slotState = iota
	reserving           // a hold was asked for
	reserved            // the supplier holds what is wanted
	asking              // a launch was sent
	leased
	placed
)

func (r *request) deadline() time.Duration {
	switch r.phase {
	case searching:
		return r.searchDeadline()
	case pausing:
		return r.pauseAt
	}
	d := market.Never
	for i := range r.slots {
		if s := &r.slots[i]; s.state != empty && s.state != placed {
			d = min(d, s.dueAt)
		}
	}
	return d
}

func (b *Buyer) onWanted(now market.Time, ev market.Wanted, out *market.Outbox) {
	ev.Replicas = min(max(1, ev.Replicas), market.MaxReplicas)
	r := request{req: ev, want: ev.Want, slots: make([]slot, ev.Replicas), giveUpAt: now.Mono + ev.Wait}
	if r.req.Term == 0 {
		r.req.Term = b.me.Params.Term
	}
	r.want.Term = r.req.Term
	if ev.Together {
		r.want.Need = ev.Want.Need.Scale(ev.Replicas)
		r.want.MaxPrice = min(ev.Want.MaxPrice, market.MaxAmount/market.Micro(ev.Replicas)) * market.Micro(ev.Replicas)
	}
	if len(b.requests) >= maxRequests {
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ev.Ref, Kind: market.GaveUp, Reason: market.Busy,
			Detail: "this node has too many requests under way"})
		return
	}
	b.requests = append(b.requests, r)
	switch r := &b.requests[len(b.requests)-1]; {
	case !ev.Hold.IsZero():
		b.leaseHold(now, r, out)
	case !ev.Want.On.IsZero() && b.blocked(ev.Want.On):
		b.giveUp(now, r, market.Blocked, "this node has blocked that one", out)
	default:
		b.search(now, r, out)
	}
}

func (b *Buyer) onAbandon(now market.Time, ev market.Abandon, out *market.Outbox) {
	for i := range b.requests {
		if r := &b.requests[i]; r.req.Ref == ev.Ref && r.phase != over {
			b.giveUp(now, r, market.StoppedByOwner, "abandoned", out)
		}
	}
	b.abandonQuotes(ev.Ref, out)
}

// spec is the container of one replica: replicas of a named container are
// called name-1, name-2 and so on.
func (r *request) spec(i int) *market.Spec {
	if r.req.Spec.Name == "" || r.req.Replicas < 2 {
		return r.req.Spec
	}
	s := *r.req.Spec
	s.Name = market.ReplicaName(s.Name, i, r.req.Replicas)
	return &s
}

// why is the reason of giving up: the last supplier's, or no offer at all.
func (b *Buyer) why(r *request) market.Reason {
	switch {
	case len(r.refusals) > 0:
		return r.refusals[len(r.refusals)-1].reason
	case r.dear():
		return market.PriceTooHigh
	}
	return market.NoCapacity
}

// dear reports whether some offer lacks nothing but a lower price; for replicas
// that go together, that of each.
func (r *request) dear() bool {
	w := r.want
	w.Need, w.MaxPrice = r.req.Want.Need, r.req.Want.MaxPrice
	return slices.ContainsFunc(r.tally.Misses, func(m market.Miss) bool { return m.Kind == market.MissPrice }) ||
		slices.ContainsFunc(r.offers, func(o market.OfferAt) bool {
			kind, _ := w.Miss(&o.Offer.Offer)
			return kind == market.MissPrice
		})
}

func (b *Buyer) detail(r *request) string {
	if len(r.refusals) > 0 {
		return r.refusals[len(r.refusals)-1].detail
	}
	return ""
}

// giveUp takes back what the request had leased: all replicas or none.
func (b *Buyer) giveUp(now market.Time, r *request, why market.Reason, detail string, out *market.Outbox) {
	tally := r.tally
	tally.Misses = slices.DeleteFunc(slices.Clone(tally.Misses), func(m market.Miss) bool { return m.Kind == market.MissRefused })
	for _, f := range r.refusals {
		tally.Refused(f.reason)
	}
	if slices.ContainsFunc(r.slots, func(s slot) bool { return s.state == empty }) {
		b.crowded(r, &tally)
	}
	for i := range r.slots {
		b.takeBack(now, &r.slots[i], out)
	}
	b.finish(r, market.Outcome{Kind: market.GaveUp, Reason: why, Detail: detail, Tally: &tally, Cover: r.cover}, out)
}

// crowded counts the offers that fit one replica, but not one more beside those
// that the group has found a place for there.
func (b *Buyer) crowded(r *request, tally *market.Tally) {
	if !slices.ContainsFunc(r.slots, func(s slot) bool { return s.state == empty }) {
		return // it is not for want of places
	}
	w := r.req.Want
	for i := range r.offers {
		o := r.offers[i].Offer.Offer
		taken := b.promised(r, o.Supplier)
		if taken == (market.Resources{}) {
			continue
		}
		if r.req.Apart {
			tally.Taken()
			continue
		}
		var one market.Tally
		if o.Free = o.Free.Sub(taken); !one.Look(&w, &o) {
			one.Offers = 0 // it was counted as one that fits
			tally.Fit -= min(tally.Fit, 1)
			tally.Merge(&one)
		}
	}
}

func (b *Buyer) finish(r *request, o market.Outcome, out *market.Outbox) {
	o.Ref, r.phase = r.req.Ref, over
	out.Outcomes = append(out.Outcomes, o)
}

func (b *Buyer) tickRequest(now market.Time, r *request, out *market.Outbox) {
	switch {
	case r.phase == searching:
		b.tickSearch(now, r, out)
	case r.phase == pausing && now.Mono >= r.pauseAt:
		b.search(now, r, out)
	case r.phase == choosing:
		for i := range r.slots {
			s := &r.slots[i]
			switch {
			case now.Mono < s.dueAt || r.phase != choosing:
			case s.state == reserved:
				b.choose(now, r, out)
			case s.state == reserving || s.state == asking || s.state == leased:
				b.failed(now, r, i, market.Unreachable, "no answer in time", out)
			}
		}
	}
}

// takeBack cancels what a slot stands for. The answer to a question for a hold
// is given back when it comes.
func (b *Buyer) takeBack(now market.Time, s *slot, out *market.Outbox) {
	switch s.state {
	case empty, reserving:
	case reserved:
		out.Send(market.Ref{Peer: s.supplier, Addrs: s.from.Addrs}, &market.ReleaseHold{Hold: s.hold.ID})
	default:
		b.undo(now, s.unit, out)
	}
}

// failed cancels a slot's lease for good and tries the next offer.
func (b *Buyer) failed(now market.Time, r *request, i int, why market.Reason, detail string, out *market.Outbox) {
	b.takeBack(now, &r.slots[i], out)
	b.vacate(now, r, i, why, detail, out)
}

// refusedSlot goes on after a supplier's no: to its new offer, or to the next.
func (b *Buyer) refusedSlot(now market.Time, r *request, i int, from market.PeerID, m *market.Refusal, out *market.Outbox) {
	if m.Reason == market.NoCapacity && m.Free.Fits(r.want.Need) { // it says itself that this is not the reason
		b.blame(now, from)
		r.exclude(from)
	}
	if !b.reprice(now, r, from, m) {
		b.vacate(now, r, i, m.Reason, m.Detail, out)
		return
	}
	b.tellRefused(r, i, m.Reason, m.Detail, out)
	if r.slots[i] = (slot{}); r.phase == choosing {
		b.choose(now, r, out)
	}
}

func (b *Buyer) tellRefused(r *request, i int, why market.Reason, detail string, out *market.Outbox) {
	s := &r.slots[i]
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Refused, Replica: i, Unit: s.unit,
		Reason: why, Detail: detail, Offer: s.offer})
}

// vacate frees a slot and remembers why. For want of room the supplier is
// asked again in a later round; for anything else this request avoids it.
func (b *Buyer) vacate(now market.Time, r *request, i int, why market.Reason, detail string, out *market.Outbox) {
	s := r.slots[i]
	b.tellRefused(r, i, why, detail, out)
	r.slots[i] = slot{}
	r.refusals = append(r.refusals, refusal{s.supplier, why, detail})
	if !roomless(why) {
		if why != market.PriceChanged && why != market.StartFailed { // its right, or perhaps not its fault
			b.blame(now, s.supplier)
		}
		r.exclude(s.supplier)
	}
	if r.req.Together { // the others must move along
		for j := range r.slots {
			t := r.slots[j]
			r.slots[j] = slot{}
			b.takeBack(now, &t, out)
		}
	}
	if r.phase == choosing {
		b.choose(now, r, out)
	}
}

// exclude has a request avoid a supplier.
func (r *request) exclude(p market.PeerID) {
	if len(r.want.Exclude) < market.MaxExclude {
		r.want.Exclude = append(slices.Clone(r.want.Exclude), p)
	}
}

func roomless(why market.Reason) bool { return why == market.NoCapacity || why == market.Busy }

// slotOf finds the open request that a unit belongs to.
func (b *Buyer) slotOf(unit market.LeaseID) (*request, int) {
	for i := range b.requests {
		r := &b.requests[i]
		for j := range r.slots {
			if r.slots[j].state != empty && r.slots[j].unit == unit && r.phase != over {
				return r, j
			}
		}
	}
	return nil, 0
}

// retryable reports whether another supplier may succeed where one failed. A
// start may fail for either's fault: it is tried maxStarts times.
func retryable(why market.Reason) bool {
	switch why {
	case market.StartFailed, market.Exited, market.OutOfMemory, market.RemovedByOwner, market.StoppedByOwner, market.Expired:
		return false
	}
	return true
}

// failedStarts counts the suppliers on which the request did not start.
func (r *request) failedStarts() (n int) {
	for i := range r.refusals {
		if r.refusals[i].reason == market.StartFailed {
			n++
		}
	}
	return n
}

// blameStarts says whose fault it was, once the request runs somewhere.
func (b *Buyer) blameStarts(now market.Time, r *request) {
	for i := range r.refusals {
		if f := &r.refusals[i]; f.reason == market.StartFailed {
			b.blame(now, f.peer)
		}
	}
}

// advance moves a request on when one of its units reports.
func (b *Buyer) advance(now market.Time, st *market.SignedStatus, out *market.Outbox) {
	r, i := b.slotOf(st.Lease)
	if r == nil {
		return
	}
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Progress, Replica: i, Unit: st.Lease, Status: st})
	switch {
	case st.State.Live(), st.State == market.Stopped:
		r.slots[i].state = placed
	case st.State != market.Failed && st.State != market.Ended && st.State != market.Lost:
		return
	case retryable(st.Reason), st.Reason == market.StartFailed && r.failedStarts() < maxStarts-1:
		b.failed(now, r, i, st.Reason, st.Detail, out)
		return
	default:
		r.refusals = append(r.refusals, refusal{r.slots[i].supplier, st.Reason, st.Detail})
		b.giveUp(now, r, st.Reason, st.Detail, out)
		return
	}
	if !slices.ContainsFunc(r.slots, func(s slot) bool { return s.state != placed }) {
		b.blameStarts(now, r)
		b.finish(r, market.Outcome{Kind: market.Done}, out)
	}
}
