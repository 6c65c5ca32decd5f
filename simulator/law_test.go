package simulator

import (
	"math"
	"testing"
	"time"

	"caravela/market"
)

// Laws have the mean and the median that they were asked for, within what a
// table of 4096 steps can do.
func TestLaws(t *testing.T) {
	mean := func(l Law) float64 {
		var sum time.Duration
		for _, d := range l {
			sum += d / time.Duration(len(l))
		}
		return sum.Hours()
	}
	if m := mean(Exponential(time.Hour)); math.Abs(m-1) > .01 {
		t.Errorf("mean of an exponential law: %v h", m)
	}
	if m := Exponential(time.Hour)[lawSteps/2].Hours(); math.Abs(m-math.Ln2) > .01 {
		t.Errorf("its median: %v h", m)
	}
	if m := mean(Weibull(time.Hour, 2)); math.Abs(m-math.Gamma(1.5)) > .01 {
		t.Errorf("mean of a Weibull law: %v h", m)
	}
	if d := (Law)(nil).draw(7); d != never {
		t.Errorf("no law gives %v", d)
	}
	if d := Empirical([]time.Duration{3, 1, 2}); d[0] != 1 || d[2] != 3 {
		t.Errorf("%v", d)
	}
}

// The heap gives letters in the one total order, whatever came in first.
func TestMail(t *testing.T) {
	r := market.Rand(5)
	var q mail
	for range 2000 {
		q.push(letter{at: time.Duration(r.IntN(20)), to: uint32(r.IntN(5)), from: uint32(r.IntN(5)), counter: uint32(r.IntN(50))})
	}
	last := q.pop()
	for len(q) > 0 {
		l := q.pop()
		if l.before(&last) {
			t.Fatalf("%+v after %+v", l, last)
		}
		last = l
	}
}

// One alarm a node: the earliest comes first, and what is switched off does
// not come at all.
func TestAlarms(t *testing.T) {
	r := market.Rand(6)
	nodes := make([]node, 50)
	var a alarms
	for i := range nodes {
		nodes[i] = node{index: uint32(i), alarm: -1, wake: never}
	}
	for range 5000 {
		at := time.Duration(r.IntN(1000))
		if r.IntN(4) == 0 {
			at = never
		}
		a.set(&nodes[r.IntN(len(nodes))], at)
		least := never
		for i := range nodes {
			least = min(least, nodes[i].wake)
		}
		if len(a) == 0 && least != never || len(a) > 0 && a[0].at != least {
			t.Fatalf("the earliest is %v", least)
		}
	}
}
