package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// systemSleep is what the clock that counts suspension is ahead of the one that
// does not; Go's is the latter.
func systemSleep() sleep {
	before := read(unix.CLOCK_MONOTONIC)
	boot := read(unix.CLOCK_BOOTTIME)
	after := read(unix.CLOCK_MONOTONIC)
	if before == 0 || boot == 0 || after == 0 { // a sandbox may forbid it
		return sleep{}
	}
	return sleep{least: boot - after, most: boot - before}
}

func read(clock int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(clock, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
