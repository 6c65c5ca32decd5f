package simulator

import (
	"math"
	"slices"
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

// The heap gives letters in the one total order, whatever came in first, and
// each with what it carries.
func TestMail(t *testing.T) {
	r := market.Rand(5)
	var q mail
	var sent []letter
	send := func(from time.Duration) {
		l := letter{at: from + time.Duration(r.IntN(20)), to: uint32(r.IntN(5)), from: uint32(r.IntN(5)), counter: uint32(len(sent)), kind: local, life: uint16(len(sent))}
		sent = append(sent, l)
		q.push(l)
	}
	for range 1000 {
		send(0)
	}
	last := stamp{at: -1}
	for n := 0; q.next() != never; n++ {
		l := q.pop()
		if now := (stamp{l.at, l.to, l.from, l.counter, 0}); now.before(&last) {
			t.Fatalf("%+v after %+v", l, last)
		} else {
			last = now
		}
		if l != sent[l.counter] {
			t.Fatalf("%+v was %+v", l, sent[l.counter])
		}
		if n < 1000 { // in the places of others
			send(l.at + 1)
		}
	}
	if len(q.loads) > 1001 || last.at < 20 {
		t.Errorf("room for %d loads; the last letter came at %v", len(q.loads), last.at)
	}
}

// All that is due before a time is found within the heap, and nothing else.
func TestDue(t *testing.T) {
	r := market.Rand(7)
	var q mail
	const letters = 500
	times := map[uint32]time.Duration{}
	for i := range uint32(letters) {
		times[i] = time.Duration(r.IntN(100))
		q.push(letter{at: times[i], to: i})
	}
	for end := range time.Duration(102) {
		got := q.due(end, nil)
		slices.Sort(got)
		if n := len(slices.Compact(got)); n != len(got) {
			t.Fatalf("%d of %d are named twice", len(got)-n, len(got))
		}
		for i, at := range times {
			if due := slices.Contains(got, i); due != (at < end) {
				t.Fatalf("before %d: %d at %d: %v", end, i, at, due)
			}
		}
	}
}

// One alarm a node: the earliest comes first, and what is switched off does
// not come at all.
func TestAlarms(t *testing.T) {
	r := market.Rand(6)
	const parts, part = 3, 2
	wake := slices.Repeat([]time.Duration{never}, 50)
	a := newAlarms(parts*len(wake), parts)
	for range 5000 {
		at := time.Duration(r.IntN(1000))
		if r.IntN(4) == 0 {
			at = never
		}
		i := r.IntN(len(wake))
		wake[i] = at
		a.set(uint32(i*parts+part), at)
		least := slices.Min(wake)
		if a.next() != least || least != never && wake[a.heap[0].node/parts] != least {
			t.Fatalf("the earliest is %v", least)
		}
	}
}
