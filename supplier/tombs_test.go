package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
)

// A launch that was cancelled before it came, or whose lease is over, is not
// granted by a later life either; nor are tombs kept for ever.
func TestTombsSurvive(t *testing.T) {
	b := newBench(t, nil)
	cancelled := b.launch(1, nil)
	b.receive(market.Ref{Peer: cancelled.Lease.Buyer}, &market.StopContainer{Unit: cancelled.Lease.ID, Op: market.OpRemove})
	over := b.launch(2, nil)
	b.refusal(over)
	b.unit(over.Lease, market.Ended, market.NoReason)
	b.receive(market.Ref{Peer: over.Lease.Buyer}, &market.StatusAck{Unit: over.Lease.ID, Seq: 1})
	if len(b.Sold()) != 0 || b.records(market.TombTable) != 2 {
		t.Fatalf("%d units and %d tombs", len(b.Sold()), b.records(market.TombTable))
	}
	b.restart()
	for _, m := range []*market.LaunchContainer{cancelled, over} {
		if r := b.refusal(m); r != market.Superseded {
			t.Errorf("a launch after a restart: %v", r)
		}
	}
	b.now.Wall = b.now.Wall.Add(-time.Hour) // no reason to keep them longer
	b.restart()
	b.pass(6 * time.Minute)
	for i := range 3000 {
		b.receive(ref(1), &market.StopContainer{Unit: market.LeaseID(market.KeyOf(string(rune(i)))), Op: market.OpRemove})
		if n := b.records(market.TombTable); n > 1024 || i == 0 && n != 1 {
			t.Fatalf("%d tombs after %d cancellations", n, i+1)
		}
	}
}
