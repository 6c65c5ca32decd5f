package buyer

import (
	"slices"

	"caravela/market"
)

// onNear sends what waits for a supplier that is back.
func (b *Buyer) onNear(now market.Time, peer market.PeerID) {
	for i := range b.holdings {
		if h := b.holdings[i]; h.rec.Undo && h.rec.Lease.Supplier == peer {
			h.undoAt = min(h.undoAt, now.Mono)
		}
	}
}

// disown ends a unit that this peer knows nothing of. Whatever is wanted was
// saved before it was asked for.
func (b *Buyer) disown(supplier market.Ref, unit market.LeaseID, out *market.Outbox) {
	out.Send(supplier, &market.StopContainer{Unit: unit, Op: market.OpRemove, Grace: -1, Ref: b.ref()})
}

// drop forgets a unit. A request that still counts on it has lost it by its
// own user's command.
func (b *Buyer) drop(now market.Time, i int, out *market.Outbox) {
	h := b.holdings[i]
	if h.rec.Undo {
		out.Note(market.NoteUndone, h.rec.Lease.Supplier, h.rec.Lease.Unit(), "")
	}
	h.dismiss("the container was removed", out)
	h.answer(market.Superseded, "the container was removed", nil, out)
	out.Drop(h.rec)
	if t := b.meterOf(h.rec.Lease.ID); t != nil {
		b.retire(now, t, out)
	}
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
	h := b.holdings[i]
	if h.state() == market.Ended {
		if h.rec.Lease.BySupplier == "" { // over before the grant came
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
