package buyer

import (
	"slices"
	"time"

	"caravela/market"
)

// order is a local user's command on its way.
type order struct {
	ref   uint64 // the user's
	cmd   market.StopContainer
	dueAt time.Duration
	acked bool // carried out; the status that says so is still on its way
}

// onOrdered passes a local user's command to the supplier.
func (b *Buyer) onOrdered(now market.Time, ev market.Ordered, out *market.Outbox) {
	i, known := b.find(ev.Cmd.Unit)
	if !known {
		done(ev.Ref, ev.Cmd.Unit, market.NoSuchLease, "no such container", out)
		return
	}
	h := b.holdings[i]
	switch {
	case h.state() == market.Ended && ev.Cmd.Op == market.OpRemove:
		h.orders = append(h.orders, order{ref: ev.Ref, cmd: ev.Cmd})
		b.drop(now, i, out)
	case h.state() == market.Ended:
		done(ev.Ref, ev.Cmd.Unit, market.Superseded, "the lease is over; only `rm` is left", out)
	case len(h.orders) >= maxOrders:
		done(ev.Ref, ev.Cmd.Unit, market.Busy, "too many commands to this container are under way", out)
	default:
		cmd := ev.Cmd
		cmd.Ref = b.ref()
		h.orders = append(h.orders, order{ref: ev.Ref, cmd: cmd, dueAt: now.Mono + max(0, cmd.Grace) + orderTimeout})
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
	h := b.holdings[i]
	gone := m.Reason == market.NoSuchLease || m.Reason == market.NoReason || m.Reason == market.Superseded
	removal := h.undoRef != 0 && m.Ref == h.undoRef
	if j := slices.IndexFunc(h.orders, func(o order) bool { return o.cmd.Ref == m.Ref }); j >= 0 {
		o := h.orders[j]
		h.orders = slices.Delete(h.orders, j, j+1)
		reason := m.Reason
		if removal = o.cmd.Op == market.OpRemove; removal && gone {
			reason = market.NoReason
		}
		if reason == market.NoReason && h.belies(o.cmd) {
			o.acked, o.dueAt = true, now.Mono+statusLag
			h.orders = slices.Insert(h.orders, j, o)
		} else {
			done(o.ref, m.Unit, reason, m.Detail, out)
		}
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
func (b *Buyer) onLostOrder(m *market.StopContainer, out *market.Outbox) {
	i, known := b.find(m.Unit)
	if !known {
		return
	}
	h := b.holdings[i]
	j := slices.IndexFunc(h.orders, func(o order) bool { return o.cmd.Ref == m.Ref })
	if j < 0 {
		return
	}
	o := h.orders[j]
	h.orders = slices.Delete(h.orders, j, j+1)
	b.lost(o, m.Unit, out)
}

// belies reports whether the newest status does not show yet what a command
// has done. Who stops a container and looks at it must find it stopped.
func (h *holding) belies(cmd market.StopContainer) bool {
	switch cmd.Op {
	case market.OpStop:
		return h.state().Live()
	case market.OpStart:
		return h.state() == market.Stopped
	}
	return false
}

// confirm tells those whose command a new status shows.
func (h *holding) confirm(unit market.LeaseID, out *market.Outbox) {
	h.orders = slices.DeleteFunc(h.orders, func(o order) bool {
		if !o.acked || h.belies(o.cmd) {
			return false
		}
		done(o.ref, unit, market.NoReason, "", out)
		return true
	})
}

// dismiss answers all commands to a unit that is gone.
func (h *holding) dismiss(why string, out *market.Outbox) {
	for _, o := range h.orders {
		if o.acked || o.cmd.Op == market.OpRemove {
			done(o.ref, h.rec.Lease.Unit(), market.NoReason, "", out)
		} else {
			done(o.ref, h.rec.Lease.Unit(), market.Superseded, why, out)
		}
	}
}

func (b *Buyer) lost(o order, unit market.LeaseID, out *market.Outbox) {
	if o.acked {
		done(o.ref, unit, market.NoReason, "", out)
		return
	}
	detail := "the supplier does not answer"
	if o.cmd.Op == market.OpRemove {
		detail += "; the removal is repeated until it does, or the lease ends"
	}
	done(o.ref, unit, market.Unreachable, detail, out)
}

func done(ref uint64, unit market.LeaseID, why market.Reason, detail string, out *market.Outbox) {
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ref, Kind: market.Done, Unit: unit, Reason: why, Detail: detail})
}
