//go:build !real

package discovery_test

import "time"

// How much a plain `go test` does; see sizes_real_test.go for the whole.
const (
	crashStride = 71               // from one boundary at which somebody dies to the next that is tried
	crashPairs  = 5                // pairs of deaths
	dealStride  = 149              // from one step in which somebody dies to the next that is tried
	cutEvery    = 29 * time.Second // from one beginning of a partition to the next
	clockEvery  = 2 * time.Minute  // from one moment at which a clock is moved to the next
	troubles    = 5                // lives in which all of it happens
	storms      = 2                // storms of a minute
)
