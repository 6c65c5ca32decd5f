package buyer_test

import (
	"testing"
	"time"

	"caravela/market"
)

func hour(w *market.Wanted) { w.Term = time.Hour }

// A lease is renewed at two thirds; the same signed renewal is repeated until
// it is granted or refused.
func TestRenew(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, hour)
	if out := b.advance(39 * time.Minute); len(out.Sends) != 0 {
		t.Error("renews too early")
	}
	asked := sent[*market.LaunchContainer](b.advance(6 * time.Minute))
	if len(asked) < 5 || asked[0].Lease.Prev != l.ID || asked[0].Lease.First != l.ID || asked[0].Spec != nil || asked[0].Lease.Term() != time.Hour {
		t.Fatalf("asks %+v", asked)
	}
	for _, m := range asked {
		if m.Lease.ID != asked[0].Lease.ID {
			t.Fatal("two renewals of one lease")
		}
	}
	if b.disk[l.ID].Renewal == nil {
		t.Error("a renewal is not saved")
	}
	b.receive(seller(1), &market.Refusal{Lease: asked[0].Lease.ID, Reason: market.ClockSkew})
	next := sent[*market.LaunchContainer](b.advance(2 * time.Minute))
	if len(next) == 0 || next[0].Lease.ID == asked[0].Lease.ID {
		t.Fatal("a refused renewal is not replaced")
	}
	b.boot()
	again := sent[*market.LaunchContainer](b.advance(time.Second))
	if len(again) != 1 || again[0].Lease.ID != next[0].Lease.ID {
		t.Fatal("a new life forgets the renewal under way")
	}
	b.grant(1, next[0].Lease)
	if r := b.Bought()[0]; r.Lease.ID != next[0].Lease.ID || r.Renewal != nil || r.Lease.Unit() != l.ID {
		t.Errorf("holds %+v", r)
	}
	if out := b.advance(35 * time.Minute); len(sent[*market.LaunchContainer](out)) != 0 {
		t.Error("renews too early")
	}
}

// What is stopped by its owner or unknown is kept, what exited or failed is
// not; nothing is renewed after its end.
func TestWorthRenewing(t *testing.T) {
	for _, c := range []struct {
		state market.State
		why   market.Reason
		want  bool
	}{
		{market.Running, 0, true}, {market.Pulling, 0, true}, {market.Unknown, market.EngineDown, true},
		{market.Stopped, market.StoppedByOwner, true}, {market.Stopped, market.Exited, false}, {market.Ended, market.Expired, false},
		{market.Lost, market.Vanished, false},
	} {
		b := newBench(t)
		l := b.buy(1, hour)
		b.status(1, l.ID, 5, c.state, c.why)
		if got := len(sent[*market.LaunchContainer](b.advance(50*time.Minute))) > 0; got != c.want {
			t.Errorf("%v (%v): renewed %v", c.state, c.why, got)
		}
		b.advance(20 * time.Minute)
		if out := b.advance(time.Hour); len(sent[*market.LaunchContainer](out)) != 0 {
			t.Errorf("%v: asks after the end", c.state)
		}
		if b.advance(25 * time.Hour); len(b.Bought()) != 0 || len(b.disk) != 0 {
			t.Errorf("%v: remembered for ever", c.state)
		}
	}
	b := newBench(t)
	b.buy(1, func(w *market.Wanted) { w.Term, w.Renew = time.Hour, market.RenewNever })
	if out := b.advance(time.Hour); len(out.Sends) != 0 {
		t.Error("renews what is not to be renewed")
	}
}

// A lease that was not granted when this peer died is cancelled until the
// supplier confirms, however often either of them dies.
func TestUndoAfterCrash(t *testing.T) {
	b := newBench(t)
	m := launched(t, b.choose(nil, b.offer(1, 1000)))[0]
	for range 2 {
		out := b.boot()
		if s := sent[*market.StopContainer](out); len(s) != 1 || s[0].Op != market.OpRemove || !b.disk[m.Lease.ID].Undo {
			t.Fatalf("sends %+v", out.Sends)
		}
	}
	if out := b.grant(1, m.Lease); len(sent[*market.StopContainer](out)) != 1 {
		t.Error("a late grant is kept")
	}
	out := b.advance(time.Hour)
	cancels := sent[*market.StopContainer](out)
	if len(cancels) < 10 || len(cancels) > 24 {
		t.Errorf("%d repetitions in an hour", len(cancels))
	}
	b.receive(seller(1), &market.StopAck{Unit: m.Lease.ID, Ref: cancels[0].Ref, Reason: market.EngineDown})
	if n := len(sent[*market.StopContainer](b.step(market.Near{Peer: seller(1)}))); n != 0 {
		t.Error("sends in place of waiting for the tick")
	}
	if n := len(sent[*market.StopContainer](b.advance(0))); n != 1 {
		t.Errorf("%d cancellations to a supplier that is back", n)
	}
	b.receive(seller(2), &market.StopAck{Unit: m.Lease.ID, Ref: cancels[0].Ref}) // a stranger
	if len(b.Bought()) != 1 {
		t.Fatal("a stranger confirms")
	}
	b.receive(seller(1), &market.StopAck{Unit: m.Lease.ID, Ref: cancels[0].Ref, Reason: market.NoSuchLease})
	if len(b.Bought()) != 0 || len(b.disk) != 0 {
		t.Error("a confirmed cancellation is remembered")
	}
}

// A cancellation that is never confirmed ends with the lease; an Ended status
// is as good as a confirmation.
func TestUndoEnds(t *testing.T) {
	b := newBench(t)
	launched(t, b.choose(hour, b.offer(1, 1000)))
	b.boot()
	if b.advance(70 * time.Minute); len(b.Bought()) != 0 {
		t.Error("a cancellation outlives its lease")
	}
	m := launched(t, b.choose(hour, b.offer(1, 1000)))[0]
	b.boot()
	b.status(1, m.Lease.ID, 1, market.Ended, market.RemovedByOwner)
	if len(b.Bought()) != 0 {
		t.Error("an ended unit is still to be cancelled")
	}
	m = launched(t, b.choose(nil, b.offer(1, 1000)))[0]
	b.status(1, m.Lease.ID, 1, market.Ended, market.PullFailed) // and no grant
	b.advance(10 * time.Second)
	if len(b.Bought()) != 0 {
		t.Error("a unit that ended before its grant is kept")
	}
}

func TestOrders(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, nil)
	order := func(op market.Op, ref uint64) *market.Outbox {
		return b.step(market.Ordered{Ref: ref, Cmd: market.StopContainer{Unit: l.ID, Op: op}})
	}
	out := b.step(market.Ordered{Ref: 1, Cmd: market.StopContainer{Unit: market.LeaseID{1}}})
	if d := told(out, market.Done); len(d) != 1 || d[0].Reason != market.NoSuchLease {
		t.Errorf("tells %+v", out.Outcomes)
	}
	stop := sent[*market.StopContainer](order(market.OpStop, 2))[0]
	if out = b.receive(seller(1), &market.StopAck{Unit: l.ID, Ref: stop.Ref}); len(out.Outcomes) != 0 {
		t.Error("done, and the container still looks as if it ran")
	}
	out = b.status(1, l.ID, 2, market.Stopped, market.StoppedByOwner)
	if d := told(out, market.Done); len(d) != 1 || d[0].Ref != 2 || d[0].Reason != market.NoReason {
		t.Errorf("tells %+v", out.Outcomes)
	}
	start := sent[*market.StopContainer](order(market.OpStart, 20))[0]
	b.receive(seller(1), &market.StopAck{Unit: l.ID, Ref: start.Ref})
	if d := told(b.advance(3*time.Second), market.Done); len(d) != 1 || d[0].Reason != market.NoReason {
		t.Errorf("without the status that follows: %+v", d)
	}
	stop = sent[*market.StopContainer](order(market.OpStop, 3))[0]
	if d := told(b.step(market.Undelivered{To: seller(1).Peer, Msg: stop}), market.Done); len(d) != 1 || d[0].Reason != market.Unreachable {
		t.Errorf("tells %+v", d)
	}
	b.step(market.Undelivered{To: seller(1).Peer, Msg: stop}) // told before
	order(market.OpKill, 4)
	if d := told(b.advance(time.Minute), market.Done); len(d) != 1 || d[0].Ref != 4 || d[0].Reason != market.Unreachable {
		t.Errorf("tells %+v", d)
	}
	busy := 0
	for i := range uint64(40) {
		if d := told(order(market.OpRestart, 100+i), market.Done); len(d) == 1 && d[0].Reason == market.Busy {
			busy++
		}
	}
	if busy != 8 {
		t.Errorf("%d of 40 commands refused", busy)
	}
}

// The answer to a stop says nothing about the removal that follows it.
func TestRemove(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, nil)
	stop := sent[*market.StopContainer](b.step(market.Ordered{Ref: 1, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpStop}}))[0]
	rm := sent[*market.StopContainer](b.step(market.Ordered{Ref: 2, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpRemove}}))[0]
	if !b.disk[l.ID].Undo {
		t.Fatal("the wish is not saved")
	}
	b.receive(seller(1), &market.StopAck{Unit: l.ID, Ref: stop.Ref})
	if len(b.Bought()) != 1 {
		t.Fatal("a stop has removed it")
	}
	b.step(market.Ordered{Ref: 3, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpStart}})
	out := b.receive(seller(1), &market.StopAck{Unit: l.ID, Ref: rm.Ref, Reason: market.Superseded})
	d := map[uint64]market.Reason{}
	for _, o := range told(out, market.Done) {
		d[o.Ref] = o.Reason
	}
	if len(d) != 3 || d[1] != market.NoReason || d[2] != market.NoReason || d[3] != market.Superseded || len(b.Bought()) != 0 {
		t.Errorf("tells %+v", d)
	}
}

// A removal goes on in the background when the supplier cannot be reached.
func TestRemoveUnreachable(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, nil)
	rm := sent[*market.StopContainer](b.step(market.Ordered{Ref: 2, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpRemove}}))[0]
	d := told(b.step(market.Undelivered{To: seller(1).Peer, Msg: rm}), market.Done)
	if len(d) != 1 || d[0].Reason != market.Unreachable || d[0].Detail == "" {
		t.Errorf("tells %+v", d)
	}
	if n := len(sent[*market.StopContainer](b.advance(10 * time.Minute))); n < 2 {
		t.Errorf("%d repetitions", n)
	}
}

// Of what has ended only the removal is left.
func TestOrdersAfterTheEnd(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, nil)
	b.status(1, l.ID, 2, market.Ended, market.Expired)
	out := b.step(market.Ordered{Ref: 1, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpStart}})
	if d := told(out, market.Done); len(d) != 1 || d[0].Reason != market.Superseded {
		t.Errorf("tells %+v", d)
	}
	out = b.step(market.Ordered{Ref: 2, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpRemove}})
	if d := told(out, market.Done); len(d) != 1 || d[0].Reason != market.NoReason || len(b.Bought()) != 0 || len(out.Sends) != 0 {
		t.Errorf("tells %+v", d)
	}
}

// A container that its user removes while it is launched is not launched
// elsewhere.
func TestRemoveWhileLaunching(t *testing.T) {
	b := newBench(t)
	m := launched(t, b.choose(nil, b.offer(1, 1000), b.offer(2, 3000)))[0]
	b.grant(1, m.Lease)
	rm := sent[*market.StopContainer](b.step(market.Ordered{Ref: 2, Cmd: market.StopContainer{Unit: m.Lease.ID, Op: market.OpRemove}}))[0]
	out := b.receive(seller(1), &market.StopAck{Unit: m.Lease.ID, Ref: rm.Ref})
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.RemovedByOwner || len(sent[*market.LaunchContainer](out)) != 0 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// A launch that is refused after its user has removed it goes nowhere else;
// each command to it is answered.
func TestRefusedWhileRemoved(t *testing.T) {
	for op, reason := range map[market.Op]market.Reason{market.OpRemove: market.RemovedByOwner, market.OpStop: market.NoReason} {
		b := newBench(t)
		l := launched(t, b.choose(nil, b.offer(1, 1000), b.offer(2, 3000)))[0].Lease
		b.step(market.Ordered{Ref: 2, Cmd: market.StopContainer{Unit: l.ID, Op: op}})
		out := b.receive(market.Ref{Peer: l.Supplier}, &market.Refusal{Lease: l.ID, Reason: market.NoCapacity})
		if d := told(out, market.Done); len(d) != 1 || d[0].Ref != 2 {
			t.Errorf("%v: tells %+v", op, out.Outcomes)
		}
		g := told(out, market.GaveUp)
		switch {
		case reason == market.NoReason:
			want(t, "launches elsewhere", len(sent[*market.LaunchContainer](out)), 1)
		case len(g) != 1 || g[0].Reason != reason || len(sent[*market.LaunchContainer](out)) != 0:
			t.Errorf("%v: tells %+v", op, out.Outcomes)
		}
	}
}

// A grant that was lost is asked for again when a status shows that there
// was one.
func TestLostGrant(t *testing.T) {
	b := newBench(t)
	m := launched(t, b.choose(nil, b.offer(1, 1000)))[0]
	out := b.status(1, m.Lease.ID, 1, market.Pulling, 0)
	if again := sent[*market.LaunchContainer](out); len(again) != 1 || again[0].Lease.ID != m.Lease.ID || again[0].Auth != "secret" {
		t.Fatalf("sends %+v", out.Sends)
	}
	out = b.grant(1, m.Lease)
	if len(told(out, market.Leased)) != 1 || len(told(out, market.Progress)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

func TestIdleTick(t *testing.T) {
	b := newBench(t)
	b.buy(1, nil)
	var out market.Outbox
	if n := testing.AllocsPerRun(100, func() { b.Step(b.now, market.Tick{}, &out); b.Deadline() }); n > 0 {
		t.Errorf("an idle tick allocates %v times", n)
	}
}
