package discovery_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"caravela/discovery/discoverytest"
	"caravela/market"
)

// storm is what the test hosts do to real processes, in virtual time: buyers
// and suppliers trade leases of seconds, change their minds, and die between
// any two effects, while messages overtake each other, get lost or come twice.
type storm struct {
	*discoverytest.World
	sellers, buyers []*discoverytest.Node
	rng             market.Rand
	down            map[*discoverytest.Node]time.Duration // since when
	deaths          int
}

func newStorm(seed uint64) *storm {
	w := discoverytest.New()
	w.Signed, w.Latency = true, time.Millisecond
	w.Params.Term = 9 * time.Second
	s := &storm{World: w, rng: market.Rand(seed*7919 + 11), down: map[*discoverytest.Node]time.Duration{}}
	for i, notice := range []time.Duration{2 * time.Second, 0} {
		n := w.Add(string(rune('a' + i)))
		n.Stock.Terms = &market.Terms{Price: market.Price{Unit: "credit", Core: 3_600_000}, Interval: time.Second, Bear: 3, Grace: 3 * time.Second, Notice: notice}
		n.Stock.Credit = 24 * time.Hour
		w.Sell(n, market.Resources{CPU: 2000, Memory: market.GiB})
		s.sellers = append(s.sellers, n)
	}
	s.buyers = []*discoverytest.Node{w.Add("x"), w.Add("y")}
	w.Advance(2 * time.Second)
	w.Jitter = []time.Duration{30 * time.Millisecond, 400 * time.Millisecond, 3 * time.Second}[seed/3%3]
	for _, n := range s.sellers {
		n.Engine.Pull = []time.Duration{0, 300 * time.Millisecond, 2 * time.Second}[seed/9%3]
	}
	some := func(*discoverytest.Node, *discoverytest.Node, market.Message) bool { return s.rng.IntN(20) == 0 }
	switch seed % 3 {
	case 1:
		w.Lose = some
	case 2:
		w.Twice = some
	}
	return s
}

// rage lets everybody do what they like for a while.
func (s *storm) rage(d time.Duration) {
	for end := s.Now() + d; s.Now() < end && s.Err == nil; {
		s.Advance(time.Duration(5+s.rng.IntN(120)) * time.Millisecond)
		s.raise()
		switch n := s.Nodes[s.rng.IntN(len(s.Nodes))]; {
		case !n.Up:
		case s.rng.IntN(12) == 0:
			s.CutLater(n, s.rng.IntN(6))
		case slices.Contains(s.sellers, n):
			s.sell(n)
		default:
			s.buy(n)
		}
	}
}

// raise starts those again who have been dead for a while.
func (s *storm) raise() {
	for _, n := range s.Nodes {
		switch {
		case n.Up:
		case s.down[n] == 0:
			s.down[n] = s.Now()
			s.deaths++
		case s.Now() > s.down[n]+300*time.Millisecond:
			s.down[n] = 0
			s.Boot(n)
		}
	}
}

// sell does what a supplier's user does: now and then it wants its machine back.
func (s *storm) sell(n *discoverytest.Node) {
	sold := n.Peer.Sold()
	if len(sold) == 0 || s.rng.IntN(6) > 0 {
		return
	}
	ev := market.Reclaim{Ref: 1, Unit: sold[s.rng.IntN(len(sold))].Lease.Unit(), Now: s.rng.IntN(2) == 0}
	ev.Cancel = !ev.Now && s.rng.IntN(3) == 0
	s.Step(n, ev)
}

// buy does what a buyer's user does.
func (s *storm) buy(n *discoverytest.Node) {
	bought := n.Peer.Bought()
	if len(bought) == 0 || len(bought) < 5 && s.rng.IntN(2) == 0 {
		need := market.Resources{CPU: 500, Memory: 16 * market.MiB}
		ev := market.Wanted{Spec: &market.Spec{Image: "web", Limits: need}, Want: market.Want{Need: need}}
		if s.rng.IntN(3) == 0 {
			ev.Term, ev.Renew = 5*time.Second, market.RenewNever
		}
		s.Want(n, ev)
		return
	}
	unit := bought[s.rng.IntN(len(bought))].Lease.Unit()
	ops := [...]market.Op{market.OpStop, market.OpStart, market.OpRemove, market.OpRestart}
	if i := s.rng.IntN(7); i < len(ops) {
		s.Order(n, market.StopContainer{Unit: unit, Op: ops[i]})
	} else {
		s.Step(n, market.Renewal{Ref: 1, Unit: unit})
	}
}

// calm lets everybody come back, ends all leases, and waits.
func (s *storm) calm() error {
	s.Lose, s.Twice = nil, nil
	for _, n := range s.Nodes {
		if n.CutAt = -1; !n.Up {
			s.Boot(n)
		}
	}
	s.Advance(time.Minute)
	for _, n := range s.buyers {
		for _, r := range n.Peer.Bought() {
			s.Order(n, market.StopContainer{Unit: r.Lease.Unit(), Op: market.OpRemove})
		}
	}
	err := s.closed()
	for range 20 {
		if err == nil || s.Err != nil {
			break
		}
		s.Advance(time.Minute)
		err = s.closed()
	}
	return err
}

// closed reports what is left: no lease may be open at either side, and the
// logs say the same and verify.
func (s *storm) closed() error {
	if s.Err != nil {
		return s.Err
	}
	for _, b := range s.buyers {
		for _, m := range b.Peer.BoughtMeters() {
			if m.Receipt == nil {
				return fmt.Errorf("the bill of %s at %s is open", m.Lease.Short(), b.Name)
			}
		}
		if n := len(b.Peer.Bought()); n > 0 {
			return fmt.Errorf("%s has %d containers", b.Name, n)
		}
	}
	for _, a := range s.sellers {
		if n := len(a.Peer.Sold()) + len(a.Peer.SoldMeters()) + len(a.Engine.Units); n > 0 {
			return fmt.Errorf("%d units and meters are left at %s", n, a.Name)
		}
	}
	_, err := s.Audited()
	return err
}

// TestStorms: whatever storm there was, once everybody is back and all is
// removed nothing is open, and both sides' books say the same. STORMS=300 takes
// more of them.
func TestStorms(t *testing.T) {
	count := storms
	if n, err := strconv.Atoi(os.Getenv("STORMS")); err == nil {
		count = n
	}
	for seed := range uint64(count) {
		s := newStorm(seed)
		s.rage(time.Minute)
		if s.deaths < 20 {
			t.Errorf("storm %d: %d deaths: the test is blind", seed, s.deaths)
		}
		if err := s.calm(); err != nil {
			t.Errorf("storm %d: %v", seed, err)
		}
	}
}
