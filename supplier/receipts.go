package supplier

import (
	"fmt"
	"slices"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// closing is a lease that is over, or was renewed, and whose last note is
// not acknowledged yet. Its receipt is written and saved, but not sent: the
// buyer still has time to sign for the rest.
type closing struct {
	lease market.LeaseID
	until time.Duration
}

// close ends the chain of notes of a lease. Its receipt follows when the last
// note is acknowledged, or after a while.
func (s *Supplier) close(now market.Time, u *unit, l *market.SignedLease, why market.Reason, out *market.Outbox) {
	if !l.Terms.Metered() {
		return
	}
	m := s.meterOf(now, u)
	if m.closing != nil && m.closing.lease != l.ID { // of the lease before
		s.issue(now, u, out)
	}
	if m.receiptOf(l.ID) != nil || m.issued() {
		return
	}
	s.write(now, u, l, true, out)
	rec := m.edit()
	draft := s.draft(now, u, l, why)
	rec.Lease = l.ID
	if why == market.Renewed {
		if rec.Owing = slices.Clone(rec.Owing); len(rec.Owing) >= market.MaxOwing {
			delete(s.sales.leases, rec.Owing[0].Lease)
			rec.Owing = slices.Delete(rec.Owing, 0, 1) // the log has it
		}
		rec.Owing = append(rec.Owing, draft)
	} else {
		rec.Receipt = draft
	}
	m.closing = &closing{l.ID, now.Mono + closeTime}
	if !m.unacked() {
		s.issue(now, u, out)
	}
}

// draft is the receipt of a lease, if nothing more is acknowledged.
func (s *Supplier) draft(now market.Time, u *unit, l *market.SignedLease, why market.Reason) *market.SignedReceipt {
	m := u.meter
	r := market.Receipt{Lease: l.ID, Price: market.PriceOf(l.Terms), Start: l.Start, End: max(l.Start, now.Wall), Reason: why,
		EndedBy: l.Buyer, Unhealthy: m.counters().Unhealthy}
	if ours(why) {
		r.EndedBy = s.me.Self
		r.Early = why != market.Reclaimed || now.Mono < m.reclaimAt
	}
	if u.rec.Status != nil {
		r.Restarts = u.rec.Status.Restarts
	}
	return s.receipt(r, m.rec.Acked)
}

// ours reports whether an end is the supplier's doing. What the agreed terms
// provide for is the buyer's.
func ours(why market.Reason) bool {
	switch why {
	case market.Reclaimed, market.SupplierLeft, market.Vanished, market.EngineDown, market.DiskFull, market.PortTaken, market.NotHonoured:
		return true
	}
	return false
}

// receipt signs a receipt with the totals of the last acknowledged note.
func (s *Supplier) receipt(r market.Receipt, acked *market.SignedUsage) *market.SignedReceipt {
	if acked != nil && acked.Lease == r.Lease {
		r.Note, r.NoteSeq, r.Usage, r.Amount = acked.Hash, acked.Seq, acked.Usage, acked.Amount
	}
	return s.me.Seal.Receipt(r)
}

// receiptOf finds the receipt of a lease of the unit; nil when there is none.
func (m *meter) receiptOf(lease market.LeaseID) *market.SignedReceipt {
	if r := m.rec.Receipt; r != nil && r.Lease == lease {
		return r
	}
	for _, r := range m.rec.Owing {
		if r.Lease == lease {
			return r
		}
	}
	return nil
}

// issued reports whether the chain of notes is closed for good.
func (m *meter) issued() bool { return m.rec.Seen != 0 }

// issue ends the wait for the last acknowledgement: what is acknowledged is
// the bill, the rest is lost.
func (s *Supplier) issue(now market.Time, u *unit, out *market.Outbox) {
	m := u.meter
	lease := m.closing.lease
	m.closing, m.warned.disputed = nil, false
	m.note.stop()
	rec := m.edit()
	r := m.receiptOf(lease)
	_, due := m.acked()
	if m.unacked() {
		s.books.Append(now, u.rec.Lease.Buyer, rec.Note.Entry(), ledger.Change{Unit: r.Price.Unit, Unconfirmed: rec.Note.Amount - due}, out)
		out.Note(market.NoteUnacked, u.rec.Lease.Buyer, u.rec.Lease.Unit(), sum(rec.Note.Amount-due, r.Price.Unit)+" are lost")
	}
	if rec.Acked != nil && rec.Acked.Seq != r.NoteSeq {
		r = s.receipt(r.Receipt, rec.Acked)
	}
	if rec.Note = rec.Acked; rec.Receipt != nil && rec.Receipt.Lease == lease {
		rec.Seen = max(1, now.Wall)
	} else {
		rec.Lease, rec.Note, rec.Acked = u.rec.Lease.ID, nil, nil
	}
	s.replace(now, u, r, out)
	m.receipt.stop()
	s.sendReceipts(now, u, out)
}

// replace enters a receipt in the place of the one before, and in the log.
func (s *Supplier) replace(now market.Time, u *unit, r *market.SignedReceipt, out *market.Outbox) {
	rec := u.meter.edit()
	if rec.Receipt != nil && rec.Receipt.Lease == r.Lease {
		rec.Receipt = r
	} else {
		rec.Owing = slices.Clone(rec.Owing)
		i := slices.IndexFunc(rec.Owing, func(o *market.SignedReceipt) bool { return o.Lease == r.Lease })
		rec.Owing[i] = r
	}
	s.books.Append(now, u.rec.Lease.Buyer, r.Entry(), ledger.Change{Unit: r.Price.Unit}, out)
}

// unsigned lists the receipts that were issued and that the buyer has not
// signed.
func (m *meter) unsigned() (list []*market.SignedReceipt) {
	for _, r := range append(slices.Clone(m.rec.Owing), m.rec.Receipt) {
		if r != nil && r.ByBuyer == "" && (m.closing == nil || m.closing.lease != r.Lease) {
			list = append(list, r)
		}
	}
	return list
}

// sendReceipts sends what the buyer has not signed, and again until it has.
// After a week the log is all that remains.
func (s *Supplier) sendReceipts(now market.Time, u *unit, out *market.Outbox) {
	m := u.meter
	list := m.unsigned()
	if len(list) == 0 {
		m.receipt.stop()
		return
	}
	for _, r := range list {
		if now.Wall.Sub(r.End) > keepReceipt && r != m.rec.Receipt {
			s.settled(u, r)
			continue
		}
		out.Send(u.rec.Buyer, &market.IssueReceipt{Receipt: r})
	}
	m.receipt.again(now.Mono, receiptMax)
}

// settled takes the receipt of a renewed lease off the list.
func (s *Supplier) settled(u *unit, r *market.SignedReceipt) {
	rec := u.meter.edit()
	rec.Owing = slices.DeleteFunc(slices.Clone(rec.Owing), func(o *market.SignedReceipt) bool { return o.Lease == r.Lease })
	delete(s.sales.leases, r.Lease)
}

// onSignReceipt closes a lease's books.
func (s *Supplier) onSignReceipt(now market.Time, from market.Ref, a *market.SignReceipt, out *market.Outbox) {
	u := s.leaseOf(a.Lease)
	if u == nil || u.meter == nil {
		return
	}
	if u.rec.Lease.Buyer != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, a.Lease, "signs another's receipt")
		return
	}
	m := u.meter
	r := m.receiptOf(a.Lease)
	if r == nil || r.ByBuyer != "" || m.closing != nil && m.closing.lease == a.Lease {
		return
	}
	if a.Reason == market.NoSuchLease && r.NoteSeq == 0 {
		s.waive(now, u, r, out)
		return
	}
	if a.Reason != market.NoReason || a.Receipt == nil {
		u.tellDispute(fmt.Sprintf("receipt: %v: %s", a.Reason, a.Detail), out)
		return
	}
	if a.Receipt.ID != r.ID || a.Receipt.By != s.me.Self || a.Receipt.Buyer != from.Peer || a.Receipt.ByBuyer == "" {
		out.Note(market.NoteBadMessage, from.Peer, a.Lease, "signs what is not the receipt")
		return
	}
	s.replace(now, u, a.Receipt, out)
	if m.rec.Receipt != a.Receipt { // of a lease that was renewed
		s.settled(u, r)
	}
	out.Note(market.NoteReceipt, from.Peer, u.rec.Lease.Unit(), sum(r.Amount, r.Price.Unit))
	if len(m.unsigned()) == 0 {
		m.receipt.stop()
	}
	s.forgetSettled(now, u, out)
}

// waive closes a lease of which the buyer knows nothing and has acknowledged
// nothing: a launch that it has taken back. There is nothing to sign, and it
// must not count as one who never answers.
func (s *Supplier) waive(now market.Time, u *unit, r *market.SignedReceipt, out *market.Outbox) {
	if rec := u.meter.edit(); rec.Receipt == r {
		rec.Receipt = nil
	} else {
		s.settled(u, r)
	}
	if len(u.meter.unsigned()) == 0 {
		u.meter.receipt.stop()
	}
	s.forgetSettled(now, u, out)
}

// restoreClosing takes up the wait for a last acknowledgement.
func (s *Supplier) restoreClosing(now market.Time, u *unit) {
	m, l := u.meter, u.rec.Lease
	switch {
	case m.rec.Receipt != nil && !m.issued():
		m.closing = &closing{m.rec.Receipt.Lease, now.Mono + closeTime}
	case m.rec.Receipt == nil && m.rec.Lease != l.ID && m.receiptOf(m.rec.Lease) != nil:
		m.closing = &closing{m.rec.Lease, now.Mono + closeTime}
	}
}

// forgetSettled forgets an ended unit once its owner has confirmed the end and
// signed the receipts.
func (s *Supplier) forgetSettled(now market.Time, u *unit, out *market.Outbox) {
	if m := u.meter; m != nil && (m.closing != nil || len(m.unsigned()) > 0) {
		return
	}
	if u.ended() && u.rec.Acked == u.rec.Status.Seq {
		s.forget(now, u, out)
	}
}
