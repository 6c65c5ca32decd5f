package buyer_test

import (
	"testing"
	"time"

	"caravela/market"
)

// A receipt that repeats the last signed note is signed, saved and entered;
// once, however often it comes, and whoever dies.
func TestReceipt(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	a.runs(3)
	b.status(1, a.lease.ID, 2, market.Ended, market.Reclaimed)
	b.status(1, a.lease.ID, 3, market.Ended, market.Reclaimed)
	want(t, "ends in the log", b.logged(market.EntryEnd), 1)
	r := a.receipt(func(r *market.Receipt) { r.Reason, r.Early = market.Reclaimed, true })
	s, out := a.issue(r)
	if s == nil || s.Receipt == nil || s.Receipt.Buyer != b.keys.Self() || len(noted(out, market.NoteReceipt)) != 1 {
		t.Fatalf("answers %+v", s)
	}
	for range 2 {
		again, out := a.issue(r)
		want(t, "second signature", string(again.Receipt.ByBuyer), string(s.Receipt.ByBuyer))
		want(t, "entries", b.logged(market.EntryReceipt), 1)
		want(t, "saves", len(out.Saves), 0)
		b.boot()
	}
	want(t, "owed", b.spent(), a.last.Amount)
	other, out := a.issue(a.receipt(func(r *market.Receipt) { r.Reason, r.End = market.Expired, r.End+1 }))
	if other.Receipt != nil || other.Reason != market.Disputed || len(noted(out, market.NoteBadMessage)) != 1 {
		t.Errorf("a second receipt: %+v", other)
	}
	b.advance(time.Minute)
	if _, out := a.bill(240, nil); len(noted(out, market.NoteBadMessage)) != 1 {
		t.Error("a note after the receipt")
	}
}

// What a receipt says otherwise than the last signed note and the lease is not
// signed; the newest note goes along, should the supplier not have it.
func TestWrongReceipt(t *testing.T) {
	for name, change := range map[string]func(*market.Receipt){
		"amount":        func(r *market.Receipt) { r.Amount++ },
		"less":          func(r *market.Receipt) { r.Amount-- },
		"usage":         func(r *market.Receipt) { r.Usage.Running++ },
		"note":          func(r *market.Receipt) { r.NoteSeq-- },
		"hash":          func(r *market.Receipt) { r.Note[0]++ },
		"price":         func(r *market.Receipt) { r.Price.Core++ },
		"start":         func(r *market.Receipt) { r.Start++ },
		"third":         func(r *market.Receipt) { r.EndedBy = keys(3).Self() },
		"not by us":     func(r *market.Receipt) { r.EndedBy, r.Reason = keys(0).Self(), market.RemovedByOwner },
		"without notes": func(r *market.Receipt) { r.Note, r.NoteSeq, r.Usage, r.Amount = [32]byte{}, 0, market.Usage{}, 0 },
	} {
		b := newBench(t)
		a := b.metered(nil)
		a.runs(3)
		told := 0
		for range 3 {
			s, out := a.issue(a.receipt(change))
			if s == nil || s.Receipt != nil || s.Reason != market.Disputed || s.Detail == "" || len(out.Saves) != 0 {
				t.Fatalf("%s: answers %+v", name, s)
			}
			if again := sent[*market.AckUsage](out); len(again) != 1 || again[0].Note.Hash != a.last.Hash {
				t.Errorf("%s: sends %+v", name, out.Sends)
			}
			told += len(noted(out, market.NoteDisputed))
		}
		want(t, name+": told", told, 1)
		if s, _ := a.issue(a.receipt(nil)); s.Receipt == nil {
			t.Errorf("%s: the right one: %+v", name, s)
		}
	}
}

// A lease of which nothing was signed is closed with nothing.
func TestReceiptWithoutNotes(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	if s, _ := a.issue(a.receipt(nil)); s.Receipt == nil {
		t.Errorf("answers %+v", s)
	}
	want(t, "owed", b.spent(), 0)
}

// What was removed is still billed up to its end, over restarts of this peer;
// the end is in the log, though the unit is forgotten.
func TestReceiptAfterRemoval(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b := newBench(t)
		a := b.metered(nil)
		a.runs(3)
		rm := sent[*market.StopContainer](b.step(market.Ordered{Ref: 1, Cmd: market.StopContainer{Unit: a.lease.ID, Op: market.OpRemove}}))[0]
		b.advance(10 * time.Second)
		b.receive(seller(1), &market.StopAck{Unit: a.lease.ID, Ref: rm.Ref})
		want(t, "units", len(b.Bought()), 0)
		if restart {
			b.boot()
		}
		for seq := range uint64(2) {
			b.status(1, a.lease.ID, 2+seq, market.Ended, market.RemovedByOwner)
		}
		b.status(2, a.lease.ID, 2, market.Ended, market.RemovedByOwner)
		want(t, "ends in the log", b.logged(market.EntryEnd), 1)
		if ack, _ := a.bill(190, func(n *market.UsageNote) { n.Last = true }); ack.Note == nil {
			t.Fatalf("answers %+v", ack)
		}
		s, _ := a.issue(a.receipt(func(r *market.Receipt) { r.EndedBy, r.Reason = keys(0).Self(), market.RemovedByOwner }))
		if s.Receipt == nil {
			t.Fatalf("answers %+v", s)
		}
		want(t, "owed", b.spent(), a.last.Amount)
		if b.boot(); len(b.Meters()) != 1 || b.Meters()[0].Receipt == nil {
			t.Errorf("restart %v: remembers %+v", restart, b.Meters())
		}
		if b.advance(9 * 24 * time.Hour); len(b.Meters()) != 0 || len(b.rest) != 1 { // the account
			t.Errorf("restart %v: remembers %d bills for ever, %d records", restart, len(b.Meters()), len(b.rest))
		}
	}
}

// A receipt that never comes is waited for some days.
func TestReceiptNeverComes(t *testing.T) {
	b := newBench(t)
	a := b.metered(hour)
	a.runs(3)
	b.status(1, a.lease.ID, 2, market.Lost, market.Vanished)
	b.advance(8 * 24 * time.Hour)
	want(t, "bills", len(b.Meters()), 1)
	b.boot()
	want(t, "bills", len(b.Meters()), 1)
	b.advance(2 * 24 * time.Hour)
	want(t, "bills", len(b.Meters()), 0)
	want(t, "owed", b.spent(), a.last.Amount)
	if s, _ := a.issue(a.receipt(nil)); s.Reason != market.NoSuchLease {
		t.Errorf("answers %+v", s)
	}
}

// A receipt that overtakes its launch's grant ends the launch: who has said
// that it knows no such lease does not take the grant, in no life.
func TestReceiptOvertakesGrant(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b := newBench(t)
		l := launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease
		a := &account{bench: b, lease: l}
		theirs := a.receipt(func(r *market.Receipt) { r.Lease[0]++ })
		a.issue(theirs)
		b.receive(seller(2), &market.IssueReceipt{Receipt: keys(2).Receipt(a.receipt(nil).Receipt)})
		if len(b.Bought()) != 1 {
			t.Error("another's receipt counts")
		}
		s, out := a.issue(a.receipt(nil))
		if s == nil || s.Reason != market.NoSuchLease || len(told(out, market.Refused)) != 1 || len(b.disk) != 0 {
			t.Fatalf("answers %+v, tells %+v", s, out.Outcomes)
		}
		if restart {
			b.boot()
		}
		if rm := sent[*market.StopContainer](b.grant(1, l)); len(rm) != 1 || rm[0].Op != market.OpRemove {
			t.Errorf("the grant: sends %+v", rm)
		}
		want(t, "entries", len(b.log), 0)
		want(t, "bills", len(b.Meters()), 0)
	}
}

// The same of a renewal: it is not asked for again, and the user who waits is
// told.
func TestReceiptOvertakesRenewal(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b := newBench(t)
		a := b.metered(hour)
		a.runs(1)
		asked := sent[*market.GetOffers](b.step(market.Renewal{Ref: 5, Unit: a.lease.ID}))[0]
		next := launched(t, b.receive(seller(1), &market.Offers{Ref: asked.Ref, Region: root}))[0].Lease
		b.status(1, a.lease.ID, 2, market.Ended, market.Reclaimed)
		s, out := a.issue((&account{bench: b, lease: next}).receipt(nil))
		if s == nil || s.Reason != market.NoSuchLease || b.disk[a.lease.ID].Renewal != nil {
			t.Fatalf("answers %+v", s)
		}
		if o := told(out, market.Done); len(o) != 1 || o[0].Ref != 5 || o[0].Reason != market.Expired {
			t.Errorf("tells %+v", out.Outcomes)
		}
		if restart {
			b.boot()
		}
		b.grant(1, next)
		want(t, "leases in the log", b.logged(market.EntryLease), 1)
		want(t, "bills", len(b.Meters()), 1)
		if out := b.advance(time.Hour); len(sent[*market.GetOffers](out))+len(sent[*market.LaunchContainer](out)) != 0 {
			t.Errorf("what has ended is renewed: %+v", out.Sends)
		}
	}
}

// Receipts of others, and of what is not metered.
func TestStrangeReceipts(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	a.runs(1)
	for _, from := range []byte{1, 2} {
		r := keys(2).Receipt(a.receipt(nil).Receipt)
		if from == 2 {
			r = a.receipt(nil)
		}
		if out := b.receive(seller(from), &market.IssueReceipt{Receipt: r}); len(out.Sends) != 0 || len(noted(out, market.NoteBadMessage)) != 1 {
			t.Errorf("from %d: %+v", from, out)
		}
	}
	b = newBench(t)
	free := b.buy(1, nil)
	a = &account{bench: b, lease: free}
	if s, _ := a.issue(a.receipt(nil)); s.Reason != market.NoSuchLease || len(b.disk) != 1 {
		t.Errorf("answers %+v", s)
	}
	b.receive(seller(1), &market.GiveNotice{Notice: keys(1).Notice(market.Notice{Lease: free.ID, Unit: free.ID, Seq: 1, Kind: market.NoticeReclaim})})
	a = &account{bench: b, lease: free}
	if s, _ := a.issue(a.receipt(nil)); s.Reason != market.Disputed {
		t.Errorf("answers %+v", s)
	}
}

// A record of a lease that nothing tells of is dropped.
func TestBillOfNothing(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	a.runs(1)
	delete(b.disk, a.lease.ID)
	b.boot()
	want(t, "bills", len(b.Meters()), 0)
	want(t, "records", len(b.rest), 1) // the account
}
