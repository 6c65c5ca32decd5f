package buyer

import (
	"cmp"
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
	rounds    int
	inquiries []inquiry
	asked     int // questions in this round
	offers    []market.OfferAt
	tally     market.Tally
	refusals  []refusal
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
	dueAt    time.Duration // for the grant, or the first running status
	offer    *market.Offer // that it was chosen by
}

type slotState uint8

const (
	empty slotState = iota
	asking
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
		if s := &r.slots[i]; s.state == asking || s.state == leased {
			d = min(d, s.dueAt)
		}
	}
	return d
}

func (b *Buyer) onWanted(now market.Time, ev market.Wanted, out *market.Outbox) {
	ev.Replicas = min(max(1, ev.Replicas), market.MaxReplicas)
	r := request{req: ev, want: ev.Want, slots: make([]slot, ev.Replicas), giveUpAt: now.Mono + ev.Wait}
	if r.req.Term == 0 {
		r.req.Term = b.params.Term
	}
	r.want.Term = r.req.Term
	if ev.Together {
		r.want.Need = ev.Want.Need.Scale(ev.Replicas)
	}
	if len(b.requests) >= maxRequests {
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ev.Ref, Kind: market.GaveUp, Reason: market.Busy,
			Detail: "this node has too many requests under way"})
		return
	}
	b.requests = append(b.requests, r)
	b.search(now, &b.requests[len(b.requests)-1], out)
}

func (b *Buyer) onAbandon(now market.Time, ev market.Abandon, out *market.Outbox) {
	for i := range b.requests {
		if r := &b.requests[i]; r.req.Ref == ev.Ref && r.phase != over {
			b.giveUp(now, r, market.StoppedByOwner, "abandoned", out)
		}
	}
}

// choose fills the empty slots from the offers at hand, as far as they go.
func (b *Buyer) choose(now market.Time, r *request, out *market.Outbox) {
	for i := range r.slots {
		if r.slots[i].state != empty {
			continue
		}
		k := b.pick(now, r)
		if k < 0 {
			b.exhausted(now, r, out)
			return
		}
		b.launch(now, r, i, r.offers[k], out)
	}
}

// pick returns the index of an offer for one more replica, or -1. Among those
// that are nearly as good as the best one, chance decides: two buyers with
// the same view must not run to the same supplier.
func (b *Buyer) pick(now market.Time, r *request) int {
	const near = 50 // thousandths of a machine
	type ranked struct {
		i     int
		score int64
	}
	var fits []ranked
	w := r.want
	w.Need = r.req.Want.Need
	for i := range r.offers {
		o := r.offers[i].Offer.Offer
		o.Free = o.Free.Sub(b.promised(r, o.Supplier))
		if kind, _ := w.Miss(&o); kind != market.MissNone || !b.mayHost(r, o.Supplier) {
			continue
		}
		fits = append(fits, ranked{i, w.Score(&o) + b.blamed(now, o.Supplier)})
	}
	if len(fits) == 0 {
		return -1
	}
	slices.SortStableFunc(fits, func(x, y ranked) int { return cmp.Compare(x.score, y.score) })
	n := 1
	for n < len(fits) && fits[n].score <= fits[0].score+near {
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

// launch signs a lease, saves it, and asks the supplier for its signature.
func (b *Buyer) launch(now market.Time, r *request, i int, o market.OfferAt, out *market.Outbox) {
	spec := r.spec(i)
	l := b.seal.Lease(market.Lease{
		Network: b.network, Buyer: b.self, Supplier: o.Offer.Supplier, OfferSeq: o.Offer.Seq, Nonce: b.rng.Uint64(),
		Resources: spec.Limits, Pids: spec.Pids, Image: spec.Image, Ports: spec.Ports, SpecHash: b.seal.SpecHash(spec),
		Start: now.Wall, End: now.Wall.Add(r.req.Term), Renew: r.req.Renew,
	})
	ref := market.Ref{Peer: o.Offer.Supplier, Addrs: o.Addrs}
	rec := &market.Bought{Lease: l, Spec: spec, Supplier: ref, Offer: o.Offer.Name}
	h := b.hold(now, rec)
	out.Save(rec)
	b.ask(h, r, out)
	offer := o.Offer.Offer
	r.slots[i] = slot{asking, l.ID, o.Offer.Supplier, now.Mono + b.params.Grant, &offer}
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Asking, Replica: i, Unit: l.ID, Offer: &offer})
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

// ask sends the launch of a saved lease. Again is as good as once.
func (b *Buyer) ask(h *holding, r *request, out *market.Outbox) {
	out.Send(h.rec.Supplier, &market.LaunchContainer{Lease: h.rec.Lease, Spec: h.rec.Spec, Auth: r.req.Auth,
		At: market.Ref{Peer: b.self, Addrs: b.at}})
}

// exhausted decides what to do when no offer at hand fits: search again after
// refusals, wait if the user wants that, or give up.
func (b *Buyer) exhausted(now market.Time, r *request, out *market.Outbox) {
	pending := slices.ContainsFunc(r.slots, func(s slot) bool { return s.state == asking })
	stale := slices.ContainsFunc(r.refusals, func(f refusal) bool { return roomless(f.reason) })
	switch {
	case pending: // its answer decides
	case stale && r.rounds < maxRounds:
		b.pause(now, r, now.Mono+b.rng.Jitter(2*roundPause*time.Duration(r.rounds)))
	case now.Mono+waitPause < r.giveUpAt:
		b.pause(now, r, now.Mono+b.rng.Jitter(2*waitPause))
	default:
		b.giveUp(now, r, b.why(r), b.detail(r), out)
	}
}

// pause forgets refusals for want of room: the next search may find other
// offers of the same suppliers.
func (b *Buyer) pause(now market.Time, r *request, until time.Duration) {
	r.phase, r.pauseAt = pausing, until
	r.refusals = slices.DeleteFunc(r.refusals, func(f refusal) bool { return roomless(f.reason) })
}

// why is the reason of giving up: the last supplier's, or no offer at all.
func (b *Buyer) why(r *request) market.Reason {
	if len(r.refusals) > 0 {
		return r.refusals[len(r.refusals)-1].reason
	}
	return market.NoCapacity
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
	for i := range r.slots {
		if s := &r.slots[i]; s.state != empty {
			if r.req.Apart {
				tally.Taken()
			}
			b.undo(now, s.unit, out)
		}
	}
	b.finish(r, market.Outcome{Kind: market.GaveUp, Reason: why, Detail: detail, Tally: &tally}, out)
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
			if (s.state == asking || s.state == leased) && now.Mono >= s.dueAt && r.phase == choosing {
				b.failed(now, r, i, market.Unreachable, "no answer in time", out)
			}
		}
	}
}

// failed cancels a slot's lease for good and tries the next offer.
func (b *Buyer) failed(now market.Time, r *request, i int, why market.Reason, detail string, out *market.Outbox) {
	b.undo(now, r.slots[i].unit, out)
	b.vacate(now, r, i, why, detail, out)
}

// vacate frees a slot and remembers why. For want of room the supplier is
// asked again in a later round; for anything else this request avoids it.
func (b *Buyer) vacate(now market.Time, r *request, i int, why market.Reason, detail string, out *market.Outbox) {
	s := r.slots[i]
	r.slots[i] = slot{}
	r.refusals = append(r.refusals, refusal{s.supplier, why, detail})
	if !roomless(why) {
		b.blame(now, s.supplier)
		if len(r.want.Exclude) < market.MaxExclude {
			r.want.Exclude = append(slices.Clone(r.want.Exclude), s.supplier)
		}
	}
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Refused, Replica: i, Unit: s.unit,
		Reason: why, Detail: detail, Offer: s.offer})
	if r.req.Together { // the others must move along
		for j := range r.slots {
			if t := r.slots[j]; t.state != empty {
				r.slots[j] = slot{}
				b.undo(now, t.unit, out)
			}
		}
	}
	if r.phase == choosing {
		b.choose(now, r, out)
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

// retryable reports whether another supplier may succeed where one failed.
func retryable(why market.Reason) bool {
	switch why {
	case market.StartFailed, market.Exited, market.OutOfMemory, market.RemovedByOwner, market.StoppedByOwner, market.Expired:
		return false
	}
	return true
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
	case retryable(st.Reason):
		b.failed(now, r, i, st.Reason, st.Detail, out)
		return
	default:
		r.refusals = append(r.refusals, refusal{r.slots[i].supplier, st.Reason, st.Detail})
		b.giveUp(now, r, st.Reason, st.Detail, out)
		return
	}
	if !slices.ContainsFunc(r.slots, func(s slot) bool { return s.state != placed }) {
		b.finish(r, market.Outcome{Kind: market.Done}, out)
	}
}
