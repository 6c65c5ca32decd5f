package buyer

import (
	"slices"
	"time"

	"caravela/market"
)

// holding is one bought unit and what is still to be done about it.
type holding struct {
	rec     *market.Bought // replaced, never mutated
	renewAt time.Duration
	undoAt  time.Duration // of the next cancellation
	undoRef uint64        // of all cancellations of this life; 0 = none yet
	wait    time.Duration // before the next cancellation
	dropAt  time.Duration // an ended unit
	orders  []order
}

// order is a local user's command on its way.
type order struct {
	ref   uint64 // the user's
	cmd   market.StopContainer
	dueAt time.Duration
}

func (h *holding) state() market.State {
	switch {
	case h.rec.Status != nil:
		return h.rec.Status.State
	case h.rec.Lease.BySupplier == nil:
		return market.Unknown
	}
	return market.Accepted
}

func (h *holding) deadline() time.Duration {
	d := min(h.renewAt, h.undoAt, h.dropAt)
	for i := range h.orders {
		d = min(d, h.orders[i].dueAt)
	}
	return d
}

func (b *Buyer) onBoot(now market.Time, ev market.Boot, out *market.Outbox) {
	for _, rec := range ev.Records {
		r, ok := rec.(*market.Bought)
		if !ok {
			continue
		}
		b.hold(now, r)
		if r.Undo || r.Lease.BySupplier == nil { // whoever asked for it is gone
			b.undo(now, r.Lease.Unit(), out)
		}
	}
}

// hold adds or replaces the memory of a unit, and sets its dates.
func (b *Buyer) hold(now market.Time, rec *market.Bought) *holding {
	i, known := b.find(rec.Lease.Unit())
	if !known {
		b.holdings = slices.Insert(b.holdings, i, holding{renewAt: market.Never, undoAt: market.Never, dropAt: market.Never})
	}
	h := &b.holdings[i]
	h.rec = rec
	b.plan(now, h)
	return h
}

// plan sets the dates of a unit's renewal and of its being forgotten.
func (b *Buyer) plan(now market.Time, h *holding) {
	l := h.rec.Lease
	h.renewAt, h.dropAt = market.Never, market.Never
	left := l.End.Sub(now.Wall)
	switch {
	case h.state() == market.Ended:
		h.dropAt = now.Mono + keepEnded
	case h.rec.Undo:
		h.dropAt = now.Mono + max(0, left) + undoMax
	case l.BySupplier == nil:
	case l.Renew == market.RenewAuto && h.kept():
		h.renewAt = now.Mono + max(0, left-l.Term()/3)
	default:
		h.dropAt = now.Mono + max(0, left) + keepEnded
	}
}

// kept reports whether a unit is worth another term: not what has failed or
// is over, nor a process that came to its end by itself. What its owner has
// stopped may be started again.
func (h *holding) kept() bool {
	switch h.state() {
	case market.Failed, market.Lost, market.Ended:
		return false
	case market.Stopped:
		return h.rec.Status.Reason != market.Exited
	}
	return true
}

// onNear sends what waits for a supplier that is back.
func (b *Buyer) onNear(now market.Time, peer market.PeerID) {
	for i := range b.holdings {
		if h := &b.holdings[i]; h.rec.Undo && h.rec.Lease.Supplier == peer {
			h.undoAt = min(h.undoAt, now.Mono)
		}
	}
}

func (b *Buyer) onGrant(now market.Time, from market.Ref, m *market.Grant, out *market.Outbox) {
	i, known := b.find(m.Lease.Unit())
	if m.Lease.Buyer != b.self || m.Lease.Supplier != from.Peer {
		return
	}
	if !known { // long forgotten, and so not wanted
		b.disown(from, m.Lease.Unit(), out)
		return
	}
	h := &b.holdings[i]
	rec := *h.rec
	switch {
	case rec.Undo:
		b.cancel(now, h, out) // it comes too late
		return
	case rec.Renewal != nil && rec.Renewal.ID == m.Lease.ID:
		rec.Lease, rec.Renewal = m.Lease, nil
		out.Note(market.NoteRenewed, from.Peer, m.Lease.Unit(), "")
	case rec.Lease.ID == m.Lease.ID && rec.Lease.BySupplier == nil:
		rec.Lease = m.Lease
		out.Note(market.NoteBought, from.Peer, m.Lease.ID, m.Lease.Resources.String())
	default:
		return
	}
	h.rec = &rec
	out.Save(h.rec)
	b.plan(now, h)
	r, j := b.slotOf(m.Lease.Unit())
	if r == nil || r.slots[j].state != asking {
		return
	}
	r.slots[j].state, r.slots[j].dueAt = leased, now.Mono+startTimeout
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.req.Ref, Kind: market.Leased, Replica: j, Unit: m.Lease.Unit(),
		Lease: m.Lease, Offer: r.slots[j].offer})
	b.advanceEarly(now, h, out)
	if r.phase == choosing { // a replica may have waited for this answer
		b.choose(now, r, out)
	}
}

// disown ends a unit that this peer knows nothing of. Whatever is wanted was
// saved before it was asked for.
func (b *Buyer) disown(supplier market.Ref, unit market.LeaseID, out *market.Outbox) {
	out.Send(supplier, &market.StopContainer{Unit: unit, Op: market.OpRemove, Grace: -1, Ref: b.ref()})
}

// advanceEarly deals with a status that overtook its grant.
func (b *Buyer) advanceEarly(now market.Time, h *holding, out *market.Outbox) {
	if h.rec.Status != nil {
		b.advance(now, h.rec.Status, out)
	}
}

func (b *Buyer) onRefusal(now market.Time, from market.Ref, m *market.Refusal, out *market.Outbox) {
	for i := range b.holdings {
		h := &b.holdings[i]
		if h.rec.Lease.Supplier != from.Peer {
			continue
		}
		switch {
		case h.rec.Renewal != nil && h.rec.Renewal.ID == m.Lease:
			rec := *h.rec
			rec.Renewal = nil
			h.rec = &rec
			out.Save(h.rec)
			h.renewAt = now.Mono + renewRetry
			return
		case h.rec.Lease.ID == m.Lease && h.rec.Lease.BySupplier == nil:
			b.refused(now, i, m, out)
			return
		}
	}
}

// refused forgets the lease and goes on.
func (b *Buyer) refused(now market.Time, i int, m *market.Refusal, out *market.Outbox) {
	out.Drop(b.holdings[i].rec)
	b.holdings = slices.Delete(b.holdings, i, i+1)
	if r, j := b.slotOf(m.Lease); r != nil {
		b.vacate(now, r, j, m.Reason, m.Detail, out)
	}
}

// onLostLaunch gives up on a supplier that could not be reached. Whether the
// launch arrived is unknown, so that it is cancelled.
func (b *Buyer) onLostLaunch(now market.Time, m *market.LaunchContainer, out *market.Outbox) {
	if r, j := b.slotOf(m.Lease.ID); r != nil && r.slots[j].state == asking {
		b.failed(now, r, j, market.Unreachable, "the supplier could not be reached", out)
	}
}

// onStatus takes the supplier's word on a unit of ours, and confirms it.
func (b *Buyer) onStatus(now market.Time, from market.Ref, m *market.StatusUpdate, out *market.Outbox) {
	st := m.Status
	i, known := b.find(st.Lease)
	if st.By != from.Peer || known && b.holdings[i].rec.Lease.Supplier != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, st.Lease, "status of another's container")
		return
	}
	switch {
	case known:
	case st.State == market.Ended: // forgotten here: let the supplier forget it, too
		out.Send(from, &market.StatusAck{Unit: st.Lease, Seq: st.Seq})
		return
	default: // repeated until it has ended
		b.disown(from, st.Lease, out)
		return
	}
	h := &b.holdings[i]
	if h.rec.Status != nil && st.Seq <= h.rec.Status.Seq {
		out.Send(from, &market.StatusAck{Unit: st.Lease, Seq: st.Seq})
		return
	}
	rec := *h.rec
	rec.Status = st
	h.rec = &rec
	out.Save(h.rec)
	out.Send(from, &market.StatusAck{Unit: st.Lease, Seq: st.Seq})
	out.Note(market.NoteStatus, from.Peer, st.Lease, st.State.String())
	if st.State == market.Ended && rec.Undo {
		b.drop(now, i, out)
		return
	}
	b.plan(now, h)
	if rec.Lease.BySupplier != nil {
		b.advance(now, st, out)
	} else if r, j := b.slotOf(st.Lease); r != nil && r.slots[j].state == asking { // the grant was lost: ask for it
		b.ask(h, r, out)
	}
}

// drop forgets a unit. A request that still counts on it has lost it by its
// own user's command.
func (b *Buyer) drop(now market.Time, i int, out *market.Outbox) {
	h := b.holdings[i]
	if h.rec.Undo {
		out.Note(market.NoteUndone, h.rec.Lease.Supplier, h.rec.Lease.Unit(), "")
	}
	for _, o := range h.orders {
		done(o.ref, h.rec.Lease.Unit(), market.NoReason, "", out)
	}
	out.Drop(h.rec)
	b.holdings = slices.Delete(b.holdings, i, i+1)
	if r, j := b.slotOf(h.rec.Lease.Unit()); r != nil {
		r.slots[j] = slot{}
		b.giveUp(now, r, market.RemovedByOwner, "the container was removed", out)
	}
}

// undo makes sure that a lease does not stay behind: the cancellation is
// saved and repeated until the supplier confirms, or the lease would be over.
func (b *Buyer) undo(now market.Time, unit market.LeaseID, out *market.Outbox) {
	i, known := b.find(unit)
	if !known {
		return
	}
	h := &b.holdings[i]
	if h.state() == market.Ended {
		if h.rec.Lease.BySupplier == nil { // over before the grant came
			h.dropAt = now.Mono
		}
		return // else it stays visible for a while
	}
	if !h.rec.Undo {
		rec := *h.rec
		rec.Undo = true
		h.rec = &rec
		out.Save(h.rec)
	}
	b.plan(now, h)
	b.cancel(now, h, out)
}

func (b *Buyer) cancel(now market.Time, h *holding, out *market.Outbox) {
	if h.undoRef == 0 {
		h.undoRef = b.ref()
	}
	out.Send(h.rec.Supplier, &market.StopContainer{Unit: h.rec.Lease.Unit(), Op: market.OpRemove, Grace: -1, Ref: h.undoRef})
	h.wait = min(max(undoRetry, 2*h.wait), undoMax)
	h.undoAt = now.Mono + h.wait
}

// onOrdered passes a local user's command to the supplier.
func (b *Buyer) onOrdered(now market.Time, ev market.Ordered, out *market.Outbox) {
	i, known := b.find(ev.Cmd.Unit)
	if !known {
		done(ev.Ref, ev.Cmd.Unit, market.NoSuchLease, "no such container", out)
		return
	}
	h := &b.holdings[i]
	switch {
	case h.state() == market.Ended && ev.Cmd.Op == market.OpRemove:
		h.orders = append(h.orders, order{ref: ev.Ref})
		b.drop(now, i, out)
	case h.state() == market.Ended:
		done(ev.Ref, ev.Cmd.Unit, market.Superseded, "the lease is over; only `rm` is left", out)
	case len(h.orders) >= maxOrders:
		done(ev.Ref, ev.Cmd.Unit, market.Busy, "too many commands to this container are under way", out)
	default:
		cmd := ev.Cmd
		cmd.Ref = b.ref()
		h.orders = append(h.orders, order{ev.Ref, cmd, now.Mono + max(0, cmd.Grace) + orderTimeout})
		if cmd.Op == market.OpRemove && !h.rec.Undo { // whatever happens, it is not wanted any more
			rec := *h.rec
			rec.Undo = true
			h.rec = &rec
			out.Save(h.rec)
			b.plan(now, h)
			h.undoAt = now.Mono + max(0, cmd.Grace) + orderTimeout
		}
		out.Send(h.rec.Supplier, &cmd)
	}
}

func (b *Buyer) onStopAck(now market.Time, from market.Ref, m *market.StopAck, out *market.Outbox) {
	i, known := b.find(m.Unit)
	if !known || b.holdings[i].rec.Lease.Supplier != from.Peer {
		return
	}
	h := &b.holdings[i]
	gone := m.Reason == market.NoSuchLease || m.Reason == market.NoReason || m.Reason == market.Superseded
	removal := h.undoRef != 0 && m.Ref == h.undoRef
	if j := slices.IndexFunc(h.orders, func(o order) bool { return o.cmd.Ref == m.Ref }); j >= 0 {
		o := h.orders[j]
		h.orders = slices.Delete(h.orders, j, j+1)
		reason := m.Reason
		if removal = o.cmd.Op == market.OpRemove; removal && gone {
			reason = market.NoReason
		}
		done(o.ref, m.Unit, reason, m.Detail, out)
	}
	switch { // the answer to an earlier stop says nothing about the removal
	case !removal:
	case gone:
		b.drop(now, i, out)
	case h.rec.Undo:
		h.undoAt = now.Mono + max(undoRetry, h.wait)
	}
}

// onLostOrder answers the user at once; a removal goes on in the background.
func (b *Buyer) onLostOrder(to market.PeerID, m *market.StopContainer, out *market.Outbox) {
	i, known := b.find(m.Unit)
	if !known {
		return
	}
	h := &b.holdings[i]
	j := slices.IndexFunc(h.orders, func(o order) bool { return o.cmd.Ref == m.Ref })
	if j < 0 {
		return
	}
	o := h.orders[j]
	h.orders = slices.Delete(h.orders, j, j+1)
	b.lost(o, m.Unit, out)
}

func (b *Buyer) lost(o order, unit market.LeaseID, out *market.Outbox) {
	detail := "the supplier does not answer"
	if o.cmd.Op == market.OpRemove {
		detail += "; the removal is repeated until it does, or the lease ends"
	}
	done(o.ref, unit, market.Unreachable, detail, out)
}

func done(ref uint64, unit market.LeaseID, why market.Reason, detail string, out *market.Outbox) {
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ref, Kind: market.Done, Unit: unit, Reason: why, Detail: detail})
}

func (b *Buyer) tickHoldings(now market.Time, out *market.Outbox) {
	for i := len(b.holdings) - 1; i >= 0; i-- {
		h := &b.holdings[i]
		for len(h.orders) > 0 && now.Mono >= h.orders[0].dueAt {
			b.lost(h.orders[0], h.rec.Lease.Unit(), out)
			h.orders = slices.Delete(h.orders, 0, 1)
		}
		switch {
		case now.Mono >= h.dropAt:
			b.drop(now, i, out)
		case now.Mono >= h.undoAt:
			b.cancel(now, h, out)
		case now.Mono >= h.renewAt:
			b.renew(now, h, out)
		}
	}
}

// renew asks for a new term of the same length. The same signed lease is sent
// again until it is granted or refused, so that all of our questions make one
// renewal.
func (b *Buyer) renew(now market.Time, h *holding, out *market.Outbox) {
	old := h.rec.Lease
	h.renewAt = now.Mono + renewRetry
	if now.Wall > old.End {
		b.expired(now, h)
		return
	}
	if h.rec.Renewal == nil { // else the supplier may have signed it: another one would contradict
		l := old.Lease
		l.First, l.Prev, l.Nonce = old.Unit(), old.ID, b.rng.Uint64()
		l.Start, l.End = now.Wall, now.Wall.Add(old.Term())
		rec := *h.rec
		rec.Renewal = b.seal.Lease(l)
		h.rec = &rec
		out.Save(h.rec)
	}
	out.Send(h.rec.Supplier, &market.LaunchContainer{Lease: h.rec.Renewal, At: market.Ref{Peer: b.self, Addrs: b.at}})
}

func (b *Buyer) expired(now market.Time, h *holding) {
	h.renewAt, h.dropAt = market.Never, now.Mono+keepEnded
}
