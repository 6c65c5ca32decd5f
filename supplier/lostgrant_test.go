package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// A buyer whose clock is wrong for a while has not said no: its signature for
// the last seconds is waited for as if it had not answered.
func TestLastNoteAndClocks(t *testing.T) {
	b := newBench(t, priced)
	b.owner = &customer{key: 1, usage: true, dispute: market.ClockSkew}
	l := b.sell(1, nil)
	b.advance(30 * time.Second)
	b.unit(l, market.Lost, market.NoReason)
	if b.issued(l) {
		t.Fatal("a receipt is issued while the clocks differ")
	}
	b.owner.dispute = market.NoReason
	b.advance(time.Minute)
	if got := b.balance(1); got.Earned != 30_500 || got.Unconfirmed != 0 || !b.issued(l) {
		t.Errorf("balance %+v", got)
	}
}

// Who asks for a renewal again whose lease is over meanwhile gets it, as long
// as something of it is to be signed for.
func TestLostGrantOfRenewal(t *testing.T) {
	b := newBench(t, priced)
	b.allow(1, 1<<40)
	b.owner = honest(1)
	l := b.sell(1, nil)
	b.advance(40 * time.Minute)
	m := b.renewal(1, l, nil)
	if r := b.refusal(m); r != market.NoReason {
		t.Fatal(r)
	}
	b.owner = nil // the grant is lost, and so is all else
	b.advance(30 * time.Second)
	b.unit(l, market.Lost, market.NoReason)
	b.unit(l, market.Ended, market.NoReason)
	from := market.Ref{Peer: l.Buyer}
	if g := sent[*market.Grant](b.receive(from, m)); len(g) != 1 || g[0].Lease.ID != m.Lease.ID || g[0].Lease.BySupplier == "" {
		t.Errorf("granted %+v", g)
	}
	b.advance(10 * time.Minute) // the receipt is issued
	if r := b.refusal(m); r != market.Superseded {
		t.Errorf("refused: %v", r)
	}
}
