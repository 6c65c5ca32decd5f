package market

import (
	"math"
	"time"
)

// Time is what a driver tells a machine about now.
type Time struct {
	Mono   time.Duration // since the driver started; never goes back. For durations and deadlines
	Wall   Wall          // the calendar. For dates that other peers read; may jump
	Asleep time.Duration // how much of Mono the machine was suspended, and nothing on it ran; never goes back
}

// Wall is Unix time in milliseconds.
type Wall int64

// Never is the deadline of a machine that waits for nothing.
const Never = time.Duration(1<<63 - 1)

// Add returns the date d later.
func (w Wall) Add(d time.Duration) Wall { return w + Wall(d/time.Millisecond) }

// Sub returns the duration from v to w, at most about 292 years either way: a
// longer one must not wrap around and pass for a short one.
func (w Wall) Sub(v Wall) time.Duration {
	const most = Wall(math.MaxInt64 / int64(time.Millisecond))
	return time.Duration(min(max(w-v, -most), most)) * time.Millisecond
}

// Time converts to the standard library's time, in UTC.
func (w Wall) Time() time.Time { return time.UnixMilli(int64(w)).UTC() }
