package loop

import (
	"sync/atomic"
	"time"

	"caravela/market"
)

// clock tells a machine the time. Go's monotonic clock stands still while the
// computer is suspended, and other peers' do not: what was slept is added.
//
// It is measured beside Go's clock and not in its place, so that tests can make
// time up (testing/synctest).
type clock struct {
	start  time.Time
	slept  func() sleep
	from   time.Duration // what was slept before the start, at the most
	asleep atomic.Int64
}

// sleep is for how long this computer was suspended since it was started:
// between two figures, since no two clocks can be read at once. A difference
// of zero is exact.
type sleep struct{ least, most time.Duration }

func newClock(slept func() sleep) *clock {
	return &clock{start: time.Now(), slept: slept, from: slept().most}
}

// now never overstates what was slept, and never takes any of it back.
func (c *clock) now() market.Time {
	now := time.Now()
	asleep := int64(c.slept().least - c.from)
	for {
		old := c.asleep.Load()
		if asleep <= old {
			asleep = old
			break
		}
		if c.asleep.CompareAndSwap(old, asleep) {
			break
		}
	}
	return market.Time{Mono: now.Sub(c.start) + time.Duration(asleep), Wall: market.Wall(now.UnixMilli()), Asleep: time.Duration(asleep)}
}
