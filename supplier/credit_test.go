package supplier_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

// Whom the supplier deals with, and how far: a lease of a core for an hour
// costs 3.6 credits, and can cost 0.3605 before it is stopped.
func TestAdmitCredit(t *testing.T) {
	block := func(b *bench) { b.account(1, func(a *market.Account) { a.Blocked = true }) }
	owes := func(earned market.Micro) func(*bench) {
		return func(b *bench) {
			b.account(1, func(a *market.Account) {
				a.Balances = []market.Balance{{Unit: "EUR", Earned: 1 << 40}, {Unit: "credit", Earned: earned + 7, SettledIn: 7}}
			})
		}
	}
	both := func(f, g func(*bench)) func(*bench) { return func(b *bench) { f(b); g(b) } }
	for _, c := range []struct {
		name   string
		stock  func(*market.Stock)
		before func(*bench)
		change func(*market.Spec, *market.Lease)
		want   market.Reason
	}{
		{name: "a stranger"},
		{name: "a blocked peer", before: block, want: market.Blocked},
		{name: "a debtor of nearly an hour", before: owes(3_600_500 - 360_500)},
		{name: "a debtor of an hour", before: owes(3_600_500 - 360_499), want: market.OverCredit},
		{name: "a debtor of an hour where two are borne", before: owes(3_600_000), stock: func(s *market.Stock) { s.Credit = 2 * time.Hour }},
		{name: "a stranger where only the start is paid for", stock: func(s *market.Stock) {
			x := *s.Terms
			x.Price.Core, x.Price.Parked = 0, 0
			s.Terms = &x
		}},
		{name: "a stranger where only parking is paid for", stock: func(s *market.Stock) {
			x := *s.Terms
			x.Price.Core, x.Price.Start = 0, 0
			s.Terms = &x
		}},
		{name: "an account in too many units", before: func(b *bench) {
			b.account(1, func(a *market.Account) {
				for i := range market.MaxBalances {
					a.Balances = append(a.Balances, market.Balance{Unit: string(rune('A' + i)), Earned: 1})
				}
			})
		}, want: market.OverCredit},
		{name: "a debtor who is trusted", before: both(owes(1<<30), func(b *bench) { b.account(1, func(a *market.Account) { a.Trusted = true }) })},
		{name: "a debtor with a limit", before: both(owes(10_000_000), func(b *bench) { b.allow(1, 10_360_500) })},
		{name: "a debtor at its limit", before: both(owes(10_000_000), func(b *bench) { b.allow(1, 10_360_499) }), want: market.OverCredit},
		{name: "a limit of nothing", before: func(b *bench) { b.allow(1, 0) }, want: market.OverCredit},
		{name: "a limit in another unit", before: func(b *bench) {
			b.account(1, func(a *market.Account) { a.Limit = market.Limit{Set: true, Unit: "EUR"} })
		}},
		{name: "what runs unacknowledged", before: func(b *bench) {
			b.allow(1, 600_000)
			b.sell(1, nil)
			b.advance(4 * time.Minute)
		}, want: market.OverCredit},
		{name: "what runs acknowledged", before: func(b *bench) {
			b.allow(1, 600_000)
			b.owner = honest(1)
			b.sell(1, nil)
			b.advance(4 * time.Minute)
			b.owner = nil
		}, want: market.OverCredit},
		{name: "what others owe", before: func(b *bench) { b.sell(2, nil); b.advance(4 * time.Minute) }},
		{name: "what is held for it", before: func(b *bench) {
			b.allow(1, 721_000)
			b.hold(1, 7, nil)
		}},
		{name: "what is held for it, and no more", before: func(b *bench) {
			b.allow(1, 720_999)
			b.hold(1, 7, nil)
		}, want: market.OverCredit},
		{name: "a cost that is reached at once", change: func(_ *market.Spec, l *market.Lease) { l.MaxCost = 1499 }, want: market.CostReached},
		{name: "a higher price", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Price.Core++; l.Terms = &x }},
		{name: "a lower price", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Price.Core--; l.Terms = &x }, want: market.PriceChanged},
		{name: "no price", change: func(_ *market.Spec, l *market.Lease) { l.Terms = nil }, want: market.PriceChanged},
		{name: "another unit", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Price.Unit = "EUR"; l.Terms = &x }, want: market.PriceChanged},
		{name: "a longer grace", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Grace += time.Second; l.Terms = &x }, want: market.PriceChanged},
		{name: "another interval", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Interval /= 2; l.Terms = &x }, want: market.PriceChanged},
		{name: "more to bear", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Bear++; l.Terms = &x }, want: market.PriceChanged},
		{name: "an earlier reclaim", change: func(_ *market.Spec, l *market.Lease) { x := *l.Terms; x.Notice /= 2; l.Terms = &x }},
		{name: "terms where none are asked for", stock: func(s *market.Stock) { s.Terms = &market.Terms{} },
			change: func(_ *market.Spec, l *market.Lease) { x := market.Terms{Interval: time.Second}; l.Terms = &x }, want: market.PriceChanged},
		{name: "too many processes", stock: func(s *market.Stock) { s.Pids = 1000 }, before: func(b *bench) { b.sell(2, nil) }, want: market.NoCapacity},
		{name: "few processes", stock: func(s *market.Stock) { s.Pids = 1000 }, before: func(b *bench) { b.sell(2, nil) },
			change: func(s *market.Spec, _ *market.Lease) { s.Pids = 488 }},
		{name: "too many ports", stock: func(s *market.Stock) { s.PortHigh = s.PortLow + 1 }, before: func(b *bench) {
			b.sell(2, func(s *market.Spec, _ *market.Lease) { s.Ports = []market.Port{{Container: 80}} })
		}, change: func(s *market.Spec, _ *market.Lease) { s.Ports = []market.Port{{Container: 80}, {Container: 81}} }, want: market.PortTaken},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *market.Stock) {
				priced(s)
				if c.stock != nil {
					c.stock(s)
				}
			})
			if c.before != nil {
				c.before(b)
			}
			if got := b.refusal(b.launch(1, c.change)); got != c.want {
				t.Errorf("answers %v, want %v", got, c.want)
			}
		})
	}
}

// A refusal says in numbers what is owed, and shows the offer of now to whom
// saw other terms.
func TestRefusalTells(t *testing.T) {
	b := newBench(t, priced)
	b.publish(ref(1))
	b.allow(1, 100)
	m := b.launch(1, nil)
	r := last[*market.Refusal](b, b.receive(market.Ref{Peer: m.Lease.Buyer}, m))
	if !strings.Contains(r.Detail, "0.3605 credit") || !strings.Contains(r.Detail, "0.0001 credit") {
		t.Errorf("says %q", r.Detail)
	}
	stock := b.stock
	x := *stock.Terms
	x.Price.Core *= 2
	stock.Terms = &x
	b.step(market.Supply{Selling: true, Stock: &stock})
	m = b.launch(2, nil)
	r = last[*market.Refusal](b, b.receive(market.Ref{Peer: m.Lease.Buyer}, m))
	if r.Reason != market.PriceChanged || r.Offer == nil || !r.Offer.Terms.Equal(&x) {
		t.Errorf("says %+v", r)
	}
	if o, _, _ := b.Published(); o.Seq != r.Offer.Seq {
		t.Error("shows an offer that is not published")
	}
}

// A lease ends before its buyer could owe more than its limit, with a warning
// when four fifths are used; a settlement in time lets it live.
func TestOverCredit(t *testing.T) {
	for _, acks := range []bool{true, false} {
		b := newBench(t, func(s *market.Stock) { priced(s); s.Terms.Bear = 10 })
		b.allow(1, 1_000_000)
		b.owner = honest(1)
		l := b.sell(1, nil)
		b.unit(b.sell(2, nil), market.Stopped, market.Exited)
		most, warned := market.Micro(0), market.Micro(0)
		for b.Sold()[0].Ending == market.NoReason && b.Sold()[1].Ending == market.NoReason && b.now.Mono < 3*time.Hour {
			b.owner.usage = acks || b.now.Mono < time.Hour+5*time.Minute
			out := b.advance(time.Second)
			n := b.billing(l.ID)
			due := b.balance(1).Receivable()
			if n != nil && n.Note != nil && (n.Acked == nil || n.Acked.Seq < n.Note.Seq) {
				due += n.Note.Amount
				if n.Acked != nil {
					due -= n.Acked.Amount
				}
			}
			most = max(most, due)
			if g := sent[*market.GiveNotice](out); len(g) > 0 && g[0].Notice.Kind == market.NoticeCredit && g[0].Notice.Lease == l.ID && warned == 0 {
				warned = due
			}
		}
		u := b.Sold()[0]
		if u.Lease.ID != l.ID {
			u = b.Sold()[1]
		}
		if u.Ending != market.OverCredit || most > 1_000_000 || most < 900_000 || warned < 800_000 || warned > 870_000 {
			t.Errorf("acks %v: ends by %v at %d, warned at %d", acks, u.Ending, most, warned)
		}
	}

	b := newBench(t, priced)
	b.allow(1, 1_000_000)
	b.owner = honest(1)
	b.sell(1, nil)
	warnings := 0
	for range 10 {
		warnings += noted(b.advance(14*time.Minute), market.NoteNotice)
		b.account(1, func(a *market.Account) { a.Balances[0].SettledIn = a.Balances[0].Earned })
		b.step(market.Tick{})
		if b.Sold()[0].Ending != market.NoReason {
			t.Fatalf("ends by %v", b.Sold()[0].Ending)
		}
		if b.now.Mono > time.Hour+40*time.Minute {
			break
		}
	}
	if warnings < 2 || warnings > 4 {
		t.Errorf("%d warnings", warnings)
	}
}

// A lease ends exactly when it has cost what it may; its owner is warned, but
// not when its term ends first.
func TestMaxCost(t *testing.T) {
	b := newBench(t, priced)
	b.allow(1, 1<<40)
	b.owner = honest(1)
	l := b.sell(1, func(_ *market.Spec, l *market.Lease) { l.MaxCost = 500 + 1000*600 + 999 })
	out := b.advance(10*time.Minute - time.Second)
	if g := sent[*market.GiveNotice](out); len(g) != 1 || g[0].Notice.Kind != market.NoticeCost || b.Sold()[0].Ending != market.NoReason {
		t.Fatalf("warned %+v, ends by %v", g, b.Sold()[0].Ending)
	}
	b.advance(2 * time.Second)
	if r := b.meter(l.ID).Receipt; r == nil || r.Reason != market.CostReached || r.Amount != 600_500 || r.Usage.Running != 600 {
		t.Errorf("receipt %+v", r)
	}

	b = newBench(t, priced) // a Tick that comes late
	b.owner = honest(1)
	l = b.sell(1, func(_ *market.Spec, l *market.Lease) { l.MaxCost = 50_500 })
	b.pass(time.Minute)
	b.step(market.Tick{})
	if r := b.meter(l.ID).Receipt; r == nil || r.Amount != 50_500 {
		t.Errorf("receipt %+v", r)
	}

	b = newBench(t, priced)
	b.allow(1, 1<<40)
	b.owner = honest(1)
	whole := func(_ *market.Spec, l *market.Lease) {
		l.MaxCost = l.Terms.Price.Amount(market.Resources{CPU: 1000}, market.Usage{Running: 3600})
	}
	l = b.sell(1, whole)
	out = b.advance(59*time.Minute + 59*time.Second)
	if len(sent[*market.GiveNotice](out)) != 0 || b.Sold()[0].Ending != market.NoReason {
		t.Errorf("a lease whose cost is that of its term: %d notices, ends by %v", len(sent[*market.GiveNotice](out)), b.Sold()[0].Ending)
	}
	b.advance(2 * time.Second)
	if r := b.meter(l.ID).Receipt; r == nil || r.Reason != market.Expired || r.Amount != 3_600_500 {
		t.Errorf("receipt %+v", r)
	}
}

// A renewal is admitted as a launch is: 0.36 credit may run before it is
// stopped, besides what is looked at once a minute; no start is paid for.
func TestRenewalCredit(t *testing.T) {
	for owed, want := range map[market.Micro]market.Reason{0: market.NoReason, 900_000: market.NoReason, 1_100_000: market.OverCredit} {
		b := newBench(t, priced)
		b.owner = honest(1)
		b.allow(1, 10_000_000)
		l := b.sell(1, nil)
		b.advance(2*time.Minute + time.Second)
		b.allow(1, 1_500_000)
		b.account(1, func(a *market.Account) {
			a.Balances = slices.Clone(a.Balances)
			a.Balances[0].SettledIn = a.Balances[0].Earned - owed
		})
		if r := b.refusal(b.renewal(1, l, nil)); r != want {
			t.Errorf("who owes %d: %v", owed, r)
		}
	}
}

// Whoever never acknowledges can run as much as its credit, once and not with
// every launch; whoever pays is forgiven a note that got lost.
func TestLostCounts(t *testing.T) {
	b := newBench(t, priced)
	var launches int
	for why := market.NoReason; why == market.NoReason && launches < 100; launches++ {
		m := b.launch(1, nil)
		if why = b.refusal(m); why == market.NoReason {
			b.unit(m.Lease, market.Running, market.NoReason)
			b.advance(4 * time.Minute)
			b.receive(market.Ref{Peer: m.Lease.Buyer}, &market.StopContainer{Unit: m.Lease.ID, Op: market.OpRemove})
			b.unit(m.Lease, market.Ended, market.NoReason)
			b.advance(20 * time.Minute) // the receipt waits for the last note
		} else if why != market.OverCredit {
			t.Fatalf("launch %d: %v", launches, why)
		}
	}
	x := b.Credit(keys(1).Self(), "credit")
	if launches < 10 || launches > 16 || x.Lost != b.balance(1).Unconfirmed || x.Lost > 3_600_500 {
		t.Errorf("refused after %d launches that lost %d", launches, x.Lost)
	}
	b.account(1, func(a *market.Account) { a.Balances[0].Earned, a.Balances[0].SettledIn = 8_000_000, 8_000_000 })
	if now := b.Credit(keys(1).Self(), "credit"); now.Lost != x.Lost-500_000 {
		t.Errorf("%d of %d are lost by whoever has paid", now.Lost, x.Lost)
	}
	if r := b.refusal(b.launch(1, nil)); r != market.NoReason {
		t.Errorf("whoever has paid is refused: %v", r)
	}
}
