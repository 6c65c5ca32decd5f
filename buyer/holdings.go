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

	signedAt time.Duration // when the newest lease was signed; -1 = in a former life
	wish     *wish         // the user's, for a new term
	asks     *market.Offer // what the supplier wants for one, if not what it has now
	inquiry  uint64        // a question for the supplier's price; 0 = it is answered
	inquired bool          // that question was put
	repriced bool          // asks was tried a moment ago
	warned   bool          // the user knows that it is not renewed
}

func (h *holding) state() market.State {
	switch {
	case h.rec.Status != nil:
		return h.rec.Status.State
	case h.rec.Lease.BySupplier == "":
		return market.Unknown
	}
	return market.Accepted
}

func (h *holding) deadline() time.Duration {
	d := min(h.renewAt, h.undoAt, h.dropAt)
	if h.wish != nil {
		d = min(d, h.wish.dueAt)
	}
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
		if r.Undo || r.Lease.BySupplier == "" { // whoever asked for it is gone
			b.undo(now, r.Lease.Unit(), out)
		}
	}
	b.bootMeters(now, ev.Records, out)
}

// hold adds or replaces the memory of a unit, and sets its dates.
func (b *Buyer) hold(now market.Time, rec *market.Bought) *holding {
	i, known := b.find(rec.Lease.Unit())
	if !known {
		b.holdings = slices.Insert(b.holdings, i, &holding{renewAt: market.Never, undoAt: market.Never, dropAt: market.Never, signedAt: -1})
	}
	h := b.holdings[i]
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
	case l.BySupplier == "":
	case h.rec.Renewal != nil && h.kept(): // until it is answered
		h.renewAt = now.Mono
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

func (b *Buyer) onGrant(now market.Time, from market.Ref, m *market.Grant, out *market.Outbox) {
	i, known := b.find(m.Lease.Unit())
	if m.Lease.Buyer != b.me.Self || m.Lease.Supplier != from.Peer {
		return
	}
	if !known { // long forgotten, and so not wanted
		b.disown(from, m.Lease.Unit(), out)
		return
	}
	h := b.holdings[i]
	rec := *h.rec
	var old *market.SignedLease
	switch {
	case rec.Renewal != nil && rec.Renewal.ID == m.Lease.ID:
		old, rec.Lease, rec.Renewal = rec.Lease, m.Lease, nil
		h.asks, h.repriced, h.inquired, h.warned = nil, false, false, false
		out.Note(market.NoteRenewed, from.Peer, m.Lease.Unit(), "")
	case rec.Undo:
		b.cancel(now, h, out) // it comes too late
		return
	case rec.Lease.ID == m.Lease.ID && rec.Lease.BySupplier == "":
		rec.Lease = m.Lease
		out.Note(market.NoteBought, from.Peer, m.Lease.ID, m.Lease.Resources.String())
	default:
		return
	}
	h.rec = &rec
	out.Save(h.rec)
	b.openBill(now, h, old, out)
	h.answer(market.NoReason, "", m.Lease, out)
	b.plan(now, h)
	if rec.Undo {
		b.cancel(now, h, out)
	}
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

// advanceEarly deals with a status that overtook its grant.
func (b *Buyer) advanceEarly(now market.Time, h *holding, out *market.Outbox) {
	if h.rec.Status != nil {
		b.advance(now, h.rec.Status, out)
	}
}

func (b *Buyer) onRefusal(now market.Time, from market.Ref, m *market.Refusal, out *market.Outbox) {
	if m.Ref != 0 {
		b.onHoldRefused(now, from, m, out)
		return
	}
	for i := range b.holdings {
		h := b.holdings[i]
		if h.rec.Lease.Supplier != from.Peer {
			continue
		}
		switch {
		case h.rec.Renewal != nil && h.rec.Renewal.ID == m.Lease:
			b.renewalRefused(now, h, m, out)
			return
		case h.rec.Lease.ID == m.Lease && h.rec.Lease.BySupplier == "":
			b.refused(now, i, m, out)
			return
		}
	}
}

// refused forgets the lease and goes on, unless its user has removed it
// meanwhile.
func (b *Buyer) refused(now market.Time, i int, m *market.Refusal, out *market.Outbox) {
	h := b.holdings[i]
	if h.rec.Undo {
		b.drop(now, i, out)
		return
	}
	supplier := h.rec.Lease.Supplier
	h.dismiss("its launch was refused", out)
	out.Drop(h.rec)
	b.holdings = slices.Delete(b.holdings, i, i+1)
	if r, j := b.slotOf(m.Lease); r != nil {
		b.refusedSlot(now, r, j, supplier, m, out)
	}
}

// onLostLaunch gives up on a supplier that could not be reached. Whether the
// launch arrived is unknown, so that it is cancelled.
func (b *Buyer) onLostLaunch(now market.Time, busy bool, m *market.LaunchContainer, out *market.Outbox) {
	r, j := b.slotOf(m.Lease.ID)
	switch {
	case r == nil || r.slots[j].state != asking:
	case busy:
		b.failed(now, r, j, market.Busy, "the supplier had no time to answer", out)
	default:
		b.failed(now, r, j, market.Unreachable, "the supplier could not be reached", out)
	}
	b.onLostRenewal(m.Lease, out)
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
		b.enterLateEnd(now, from, st, out)
		out.Send(from, &market.StatusAck{Unit: st.Lease, Seq: st.Seq})
		return
	default: // repeated until it has ended
		b.disown(from, st.Lease, out)
		return
	}
	h := b.holdings[i]
	if h.rec.Status != nil && st.Seq <= h.rec.Status.Seq {
		out.Send(from, &market.StatusAck{Unit: st.Lease, Seq: st.Seq})
		return
	}
	if t := b.meterOf(h.rec.Lease.ID); t != nil && t.bill != nil {
		t.bill.ran = t.bill.ran || ran(st.State)
		if st.State == market.Ended && h.state() != market.Ended {
			t.bill.ended = true
			b.enterEnd(now, t.lease, st, out)
		}
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
	h.confirm(st.Lease, out)
	if rec.Lease.BySupplier != "" {
		b.advance(now, st, out)
	} else if r, j := b.slotOf(st.Lease); r != nil && r.slots[j].state == asking { // the grant was lost: ask for it
		b.ask(h, r, out)
	}
}

func (b *Buyer) tickHoldings(now market.Time, out *market.Outbox) {
	for i := len(b.holdings) - 1; i >= 0; i-- {
		h := b.holdings[i]
		h.orders = slices.DeleteFunc(h.orders, func(o order) bool {
			due := now.Mono >= o.dueAt
			if due {
				b.lost(o, h.rec.Lease.Unit(), out)
			}
			return due
		})
		if h.wish != nil && now.Mono >= h.wish.dueAt {
			h.answer(market.Unreachable, noAnswer, nil, out)
		}
		switch {
		case now.Mono >= h.dropAt:
			b.drop(now, i, out)
		case now.Mono >= h.undoAt:
			b.cancel(now, h, out)
		case now.Mono >= h.renewAt:
			h.repriced = false
			b.renew(now, h, out)
		}
	}
}
