package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// refusal delivers a launch, and returns the reason of the answer; NoReason
// is a grant.
func (b *bench) refusal(m *market.LaunchContainer) market.Reason {
	b.t.Helper()
	out := b.receive(market.Ref{Peer: m.Lease.Buyer}, m)
	if g := sent[*market.Grant](out); len(g) == 1 && len(g[0].Lease.BySupplier) > 0 {
		return market.NoReason
	}
	r := sent[*market.Refusal](out)
	if len(r) != 1 || r[0].Lease != m.Lease.ID {
		b.t.Fatalf("answers %+v", out.Sends)
	}
	for _, s := range out.Saves {
		if _, seq := s.Record.(*market.Seq); !seq {
			b.t.Errorf("a refusal saves %T", s.Record)
		}
	}
	if len(out.Runs) != 0 {
		b.t.Error("a refusal runs something")
	}
	return r[0].Reason
}

func TestAdmit(t *testing.T) {
	type spec = *market.Spec
	type lease = *market.Lease
	ports := func(p ...uint16) func(spec, lease) {
		return func(s spec, _ lease) {
			for _, h := range p {
				s.Ports = append(s.Ports, market.Port{Container: 80, Host: h})
			}
		}
	}
	for _, c := range []struct {
		name   string
		stock  func(*market.Stock)
		before func(*bench)
		change func(spec, lease)
		want   market.Reason
	}{
		{name: "what fits"},
		{name: "all there is", change: func(s spec, _ lease) { s.Limits = market.Resources{CPU: 4000, Memory: 4 * market.GiB} }},
		{name: "too much memory", change: func(s spec, _ lease) { s.Limits.Memory = 5 * market.GiB }, want: market.NoCapacity},
		{name: "a disk that is not sold", change: func(s spec, _ lease) { s.Limits.Disk = 1 }, want: market.NoCapacity},
		{name: "more than is left", before: func(b *bench) { b.sell(2, nil); b.sell(2, nil) },
			change: func(s spec, _ lease) { s.Limits.CPU = 2001 }, want: market.NoCapacity},
		{name: "what an ended lease has freed", before: func(b *bench) {
			l := b.sell(2, func(s spec, _ lease) { s.Limits.CPU = 4000 })
			b.unit(l, market.Ended, market.NoReason)
		}},
		{name: "a lease of another network", change: func(_ spec, l lease) { l.Network[0]++ }, want: market.BadLease},
		{name: "a lease with another supplier", change: func(_ spec, l lease) { l.Supplier[0]++ }, want: market.BadLease},
		{name: "a lease about another image", change: func(_ spec, l lease) { l.Image = "db" }, want: market.BadLease},
		{name: "a lease about less", change: func(s spec, l lease) { l.Resources = market.Resources{CPU: 10, Memory: market.MinMemory} }, want: market.BadLease},
		{name: "a clock that is ahead", change: func(_ spec, l lease) { l.Start += 121_000 }, want: market.ClockSkew},
		{name: "a clock that is behind", change: func(_ spec, l lease) { l.Start -= 121_000 }, want: market.ClockSkew},
		{name: "too long", stock: func(s *market.Stock) { s.Longest = time.Minute }, want: market.TooLong},
		{name: "another platform", change: func(s spec, _ lease) { s.Platform.Arch = "arm64" }, want: market.PlatformRefused},
		{name: "an image that is not allowed", stock: func(s *market.Stock) { s.Allow = []string{"db", "hub.example/*"} }, want: market.ImageRefused},
		{name: "no image at all", stock: func(s *market.Stock) { s.Allow = []string{} }, want: market.ImageRefused},
		{name: "an image by prefix", stock: func(s *market.Stock) { s.Allow = []string{"we*"} }},
		{name: "an image by tag", stock: func(s *market.Stock) { s.Allow = []string{"hub.example:5000/web"} },
			change: func(s spec, _ lease) { s.Image = "hub.example:5000/web:1.2@sha256:00" }},
		{name: "one container too many", stock: func(s *market.Stock) { s.Units = 1 }, before: func(b *bench) { b.sell(2, nil) }, want: market.Busy},
		{name: "one launch too many", stock: func(s *market.Stock) { s.Starting = 1 },
			before: func(b *bench) { b.refusal(b.launch(2, nil)) }, want: market.Busy},
		{name: "a launch after another", stock: func(s *market.Stock) { s.Starting = 1 }, before: func(b *bench) { b.sell(2, nil) }},
		{name: "a port of the range", change: ports(8080)},
		{name: "any port", change: ports(0, 0)},
		{name: "a port outside of the range", change: ports(80), want: market.PortTaken},
		{name: "a port that is leased", before: func(b *bench) { b.sell(2, ports(8080)) }, change: ports(8080), want: market.PortTaken},
		{name: "a port that the engine chose for another", before: func(b *bench) {
			l := b.sell(2, ports(0))
			b.step(market.UnitChanged{Unit: l.ID, State: market.Running, Ports: []market.Binding{{Port: market.Port{Container: 80, Host: 8080}}}})
		}, change: ports(8080), want: market.PortTaken},
		{name: "nothing for sale", before: func(b *bench) { b.step(market.Supply{Stock: &market.Stock{}}) }, want: market.NotSelling},
		{name: "a supplier that leaves", before: func(b *bench) { b.step(market.Leave{}) }, want: market.NotSelling},
		{name: "no engine", before: func(b *bench) { b.step(market.EngineChanged{}) }, want: market.EngineDown},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.stock)
			if c.before != nil {
				c.before(b)
			}
			if got := b.refusal(b.launch(1, c.change)); got != c.want {
				t.Errorf("answers %v, want %v", got, c.want)
			}
		})
	}
}

func TestLaunchByAnother(t *testing.T) {
	b := newBench(t, nil)
	m := b.launch(1, nil)
	if r := sent[*market.Refusal](b.receive(ref(1), m)); len(r) != 1 || r[0].Reason != market.BadLease {
		t.Errorf("answers %+v", r)
	}
}

// The same launch gets the same answer and no second container; after its
// end, or after a cancellation that came first, none.
func TestLaunchAgain(t *testing.T) {
	b := newBench(t, nil)
	m := b.launch(1, nil)
	from := market.Ref{Peer: m.Lease.Buyer}
	first := b.receive(from, m)
	if len(first.Runs) != 1 || len(first.Saves) == 0 {
		t.Fatalf("a launch runs %d containers and saves %d records", len(first.Runs), len(first.Saves))
	}
	again := b.receive(from, m)
	if g := sent[*market.Grant](again); len(g) != 1 || string(g[0].Lease.BySupplier) != string(sent[*market.Grant](first)[0].Lease.BySupplier) {
		t.Error("a repeated launch gets another answer")
	}
	if len(again.Runs) != 0 {
		t.Error("a repeated launch runs again")
	}
	b.unit(m.Lease, market.Ended, market.NoReason)
	if r := b.refusal(m); r != market.Superseded {
		t.Errorf("a launch after its end: %v", r)
	}
	b.receive(from, &market.StatusAck{Unit: m.Lease.ID, Seq: 1})
	if len(b.Sold()) != 0 {
		t.Fatal("an end that was confirmed is remembered")
	}
	if r := b.refusal(m); r != market.Superseded {
		t.Errorf("a launch after its end was confirmed: %v", r)
	}
	b.pass(time.Hour)
	b.refusal(b.launch(2, nil)) // one that ends makes room
	if r := b.refusal(m); r != market.Superseded && r != market.ClockSkew {
		t.Errorf("a launch an hour later: %v", r)
	}

	m = b.launch(1, nil)
	ack := sent[*market.StopAck](b.receive(from, &market.StopContainer{Unit: m.Lease.ID, Op: market.OpRemove, Ref: 4}))
	if len(ack) != 1 || ack[0].Reason != market.NoSuchLease || ack[0].Ref != 4 {
		t.Errorf("answers %+v", ack)
	}
	if r := b.refusal(m); r != market.Superseded {
		t.Errorf("a launch after its cancellation: %v", r)
	}
}

// A buyer that cancels without end loses its own oldest cancellations only.
func TestTombsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	m := b.launch(1, nil)
	b.receive(market.Ref{Peer: m.Lease.Buyer}, &market.StopContainer{Unit: m.Lease.ID, Op: market.OpRemove})
	for i := range 3000 {
		b.receive(ref(1), &market.StopContainer{Unit: market.LeaseID(market.KeyOf(string(rune(i)))), Op: market.OpRemove})
	}
	if r := b.refusal(m); r != market.Superseded {
		t.Errorf("a cancelled launch: %v", r)
	}
}

func TestRenew(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*bench, *market.SignedLease)
		by     byte
		change func(*market.Lease)
		want   market.Reason
	}{
		{name: "in time", by: 1},
		{name: "of a stranger", by: 2, change: func(l *market.Lease) { l.Buyer = keys(2).Self() }, want: market.NotOwner},
		{name: "of an unknown unit", by: 1, change: func(l *market.Lease) { l.First[0]++ }, want: market.NoSuchLease},
		{name: "of another link", by: 1, change: func(l *market.Lease) { l.Prev[0]++ }, want: market.Superseded},
		{name: "by a wrong clock", by: 1, change: func(l *market.Lease) { l.Start += 200_000 }, want: market.ClockSkew},
		{name: "for more", by: 1, change: func(l *market.Lease) { l.Resources.CPU++ }, want: market.BadLease},
		{name: "for more processes", by: 1, change: func(l *market.Lease) { l.Pids++ }, want: market.BadLease},
		{name: "of a peer that is blocked by now", by: 1, before: func(b *bench, _ *market.SignedLease) {
			b.account(1, func(a *market.Account) { a.Blocked = true })
		}, want: market.Blocked},
		{name: "too long", by: 1, change: func(l *market.Lease) { l.End = l.Start.Add(3 * time.Hour) }, want: market.TooLong},
		{name: "after the end", by: 1, before: func(b *bench, l *market.SignedLease) {
			b.unit(l, market.Failed, market.StartFailed)
		}, want: market.Superseded},
		{name: "at one that leaves", by: 1, before: func(b *bench, _ *market.SignedLease) { b.step(market.Leave{}) }, want: market.SupplierLeft},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *market.Stock) { s.Longest = 2 * time.Hour })
			l := b.sell(1, nil)
			b.pass(40 * time.Minute)
			if c.before != nil {
				c.before(b, l)
			}
			if got := b.refusal(b.renewal(c.by, l, c.change)); got != c.want {
				t.Errorf("answers %v, want %v", got, c.want)
			}
		})
	}
}

// A renewed lease ends at the new date; its repetition is the same renewal,
// and holds over a restart.
func TestRenewed(t *testing.T) {
	b := newBench(t, nil)
	l := b.sell(1, nil)
	b.pass(40 * time.Minute)
	m := b.renewal(1, l, nil)
	for range 2 {
		if r := b.refusal(m); r != market.NoReason {
			t.Fatalf("answers %v", r)
		}
	}
	if out := b.advance(30 * time.Minute); len(out.Controls) != 0 {
		t.Error("the lease ended at its old date")
	}
	b.boot()
	if out := b.advance(29 * time.Minute); len(out.Controls) != 0 {
		t.Error("the renewal did not survive a restart")
	}
	out := b.advance(2 * time.Minute)
	if len(out.Controls) != 1 || out.Controls[0].Op != market.OpRemove || out.Controls[0].Unit != l.ID || b.Sold()[0].Ending != market.Expired {
		t.Errorf("at its end: %+v", out.Controls)
	}
}

// TestSilentBuyers: who never confirms that a lease is over is refused after
// some, and keeps nobody else from buying, however many names it has.
func TestSilentBuyers(t *testing.T) {
	b := newBench(t, nil)
	for n := range 32 {
		if r := b.fail(2); r != market.NoReason {
			t.Fatalf("launch %d: %v", n, r)
		}
	}
	if r := b.fail(2); r != market.Busy {
		t.Errorf("one launch too many: %v", r)
	}
	if r := b.fail(3); r != market.NoReason {
		t.Errorf("a launch of another: %v", r)
	}
}

// fail launches something for a buyer that ends at once.
func (b *bench) fail(i byte) market.Reason {
	m := b.launch(i, nil)
	r := b.refusal(m)
	if r == market.NoReason {
		b.unit(m.Lease, market.Failed, market.ImageMissing)
		b.unit(m.Lease, market.Ended, market.NoReason)
	}
	return r
}
