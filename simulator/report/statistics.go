package report

import (
	"cmp"
	"math"
	"strconv"
	"time"
)

// quantile returns the value that a share q of sorted does not exceed.
func quantile[T cmp.Ordered](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(len(sorted)-1, max(0, int(math.Ceil(q*float64(len(sorted))))-1))]
}

func countsOf(sorted []uint32) Counts {
	var sum uint64
	for _, x := range sorted {
		sum += uint64(x)
	}
	at := func(q float64) float64 { return float64(quantile(sorted, q)) }
	return Counts{round(ratio(float64(sum), float64(len(sorted)))), at(.5), at(.95), at(.99), at(1)}
}

func latencyOf(sorted []time.Duration, unit time.Duration) Latency {
	at := func(q float64) float64 { return round(ratio(float64(quantile(sorted, q)), float64(unit))) }
	return Latency{at(.5), at(.95), at(.99)}
}

func loadOf(sorted []float64) Load {
	var sum float64
	for _, x := range sorted {
		sum += x
	}
	return Load{round(ratio(sum, float64(len(sorted)))), round(quantile(sorted, .99)), round(quantile(sorted, 1))}
}

func millis(d time.Duration) float64 { return round(float64(d) / float64(time.Millisecond)) }

// round keeps six significant digits: what follows is noise to a reader.
func round(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 6, 64), 64)
	if err != nil || math.IsInf(y, 0) || math.IsNaN(y) {
		return 0
	}
	return y
}

// Interval is the mean of a few runs and half the width of its 95 % interval
// (Student's t); the width is 0 for one run.
type Interval struct {
	Mean float64   `json:"mean"`
	Half float64   `json:"half_width_95"`
	N    int       `json:"n"`
	Runs []float64 `json:"runs"`
}

// IntervalOf estimates a metric from independent runs.
func IntervalOf(xs []float64) Interval {
	n := len(xs)
	if n == 0 {
		return Interval{}
	}
	var sum, squares float64
	for _, x := range xs {
		sum += x
	}
	m := sum / float64(n)
	if n == 1 {
		return Interval{m, 0, 1, xs}
	}
	for _, x := range xs {
		squares += (x - m) * (x - m)
	}
	deviation := math.Sqrt(squares / float64(n-1))
	return Interval{m, student(n-1) * deviation / math.Sqrt(float64(n)), n, xs}
}

// student is the 97.5 % quantile of Student's t.
func student(freedom int) float64 {
	table := []float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
		2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042}
	if freedom <= len(table) {
		return table[freedom-1]
	}
	return 1.96 + 2.4/float64(freedom) // within 0.003
}
