package simulator

import (
	"testing"
	"time"
)

// What is said while a connection is being made waits for it, and does not
// overtake what caused it.
func TestDialling(t *testing.T) {
	var l links
	const ms = time.Millisecond
	l.dial(5, 400*ms)
	for _, want := range []struct {
		to        uint32
		now, left time.Duration
	}{{6, 100 * ms, 100 * ms}, {5, 100 * ms, 400 * ms}, {5, 399 * ms, 400 * ms}, {5, 400 * ms, 400 * ms}, {5, 500 * ms, 500 * ms}} {
		if at := l.ready(want.to, want.now); at != want.left {
			t.Errorf("said to %d at %v it leaves at %v", want.to, want.now, at)
		}
	}
	if !l.knows(5) || l.dialing != nil {
		t.Errorf("a connection stands: %v, and is being made: %v", l.knows(5), l.dialing)
	}
}
