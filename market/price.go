package market

import (
	"fmt"
	"math/big"
	"time"
)

// Micro is an amount of money in millionths of a unit. The unit is a free
// label that both peers agree on, such as "credit" or "EUR".
type Micro int64

// MaxMicro bounds every price and amount, so that sums of them never overflow.
const MaxMicro Micro = 1 << 40

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
// It is summed exactly and divided once, rounded down: in the buyer's favour.
func (p Price) Amount(r Resources, u Usage) Micro {
	if p.IsFree() {
		return 0
	}
	// Common denominator: thousandths of a core, bytes of a GiB, seconds of an hour.
	sum := p.scaled(r, u.Running)
	sum.Add(sum, product(int64(p.Parked), int64(u.Parked), 1000, int64(GiB)))
	sum.Div(sum, product(1000, int64(GiB), int64(time.Hour/time.Second), 1))
	if u.Running > 0 || u.Parked > 0 {
		sum.Add(sum, big.NewInt(int64(p.Start)))
	}
	return capped(sum)
}

// Hourly is what an hour of r costs while it runs, without the start fee.
func (p Price) Hourly(r Resources) Micro {
	p.Start = 0
	return p.Amount(r, Usage{Running: uint64(time.Hour / time.Second)})
}

func (p Price) scaled(r Resources, seconds uint64) *big.Int {
	sum := product(int64(p.Core), int64(r.CPU), int64(GiB), int64(seconds))
	sum.Add(sum, product(int64(p.Memory), int64(r.Memory), 1000, int64(seconds)))
	return sum.Add(sum, product(int64(p.Disk), int64(r.Disk), 1000, int64(seconds)))
}

func product(a, b, c, d int64) *big.Int {
	x := big.NewInt(a)
	return x.Mul(x, big.NewInt(b)).Mul(x, big.NewInt(c)).Mul(x, big.NewInt(d))
}

// capped keeps an amount that no honest lease reaches inside of an int64.
func capped(x *big.Int) Micro {
	if most := big.NewInt(1 << 62); x.Cmp(most) > 0 {
		x = most
	}
	return Micro(x.Int64())
}
