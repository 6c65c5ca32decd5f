package supplier

import (
	"fmt"

	"caravela/ledger"
	"caravela/market"
)

// leaseOf finds the unit that a lease is, or was, about; nil when there is
// none. Renewed leases have names of their own.
func (s *Supplier) leaseOf(id market.LeaseID) *unit {
	if s.sales == nil {
		return nil
	}
	if u := s.sales.leases[id]; u != nil {
		s.touch(u)
		return u
	}
	return s.take(id)
}

// enterLeases lets a unit be found by the leases that something is open for.
func (s *Supplier) enterLeases(u *unit) {
	for _, id := range u.leases() {
		if id == u.rec.Lease.Unit() {
			continue
		}
		if s.sales.leases == nil {
			s.sales.leases = map[market.LeaseID]*unit{}
		}
		s.sales.leases[id] = u
	}
}

func (u *unit) leases() []market.LeaseID {
	list := []market.LeaseID{u.rec.Lease.ID}
	if m := u.meter; m != nil {
		list = append(list, m.rec.Lease)
		for _, r := range m.rec.Owing {
			list = append(list, r.Lease)
		}
	}
	return list
}

// onAckUsage books what the buyer has signed, and what it has not.
func (s *Supplier) onAckUsage(now market.Time, from market.Ref, a *market.AckUsage, out *market.Outbox) {
	u := s.leaseOf(a.Lease)
	if u == nil || u.meter == nil {
		return
	}
	if u.rec.Lease.Buyer != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, a.Lease, "acknowledges another's usage")
		return
	}
	if a.Reason != market.NoReason || a.Note == nil {
		s.onDisputed(now, u, a, out)
		return
	}
	n := a.Note
	if n.Lease != a.Lease || n.By != s.me.Self || n.Buyer != from.Peer || n.ByBuyer == "" {
		out.Note(market.NoteBadMessage, from.Peer, a.Lease, "acknowledges what was not billed")
		return
	}
	if n.Lease != u.meter.rec.Lease || u.meter.issued() {
		s.onLateAck(now, u, n, out)
		return
	}
	s.onAck(now, u, n, out)
}

// onAck books a note of the chain that is open. An older note than the newest
// may be acknowledged first.
func (s *Supplier) onAck(now market.Time, u *unit, n *market.SignedUsage, out *market.Outbox) {
	m := u.meter
	seq, due := m.acked()
	newest := m.rec.Note
	switch {
	case newest == nil || n.Seq > newest.Seq || n.Seq == newest.Seq && n.Hash != newest.Hash || n.Amount < due && n.Seq > seq:
		out.Note(market.NoteBadMessage, u.rec.Lease.Buyer, n.Lease, "acknowledges what was not billed")
		return
	case n.Seq <= seq:
		return
	}
	m.warned.disputed = false
	rec := m.edit()
	rec.Acked = n
	if n.Seq == newest.Seq {
		rec.Note = n
	}
	s.earn(now, u, n, due, out)
	m.strikes = int(newest.Seq - n.Seq)
	if m.graceEnd != market.Never && m.strikes < bear(u.rec.Lease.Terms) {
		m.graceEnd = market.Never
		s.takeBack(now, u, market.NoticeUnacked, out)
	}
	if m.unacked() {
		return
	}
	m.note.stop()
	if m.closing != nil {
		s.issue(now, u, out)
	}
}

// earn books an acknowledged note.
func (s *Supplier) earn(now market.Time, u *unit, n *market.SignedUsage, before market.Micro, out *market.Outbox) {
	unit := u.priceUnit(n.Lease)
	s.books.Append(now, u.rec.Lease.Buyer, n.Entry(), ledger.Change{Unit: unit, Earned: n.Amount - before}, out)
	out.Note(market.NoteBilled, u.rec.Lease.Buyer, u.rec.Lease.Unit(), ledger.Billed(n.Amount-before, n.Amount, unit))
}

// onDisputed notes that the buyer does not agree. The note stays
// unacknowledged: it is repeated, and the rule about such notes applies.
func (s *Supplier) onDisputed(now market.Time, u *unit, a *market.AckUsage, out *market.Outbox) {
	m := u.meter
	if m.rec.Note == nil || a.Lease != m.rec.Lease || a.Seq != m.rec.Note.Seq || !m.unacked() {
		return
	}
	u.tellDispute(fmt.Sprintf("usage note %d: %v: %s", a.Seq, a.Reason, a.Detail), out)
	if m.closing != nil && a.Reason != market.ClockSkew { // the owner has answered; a clock may come right in time
		s.issue(now, u, out)
	}
}

// tellDispute tells our user once, and not whenever it is repeated.
func (u *unit) tellDispute(text string, out *market.Outbox) {
	if w := &u.meter.warned; !w.disputed {
		w.disputed = true
		out.Note(market.NoteDisputed, u.rec.Lease.Buyer, u.rec.Lease.Unit(), clip(text))
	}
}

// onLateAck takes an acknowledgement that comes after its lease's receipt was
// written without it: the buyer signed, so its books have it, and the receipt
// must be written anew. Seen once, it is no news.
func (s *Supplier) onLateAck(now market.Time, u *unit, n *market.SignedUsage, out *market.Outbox) {
	r := u.meter.receiptOf(n.Lease)
	if r == nil || r.ByBuyer != "" || n.Seq <= r.NoteSeq || n.Amount < r.Amount {
		return
	}
	s.earn(now, u, n, r.Amount, out)
	rec := u.meter.edit()
	if n.Lease == rec.Lease {
		rec.Acked, rec.Note = n, n
	}
	s.replace(now, u, s.receipt(r.Receipt, n), out)
	s.sendReceipts(now, u, out)
}

// priceUnit is the label of what a lease of the unit is paid in.
func (u *unit) priceUnit(lease market.LeaseID) string {
	if lease == u.rec.Lease.ID {
		return market.PriceOf(u.rec.Lease.Terms).Unit
	}
	if r := u.meter.receiptOf(lease); r != nil {
		return r.Price.Unit
	}
	return ""
}

func sum(m market.Micro, label string) string { return m.String() + " " + label }
