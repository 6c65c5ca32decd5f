package simulator

import (
	"time"

	"caravela/market"
)

// freeLog is what a node's offer had of late, the newest last. A change to less
// in all parts tells all that the one before it could: so the log is as long as
// what was free has grown in a row, and four changes reach back further than a
// search lasts.
type freeLog [4]freeChange

// freeChange is what a node's offer had, and since when at least.
type freeChange struct {
	since  time.Duration
	cpu    market.MilliCPU
	memory market.Bytes
}

// unset is the date of a change that has not been.
const unset = time.Duration(1 << 62)

func (f *freeChange) free() market.Resources {
	return market.Resources{CPU: f.cpu, Memory: f.memory}
}

func (l *freeLog) last() *freeChange { return &l[len(l)-1] }

// reset makes a log in which nothing is free since then.
func (l *freeLog) reset(since time.Duration) {
	for i := range l {
		l[i] = freeChange{since: since}
	}
}

// set notes what is free now, and reports whether that is a change.
func (l *freeLog) set(now time.Duration, free market.Resources) bool {
	if l.last().free() == free {
		return false
	}
	x := freeChange{now, free.CPU, free.Memory}
	kept := l[:]
	for k := len(kept); k > 0 && kept[k-1].since != unset && kept[k-1].free().Fits(free); k-- {
		x.since, kept = kept[k-1].since, kept[:k-1]
	}
	if len(kept) == len(l) {
		kept = kept[1:] // and forgotten
	}
	var n freeLog
	first := len(l) - 1 - len(kept)
	copy(n[first:], kept)
	n[len(l)-1] = x
	for i := range first {
		n[i] = n[first]
	}
	*l = n
	return true
}

// had reports whether r has been free since then; of what is forgotten it
// says so.
func (l *freeLog) had(since time.Duration, r market.Resources) bool {
	for i := len(l) - 1; i >= 0; i-- {
		if !l[i].free().Fits(r) {
			return false
		}
		if l[i].since <= since {
			return true
		}
	}
	return true
}
