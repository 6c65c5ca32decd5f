//go:build real

package discovery_test

import (
	"os"
	"testing"
)

// TestLifeAllCrashPairs lets somebody die at each 13th boundary, and
// somebody else, or the same again, at any later step, after none, one or two
// of its effects. PAIRS=1 begins with every boundary, and takes a quarter of
// an hour.
func TestLifeAllCrashPairs(t *testing.T) {
	stride := 13
	if os.Getenv("PAIRS") != "" {
		stride = 1
	}
	all, pairs := boundaries(t), 0
	for i := 0; i < len(all); i += stride {
		for node := range 2 {
			for step, both := 1, true; both; step++ {
				for effects := range 3 {
					both = pair{all[i], boundary{node, step, effects}}.live(t)
					pairs++
				}
			}
		}
	}
	t.Logf("%d pairs", pairs)
}
