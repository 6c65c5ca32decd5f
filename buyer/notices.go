package buyer

import (
	"time"

	"caravela/ledger"
	"caravela/market"
)

// onNotice saves what a supplier announces, tells the user, and confirms it.
func (b *Buyer) onNotice(now market.Time, from market.Ref, m *market.GiveNotice, out *market.Outbox) {
	n := m.Notice
	i, known := b.find(n.Unit)
	if n.By != from.Peer || known && b.holdings[i].rec.Lease.Supplier != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, n.Unit, "notice to another's container")
		return
	}
	ack := &market.AckNotice{Unit: n.Unit, Seq: n.Seq}
	if !known || b.holdings[i].rec.Lease.BySupplier == "" { // not wanted: it need not be repeated
		out.Send(from, ack)
		return
	}
	l := b.holdings[i].rec.Lease
	t := b.meterOf(l.ID)
	if t == nil {
		t = b.addMeter(&meter{rec: &market.Meter{Unit: n.Unit, Lease: l.ID}, lease: l, forgetAt: market.Never})
	}
	if old := t.rec.Notice; old != nil && n.Seq <= old.Seq {
		out.Send(from, ack)
		return
	}
	if !t.listens(now) { // it comes again
		return
	}
	rec := *t.rec
	rec.Notice, rec.Heard = n, n.Seq
	t.keep(rec, out)
	if about := b.meterOf(n.Lease); about != nil && about.rec.Unit == n.Unit && about.lease.Terms.Metered() { // else the log knows no such lease
		b.books.Append(now, from.Peer, n.Entry(), ledger.Change{}, out)
	}
	out.Note(market.NoteNotice, from.Peer, n.Unit, announced(n))
	out.Send(from, ack)
}

// maxHeard bounds the notices of a minute: each is kept, and nobody may fill
// our disk.
const maxHeard = 8

func (t *meter) listens(now market.Time) bool {
	if t.heard == 0 || now.Mono-t.heardAt >= time.Minute {
		t.heardAt, t.heard = now.Mono, 0
	}
	t.heard++
	return t.heard <= maxHeard
}

// announced is a notice in one line.
func announced(n *market.SignedNotice) string {
	s := n.Kind.String()
	if n.Deadline != 0 {
		s += " at " + n.Deadline.Time().Format(time.RFC3339)
	}
	if n.Detail != "" {
		s += ": " + n.Detail
	}
	return s
}
