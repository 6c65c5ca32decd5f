package market

import "time"

// Rand is a small random number generator by value (splitmix64), seeded by
// the driver, so that the same events give the same choices.
type Rand uint64

// Uint64 returns the next number.
func (r *Rand) Uint64() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// IntN returns a number in [0, n); 0 when n < 2.
func (r *Rand) IntN(n int) int {
	if n < 2 {
		return 0
	}
	return int(r.Uint64() % uint64(n))
}

// Jitter returns a duration in [d/2, d).
func (r *Rand) Jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(r.IntN(int(max(1, d/2))))
}
