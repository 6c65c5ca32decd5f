package supplier_test

import (
	"slices"
	"testing"
	"time"

	"caravela/market"
)

// What runs is billed by the second, what is parked at its own rate, and
// nothing else is: not the pull, not a container that ended by itself, not an
// engine that cannot be seen.
func TestBilledTime(t *testing.T) {
	b := newBench(t, priced)
	b.owner = honest(1)
	m := b.launch(1, nil)
	b.receive(market.Ref{Peer: m.Lease.Buyer}, m)
	l := m.Lease
	owner := market.Ref{Peer: l.Buyer}
	b.advance(90 * time.Second) // accepted
	b.unit(l, market.Pulling, market.NoReason)
	b.advance(90 * time.Second)
	b.unit(l, market.Running, market.NoReason)
	b.advance(100*time.Second + 700*time.Millisecond)
	b.step(market.EngineChanged{Reason: "gone"})
	b.advance(50 * time.Second)
	b.step(market.EngineChanged{Up: true})
	b.advance(50 * time.Second)
	b.unit(l, market.Running, market.NoReason)
	b.advance(20*time.Second + 400*time.Millisecond) // 121.1 s by now
	b.unit(l, market.Stopped, market.Exited)
	b.advance(5 * time.Minute)
	out := b.receive(owner, &market.StopContainer{Unit: l.ID, Op: market.OpStop, Ref: 1})
	b.step(market.UnitChanged{Unit: l.ID, Ref: out.Controls[0].Ref, State: market.Stopped, Reason: market.Exited})
	b.advance(3 * time.Minute)

	n := b.meter(l.ID).Acked
	want := market.Usage{Running: 121, Parked: n.Usage.Parked}
	if n.Usage != want || n.Usage.Parked < 120 || n.Usage.Parked > 180 {
		t.Errorf("bills %+v", n.Usage)
	}
	if due := market.Micro(500 + 121*1000 + 100*n.Usage.Parked); n.Amount != due || b.balance(1).Earned != due {
		t.Errorf("bills %d and has earned %d, want %d", n.Amount, b.balance(1).Earned, due)
	}
	if n.Last || n.Seq < 3 {
		t.Errorf("note %+v", n.UsageNote)
	}
}

// A machine that was suspended bills nothing for it, and nobody's grace or
// budget has run meanwhile.
func TestAsleep(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, func(_ *market.Spec, l *market.Lease) { l.MaxCost = 200_500 })
	sleep := func() *market.Outbox {
		b.pass(20 * time.Minute)
		b.now.Asleep += 20 * time.Minute
		return b.step(market.Tick{})
	}
	b.advance(90 * time.Second)
	sleep()
	b.advance(29 * time.Second)
	if n := b.meter(l.ID).Note; n.Usage.Running != 60 {
		t.Errorf("bills %+v on waking", n.UsageNote)
	}
	out := b.advance(61 * time.Second)
	if n := b.meter(l.ID).Note; n.Usage.Running != 180 || len(sent[*market.GiveNotice](out)) != 1 {
		t.Errorf("bills %+v in time, with %d warnings", n.UsageNote, len(sent[*market.GiveNotice](out)))
	}
	sleep()
	if n := b.meter(l.ID).Note; n.Last {
		t.Error("the budget was slept through")
	}
	b.advance(30 * time.Second)
	if n := b.meter(l.ID).Note; n.Usage.Running != 200 || !n.Last {
		t.Errorf("bills %+v in the end", n.UsageNote)
	}
	silent := b.sell(2, nil)
	b.advance(4*time.Minute + 10*time.Second)
	sleep()
	if n := b.meter(silent.ID).Note; n.Last {
		t.Error("the grace was slept through")
	}
	b.advance(2 * time.Minute)
	if n := b.meter(silent.ID).Note; !n.Last {
		t.Errorf("there is no end of the grace: %+v", n.UsageNote)
	}
}

// The notes of a lease are a chain; the newest is repeated until it is
// acknowledged, at once when its owner is back, and is no news then.
func TestNotes(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, nil)
	out := b.advance(2*time.Minute + 30*time.Second)
	notes := sent[*market.ReportUsage](out)
	first, second := notes[0].Note, notes[len(notes)-1].Note
	if first.Seq != 1 || second.Seq != 2 || second.Prev != first.Hash || second.Usage.Running != 120 || second.Amount != 120_500 || len(notes) < 6 {
		t.Fatalf("%d notes, the last %+v", len(notes), second.UsageNote)
	}
	if on := b.meter(l.ID); on.Note.Hash != second.Hash || on.Acked != nil {
		t.Error("the newest note is not on disk")
	}
	if out := b.step(market.Near{Peer: market.Ref{Peer: l.Buyer}}); len(sent[*market.ReportUsage](out)) != 1 {
		t.Error("an owner who is back is not told at once")
	}
	k := keys(1)
	ack := func(n *market.SignedUsage) *market.AckUsage {
		return &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Note: k.AckUsage(n)}
	}
	from := market.Ref{Peer: l.Buyer}
	if out := b.receive(from, ack(first)); noted(out, market.NoteBilled) != 1 || b.balance(1).Earned != 60_500 {
		t.Errorf("an older note's acknowledgement earns %d", b.balance(1).Earned)
	}
	told := b.receive(from, ack(second)).Notes
	if !slices.ContainsFunc(told, func(n market.Note) bool {
		return n.Kind == market.NoteBilled && n.Text == "0.06 credit more, 0.1205 in all"
	}) {
		t.Errorf("told %+v", told)
	}
	b.receive(from, ack(second))
	b.receive(from, ack(first))
	if b.balance(1).Earned != 120_500 || b.entries(1)[market.EntryUsage] != 2 || b.entries(1)[market.EntryLease] != 1 {
		t.Errorf("earned %d by %v", b.balance(1).Earned, b.entries(1))
	}
	if out := b.advance(20 * time.Second); len(sent[*market.ReportUsage](out)) != 0 {
		t.Error("repeats what was acknowledged")
	}
}

// What an acknowledgement may not be.
func TestFalseAcks(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, nil)
	other := b.sell(2, nil)
	n := last[*market.ReportUsage](b, b.advance(61*time.Second))
	from, k := market.Ref{Peer: l.Buyer}, keys(1)
	mine := n.Note
	if mine.Lease != l.ID {
		mine = b.meter(l.ID).Note
	}
	forged := mine.UsageNote
	forged.Amount, forged.Seq = 1_000_000, 7
	theirs := b.meter(other.ID).Note
	unsigned := *k.AckUsage(mine)
	unsigned.ByBuyer = ""
	same := mine.UsageNote
	same.Amount++
	for name, a := range map[string]*market.AckUsage{
		"of a note that was never written": {Lease: l.ID, Seq: 7, Note: k.AckUsage(b.keys.Usage(forged))},
		"of another note of that number":   {Lease: l.ID, Seq: 1, Note: k.AckUsage(b.keys.Usage(same))},
		"signed by the buyer alone":        {Lease: l.ID, Seq: 1, Note: k.AckUsage(k.Usage(mine.UsageNote))},
		"of another lease":                 {Lease: l.ID, Seq: 1, Note: k.AckUsage(theirs)},
		"of another's lease":               {Lease: other.ID, Seq: 1, Note: k.AckUsage(theirs)},
		"by another":                       {Lease: l.ID, Seq: 1, Note: keys(2).AckUsage(mine)},
		"without a signature":              {Lease: l.ID, Seq: 1, Note: &unsigned},
	} {
		out := b.receive(from, a)
		if noted(out, market.NoteBadMessage) != 1 || b.balance(1).Earned != 0 || b.balance(2).Earned != 0 {
			t.Errorf("%s: earned %d and %d, %+v", name, b.balance(1).Earned, b.balance(2).Earned, out.Notes)
		}
	}
	b.receive(from, &market.AckUsage{Lease: market.LeaseID{9}, Seq: 1, Note: k.AckUsage(mine)})
	if out := b.receive(from, &market.AckUsage{Lease: l.ID, Seq: 1, Reason: market.Disputed, Detail: "too much"}); noted(out, market.NoteDisputed) != 1 {
		t.Error("a dispute is not noted")
	}
	if out := b.receive(from, &market.AckUsage{Lease: l.ID, Seq: 1, Reason: market.Disputed}); noted(out, market.NoteDisputed) != 0 {
		t.Error("a dispute is told twice")
	}
	if b.meter(l.ID).Acked != nil {
		t.Error("a dispute counts as an acknowledgement")
	}
}

// A new life continues the sequence of notes. What ran and was in no note is
// lost, and so is the time between.
func TestMeterSurvives(t *testing.T) {
	b := newBench(t, priced)
	b.owner = honest(1)
	l := b.sell(1, nil)
	b.advance(90 * time.Second) // of which 60 are noted
	b.restart()
	b.pass(10 * time.Minute)
	b.restart()
	if b.advance(5 * time.Minute); b.meter(l.ID).Note.Usage.Running != 60 {
		t.Errorf("bills %d s before the engine has spoken", b.meter(l.ID).Note.Usage.Running)
	}
	b.unit(l, market.Running, market.NoReason)
	b.advance(5 * time.Minute)
	n := b.meter(l.ID).Acked
	if n.Seq < 5 || n.Usage.Running < 60+240 || n.Usage.Running > 60+300 || b.balance(1).Earned != n.Amount {
		t.Errorf("after two restarts: note %d of %+v; earned %d", n.Seq, n.Usage, b.balance(1).Earned)
	}
	if len(sent[*market.IssueReceipt](b.advance(time.Second))) != 0 {
		t.Error("a restart closes a lease")
	}
}

// Notes in a row without an acknowledgement are announced to end the lease; the
// supplier is never further out than the terms say. An acknowledgement in time
// takes it back.
func TestUnacknowledged(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b := newBench(t, priced)
		l := b.sell(1, nil)
		out := b.advance(4*time.Minute + time.Second) // Bear+1 intervals
		n := last[*market.GiveNotice](b, out).Notice
		if n.Kind != market.NoticeUnacked || n.Deadline.Sub(n.At) != 2*time.Minute || b.meter(l.ID).Notice.Seq != n.Seq || noted(out, market.NoteNotice) != 1 {
			t.Fatalf("announces %+v", n.Notice)
		}
		if restart {
			b.restart()
			b.unit(l, market.Running, market.NoReason)
		}
		b.advance(118 * time.Second)
		if b.Sold()[0].Ending != market.NoReason {
			t.Fatal("ends before the deadline")
		}
		b.advance(3 * time.Second)
		if b.Sold()[0].Ending != market.Unacknowledged {
			t.Fatalf("restart %v: ends by %v", restart, b.Sold()[0].Ending)
		}
		ran := b.meter(l.ID).Note.Usage.Running
		if most := uint64((4*time.Minute + 2*time.Minute) / time.Second); ran > most || b.meter(l.ID).Note.Amount > b.stock.Terms.Exposure(l.Resources) {
			t.Errorf("ran %d s unacknowledged, at most %d are borne", ran, most)
		}
	}

	b := newBench(t, priced)
	l := b.sell(1, nil)
	b.advance(5 * time.Minute)
	newest := b.meter(l.ID).Note
	out := b.receive(market.Ref{Peer: l.Buyer}, &market.AckUsage{Lease: l.ID, Seq: newest.Seq, Note: keys(1).AckUsage(newest)})
	if n := last[*market.GiveNotice](b, out).Notice; n.Kind != market.NoticeWithdraw {
		t.Errorf("an acknowledgement is followed by %v", n.Kind)
	}
	b.advance(3 * time.Minute)
	if b.Sold()[0].Ending != market.NoReason {
		t.Error("ends although its notes were acknowledged")
	}
}

// A renewal does not reset what is unacknowledged.
func TestUnacknowledgedOverRenewals(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, nil)
	start := b.now.Mono
	for range 100 {
		if b.advance(50 * time.Second); b.Sold()[0].Ending != market.NoReason {
			break
		}
		m := b.renewal(1, l, nil)
		out := b.receive(market.Ref{Peer: l.Buyer}, m)
		if r := sent[*market.Refusal](out); len(r) == 1 && r[0].Reason != market.Unacknowledged {
			t.Fatalf("refuses by %v", r[0].Reason)
		} else if len(r) == 0 {
			l = m.Lease
		}
	}
	if ran := b.now.Mono - start; b.Sold()[0].Ending != market.Unacknowledged || ran > 7*time.Minute {
		t.Errorf("runs for %v without an acknowledgement, ends by %v", ran, b.Sold()[0].Ending)
	}
}
