package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// A buyer that took launches back, and so knows nothing of their leases, does
// not count as one who never signs: it may buy on.
func TestLaunchesTakenBack(t *testing.T) {
	b := newBench(t, priced)
	for i := range 40 {
		l := b.sell(1, nil)
		buyer := market.Ref{Peer: l.Buyer}
		r := last[*market.IssueReceipt](b, b.receive(buyer, &market.StopContainer{Unit: l.ID, Op: market.OpRemove, Ref: 1})).Receipt
		b.unit(l, market.Ended, market.NoReason)
		no := &market.SignReceipt{Lease: l.ID, Reason: market.NoSuchLease}
		if out := b.receive(ref(5), no); len(out.Saves) != 0 {
			t.Error("a stranger waives")
		}
		b.receive(buyer, no)
		if out := b.advance(2 * time.Hour); len(sent[*market.IssueReceipt](out)) != 0 {
			t.Fatalf("launch %d: a receipt that is not wanted is repeated", i)
		}
		b.restart()
		b.receive(buyer, &market.StatusAck{Unit: l.ID, Seq: 1})
		if r.Amount != 0 || len(b.Sold()) != 0 {
			t.Fatalf("launch %d: %d units are remembered", i, len(b.Sold()))
		}
	}
}

// What was acknowledged once needs its signature, whatever the buyer says.
func TestAcknowledgedIsNotWaived(t *testing.T) {
	b := newBench(t, priced)
	l := b.sell(1, nil)
	b.advance(time.Minute)
	buyer := market.Ref{Peer: l.Buyer}
	b.receive(buyer, &market.AckUsage{Lease: l.ID, Seq: 1, Note: keys(1).AckUsage(b.meter(l.ID).Note)})
	b.receive(buyer, &market.StopContainer{Unit: l.ID, Op: market.OpRemove, Ref: 1})
	b.unit(l, market.Ended, market.NoReason)
	b.receive(buyer, &market.SignReceipt{Lease: l.ID, Reason: market.NoSuchLease})
	if out := b.advance(2 * time.Hour); len(sent[*market.IssueReceipt](out)) == 0 {
		t.Error("the receipt is given up")
	}
}
