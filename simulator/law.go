package simulator

import (
	"math"
	"slices"
	"time"
)

// Law is a distribution of durations: values of which each is as likely as
// the others. It is a table, in whole milliseconds, since floating point
// differs between processors and a run must not. An empty one means never.
type Law []time.Duration

const lawSteps = 4096

// Always is one value.
func Always(d time.Duration) Law { return Law{d} }

// Exponential has a mean.
func Exponential(mean time.Duration) Law { return Weibull(mean, 1) }

// Weibull has a scale and a shape; a shape below 1 means that what has lasted
// lasts on.
func Weibull(scale time.Duration, shape float64) Law {
	l := make(Law, lawSteps)
	for i := range l {
		p := (float64(i) + .5) / lawSteps
		l[i] = (time.Duration(float64(scale) * math.Pow(-math.Log1p(-p), 1/shape))).Round(time.Millisecond)
	}
	return l
}

// Empirical has values that were seen, in any order.
func Empirical(seen []time.Duration) Law {
	l := slices.Clone(Law(seen))
	slices.Sort(l)
	return l
}

// draw returns a value; r is uniform.
func (l Law) draw(r uint64) time.Duration {
	if len(l) == 0 {
		return never
	}
	return max(time.Millisecond, l[r%uint64(len(l))])
}
