//go:build real

package supplier_test

import (
	"testing"

	"caravela/market"
)

// Many silent buyers together are remembered no longer than there is room.
func TestSilentBuyersTogether(t *testing.T) {
	b := newBench(t, nil)
	for n := range 1100 {
		if r := b.fail(byte(3 + n/16)); r != market.NoReason {
			t.Fatalf("launch %d: %v", n, r)
		}
	}
	if n := len(b.Sold()); n > 1024 {
		t.Errorf("%d ended leases are remembered", n)
	}
}
