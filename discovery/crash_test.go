package discovery_test

import (
	"fmt"
	"testing"
	"time"

	"caravela/market"
)

// boundary is a moment between two effects of one step of one node.
type boundary struct{ node, step, effects int }

func (b boundary) String() string {
	return fmt.Sprintf("%s dies in its step %d after %d effects", []string{"a", "x"}[b.node], b.step, b.effects)
}

// boundaries lives once without a fault, and lists all that lie in it.
func boundaries(t *testing.T) (list []boundary) {
	t.Helper()
	l := newLife()
	l.Record = true
	var before []int
	for _, n := range l.Nodes {
		n.Log = nil
		before = append(before, n.Steps)
	}
	l.live()
	if err := l.check(excuse{}); err != nil {
		t.Fatal(err)
	}
	for i, n := range l.Nodes {
		step := before[i]
		for _, e := range n.Log {
			effects := countEffects(&e.Out)
			if effects == 0 {
				continue
			}
			step++
			for k := range effects + 1 {
				list = append(list, boundary{i, step, k})
			}
		}
		if step != n.Steps {
			t.Fatalf("%s took %d steps with effects; %d were counted", n.Name, n.Steps, step)
		}
	}
	return list
}

// countEffects counts as the world performs them: all saves are one.
func countEffects(o *market.Outbox) int {
	return min(1, len(o.Saves)) + len(o.Sends) + len(o.Lookups) + len(o.Runs) + len(o.Controls) + len(o.Outcomes)
}

// TestLifeCrashes: whoever dies at any boundary comes back to what it had
// promised: no container without a lease, no lease without its container or a
// stated end, no core sold twice, no second billed twice, all receipts signed,
// and two logs that say the same and verify. The tag "real" tries every boundary.
func TestLifeCrashes(t *testing.T) {
	all := boundaries(t)
	if len(all) < 300 {
		t.Fatalf("%d boundaries: the test is blind", len(all))
	}
	for i := 0; i < len(all); i += crashStride {
		b, l := all[i], newLife()
		l.dies(b)
		l.live()
		if err := l.check(excused(b)); err != nil {
			t.Errorf("%v: %v", b, err)
		}
		if n := l.deaths[l.Nodes[b.node]]; n != 1 {
			t.Errorf("%v: it died %d times", b, n)
		}
	}
}

func (l *life) dies(b boundary) {
	n := l.Nodes[b.node]
	n.CutIn, n.CutBy = b.step, b.effects
}

// excused is what deaths may cost: a supplier's unsaved seconds are lost with
// it. A buyer loses nothing, unless it dies before it has its lease.
func excused(deaths ...boundary) excuse {
	x := excuse{undone: len(deaths), ran: reboot + interval}
	for _, b := range deaths {
		if b.node == 0 {
			x.lost += interval + 2*time.Second
		}
	}
	return x
}

// pair is two deaths: the step of the second is counted from the first.
type pair struct{ first, second boundary }

func (p pair) String() string { return fmt.Sprintf("%v, then %v", p.first, p.second) }

// live reports whether the second death came about: the life may have been over.
func (p pair) live(t *testing.T) (both bool) {
	t.Helper()
	l := newLife()
	l.dies(p.first)
	l.then = func() {
		b := p.second
		b.step += l.Nodes[b.node].Steps
		l.dies(b)
	}
	l.live()
	if err := l.check(excused(p.first, p.second)); err != nil {
		t.Errorf("%v: %v", p, err)
	}
	return l.deaths[l.seller]+l.deaths[l.buyer] == 2
}

// TestLifeCrashPairs lets two die, or one twice: some of all pairs, by chance.
// The tag "real" tries all of them.
func TestLifeCrashPairs(t *testing.T) {
	all, rng, both := boundaries(t), market.Rand(6), 0
	for range crashPairs {
		p := pair{all[rng.IntN(len(all))], boundary{rng.IntN(2), 1 + rng.IntN(40), rng.IntN(4)}}
		if p.live(t) {
			both++
		}
	}
	if 2*both < crashPairs {
		t.Errorf("two deaths in %d of %d lives: the test is blind", both, crashPairs)
	}
}
