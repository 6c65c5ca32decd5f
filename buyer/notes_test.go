package buyer_test

import (
	"strings"
	"testing"
	"time"

	"caravela/market"
)

// A note that is agreed with is signed, saved and owed; the same note again
// gets the same signature and is owed once.
func TestAcknowledge(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	want(t, "entries of the lease", b.logged(market.EntryLease), 1)
	b.advance(time.Minute)
	ack, out := a.bill(60, nil)
	if ack == nil || ack.Note == nil || ack.Note.Buyer != b.keys.Self() {
		t.Fatalf("answers %+v", ack)
	}
	want(t, "owed", b.spent(), 5) // the start fee, and not yet a micro-unit
	want(t, "notes in the log", b.logged(market.EntryUsage), 1)
	want(t, "bills", len(b.Meters()), 1)
	want(t, "told", noted(out, market.NoteCharged)[0], "0.000005 credit more, 0.000005 in all")
	again := sent[*market.AckUsage](b.receive(seller(1), &market.ReportUsage{Note: a.last}))[0]
	want(t, "second signature", string(again.Note.ByBuyer), string(ack.Note.ByBuyer))
	b.boot()
	again = sent[*market.AckUsage](b.receive(seller(1), &market.ReportUsage{Note: a.last}))[0]
	want(t, "third signature", string(again.Note.ByBuyer), string(ack.Note.ByBuyer))
	want(t, "owed", b.spent(), 5)
	b.advance(time.Minute)
	a.bill(120, nil)
	want(t, "owed after two minutes", b.spent(), 6)
	want(t, "notes in the log", b.logged(market.EntryUsage), 2)
}

// What does not agree with the lease, the clock or the note before is answered
// without a signature, and costs nothing. The user is told once.
func TestDisagree(t *testing.T) {
	for name, c := range map[string]struct {
		seconds uint64
		change  func(*market.UsageNote)
	}{
		"amount":       {660, func(n *market.UsageNote) { n.Amount++ }},
		"too cheap":    {710, func(n *market.UsageNote) { n.Amount-- }},
		"seconds":      {600 + 60 + 120 + 1, nil},
		"parked, too":  {660, func(n *market.UsageNote) { n.Usage.Parked = 121; n.Amount = 5 + 6 }},
		"broken chain": {660, func(n *market.UsageNote) { n.Prev[0]++ }},
	} {
		b := newBench(t)
		a := b.metered(nil)
		a.runs(10)
		b.advance(time.Minute)
		owed, told := b.spent(), 0
		for range 3 {
			ack, out := a.bill(c.seconds, c.change)
			if ack == nil || ack.Note != nil || ack.Reason != market.Disputed || ack.Detail == "" || len(out.Saves) != 0 {
				t.Errorf("%s: answers %+v", name, ack)
			}
			told += len(noted(out, market.NoteDisputed))
		}
		want(t, name+": told", told, 1)
		want(t, name+": owed", b.spent(), owed)
		if ack, _ := a.bill(660, nil); ack == nil || ack.Note == nil {
			t.Errorf("%s: the right note is not signed: %+v", name, ack)
		}
	}
}

// Notes are late, and clocks differ: two intervals are borne.
func TestSlack(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	if ack, _ := a.bill(121, nil); ack.Note != nil {
		t.Error("121 seconds at the start")
	}
	if ack, _ := a.bill(120, nil); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
}

// What contradicts an earlier note, or is another's, is ignored.
func TestContradictions(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	a.runs(2)
	other := a.note(120, func(n *market.UsageNote) { n.Seq, n.Prev = a.last.Seq, [32]byte{} })
	less := a.note(119, nil)
	parked := a.note(121, func(n *market.UsageNote) { n.Lease[0]++ })
	stranger := keys(2).Usage(market.UsageNote{Lease: a.lease.ID, Seq: 9, Usage: market.Usage{Running: 130}, Amount: 6})
	b.advance(time.Minute)
	for name, c := range map[string]struct {
		from byte
		note *market.SignedUsage
	}{
		"same number": {1, other}, "smaller total": {1, less}, "by a stranger": {2, stranger}, "through a stranger": {2, a.note(180, nil)},
		"stranger's, unknown lease": {2, parked},
	} {
		out := b.receive(seller(c.from), &market.ReportUsage{Note: c.note})
		if len(noted(out, market.NoteBadMessage)) != 1 || len(out.Sends) != 0 || len(out.Saves) != 0 {
			t.Errorf("%s: %+v", name, out)
		}
	}
	late := a.last
	a.runs(1)
	if out := b.receive(seller(1), &market.ReportUsage{Note: late}); len(out.Sends)+len(out.Notes)+len(out.Saves) != 0 {
		t.Errorf("a late copy: %+v", out)
	}
	a.bill(180, func(n *market.UsageNote) { n.Last = true })
	b.advance(time.Minute)
	if _, out := a.bill(240, nil); len(noted(out, market.NoteBadMessage)) != 1 {
		t.Error("a note after the last")
	}
}

// No lease costs more than it may: by default its price for the whole term.
func TestMaxCost(t *testing.T) {
	b := newBench(t)
	a := b.metered(func(w *market.Wanted) { w.Term = 2 * time.Hour })
	want(t, "default", a.lease.MaxCost, 5+72)
	b = newBench(t)
	a = b.metered(func(w *market.Wanted) { w.MaxCost = 8 })
	want(t, "by the user", a.lease.MaxCost, 8)
	a.runs(6)
	b.advance(time.Minute)
	if ack, _ := a.bill(420, nil); ack.Reason != market.Disputed || !strings.Contains(ack.Detail, "may cost") {
		t.Errorf("answers %+v", ack)
	}
	want(t, "owed", b.spent(), 8)
}

// The calendar may jump while this peer lives: durations are measured by the
// other clock.
func TestClockJumps(t *testing.T) {
	for _, by := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		b := newBench(t)
		a := b.metered(nil)
		a.runs(3)
		b.now.Wall = b.now.Wall.Add(by)
		a.runs(3)
		b.advance(time.Minute)
		if ack, _ := a.bill(360+60+121, nil); ack.Note != nil {
			t.Errorf("%v: seconds are signed that did not pass", by)
		}
		b.now.Wall = b.now.Wall.Add(-by)
		if ack, _ := a.bill(420, nil); ack.Note == nil {
			t.Errorf("%v: answers %+v", by, ack)
		}
	}
}

// It may jump over a restart, too: then bills wait until it is right again,
// with the clocks named as the cause.
func TestClockJumpsOverRestart(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	a.runs(3)
	b.pass(5 * time.Minute) // nobody there, and the container runs
	b.now.Wall = b.now.Wall.Add(-10 * time.Minute)
	b.boot()
	n := a.note(180+300, func(n *market.UsageNote) { n.At = n.At.Add(10 * time.Minute) })
	ack := sent[*market.AckUsage](b.receive(seller(1), &market.ReportUsage{Note: n}))[0]
	if ack.Reason != market.ClockSkew || !strings.Contains(ack.Detail, "10m0s") {
		t.Errorf("answers %+v", ack)
	}
	b.now.Wall = b.now.Wall.Add(10 * time.Minute)
	ack = sent[*market.AckUsage](b.receive(seller(1), &market.ReportUsage{Note: n}))[0]
	if ack.Note == nil {
		t.Fatalf("and with the clock right again %+v", ack)
	}
	a.last = n
	a.runs(2)

	// Ahead, and back while nobody was there.
	b.now.Wall = b.now.Wall.Add(10 * time.Minute)
	a.runs(1)
	b.now.Wall = b.now.Wall.Add(-10 * time.Minute)
	b.pass(4 * time.Minute)
	b.boot()
	a.bill(a.last.Usage.Running+240, nil)
	a.runs(1)
}

// After a restart the calendar tells what has passed, and no more.
func TestRestart(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	b.pass(3 * time.Minute)
	b.boot() // before the first note
	if ack, _ := a.bill(301, nil); ack.Note != nil {
		t.Error("more is signed than has passed")
	}
	if ack, _ := a.bill(180, nil); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
	b.pass(30 * time.Minute)
	b.boot()
	if ack, _ := a.bill(33*60+121, nil); ack.Note != nil || ack.Reason != market.Disputed {
		t.Errorf("answers %+v", ack)
	}
	if ack, _ := a.bill(33*60, nil); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
	a.runs(2)
	want(t, "owed", b.spent(), a.lease.Due(market.Usage{Running: 35 * 60}))
}

// A lease that was signed while the clock was ahead is younger by the calendar
// than it is: what was measured since counts.
func TestRestartAfterEarlyStart(t *testing.T) {
	b := newBench(t)
	short := terms()
	short.Interval = 5 * time.Second
	b.now.Wall = b.now.Wall.Add(110 * time.Second)
	l := launched(t, b.choose(nil, b.at(1, 4000, short)))[0].Lease
	b.grant(1, l)
	b.status(1, l.ID, 1, market.Running, market.NoReason)
	a := &account{bench: b, lease: l}
	b.now.Wall = b.now.Wall.Add(-110 * time.Second)
	b.advance(10 * time.Minute)
	a.bill(600, nil)
	b.pass(time.Minute)
	b.boot()
	if ack, _ := a.bill(671, nil); ack.Note != nil {
		t.Errorf("more is signed than has passed")
	}
	if ack, _ := a.bill(660, nil); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
}

// A bill that was held up for long says nothing about the clock of the next
// life: the launch does.
func TestRestartAfterDelay(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	b.advance(time.Minute)
	early := a.note(60, nil)
	b.advance(20 * time.Minute) // a partition
	b.receive(seller(1), &market.ReportUsage{Note: early})
	a.last = early
	b.boot()
	b.advance(time.Minute)
	if ack, _ := a.bill(22*60, nil); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
}

// Notes that come much too often are not kept, one by one, on our disk.
func TestHasty(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	a.runs(1)
	for i := range 50 {
		b.advance(100 * time.Millisecond)
		if _, out := a.bill(60+uint64(i/20), nil); len(out.Saves) != 0 {
			t.Fatal("a hasty note is saved")
		}
	}
	b.advance(30 * time.Second)
	if ack, _ := a.bill(95, nil); ack == nil || ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
	if ack, _ := a.bill(95, func(n *market.UsageNote) { n.Last = true }); ack == nil || ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
}

// Two leases of one unit cannot be billed for the same minute, however late
// the renewal was granted; the last note of the old one is still signed.
func TestNoMinuteTwice(t *testing.T) {
	b := newBench(t)
	old := b.metered(hour)
	old.runs(39)
	next := launched(t, b.advance(2*time.Minute))[0].Lease
	b.advance(10 * time.Minute) // the grant is withheld, or lost
	b.grant(1, next)
	a := &account{bench: b, lease: next}
	if ack, _ := old.bill(51*60, func(n *market.UsageNote) { n.Last = true }); ack.Note == nil {
		t.Fatalf("answers %+v", ack)
	}
	if ack, _ := a.bill(10*60, nil); ack.Note != nil {
		t.Error("ten minutes twice")
	}
	b.boot()
	if ack, _ := a.bill(10*60, nil); ack.Note != nil {
		t.Error("ten minutes twice, after a restart")
	}
	b.advance(time.Minute)
	if ack, _ := a.bill(60, nil); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
	if s, _ := old.issue(old.receipt(func(r *market.Receipt) { r.Reason = market.Renewed })); s.Receipt == nil {
		t.Fatalf("answers %+v", s)
	}
	if ack, _ := a.bill(10*60, nil); ack != nil && ack.Note != nil {
		t.Error("ten minutes twice, once the old lease is closed")
	}
	a.runs(3)
	want(t, "owed", b.spent(), old.last.Amount+a.last.Amount)
	want(t, "the fee of a renewal", a.last.Amount, 2) // 240 seconds, and no start
}

// The seconds of both are signed where the renewal was granted in time, in
// whatever order the notes come.
func TestNotesAcrossRenewal(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b := newBench(t)
		old := b.metered(hour)
		old.runs(39)
		a := old.renewed(2 * time.Minute)
		if restart {
			b.boot()
		}
		a.runs(2)
		if ack, _ := old.bill(41*60, func(n *market.UsageNote) { n.Last = true }); ack.Note == nil {
			t.Fatalf("answers %+v", ack)
		}
		want(t, "bills", len(b.Meters()), 2)
		a.runs(2)
	}
}

// Bills for what is not known here, or no longer wanted, are not signed.
func TestStrangeNotes(t *testing.T) {
	b := newBench(t)
	l := keys(0).Lease(market.Lease{Buyer: keys(0).Self(), Supplier: keys(1).Self(), Nonce: 5, Terms: terms()})
	a := &account{bench: b, lease: l}
	ack, out := a.bill(60, nil)
	if ack.Reason != market.NoSuchLease || len(sent[*market.StopContainer](out)) != 1 {
		t.Errorf("sends %+v", out.Sends)
	}
	if _, out := a.bill(60, func(n *market.UsageNote) { n.Last = true }); len(sent[*market.StopContainer](out)) != 0 {
		t.Error("what is over is ended")
	}

	m := launched(t, b.choose(nil, b.at(1, 4000, terms())))[0]
	a = &account{bench: b, lease: m.Lease}
	_, out = a.bill(1, nil)
	if again := sent[*market.LaunchContainer](out); len(again) != 1 || again[0].Lease.ID != m.Lease.ID {
		t.Error("a lost grant is not asked for")
	}
	if _, out := (&account{bench: b, lease: m.Lease}).bill(1, nil); len(out.Saves) != 0 {
		t.Error("a bill without a lease is signed")
	}
	stranger := keys(2).Usage(market.UsageNote{Lease: m.Lease.ID, Seq: 1})
	if out := b.receive(seller(2), &market.ReportUsage{Note: stranger}); len(noted(out, market.NoteBadMessage)) != 1 {
		t.Error("a stranger bills")
	}
	b.step(market.Abandon{Ref: 77})
	if ack, _ := a.bill(1, nil); ack.Reason != market.Undone {
		t.Errorf("answers %+v", ack)
	}
	want(t, "owed", b.spent(), 0)

	b = newBench(t)
	b.metered(hour)
	next := launched(t, b.advance(41*time.Minute))[0].Lease
	b.advance(20 * time.Minute) // the lease before is over
	_, out = (&account{bench: b, lease: next}).bill(60, nil)
	if again := sent[*market.LaunchContainer](out); len(again) != 1 || again[0].Lease.ID != next.ID {
		t.Error("the lost grant of a renewal is not asked for")
	}
}

// A lease without terms is not metered: nothing is kept of it.
func TestUnmetered(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, nil)
	a := &account{bench: b, lease: l}
	if _, out := a.bill(60, nil); len(noted(out, market.NoteBadMessage)) != 1 || len(out.Sends) != 0 {
		t.Errorf("answers %+v", out)
	}
	want(t, "entries", len(b.log), 0)
	want(t, "bills", len(b.Meters()), 0)
}
