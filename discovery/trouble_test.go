package discovery_test

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"caravela/discovery/discoverytest"
	"caravela/market"
)

// TestLifePartition cuts the two off from each other for longer than the
// supplier bears, from any moment on. What ran is billed once they meet again.
func TestLifePartition(t *testing.T) {
	for from := time.Second; from < 2*time.Minute; from += cutEvery {
		l := newLife()
		l.at(from, func() { l.Part(l.buyer) })
		l.at(from+grace+6*interval, l.Heal)
		l.live()
		if err := l.check(excuse{}); err != nil {
			t.Errorf("cut off after %v: %v", from, err)
		}
	}
}

// at has something happen at a time.
func (l *life) at(when time.Duration, do func()) {
	l.plans = append(l.plans, plan{when, do})
	slices.SortStableFunc(l.plans, func(a, b plan) int { return cmp.Compare(a.at, b.at) })
}

// TestLifeClocks moves either clock by ten minutes at any moment, and back
// after a while: nothing is billed that did not run, and all that did.
func TestLifeClocks(t *testing.T) {
	for who := range 2 {
		for _, by := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
			for from := time.Second; from < 2*time.Minute; from += clockEvery {
				l := newLife()
				n := l.Nodes[who]
				l.at(from, func() { l.SkewClock(n, by) })
				l.at(from+40*time.Second, func() { l.SkewClock(n, 0) })
				l.live()
				if err := l.check(excuse{}); err != nil {
					t.Errorf("the clock of %s is %v off after %v: %v", n.Name, by, from, err)
				}
			}
		}
	}
}

// TestLifeReplay delivers everything that was ever said once more, again and
// again, from whoever said it and from another peer: it changes nothing.
func TestLifeReplay(t *testing.T) {
	plain := newLife()
	plain.Add("z")
	plain.live()
	if err := plain.check(excuse{}); err != nil {
		t.Fatal(err)
	}
	l := newLife()
	z := l.Add("z")
	type letter struct {
		from, to *discoverytest.Node
		msg      market.Message
	}
	var said []letter
	l.Lose = func(from, to *discoverytest.Node, m market.Message) bool {
		said = append(said, letter{from, to, m})
		return false
	}
	for at := 4 * time.Second; at < 3*time.Minute; at += 7 * time.Second {
		l.at(at, func() {
			for _, x := range said {
				l.Forge(x.from, x.to, x.msg)
				l.Forge(z, x.to, x.msg)
				l.Forge(x.to, x.from, x.msg)
			}
		})
	}
	l.live()
	if err := l.check(excuse{}); err != nil {
		t.Error(err)
	}
	if was, is := plain.balance(plain.seller, plain.buyer), l.balance(l.seller, l.buyer); was != is {
		t.Errorf("with replays the books say %+v, without %+v", is, was)
	}
	if n := len(z.Peer.Books().Accounts()); n > 0 {
		t.Errorf("who replayed has %d accounts", n)
	}
}

// TestLifeTroubles mixes it all: deaths, cuts, clocks that are moved, messages
// that are lost or come twice. LIVES=5000 takes more of them.
func TestLifeTroubles(t *testing.T) {
	lives := troubles
	if n, err := strconv.Atoi(os.Getenv("LIVES")); err == nil {
		lives = n
	}
	all := boundaries(t)
	for seed := range uint64(lives) {
		if err := trouble(all, seed); err != nil {
			t.Errorf("life %d: %v", seed, err)
		}
	}
}

func trouble(all []boundary, seed uint64) error {
	rng := market.Rand(seed*7919 + 3)
	l := newLife()
	moment := func(within time.Duration) time.Duration { return time.Duration(rng.IntN(int(within))) }
	for range 2 {
		from := moment(2 * time.Minute)
		until := from + moment(90*time.Second)
		n := l.Nodes[rng.IntN(2)]
		switch by := 10 * time.Minute * time.Duration(2*rng.IntN(2)-1); rng.IntN(4) {
		case 0:
			l.at(from, func() { l.Part(l.buyer) })
			l.at(until, l.Heal)
		case 1:
			l.at(from, func() { l.SkewClock(n, by) })
			l.at(until, func() { l.SkewClock(n, 0) })
		case 2:
			share := 1 + rng.IntN(4)
			l.Lose = func(*discoverytest.Node, *discoverytest.Node, market.Message) bool {
				return l.Now() > from && l.Now() < until && rng.IntN(8) < share
			}
		default:
			l.Twice = func(*discoverytest.Node, *discoverytest.Node, market.Message) bool { return rng.IntN(3) == 0 }
		}
	}
	if rng.IntN(4) > 0 {
		l.dies(all[rng.IntN(len(all))])
	}
	l.live()
	// For the last note of a lease that was renewed nobody waits for longer
	// than an interval.
	x := excuse{undone: 3, ran: 4*interval + grace, lost: 4*interval + time.Duration(l.deaths[l.seller])*(interval+2*time.Second)}
	return l.check(x)
}
