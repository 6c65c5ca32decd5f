package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// ask is buyer i's request for a core and a GiB, changed by change.
func (b *bench) ask(ref uint64, change func(*market.RequestHold)) *market.RequestHold {
	m := &market.RequestHold{Ref: ref, Resources: market.Resources{CPU: 1000, Memory: market.GiB}, Image: "web",
		Terms: b.stock.Terms, Term: time.Hour, For: market.HoldTime}
	if change != nil {
		change(m)
	}
	return m
}

// hold has buyer i hold something.
func (b *bench) hold(i byte, ref uint64, change func(*market.RequestHold)) *market.SignedHold {
	b.t.Helper()
	out := b.receive(market.Ref{Peer: keys(i).Self()}, b.ask(ref, change))
	g := sent[*market.GrantHold](out)
	if len(g) != 1 || g[0].Ref != ref {
		b.t.Fatalf("answers %+v", out.Sends)
	}
	return g[0].Hold
}

// What is held is kept: it is off the offer, over restarts, until it lapses,
// is released, or is leased.
func TestHold(t *testing.T) {
	b := newBench(t, func(s *market.Stock) { priced(s); s.Can, s.Topology = []string{"exec"}, "4 cores" })
	b.publish(ref(1))
	from := market.Ref{Peer: keys(1).Self()}
	h := b.hold(1, 7, func(m *market.RequestHold) { m.Ports = []market.Port{{Container: 80, Host: 8080}} })
	if h.Buyer != from.Peer || h.Hourly != 3_600_000 || h.Until.Sub(h.At) != time.Minute || b.records(market.ReservedTable) != 1 {
		t.Fatalf("holds %+v", h.Hold)
	}
	if again := b.hold(1, 7, nil); again.ID != h.ID || b.Reserved().Units != 1 {
		t.Error("the same request holds twice")
	}
	if u := sent[*market.UpdateOffer](b.advance(time.Second)); len(u) != 1 || u[0].Offer.Free.CPU != 3000 || !u[0].Offer.Terms.Equal(b.stock.Terms) {
		t.Errorf("offers %+v", u)
	} else if o := u[0].Offer; o.Topology != "4 cores" || len(o.Can) != 1 {
		t.Errorf("offers %+v", o.Offer)
	}
	b.restart()
	if b.Free().CPU != 3000 || len(b.Holds()) != 1 {
		t.Error("a restart forgets a hold")
	}
	if r := b.refusal(b.launch(2, func(s *market.Spec, _ *market.Lease) { s.Limits.CPU = 3001 })); r != market.NoCapacity {
		t.Errorf("what is held is leased to another: %v", r)
	}
	if r := b.refusal(b.launch(2, func(s *market.Spec, _ *market.Lease) { s.Ports = []market.Port{{Container: 80, Host: 8080}} })); r != market.PortTaken {
		t.Errorf("a port that is held is leased to another: %v", r)
	}
	b.receive(ref(2), &market.ReleaseHold{Hold: h.ID})
	if b.Reserved().Units != 1 {
		t.Error("another releases a hold")
	}
	b.receive(from, &market.ReleaseHold{Hold: h.ID})
	if b.Free().CPU != 4000 || b.Reserved().Units != 0 || b.records(market.ReservedTable) != 0 {
		t.Error("a release frees nothing")
	}
	b.hold(1, 8, func(m *market.RequestHold) { m.For = 10 * time.Second })
	b.advance(9 * time.Second)
	if b.Reserved().Units != 1 {
		t.Error("lapses before its time")
	}
	b.advance(2 * time.Second)
	if b.Free().CPU != 4000 || b.records(market.ReservedTable) != 0 {
		t.Error("does not lapse")
	}
}

// A hold is a promise: at its terms, even if the price rose, even if nothing
// is sold any more; but for its buyer, for what it says, once.
func TestLeaseByHold(t *testing.T) {
	all := market.Resources{CPU: 4000, Memory: 4 * market.GiB}
	for _, c := range []struct {
		name   string
		before func(*bench)
		by     byte
		change func(*market.Spec, *market.Lease)
		want   market.Reason
	}{
		{name: "all of it", by: 1},
		{name: "less", by: 1, change: func(s *market.Spec, _ *market.Lease) { s.Limits.CPU = 10; s.Ports = nil }},
		{name: "after the price rose", by: 1, before: func(b *bench) {
			x := *b.stock.Terms
			x.Price.Core *= 2
			b.stock.Terms = &x
			b.step(market.Supply{Selling: true, Stock: new(b.stock)})
		}},
		{name: "after selling ended", by: 1, before: func(b *bench) { b.step(market.Supply{Stock: new(b.stock)}) }},
		{name: "after a restart", by: 1, before: func(b *bench) { b.restart() }},
		{name: "by another", by: 2, want: market.NoSuchHold},
		{name: "at other terms", by: 1, change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Price.Core++; l.Terms = &x }, want: market.NoSuchHold},
		{name: "for another port", by: 1, change: func(s *market.Spec, _ *market.Lease) { s.Ports[0].Host++ }, want: market.NoSuchHold},
		{name: "for more processes", by: 1, change: func(s *market.Spec, _ *market.Lease) { s.Pids = 1000 }, want: market.NoSuchHold},
		{name: "too late", by: 1, before: func(b *bench) { b.pass(time.Minute) }, want: market.NoSuchHold},
		{name: "after a block", by: 1, before: func(b *bench) { b.account(1, func(a *market.Account) { a.Blocked = true }) }, want: market.Blocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, priced)
			terms := b.stock.Terms
			port := []market.Port{{Container: 80, Host: 8080}}
			h := b.hold(1, 7, func(m *market.RequestHold) { m.Resources, m.Ports = all, port })
			if c.before != nil {
				c.before(b)
			}
			m := b.launch(c.by, func(s *market.Spec, l *market.Lease) {
				s.Limits, s.Ports, l.Hold, l.Terms = all, []market.Port{{Container: 80, Host: 8080}}, h.ID, terms
				if c.change != nil {
					c.change(s, l)
				}
			})
			out := b.receive(market.Ref{Peer: m.Lease.Buyer}, m)
			if r := sent[*market.Refusal](out); c.want != market.NoReason {
				if len(r) != 1 || r[0].Reason != c.want || b.Reserved().Units != 1 {
					t.Errorf("answers %+v", r)
				}
				return
			}
			if len(sent[*market.Grant](out)) != 1 || b.Reserved().Units != 0 || b.records(market.ReservedTable) != 0 {
				t.Fatalf("answers %+v", out.Sends)
			}
			m2 := b.launch(1, func(_ *market.Spec, l *market.Lease) { l.Hold = h.ID })
			if r := sent[*market.Refusal](b.receive(market.Ref{Peer: m2.Lease.Buyer}, m2)); len(r) != 1 {
				t.Error("a hold is leased twice")
			}
		})
	}
}

// What is not held, and how much at most.
func TestRequestHoldRefused(t *testing.T) {
	b := newBench(t, func(s *market.Stock) {
		s.Total = market.Resources{CPU: 1 << 19, Memory: market.TiB}
		s.Allow = []string{"web"}
		s.Longest = 2 * time.Hour
	})
	refused := func(i byte, change func(*market.RequestHold)) market.Reason {
		out := b.receive(market.Ref{Peer: keys(i).Self()}, b.ask(99, change))
		if r := sent[*market.Refusal](out); len(r) == 1 && r[0].Ref == 99 {
			return r[0].Reason
		}
		return market.NoReason
	}
	for name, c := range map[string]struct {
		change func(*market.RequestHold)
		want   market.Reason
	}{
		"another image": {func(m *market.RequestHold) { m.Image = "db" }, market.ImageRefused},
		"too long":      {func(m *market.RequestHold) { m.Term = 3 * time.Hour }, market.TooLong},
		"too much":      {func(m *market.RequestHold) { m.Resources.CPU = 1<<19 + 1 }, market.NoCapacity},
		"nothing":       {func(m *market.RequestHold) { m.Resources = market.Resources{} }, market.BadLease},
		"terms":         {func(m *market.RequestHold) { m.Terms = &market.Terms{Interval: time.Second} }, market.PriceChanged},
	} {
		if r := refused(1, c.change); r != c.want {
			t.Errorf("%s: %v", name, r)
		}
	}
	for i := range uint64(16) {
		b.hold(1, i, nil)
	}
	if r := refused(1, nil); r != market.Busy {
		t.Errorf("a seventeenth hold of one buyer's: %v", r)
	}
	for i := range uint64(240) {
		b.hold(byte(2+i/16), i, nil)
	}
	if r := refused(60, nil); r != market.Busy || b.Reserved().Units != 256 {
		t.Errorf("one hold too many: %v", r)
	}
	b.step(market.Supply{Stock: new(b.stock)})
	if r := refused(60, nil); r != market.Busy && r != market.NotSelling {
		t.Errorf("when nothing is sold: %v", r)
	}
}
