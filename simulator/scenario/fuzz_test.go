package scenario

import (
	"slices"
	"testing"
)

// A few random scenarios with all invariants on; `caravela sim fuzz` runs
// many.
func TestRandomScenarios(t *testing.T) {
	for seed := range uint64(6) {
		changes := Random(seed)
		violations, err := Try(t.Context(), changes)
		if err != nil || len(violations) > 0 {
			t.Errorf("%s\n%v %v", FuzzText(changes), err, violations)
		}
	}
}

// Shrinking keeps what the failure needs, and no more.
func TestShrink(t *testing.T) {
	needs := func(changes []string) bool {
		return slices.Contains(changes, "network.loss=0.2") && slices.Contains(changes, "faults.slow=0.1")
	}
	got := Shrink(t.Context(), []string{"seed=1", "nodes=40", "network.loss=0.2", "life.crash=1", "faults.slow=0.1"}, needs)
	want := []string{"seed=1", "nodes=5", "network.loss=0.2", "faults.slow=0.1"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

// The text of a random scenario means what its changes mean.
func TestFuzzText(t *testing.T) {
	for seed := range uint64(40) {
		changes := Random(seed)
		a, err := Parse("a.toml", fuzzBase, changes)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b, err := Parse("b.toml", FuzzText(changes), nil)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, FuzzText(changes))
		}
		if a.Digest != b.Digest {
			t.Errorf("seed %d: digests differ\n%s", seed, FuzzText(changes))
		}
	}
}
