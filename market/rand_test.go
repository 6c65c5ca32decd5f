package market_test

import (
	"testing"
	"time"

	"caravela/market"
)

// The generator is splitmix64: its first numbers for seed 0 are well known.
func TestRandIsSplitmix64(t *testing.T) {
	var r market.Rand
	for _, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := r.Uint64(); got != want {
			t.Errorf("%#x, want %#x", got, want)
		}
	}
}

func TestRandRanges(t *testing.T) {
	r := market.Rand(1)
	seen := map[int]bool{}
	for range 200 {
		n := r.IntN(5)
		if n < 0 || n > 4 {
			t.Fatalf("IntN(5) = %d", n)
		}
		seen[n] = true
		if d := r.Jitter(10 * time.Second); d < 5*time.Second || d >= 10*time.Second {
			t.Fatalf("Jitter(10s) = %v", d)
		}
	}
	if len(seen) != 5 || r.IntN(1) != 0 || r.IntN(0) != 0 || r.Jitter(0) != 0 {
		t.Errorf("saw %v", seen)
	}
}
