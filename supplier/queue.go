package supplier

import (
	"time"

	"caravela/market"
)

// queue is a heap of units by when they are due. A unit knows its place, so
// that it can be moved when its time changes.
type queue []*unit

// deadline is when the first unit is due.
func (q queue) deadline() time.Duration {
	if len(q) == 0 {
		return market.Never
	}
	return q[0].due
}

// put enters a unit, or moves it to where it belongs now. One that is never
// due leaves.
func (q *queue) put(u *unit, due time.Duration) {
	switch {
	case due == market.Never:
		q.drop(u)
	case u.slot == 0:
		u.due = due
		*q = append(*q, u)
		u.slot = len(*q)
		q.up(u)
	default:
		u.due = due
		q.up(u)
		q.down(u)
	}
}

// drop takes a unit out, if it is in.
func (q *queue) drop(u *unit) {
	if u.slot == 0 {
		return
	}
	h := *q
	last := h[len(h)-1]
	h.set(u.slot, last)
	h[len(h)-1] = nil
	*q = h[:len(h)-1]
	u.slot = 0
	if last != u {
		q.up(last)
		q.down(last)
	}
}

func (q queue) set(slot int, u *unit) { q[slot-1], u.slot = u, slot }

func (q queue) up(u *unit) {
	for u.slot > 1 {
		above := q[u.slot/2-1]
		if above.due <= u.due {
			return
		}
		at := u.slot
		q.set(above.slot, u)
		q.set(at, above)
	}
}

func (q queue) down(u *unit) {
	for 2*u.slot <= len(q) {
		below := q[2*u.slot-1]
		if 2*u.slot < len(q) && q[2*u.slot].due < below.due {
			below = q[2*u.slot]
		}
		if u.due <= below.due {
			return
		}
		at := u.slot
		q.set(below.slot, u)
		q.set(at, below)
	}
}
