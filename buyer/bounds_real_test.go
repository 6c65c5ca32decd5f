//go:build real

package buyer_test

import (
	"testing"

	"caravela/market"
)

// Many closed bills are not kept for a supplier that asks again.
func TestClosedBillsAreBounded(t *testing.T) {
	b := newBench(t)
	for range 1030 {
		l := launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease
		b.grant(1, l)
		b.status(1, l.ID, 1, market.Running, market.NoReason)
		b.status(1, l.ID, 2, market.Ended, market.Exited)
		a := &account{bench: b, lease: l}
		if s, _ := a.issue(a.receipt(nil)); s.Receipt == nil {
			t.Fatal("not signed")
		}
		b.step(market.Ordered{Ref: 1, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpRemove}})
		b.now.Wall++
	}
	if n := len(b.Meters()); n > 1025 || n < 1000 {
		t.Errorf("%d closed bills are kept", n)
	}
}
