package market

import (
	"fmt"
	"math/bits"
	"time"
)

// Micro is an amount of money in millionths of a unit. The unit is a free
// label that both peers agree on, such as "credit" or "EUR".
type Micro int64

// Bounds of money. No honest price and no honest amount comes near them; they
// are there so that sums of what hostile peers say cannot overflow.
const (
	MaxMicro  Micro = 1 << 40 // a rate: about a million units
	MaxAmount Micro = 1 << 50 // what one lease costs
)

// MaxUnit bounds the label of a unit, in bytes.
const MaxUnit = 16

// Price is what a lease costs. All rates are zero or more. The zero value is
// free.
type Price struct {
	Unit   string // "" only when free
	Core   Micro  // per core and hour while the container runs
	Memory Micro  // per GiB and hour while the container runs
	Disk   Micro  // per GiB and hour while the container runs
	Parked Micro  // per hour while its owner keeps it stopped, whatever its size
	Start  Micro  // once, for the first start
}

// IsFree reports whether nothing is ever due.
func (p Price) IsFree() bool {
	return p.Core == 0 && p.Memory == 0 && p.Disk == 0 && p.Parked == 0 && p.Start == 0
}

// Validate refuses rates out of bounds and a price without a unit.
func (p Price) Validate() error {
	for _, m := range []Micro{p.Core, p.Memory, p.Disk, p.Parked, p.Start} {
		if m < 0 || m > MaxMicro {
			return fmt.Errorf("%w: rate of %d micro-units; from 0 to %d", ErrMalformed, m, MaxMicro)
		}
	}
	if p.Unit == "" && !p.IsFree() || !validUnit(p.Unit) {
		return fmt.Errorf("%w: unit %q; 1 to %d letters", ErrMalformed, clip(p.Unit), MaxUnit)
	}
	return nil
}

func validUnit(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(s) <= MaxUnit
}

// Usage counts what is billed, in whole seconds since the lease's start.
type Usage struct {
	Running uint64 // seconds in a live state
	Parked  uint64 // seconds stopped by the owner
}

// Amount is what usage of r costs: the start fee, once it ran, and the rates.
// The rates are summed exactly and divided once, rounded down: in the buyer's
// favour. It never shrinks as usage grows, and is MaxAmount at most.
// Quantities out of their bounds count as the bound.
func (p Price) Amount(r Resources, u Usage) Micro {
	if p.IsFree() {
		return 0
	}
	running, parked := min(u.Running, maxSeconds), min(u.Parked, maxSeconds)
	// Common denominator: thousandths of a core, bytes of a GiB, seconds of an
	// hour. Each product is below 2^126 and the sum below 2^127.
	var sum uint128
	sum.add(within(int64(p.Core), int64(MaxMicro))*within(int64(r.CPU), int64(MaxCPU)), running, uint64(GiB))
	sum.add(within(int64(p.Memory), int64(MaxMicro)), within(int64(r.Memory), int64(MaxBytes)), running*1000)
	sum.add(within(int64(p.Disk), int64(MaxMicro)), within(int64(r.Disk), int64(MaxBytes)), running*1000)
	sum.add(within(int64(p.Parked), int64(MaxMicro)), parked, 1000*uint64(GiB))
	due := sum.over(1000 * uint64(GiB) * secondsPerHour)
	if running+parked > 0 {
		due += within(int64(p.Start), int64(MaxMicro))
	}
	return Micro(min(due, uint64(MaxAmount)))
}

const secondsPerHour = uint64(time.Hour / time.Second)

// Hourly is what an hour of r costs while it runs, without the start fee.
func (p Price) Hourly(r Resources) Micro {
	p.Start = 0
	return p.Amount(r, Usage{Running: secondsPerHour})
}

// FirstHour is the most that the first hour of r can cost, running or parked,
// with the start fee. No later hour costs more.
func (p Price) FirstHour(r Resources) Micro {
	return max(p.Amount(r, Usage{Running: secondsPerHour}), p.Amount(r, Usage{Parked: secondsPerHour}))
}

// within is v, or the nearest number from 0 to most.
func within(v, most int64) uint64 { return uint64(min(max(v, 0), most)) }

// uint128 sums products that an int64 cannot hold.
type uint128 struct{ hi, lo uint64 }

// add adds a*b*c, which must stay below 2^128.
func (s *uint128) add(a, b, c uint64) {
	hi, lo := bits.Mul64(a, b)
	carry, lo := bits.Mul64(lo, c)
	var over uint64
	s.lo, over = bits.Add64(s.lo, lo, 0)
	s.hi, _ = bits.Add64(s.hi, hi*c+carry, over)
}

// over divides, rounding down; what an uint64 cannot hold is its largest, but
// for room to add a fee.
func (s *uint128) over(divisor uint64) uint64 {
	if s.hi >= divisor {
		return 1 << 63
	}
	q, _ := bits.Div64(s.hi, s.lo, divisor)
	return min(q, 1<<63)
}
