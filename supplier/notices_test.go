package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// A reclaim is announced in time, repeated until it is heard, and carried out
// over restarts; it can be taken back. That holds for a free lease, too.
func TestReclaim(t *testing.T) {
	for _, c := range []struct {
		name   string
		stock  func(*market.Stock)
		notice time.Duration
		in     time.Duration
	}{
		{"a free lease", nil, 0, market.DefaultNotice},
		{"a free lease, with more notice", nil, 30 * time.Minute, 30 * time.Minute},
		{"a metered lease", priced, time.Minute, 5 * time.Minute},
		{"a metered lease, with more notice", priced, 30 * time.Minute, 30 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.stock)
			b.owner = &customer{key: 1, usage: true, statuses: true}
			l := b.sell(1, nil)
			out := b.step(market.Reclaim{Ref: 3, Unit: l.ID, Notice: c.notice, Detail: "power cut"})
			if len(out.Outcomes) != 1 || out.Outcomes[0].Ref != 3 || out.Outcomes[0].Kind != market.Done || out.Outcomes[0].Reason != market.NoReason {
				t.Fatalf("answers %+v", out.Outcomes)
			}
			n := last[*market.GiveNotice](b, out).Notice
			if n.Kind != market.NoticeReclaim || n.Deadline.Sub(n.At) != c.in || n.Detail != "power cut" || noted(out, market.NoteNotice) != 1 {
				t.Fatalf("announces %+v", n.Notice)
			}
			if again := sent[*market.GiveNotice](b.advance(time.Minute)); len(again) < 4 || len(again) > 8 {
				t.Errorf("%d repetitions in a minute", len(again))
			}
			if r := b.refusal(b.renewal(1, l, nil)); r != market.Reclaimed {
				t.Errorf("a renewal: %v", r)
			}
			owner := market.Ref{Peer: l.Buyer}
			b.receive(ref(5), &market.AckNotice{Unit: l.ID, Seq: n.Seq})
			b.receive(owner, &market.AckNotice{Unit: l.ID, Seq: n.Seq + 1})
			if len(sent[*market.GiveNotice](b.step(market.Near{Peer: owner}))) != 1 {
				t.Error("believes a confirmation that cannot be")
			}
			b.receive(owner, &market.AckNotice{Unit: l.ID, Seq: n.Seq})
			b.restart()
			b.unit(l, market.Running, market.NoReason)
			if out := b.advance(c.in - time.Minute - time.Second); len(sent[*market.GiveNotice](out)) != 0 || b.Sold()[0].Ending != market.NoReason {
				t.Fatalf("repeats what was confirmed, or ends early: %v", b.Sold()[0].Ending)
			}
			b.advance(2 * time.Second)
			if b.Sold()[0].Ending != market.Reclaimed {
				t.Fatalf("ends by %v", b.Sold()[0].Ending)
			}
			if out := b.step(market.Reclaim{Ref: 4, Unit: l.ID}); out.Outcomes[0].Reason != market.NoSuchLease {
				t.Error("reclaims what is over")
			}
			b.owner = honest(1)
			b.unit(l, market.Ended, market.NoReason)
			b.step(market.Near{Peer: owner})
			if len(b.Sold()) != 0 || b.records(market.SoldMeterTable) != 0 {
				t.Errorf("%d units and %d meters remain", len(b.Sold()), b.records(market.SoldMeterTable))
			}
		})
	}
}

func TestReclaimCancelled(t *testing.T) {
	b := newBench(t, priced)
	b.allow(1, 1<<40)
	b.owner = honest(1)
	l := b.sell(1, nil)
	if out := b.step(market.Reclaim{Unit: l.ID, Cancel: true}); out.Outcomes[0].Reason != market.NoSuchLease {
		t.Error("takes back what was not announced")
	}
	if out := b.step(market.Reclaim{Unit: market.LeaseID{9}}); out.Outcomes[0].Reason != market.NoSuchLease {
		t.Error("reclaims what was never sold")
	}
	b.step(market.Reclaim{Unit: l.ID})
	b.advance(time.Minute)
	out := b.step(market.Reclaim{Unit: l.ID, Cancel: true})
	if n := last[*market.GiveNotice](b, out).Notice; n.Kind != market.NoticeWithdraw || n.Seq != 2 || b.entries(1)[market.EntryNotice] != 2 {
		t.Errorf("takes back by %+v, %v", n.Notice, b.entries(1))
	}
	b.restart()
	b.unit(l, market.Running, market.NoReason)
	if b.advance(30 * time.Minute); b.Sold()[0].Ending != market.NoReason {
		t.Error("carries out what was taken back")
	}
}

// Over a standing reclaim nothing less is announced: only the newest notice
// survives a restart.
func TestReclaimStands(t *testing.T) {
	b := newBench(t, func(s *market.Stock) { priced(s); s.Terms.Notice = 30 * time.Minute })
	l := b.sell(1, nil)
	b.step(market.Reclaim{Unit: l.ID})
	b.advance(5 * time.Minute)
	if n := b.meter(l.ID).Notice; n.Kind != market.NoticeReclaim {
		t.Errorf("the newest notice is of %v", n.Kind)
	}
	if b.advance(2 * time.Minute); b.Sold()[0].Ending != market.Unacknowledged {
		t.Errorf("ends by %v", b.Sold()[0].Ending)
	}
}

// Whose lease will not be renewed is told a tenth of the term before, ten
// minutes at most; who renews is not.
func TestExpiryIsAnnounced(t *testing.T) {
	expiry := func(out *market.Outbox) (n int) {
		for _, g := range sent[*market.GiveNotice](out) {
			if g.Notice.Kind == market.NoticeExpiry {
				n++
			}
		}
		return n
	}
	b := newBench(t, priced)
	b.owner = honest(1)
	b.allow(1, 1<<40)
	never := func(_ *market.Spec, l *market.Lease) { l.Renew = market.RenewNever }
	l := b.sell(1, never)
	if expiry(b.advance(54*time.Minute-time.Second)) != 0 || expiry(b.advance(2*time.Second)) != 1 || expiry(b.advance(5*time.Minute)) != 0 {
		t.Error("a lease that is not to be renewed is announced to end at another time")
	}
	_ = l

	b = newBench(t, priced)
	b.owner = honest(1)
	b.allow(1, 1<<40)
	l = b.sell(1, nil)
	if expiry(b.advance(55*time.Minute)) != 0 {
		t.Error("a lease that may be renewed is announced to end")
	}
	dear := b.stock
	x := *dear.Terms
	x.Price.Core *= 2
	dear.Terms = &x
	b.step(market.Supply{Selling: true, Stock: new(dear)})
	if r := b.refusal(b.renewal(1, l, nil)); r != market.PriceChanged {
		t.Fatal(r)
	}
	if expiry(b.advance(time.Second)) != 1 {
		t.Error("a refused renewal is not announced")
	}
	b.refusal(b.renewal(1, l, nil))
	if expiry(b.advance(time.Second)) != 0 {
		t.Error("is announced twice")
	}
	b.stock = dear
	m := b.renewal(1, l, nil)
	if r := b.refusal(m); r != market.NoReason || !b.Sold()[0].Lease.Terms.Equal(&x) {
		t.Fatalf("at the price of now: %v", r)
	}
	if expiry(b.advance(20*time.Minute)) != 0 {
		t.Error("a renewed lease is announced to end")
	}
}
