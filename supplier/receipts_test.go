package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// What the receipt says of each end, and that it agrees with the last
// acknowledged note.
func TestReceipts(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    func(*bench, *market.SignedLease)
		why   market.Reason
		ours  bool
		early bool
	}{
		{"removed by its owner", func(b *bench, l *market.SignedLease) {
			b.receive(market.Ref{Peer: l.Buyer}, &market.StopContainer{Unit: l.ID, Op: market.OpRemove})
		}, market.RemovedByOwner, false, false},
		{"expired", func(b *bench, _ *market.SignedLease) { b.advance(time.Hour) }, market.Expired, false, false},
		{"left", func(b *bench, _ *market.SignedLease) { b.step(market.Leave{End: true}) }, market.SupplierLeft, true, true},
		{"vanished", func(b *bench, l *market.SignedLease) { b.unit(l, market.Lost, market.NoReason) }, market.Vanished, true, true},
		{"removed behind our back", func(b *bench, l *market.SignedLease) { b.unit(l, market.Ended, market.NoReason) }, market.Vanished, true, true},
		{"reclaimed in time", func(b *bench, l *market.SignedLease) {
			b.step(market.Reclaim{Unit: l.ID})
			b.advance(5 * time.Minute)
		}, market.Reclaimed, true, false},
		{"reclaimed at once", func(b *bench, l *market.SignedLease) { b.step(market.Reclaim{Unit: l.ID, Now: true}) }, market.Reclaimed, true, true},
		{"reclaimed at once after a notice", func(b *bench, l *market.SignedLease) {
			b.step(market.Reclaim{Unit: l.ID})
			b.advance(time.Minute)
			b.step(market.Reclaim{Unit: l.ID, Now: true})
		}, market.Reclaimed, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, priced)
			b.owner = honest(1)
			b.allow(1, 1<<40)
			l := b.sell(1, nil)
			b.advance(150 * time.Second)
			b.owner.statuses = false
			c.do(b, l)
			m := b.meter(l.ID)
			r := m.Receipt
			if r == nil || r.ByBuyer == "" || !m.Acked.Last && c.why != market.Expired {
				t.Fatalf("no signed receipt: %+v", m)
			}
			by := l.Buyer
			if c.ours {
				by = b.keys.Self()
			}
			if r.Reason != c.why || r.EndedBy != by || r.Early != c.early || r.Note != m.Acked.Hash || r.NoteSeq != m.Acked.Seq ||
				r.Amount != m.Acked.Amount || r.Usage.Running < 150 || r.Start != l.Start || r.Price != l.Terms.Price {
				t.Errorf("receipt %+v", r.Receipt)
			}
			if b.balance(1).Earned != r.Amount || b.balance(1).Unconfirmed != 0 || b.entries(1)[market.EntryReceipt] != 2 {
				t.Errorf("balance %+v, entries %v", b.balance(1), b.entries(1))
			}
			b.owner.statuses = true
			b.unit(l, market.Ended, market.NoReason)
			b.step(market.Near{Peer: market.Ref{Peer: l.Buyer}})
			if len(b.Sold()) != 0 || b.records(market.SoldMeterTable) != 0 || b.entries(1)[market.EntryEnd] != 1 {
				t.Errorf("%d units and %d meters remain; %v", len(b.Sold()), b.records(market.SoldMeterTable), b.entries(1))
			}
		})
	}
}

// A lease that never ran costs nothing, and has a receipt of that.
func TestReceiptOfNothing(t *testing.T) {
	b := newBench(t, priced)
	b.owner = honest(1)
	m := b.launch(1, nil)
	b.refusal(m)
	b.unit(m.Lease, market.Failed, market.ImageMissing)
	r := b.meter(m.Lease.ID).Receipt
	if r == nil || r.ByBuyer == "" || r.Amount != 0 || r.NoteSeq != 0 || r.Reason != market.ImageMissing || b.balance(1).Earned != 0 {
		t.Errorf("receipt %+v", r)
	}
}

// The last note has ten minutes to be acknowledged; what is not, is lost. The
// receipt is repeated for a week, over restarts; an ended unit holds nothing.
func TestSilentBuyer(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, nil)
	b.advance(60 * time.Second)
	first := b.meter(l.ID).Note
	b.receive(market.Ref{Peer: l.Buyer}, &market.AckUsage{Lease: l.ID, Seq: 1, Note: keys(1).AckUsage(first)})
	b.advance(30 * time.Second)
	b.unit(l, market.Ended, market.NoReason)
	if b.Free().CPU != 4000 {
		t.Error("an ended unit holds resources")
	}
	b.advance(5 * time.Minute)
	b.restart()
	if out := b.advance(5 * time.Minute); len(sent[*market.IssueReceipt](out)) != 0 || len(sent[*market.ReportUsage](out)) == 0 {
		t.Fatal("does not wait for the last acknowledgement")
	}
	r := last[*market.IssueReceipt](b, b.advance(6*time.Minute)).Receipt
	if r.Amount != 60_500 || r.NoteSeq != 1 || b.balance(1).Unconfirmed != 30_000 || b.balance(1).Earned != 60_500 {
		t.Fatalf("receipt %+v, balance %+v", r.Receipt, b.balance(1))
	}
	b.restart()
	if b.balance(1).Unconfirmed != 30_000 || b.entries(1)[market.EntryReceipt] != 1 {
		t.Error("a restart books twice")
	}
	out := b.advance(24 * time.Hour)
	if n := len(sent[*market.IssueReceipt](out)); n < 24 || n > 40 {
		t.Errorf("%d repetitions a day", n)
	}
	b.receive(market.Ref{Peer: keys(5).Self()}, &market.SignReceipt{Lease: l.ID, Receipt: keys(5).SignReceipt(r)})
	less := r.Receipt
	less.Amount--
	b.receive(market.Ref{Peer: l.Buyer}, &market.SignReceipt{Lease: l.ID, Receipt: keys(1).SignReceipt(b.keys.Receipt(less))})
	b.receive(market.Ref{Peer: l.Buyer}, &market.SignReceipt{Lease: l.ID, Receipt: keys(1).SignReceipt(keys(1).Receipt(r.Receipt))})
	if out := b.receive(market.Ref{Peer: l.Buyer}, &market.SignReceipt{Lease: l.ID, Reason: market.Disputed}); noted(out, market.NoteDisputed) != 1 {
		t.Error("a dispute is not noted")
	}
	if len(b.Sold()) != 1 || b.meter(l.ID).Receipt.ByBuyer != "" {
		t.Error("believes a signature that is none")
	}
	if b.advance(6 * 24 * time.Hour); len(b.Sold()) != 0 {
		t.Error("is remembered for more than a week")
	}
}

// A buyer that took a launch back, and so does not know its lease, is not asked
// to sign for it: however often that happens, it can still buy. What it has
// acknowledged it is asked to sign for, whatever it says.
func TestWaived(t *testing.T) {
	b := newBench(t, priced)
	from := market.Ref{Peer: keys(1).Self()}
	for i := range 40 {
		m := b.launch(1, nil) // whose grant was lost
		if r := b.refusal(m); r != market.NoReason {
			t.Fatalf("launch %d: %v", i, r)
		}
		b.receive(from, &market.StopContainer{Unit: m.Lease.ID, Op: market.OpRemove})
		no := &market.SignReceipt{Lease: m.Lease.ID, Reason: market.NoSuchLease}
		if i%2 == 0 {
			b.receive(from, no)
			b.restart()
		}
		if out := b.unit(m.Lease, market.Ended, market.NoReason); i%2 == 0 && len(sent[*market.IssueReceipt](out)) != 0 {
			t.Error("asks again")
		}
		b.receive(from, &market.StatusAck{Unit: m.Lease.ID, Seq: 1})
		if out := b.receive(from, no); noted(out, market.NoteDisputed) != 0 || len(b.Sold()) != 0 || b.records(market.SoldMeterTable) != 0 {
			t.Fatalf("launch %d: %d units are remembered", i, len(b.Sold()))
		}
	}

	b.owner = &customer{key: 1, usage: true, statuses: true}
	l := b.sell(1, nil)
	b.advance(2 * time.Minute)
	b.unit(l, market.Lost, market.NoReason)
	if out := b.receive(from, &market.SignReceipt{Lease: l.ID, Reason: market.NoSuchLease}); noted(out, market.NoteDisputed) != 1 || b.meter(l.ID).Receipt == nil {
		t.Error("a receipt of what was acknowledged is given up")
	}
}

// Who acknowledged the last note, and was not heard in time, gets a receipt
// that says so.
func TestLateAck(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, nil)
	b.advance(30 * time.Second)
	out := b.unit(l, market.Lost, market.NoReason)
	n := last[*market.ReportUsage](b, out).Note
	if out := b.unit(l, market.Ended, market.NoReason); len(sent[*market.IssueReceipt](out)) != 0 {
		t.Error("the container's end cuts the wait short")
	}
	b.advance(20 * time.Minute)
	if r := b.meter(l.ID).Receipt; r.Amount != 0 {
		t.Fatalf("receipt %+v", r.Receipt)
	}
	k := keys(1)
	for i := range 2 {
		out = b.receive(market.Ref{Peer: l.Buyer}, &market.AckUsage{Lease: l.ID, Seq: n.Seq, Note: k.AckUsage(n)})
		if b.balance(1).Earned != 30_500 || i == 0 && last[*market.IssueReceipt](b, out).Receipt.Amount != 30_500 {
			t.Errorf("earned %d", b.balance(1).Earned)
		}
	}
	r := b.meter(l.ID).Receipt
	b.receive(market.Ref{Peer: l.Buyer}, &market.SignReceipt{Lease: l.ID, Receipt: k.SignReceipt(r)})
	b.receive(market.Ref{Peer: l.Buyer}, &market.StatusAck{Unit: l.ID, Seq: 3})
	if len(b.Sold()) != 0 {
		t.Error("is not forgotten")
	}
}

// Each lease of a chain has notes and a receipt of its own; the second is
// charged no start, and no second is billed twice or lost between them.
func TestRenewalIsBilled(t *testing.T) {
	for _, answers := range []bool{true, false} {
		b := newBench(t, priced)
		b.allow(1, 1<<40)
		b.owner = honest(1)
		l := b.sell(1, nil)
		b.advance(40*time.Minute + 30*time.Second + 500*time.Millisecond)
		b.owner.usage, b.owner.receipts = answers, answers
		m := b.renewal(1, l, nil)
		if r := b.refusal(m); r != market.NoReason {
			t.Fatal(r)
		}
		if !answers { // until the next note of the new lease the old one may be acknowledged
			if on := b.meter(l.ID); on.Lease != l.ID || len(on.Owing) != 1 || on.Owing[0].Reason != market.Renewed {
				t.Fatalf("the old lease's books: %+v", on)
			}
			b.restart()
			b.unit(l, market.Running, market.NoReason)
			b.owner.usage, b.owner.receipts = true, true
			b.step(market.Near{Peer: market.Ref{Peer: l.Buyer}})
		}
		if on := b.meter(l.ID); len(on.Owing) != 0 || on.Lease != m.Lease.ID || b.balance(1).Earned != 2430_500 {
			t.Fatalf("after the renewal: %+v, earned %d", on, b.balance(1).Earned)
		}
		b.advance(10 * time.Minute)
		if on := b.meter(l.ID); on.Acked.Lease != m.Lease.ID || on.Acked.Usage.Running != 600 || on.Acked.Amount != 600_000 || b.balance(1).Earned != 3030_500 {
			t.Errorf("the new lease: %+v, earned %d", on.Acked.UsageNote, b.balance(1).Earned)
		}
		b.unit(l, market.Lost, market.NoReason)
		b.unit(l, market.Ended, market.NoReason)
		if b.entries(1)[market.EntryReceipt] != 4 || b.entries(1)[market.EntryLease] != 2 || len(b.Sold()) != 0 {
			t.Errorf("entries %v", b.entries(1))
		}
	}
}

// Receipts of renewed leases that nobody signs are repeated too, and are
// signed in any order.
func TestOwedReceipts(t *testing.T) {
	b := newBench(t, func(s *market.Stock) { priced(s); s.Terms.Interval = 4 * time.Hour })
	b.allow(1, 1<<40)
	b.owner = honest(1)
	b.owner.receipts = false
	l := b.sell(1, nil)
	unit := l.ID
	for range 70 {
		b.advance(2 * time.Minute)
		m := b.renewal(1, l, nil)
		if r := b.refusal(m); r != market.NoReason {
			t.Fatal(r)
		}
		l = m.Lease
	}
	owing := b.meter(unit).Owing
	if len(owing) != market.MaxOwing || owing[len(owing)-1].Lease != l.Prev {
		t.Fatalf("%d receipts are owed", len(owing))
	}
	b.restart()
	b.unit(l, market.Running, market.NoReason)
	k, from := keys(1), market.Ref{Peer: l.Buyer}
	for _, i := range []int{5, 0, 63} {
		b.receive(from, &market.SignReceipt{Lease: owing[i].Lease, Receipt: k.SignReceipt(owing[i])})
	}
	if n := len(b.meter(unit).Owing); n != market.MaxOwing-3 {
		t.Errorf("%d receipts are owed", n)
	}
	out := b.step(market.Near{Peer: from})
	if n := len(sent[*market.IssueReceipt](out)); n != market.MaxOwing-3 {
		t.Errorf("%d receipts are repeated", n)
	}
	b.renewForever(l, 8*24*time.Hour)
	if n := len(b.meter(unit).Owing); n > 14 {
		t.Errorf("%d receipts are owed after a week", n)
	}
}

// renewForever keeps a lease for so long.
func (b *bench) renewForever(l *market.SignedLease, d time.Duration) {
	b.t.Helper()
	for end := b.now.Mono + d; b.now.Mono < end; {
		m := b.renewal(1, l, func(l *market.Lease) { l.End = l.Start.Add(24 * time.Hour) })
		if r := b.refusal(m); r != market.NoReason {
			b.t.Fatal(r)
		}
		l = m.Lease
		b.advance(16 * time.Hour)
	}
}

// A buyer that says no to the last note has answered: its receipt comes at
// once, without what it did not sign.
func TestLastNoteDisputed(t *testing.T) {
	b := newBench(t, priced)
	b.owner = &customer{key: 1, usage: true, dispute: market.Disputed}
	l := b.sell(1, nil)
	b.advance(30 * time.Second)
	out := b.unit(l, market.Lost, market.NoReason)
	b.owner.receipts, b.owner.dispute = true, market.NoReason
	if r := b.meter(l.ID).Receipt; len(sent[*market.ReportUsage](out)) != 1 || !b.issued(l) || r.Amount != 0 || b.balance(1).Unconfirmed != 30_500 {
		t.Errorf("receipt %+v, balance %+v", r, b.balance(1))
	}
}

// issued reports whether a lease's receipt is in the log.
func (b *bench) issued(l *market.SignedLease) bool {
	for _, r := range b.disk {
		if e, ok := r.(*market.Entry); ok && e.Kind == market.EntryReceipt && e.Peer == l.Buyer {
			return true
		}
	}
	return false
}
