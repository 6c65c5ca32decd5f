package market

import (
	"fmt"
	"time"
)

// Terms are the conditions of a lease beyond its resources. An offer states
// them, the lease repeats them, and both peers sign that. Nil stands for a
// free lease that is not metered.
type Terms struct {
	Price    Price
	Interval time.Duration // between two usage notes, in whole seconds; 0 = not metered
	Bear     int           // unacknowledged notes in a row that the supplier bears
	Grace    time.Duration // in whole seconds: after the last of these, before the lease may end
	Notice   time.Duration // in whole seconds: between a reclaim's announcement and its execution
}

// What a supplier asks for unless it is told otherwise.
const (
	DefaultInterval = time.Minute
	DefaultBear     = 5
	DefaultGrace    = 5 * time.Minute
	DefaultNotice   = 10 * time.Minute
	DefaultCredit   = time.Hour // of a lease's price, for peers without a limit of their own
)

// Bounds of terms.
const (
	MinInterval = time.Second
	MaxInterval = 24 * time.Hour
	MaxBear     = 1000
	MaxGrace    = 30 * 24 * time.Hour
)

// Metered reports whether usage notes are exchanged.
func (t *Terms) Metered() bool { return t != nil && t.Interval > 0 }

// NoticeOrDefault is the notice of a reclaim; DefaultNotice where nothing is agreed.
func (t *Terms) NoticeOrDefault() time.Duration {
	if t == nil {
		return DefaultNotice
	}
	return t.Notice
}

// PriceOf is the price that was agreed; nothing when t is nil.
func PriceOf(t *Terms) Price {
	if t == nil {
		return Price{}
	}
	return t.Price
}

// Equal reports whether both say the same.
func (t *Terms) Equal(u *Terms) bool {
	if t == nil || u == nil {
		return t == u
	}
	return *t == *u
}

// Validate refuses terms that no honest peer signs.
func (t *Terms) Validate() error {
	if t == nil {
		return nil
	}
	whole := func(d time.Duration) bool { return d >= 0 && d%time.Second == 0 }
	switch {
	case !whole(t.Interval) || !whole(t.Grace) || !whole(t.Notice):
		return fmt.Errorf("%w: terms with durations of parts of seconds", ErrMalformed)
	case t.Interval > MaxInterval || t.Grace > MaxGrace || t.Notice > MaxGrace || t.Bear < 0 || t.Bear > MaxBear:
		return fmt.Errorf("%w: terms out of bounds", ErrMalformed)
	case t.Interval == 0 && !t.Price.IsFree():
		return fmt.Errorf("%w: a price without an interval of usage notes", ErrMalformed)
	}
	return t.Price.Validate()
}

// Exposure is what the supplier can lose by a lease at most, by the rules
// alone: what runs unacknowledged until it may end the lease.
func (t *Terms) Exposure(r Resources) Micro {
	if !t.Metered() {
		return 0
	}
	// The interval in which the last acknowledgement came counts, too.
	s := time.Duration(t.Bear+1)*t.Interval + t.Grace
	return t.Price.Amount(r, Usage{Running: uint64(s / time.Second)})
}
