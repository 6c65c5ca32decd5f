package buyer

import (
	"fmt"

	"caravela/ledger"
	"caravela/market"
)

// onReceipt closes a lease's bill, if the receipt says what was acknowledged.
// It changes no debt: the notes have done that.
func (b *Buyer) onReceipt(now market.Time, from market.Ref, m *market.IssueReceipt, out *market.Outbox) {
	r, t := m.Receipt, b.meterOf(m.Receipt.Lease)
	no := func(why market.Reason, detail string) {
		out.Send(from, &market.SignReceipt{Lease: r.Lease, Reason: why, Detail: detail})
	}
	switch {
	case r.By != from.Peer || t != nil && t.lease.Supplier != from.Peer:
		out.Note(market.NoteBadMessage, from.Peer, r.Lease, "receipt of another's lease")
	case t == nil:
		b.renounce(now, from.Peer, r, out)
		no(market.NoSuchLease, "this lease is not known here")
	case t.rec.Receipt != nil && t.rec.Receipt.ID == r.ID: // the answer was lost
		out.Send(from, &market.SignReceipt{Lease: r.Lease, Receipt: t.rec.Receipt})
	case t.rec.Receipt != nil:
		no(market.Disputed, "another receipt of this lease is signed")
		out.Note(market.NoteBadMessage, from.Peer, t.rec.Unit, "two receipts of one lease")
	default:
		if why := b.wrong(t, r); why != "" {
			b.dispute(t, from, why, out)
			no(market.Disputed, why)
			return
		}
		b.signReceipt(now, t, from, r, out)
	}
}

// renounce gives up a lease that is over before its grant has come: messages
// overtake each other. Once we have said that we do not know it, its supplier
// asks for no signature any more, so that a bill that the grant opened then
// would stay open for ever. It must find nothing, in later lives of ours too.
func (b *Buyer) renounce(now market.Time, supplier market.PeerID, r *market.SignedReceipt, out *market.Outbox) {
	over := &market.Refusal{Lease: r.Lease, Reason: r.Reason, Detail: "the lease was over before its grant came"}
	for i := range b.holdings {
		h := b.holdings[i]
		switch l := h.rec.Lease; {
		case l.Supplier != supplier:
		case h.rec.Renewal != nil && h.rec.Renewal.ID == r.Lease:
			b.renewalRefused(now, h, over, out)
			return
		case l.ID == r.Lease && l.BySupplier == "":
			b.refused(now, i, over, out)
			return
		}
	}
}

// wrong returns what in a receipt is not as this peer knows it.
func (b *Buyer) wrong(t *meter, r *market.SignedReceipt) string {
	var last market.SignedUsage
	if t.rec.Acked != nil {
		last = *t.rec.Acked
	}
	l := t.lease
	switch {
	case !l.Terms.Metered():
		return "the lease is not metered"
	case r.NoteSeq != last.Seq || r.Note != last.Hash:
		return fmt.Sprintf("it closes with note %d; note %d was the last to be acknowledged", r.NoteSeq, last.Seq)
	case r.Usage != last.Usage || r.Amount != last.Amount:
		return fmt.Sprintf("it says %v for %v; %v for %v was acknowledged", r.Amount, seconds(r.Usage), last.Amount, seconds(last.Usage))
	case r.Price != l.Terms.Price || r.Start != l.Start:
		return "price or start are not the lease's"
	case r.EndedBy != l.Supplier && r.EndedBy != l.Buyer:
		return "it was ended by neither of us"
	case r.Reason == market.RemovedByOwner && b.wants(t):
		return "its owner did not remove it"
	}
	return ""
}

// wants reports whether the unit is one that this peer has not given up.
func (b *Buyer) wants(t *meter) bool {
	i, known := b.find(t.rec.Unit)
	return known && !b.holdings[i].rec.Undo && b.holdings[i].rec.Lease == t.lease
}

// dispute repeats the newest signed note, which the supplier may not have, and
// tells the user once.
func (b *Buyer) dispute(t *meter, from market.Ref, why string, out *market.Outbox) {
	if a := t.rec.Acked; a != nil {
		out.Send(from, &market.AckUsage{Lease: a.Lease, Seq: a.Seq, Note: a})
	}
	if t.told != market.Disputed {
		t.told = market.Disputed
		out.Note(market.NoteDisputed, from.Peer, t.rec.Unit, "receipt: "+why)
	}
}

func (b *Buyer) signReceipt(now market.Time, t *meter, from market.Ref, r *market.SignedReceipt, out *market.Outbox) {
	signed := b.me.Seal.SignReceipt(r)
	rec := *t.rec
	rec.Receipt = signed
	t.keep(rec, out)
	t.close()
	t.plan(now)
	b.books.Append(now, t.lease.Supplier, signed.Entry(), ledger.Change{}, out)
	out.Note(market.NoteReceipt, from.Peer, t.rec.Unit, fmt.Sprintf("%v %s for %v, %v", r.Amount, r.Price.Unit, seconds(r.Usage), r.Reason))
	out.Send(from, &market.SignReceipt{Lease: r.Lease, Receipt: signed})
	b.thin(out)
}

// enterEnd writes the supplier's word on the end of a metered lease into its log.
func (b *Buyer) enterEnd(now market.Time, l *market.SignedLease, st *market.SignedStatus, out *market.Outbox) {
	if l.Terms.Metered() {
		b.books.Append(now, l.Supplier, st.Entry(), ledger.Change{}, out)
	}
}

// enterLateEnd does so for a unit that is forgotten, and whose bill is open.
func (b *Buyer) enterLateEnd(now market.Time, from market.Ref, st *market.SignedStatus, out *market.Outbox) {
	if b.deals == nil {
		return
	}
	for _, t := range b.deals.meters {
		if t.rec.Unit == st.Lease && t.bill != nil && t.lease.Supplier == from.Peer && !t.bill.ended {
			t.bill.ended = true
			b.enterEnd(now, t.lease, st, out)
			return
		}
	}
}
