//go:build real

package discovery_test

import "time"

// What the project promises.
const (
	crashStride = 1
	crashPairs  = 200
	dealStride  = 3
	cutEvery    = 1700 * time.Millisecond
	clockEvery  = 3700 * time.Millisecond
	troubles    = 150
	storms      = 60
)
