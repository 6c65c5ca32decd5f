package buyer

import (
	"fmt"
	"slices"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// What a bill may be ahead of our clock: launches and answers are on their way
// for a while, and no two clocks run alike. It bounds what a supplier can bill
// beyond the truth.
const (
	leastSlack = 5 * time.Second
	mostSlack  = 10 * time.Minute
)

func slack(t *market.Terms) time.Duration {
	return min(max(2*t.Interval, leastSlack), mostSlack)
}

// onReport takes a supplier's bill for a lease, which covers all bills before
// it: it is checked, signed, saved with what is owed by it, and only then
// answered. What is not agreed with is answered without a signature.
func (b *Buyer) onReport(now market.Time, from market.Ref, m *market.ReportUsage, out *market.Outbox) {
	n, t := m.Note, b.meterOf(m.Note.Lease)
	if t == nil {
		b.onStrangeNote(from, n, out)
		return
	}
	acked := t.rec.Acked
	switch {
	case n.By != from.Peer || t.lease.Supplier != from.Peer || !t.lease.Terms.Metered():
		out.Note(market.NoteBadMessage, from.Peer, t.rec.Unit, "usage of another's container")
	case acked != nil && n.Hash == acked.Hash: // the answer was lost
		out.Send(from, &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Note: acked})
	case acked != nil && n.Seq < acked.Seq: // a late copy; the newer one covers it
	case t.rec.Receipt != nil || acked != nil && (acked.Last || acked.Seq == n.Seq || before(n, acked)):
		out.Note(market.NoteBadMessage, from.Peer, t.rec.Unit, "usage that contradicts an earlier note")
	case t.hasty(now, n): // it comes again
	case !t.bill.ran && b.starting(t.rec.Unit): // likewise, after the status that says that it runs
	default:
		if why, detail := t.disagree(now, n); why != market.NoReason {
			b.decline(t, from, n, why, detail, out)
			return
		}
		b.acknowledge(now, t, from, n, out)
	}
}

// hasty reports whether a note comes long before it is due and adds little:
// each that is signed is kept, and nobody may fill our disk.
func (t *meter) hasty(now market.Time, n *market.SignedUsage) bool {
	soon := t.lease.Terms.Interval / 2
	return !n.Last && t.signed && now.Mono-t.signedAt < soon && seconds(n.Usage)-t.covers() < soon
}

// ran reports whether a unit has run that is in this state.
func ran(s market.State) bool {
	return s.Live() || s == market.Asleep || s == market.Stopping || s == market.Stopped
}

// starting reports whether a unit that is known here has not run yet, as far as
// its supplier has told.
func (b *Buyer) starting(unit market.LeaseID) bool {
	i, known := b.find(unit)
	if !known {
		return false
	}
	st := b.holdings[i].rec.Status
	return st == nil || st.State == market.Accepted || st.State == market.Pulling || st.State == market.Starting
}

// onStrangeNote answers a bill for a lease that is not in force here.
func (b *Buyer) onStrangeNote(from market.Ref, n *market.SignedUsage, out *market.Outbox) {
	no := func(why market.Reason, detail string) {
		out.Send(from, &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Reason: why, Detail: detail})
	}
	if n.By != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, n.Lease, "usage of another's container")
		return
	}
	i := slices.IndexFunc(b.holdings, func(h *holding) bool {
		return h.rec.Lease.ID == n.Lease || h.rec.Renewal != nil && h.rec.Renewal.ID == n.Lease
	})
	switch {
	case i < 0:
		no(market.NoSuchLease, "this lease is not known here")
		if !n.Last { // whatever is wanted was saved before it was asked for
			b.disown(from, n.Lease, out)
		}
	case b.holdings[i].rec.Lease.Supplier != from.Peer:
		out.Note(market.NoteBadMessage, from.Peer, n.Lease, "usage of another's container")
	case b.holdings[i].rec.Lease.ID == n.Lease && b.holdings[i].rec.Lease.BySupplier != "":
		out.Note(market.NoteBadMessage, from.Peer, n.Lease, "usage of a lease that is not metered")
	case b.holdings[i].rec.Undo:
		no(market.Undone, "the grant came too late, and was taken back")
	case b.holdings[i].rec.Renewal != nil: // its grant was lost: ask for it, even after the end of the lease before
		out.Send(from, &market.LaunchContainer{Lease: b.holdings[i].rec.Renewal, At: b.here()})
	default: // likewise
		if r, j := b.slotOf(n.Lease); r != nil && r.slots[j].state == asking {
			b.ask(b.holdings[i], r, out)
		}
	}
}

// before reports whether a note takes back what an earlier one said.
func before(n, acked *market.SignedUsage) bool {
	return n.Usage.Running < acked.Usage.Running || n.Usage.Parked < acked.Usage.Parked || n.Amount < acked.Amount
}

// disagree returns why a note is not to be signed. Where the calendar counts,
// and the supplier's would do, the clocks are to blame.
func (t *meter) disagree(now market.Time, n *market.SignedUsage) (market.Reason, string) {
	l := t.lease
	first, prev := uint64(1), [32]byte{}
	if a := t.rec.Acked; a != nil {
		first, prev = a.Seq+1, a.Hash
	}
	due := l.Due(n.Usage)
	claimed := seconds(n.Usage) + t.bill.claimed(t)
	passed := t.bill.passed(now)
	switch {
	case !t.bill.ran:
		return market.Disputed, "no status ever said that it runs"
	case n.Seq == first && n.Prev != prev:
		return market.Disputed, fmt.Sprintf("note %d does not follow the one before it", n.Seq)
	case n.Amount != due:
		return market.Disputed, fmt.Sprintf("%v for %v; by the lease it is %v", n.Amount, seconds(n.Usage), due)
	case l.MaxCost > 0 && n.Amount > l.MaxCost:
		return market.Disputed, fmt.Sprintf("%v is more than the lease may cost, %v", n.Amount, l.MaxCost)
	case claimed <= passed+slack(l.Terms):
		return market.NoReason, ""
	}
	detail := fmt.Sprintf("%v are claimed, and %v have passed", claimed, max(0, passed).Truncate(time.Second))
	if skew := n.At.Sub(now.Wall); !t.bill.sure && claimed <= passed+skew+slack(l.Terms) {
		return market.ClockSkew, fmt.Sprintf("%s by this clock, which differs from the supplier's by %v", detail, skew.Round(time.Second))
	}
	return market.Disputed, detail
}

// decline answers without a signature, and tells the user once.
func (b *Buyer) decline(t *meter, from market.Ref, n *market.SignedUsage, why market.Reason, detail string, out *market.Outbox) {
	out.Send(from, &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Reason: why, Detail: detail})
	if t.told == why {
		return
	}
	t.told = why
	out.Note(market.NoteDisputed, from.Peer, t.rec.Unit, fmt.Sprintf("%v: %s; the lease ends unless that changes", why, detail))
}

// acknowledge signs a note. Note, signature and debt are saved together, so
// that whatever dies when, each second is owed once.
func (b *Buyer) acknowledge(now market.Time, t *meter, from market.Ref, n *market.SignedUsage, out *market.Outbox) {
	x := t.bill
	x.from, x.base, x.sure = x.passed(now), now.Mono, true
	owed := n.Amount
	if a := t.rec.Acked; a != nil {
		owed -= a.Amount
	}
	signed := b.me.Seal.AckUsage(n)
	rec := *t.rec
	rec.Acked, rec.Seen = signed, now.Wall
	t.keep(rec, out)
	b.books.Append(now, t.lease.Supplier, signed.Entry(), ledger.Change{Unit: t.lease.Terms.Price.Unit, Spent: owed}, out)
	out.Note(market.NoteCharged, from.Peer, t.rec.Unit, ledger.Billed(owed, n.Amount, t.lease.Terms.Price.Unit))
	out.Send(from, &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Note: signed})
	t.told, t.signed, t.signedAt = market.NoReason, true, now.Mono
}
