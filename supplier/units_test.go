package supplier_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

// Statuses are a chain; the newest is repeated, ever more rarely, until the
// owner confirms it.
func TestStatuses(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1))
	m := b.launch(1, nil)
	owner := market.Ref{Peer: m.Lease.Buyer, Addrs: []string{"/ip4/192.0.2.9"}}
	m.At = owner
	b.receive(market.Ref{Peer: m.Lease.Buyer}, m)
	b.store(b.advance(time.Second))

	var last *market.SignedStatus
	for i, s := range []market.State{market.Pulling, market.Starting, market.Running} {
		out := b.step(market.UnitChanged{Unit: m.Lease.ID, State: s, Digest: "sha256:1", Detail: strings.Repeat("x", 5000),
			Ports: []market.Binding{{Addr: "192.0.2.1"}}})
		st := sent[*market.StatusUpdate](out)
		if len(st) != 1 || st[0].Status.Seq != uint64(i+1) || len(st[0].Status.Detail) > market.MaxDetail || len(out.Sends[0].To.Addrs) != 1 {
			t.Fatalf("says %+v", st)
		}
		if last != nil && st[0].Status.Prev != last.Hash {
			t.Error("the chain is broken")
		}
		last = st[0].Status
		if out := b.step(market.UnitChanged{Unit: m.Lease.ID, State: s, Detail: last.Detail}); len(out.Sends) != 0 {
			t.Error("says the same twice")
		}
	}
	b.step(market.EngineChanged{Reason: "stopped"})
	if st := b.Sold()[0].Status; st.State != market.Unknown || len(st.Ports) != 1 || st.Digest != "sha256:1" {
		t.Errorf("without an engine: %+v", st)
	}
	b.unit(m.Lease, market.Unknown, market.EngineDown)
	if out := b.advance(20 * time.Minute); len(sent[*market.StatusUpdate](out)) < 8 || len(sent[*market.StatusUpdate](out)) > 12 {
		t.Errorf("%d repetitions in 20 minutes", len(sent[*market.StatusUpdate](out)))
	}
	b.receive(ref(5), &market.StatusAck{Unit: m.Lease.ID, Seq: 4})
	b.receive(owner, &market.StatusAck{Unit: m.Lease.ID, Seq: 5})
	b.receive(owner, &market.StatusAck{Unit: market.LeaseID{9}, Seq: 4})
	if b.Sold()[0].Acked != 0 {
		t.Error("believes a confirmation that cannot be")
	}
	if out := b.step(market.Near{Peer: owner}); len(sent[*market.StatusUpdate](out)) != 1 {
		t.Error("an owner that is back is not told")
	}
	b.receive(owner, &market.StatusAck{Unit: m.Lease.ID, Seq: 4})
	if out := b.advance(10 * time.Minute); len(sent[*market.StatusUpdate](out)) != 0 {
		t.Error("repeats what was confirmed")
	}
}

// What ends a lease, and why.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name    string
		do      func(*bench, *market.SignedLease)
		removed bool // a Control was emitted for it
		why     market.Reason
	}{
		{"the image does not start", func(b *bench, l *market.SignedLease) { b.unit(l, market.Failed, market.StartFailed) }, true, market.StartFailed},
		{"a failure without a reason", func(b *bench, l *market.SignedLease) { b.unit(l, market.Failed, market.NoReason) }, true, market.StartFailed},
		{"the container is lost", func(b *bench, l *market.SignedLease) { b.unit(l, market.Lost, market.NoReason) }, true, market.Vanished},
		{"the engine removed it", func(b *bench, l *market.SignedLease) { b.unit(l, market.Ended, market.NoReason) }, false, market.Vanished},
		{"its term is over", func(b *bench, _ *market.SignedLease) { b.advance(61 * time.Minute) }, true, market.Expired},
		{"its supplier leaves", func(b *bench, _ *market.SignedLease) { b.step(market.Leave{End: true}) }, true, market.SupplierLeft},
		{"its owner removes it", func(b *bench, l *market.SignedLease) {
			b.receive(market.Ref{Peer: l.Buyer}, &market.StopContainer{Unit: l.ID, Op: market.OpRemove})
		}, true, market.RemovedByOwner},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			l := b.sell(1, nil)
			c.do(b, l)
			if c.removed {
				if e := b.Sold()[0].Ending; e != c.why {
					t.Fatalf("ends by %v, want %v", e, c.why)
				}
				if r := b.disk[[33]byte(append(append([]byte{}, l.ID[:]...), byte(market.SoldTable)))].(*market.Sold); r.Ending != c.why {
					t.Error("the end is not saved")
				}
				if b.Free().CPU != 3000 {
					t.Error("its share is sold before it is removed")
				}
				b.unit(l, market.Running, market.NoReason) // a late word changes nothing
				b.unit(l, market.Ended, market.NoReason)
			}
			if st := b.Sold()[0].Status; st.State != market.Ended || st.Reason != c.why || b.Free().CPU != 4000 {
				t.Errorf("ended %+v, free %v", st, b.Free())
			}
			b.unit(l, market.Running, market.NoReason)
			if b.Sold()[0].Status.State != market.Ended {
				t.Error("something follows the end")
			}
			if b.advance(11 * time.Minute); len(b.Sold()) != 0 || b.records(market.SoldTable) > 0 {
				t.Errorf("%d units and %d records remain of what nobody confirmed", len(b.Sold()), len(b.disk))
			}
		})
	}
}

// A removal that the engine did not do is repeated, over restarts, too.
func TestRemovalRepeated(t *testing.T) {
	b := newBench(t, nil)
	l := b.sell(1, nil)
	owner := market.Ref{Peer: l.Buyer}
	b.receive(owner, &market.StopContainer{Unit: l.ID, Op: market.OpRemove, Ref: 5})
	ctl := func(out *market.Outbox) int { return len(out.Controls) }
	if n := ctl(b.advance(6 * time.Minute)); n != 1 {
		t.Errorf("%d repetitions without an answer", n)
	}
	b.unit(l, market.Unknown, market.EngineDown)
	if n := ctl(b.advance(6 * time.Minute)); n != 1 {
		t.Errorf("%d repetitions after a failure", n)
	}
	b.step(market.EngineChanged{})
	if n := ctl(b.step(market.EngineChanged{Up: true})); n != 1 {
		t.Errorf("%d repetitions when the engine is back", n)
	}
	b.boot()
	if n := ctl(b.step(market.EngineChanged{Up: true})); n != 1 {
		t.Errorf("%d repetitions after a restart", n)
	}
	if r := sent[*market.StopAck](b.receive(owner, &market.StopContainer{Unit: l.ID, Op: market.OpStop})); len(r) != 1 || r[0].Reason != market.Superseded {
		t.Errorf("a stop of what ends: %+v", r)
	}
	b.receive(owner, &market.StopContainer{Unit: l.ID, Op: market.OpRemove, Ref: 6})
	if b.Sold()[0].Ending != market.RemovedByOwner {
		t.Error("the first reason does not stand")
	}
}

func TestStop(t *testing.T) {
	b := newBench(t, nil)
	l := b.sell(1, nil)
	owner := market.Ref{Peer: l.Buyer}
	stop := func(from market.Ref, op market.Op, ref uint64) (market.Reason, *market.Outbox) {
		out := b.receive(from, &market.StopContainer{Unit: l.ID, Op: op, Ref: ref, Grace: time.Second})
		if a := sent[*market.StopAck](out); len(a) == 1 {
			return a[0].Reason, out
		}
		return market.NoReason, out
	}
	if r, out := stop(ref(5), market.OpStop, 1); r != market.NotOwner || noted(out, market.NoteBadMessage) != 1 {
		t.Errorf("a stranger gets %v", r)
	}
	_, out := stop(owner, market.OpStop, 2)
	if len(out.Controls) != 1 || out.Controls[0].Grace != time.Second || !b.Sold()[0].Stopped || len(sent[*market.StopAck](out)) != 0 {
		t.Fatalf("emits %+v", out.Controls)
	}
	if _, again := stop(owner, market.OpStop, 2); len(again.Controls) != 0 {
		t.Error("a repeated command is carried out twice")
	}
	out = b.step(market.UnitChanged{Unit: l.ID, Ref: out.Controls[0].Ref, State: market.Stopped, Reason: market.Exited, ExitCode: 143})
	if a := sent[*market.StopAck](out); len(a) != 1 || a[0].Ref != 2 || a[0].Reason != market.NoReason {
		t.Errorf("answers %+v", a)
	}
	if st := b.Sold()[0].Status; st.Reason != market.StoppedByOwner || st.ExitCode != 143 {
		t.Errorf("says %+v", st)
	}
	_, out = stop(owner, market.OpStart, 3)
	if b.Sold()[0].Stopped {
		t.Error("a start leaves it stopped")
	}
	out = b.step(market.UnitChanged{Unit: l.ID, Ref: out.Controls[0].Ref, State: market.Unknown})
	if a := sent[*market.StopAck](out); len(a) != 1 || a[0].Reason != market.EngineDown {
		t.Errorf("answers %+v", a)
	}
	refused := 0
	for i := range uint64(40) {
		if r, _ := stop(owner, market.OpRestart, 100+i); r == market.Busy {
			refused++
		}
	}
	if refused != 24 {
		t.Errorf("%d of 40 commands refused", refused)
	}
	b.step(market.EngineChanged{})
	if r, _ := stop(owner, market.OpStop, 300); r != market.Busy && r != market.EngineDown {
		t.Errorf("without an engine: %v", r)
	}
	b.unit(l, market.Ended, market.NoReason)
	if r, _ := stop(owner, market.OpStop, 301); r != market.Superseded {
		t.Errorf("a stop after the end: %v", r)
	}
	if r, out := stop(owner, market.OpRemove, 302); r != market.NoReason || len(sent[*market.StopAck](out)) != 1 {
		t.Errorf("a removal after the end: %v", r)
	}
}

// A process that dies between writing down that a container is to be started
// and starting it makes up for it, once.
func TestStartOverCrash(t *testing.T) {
	b := newBench(t, nil)
	l := b.sell(1, nil)
	owner := market.Ref{Peer: l.Buyer}
	order := func(op market.Op, ref uint64) *market.Outbox {
		return b.receive(owner, &market.StopContainer{Unit: l.ID, Op: op, Ref: ref})
	}
	out := order(market.OpStop, 1)
	b.step(market.UnitChanged{Unit: l.ID, Ref: out.Controls[0].Ref, State: market.Stopped, Reason: market.Exited})
	reborn := func() *market.Outbox {
		b.boot()
		b.step(market.EngineChanged{Reason: "it boots as well"})
		b.step(market.EngineChanged{Up: true})
		return b.unit(l, market.Stopped, market.Exited)
	}
	if out := reborn(); len(out.Controls) != 0 {
		t.Errorf("what was stopped is told to %v", out.Controls[0].Op)
	}
	order(market.OpStart, 2) // and dies
	if out := reborn(); len(out.Controls) != 1 || out.Controls[0].Op != market.OpStart {
		t.Errorf("what was to be started is told %+v", out.Controls)
	}
	if out := b.unit(l, market.Stopped, market.Exited); len(out.Controls) != 0 || b.Sold()[0].Status.Reason != market.Exited {
		t.Errorf("what cannot be started is told %+v, and said to be %v", out.Controls, b.Sold()[0].Status.Reason)
	}
	if out := reborn(); len(out.Controls) != 0 {
		t.Error("what had ended by itself is started")
	}
}

func TestStopWithoutEngine(t *testing.T) {
	b := newBench(t, nil)
	l := b.sell(1, nil)
	b.step(market.EngineChanged{})
	out := b.receive(market.Ref{Peer: l.Buyer}, &market.StopContainer{Unit: l.ID, Op: market.OpKill, Signal: "HUP"})
	if a := sent[*market.StopAck](out); len(a) != 1 || a[0].Reason != market.EngineDown {
		t.Errorf("answers %+v", a)
	}
}

// A job that was to be removed is, after a while; not if it is started again.
func TestRemoveOnExit(t *testing.T) {
	b := newBench(t, nil)
	l := b.sell(1, func(s *market.Spec, _ *market.Lease) { s.Remove = true })
	owner := market.Ref{Peer: l.Buyer}
	b.unit(l, market.Stopped, market.Exited)
	out := b.receive(owner, &market.StopContainer{Unit: l.ID, Op: market.OpRestart, Ref: 1})
	if out := b.advance(time.Minute); len(out.Controls) != 0 {
		t.Error("removed in spite of a restart")
	}
	b.step(market.UnitChanged{Unit: l.ID, Ref: out.Controls[0].Ref, State: market.Running})
	b.unit(l, market.Stopped, market.Exited)
	b.receive(owner, &market.StopContainer{Unit: l.ID, Op: market.OpKill, Signal: "HUP", Ref: 2})
	if out := b.advance(time.Minute); len(out.Controls) != 1 || b.Sold()[0].Ending != market.Exited {
		t.Errorf("emits %+v", out.Controls)
	}
}

// What a new life does with the units of the old one.
func TestBoot(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1))
	seq, _, _ := b.Published()
	accepted := b.launch(1, nil)
	b.refusal(accepted)
	running := b.sell(2, nil)
	pulling := b.launch(3, nil)
	b.refusal(pulling)
	b.unit(pulling.Lease, market.Pulling, market.NoReason)
	ended := b.sell(4, nil)
	b.unit(ended, market.Ended, market.NoReason)

	out := b.boot()
	if n := len(sent[*market.Grant](out)); n != 4 {
		t.Errorf("%d grants are repeated", n)
	}
	if n := len(sent[*market.StatusUpdate](out)); n != 3 {
		t.Errorf("%d statuses are repeated", n)
	}
	out = b.step(market.EngineChanged{Up: true})
	adopt := map[market.LeaseID]bool{}
	for _, r := range out.Runs {
		adopt[r.Unit] = r.Adopt
	}
	want := map[market.LeaseID]bool{accepted.Lease.ID: false, pulling.Lease.ID: false, running.ID: true}
	if len(adopt) != 3 || adopt[running.ID] != want[running.ID] || adopt[pulling.Lease.ID] || adopt[accepted.Lease.ID] {
		t.Errorf("runs %v", adopt)
	}
	b.step(market.Supply{Selling: true, Stock: &market.Stock{Wares: market.Wares{Total: market.Resources{CPU: 4000, Memory: 4 * market.GiB}, Platform: linux}}})
	b.store(b.advance(time.Second))
	if o, _, _ := b.Published(); o.Seq <= seq.Seq || o.Free.CPU != 1000 {
		t.Errorf("publishes %d with %v free", o.Seq, o.Free)
	}
	if !slices.IsSortedFunc(b.Sold(), func(x, y *market.Sold) int { return x.Lease.Unit().Compare(y.Lease.Unit()) }) {
		t.Error("units are not in order")
	}
}

// A stock that shrinks below what is leased sells nothing, and owes nothing.
func TestShrunkStock(t *testing.T) {
	b := newBench(t, nil)
	b.sell(1, func(s *market.Spec, _ *market.Lease) { s.Limits.CPU = 3000 })
	b.step(market.Supply{Selling: true, Stock: &market.Stock{Wares: market.Wares{Total: market.Resources{CPU: 2000, Memory: 2 * market.GiB}, Platform: linux}}})
	if f := b.Free(); f.CPU != 0 || f.Memory != market.GiB {
		t.Errorf("%v free", f)
	}
	if s, selling := b.Stock(); !selling || s.Total.CPU != 2000 {
		t.Errorf("stock %+v", s)
	}
}
