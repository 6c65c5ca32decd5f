package discovery_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"caravela/discovery/discoverytest"
	"caravela/ledger"
	"caravela/market"
)

// deal is the life of one metered container: launched, billed, stopped,
// started, renewed and removed.
type deal struct {
	*discoverytest.World
	seller, buyer *discoverytest.Node
	ran           time.Duration // what the container really ran, to a second
	there         time.Duration // and was there, running or stopped
	downFor       map[*discoverytest.Node]time.Duration
}

func newDeal(t *testing.T) *deal {
	t.Helper()
	w := discoverytest.New()
	w.Signed = true
	w.Params.Term = 2 * time.Minute
	d := &deal{World: w, downFor: map[*discoverytest.Node]time.Duration{}}
	d.seller, d.buyer = w.Add("a"), w.Add("x")
	d.seller.Stock.Terms = &market.Terms{Price: market.Price{Unit: "credit", Core: 3_600_000, Parked: 360_000, Start: 500},
		Interval: 10 * time.Second, Bear: 3, Grace: time.Minute, Notice: time.Minute}
	d.seller.Stock.Credit = 24 * time.Hour
	w.Sell(d.seller, market.Resources{CPU: 2000, Memory: market.GiB})
	d.pass(2)
	return d
}

// pass lets seconds pass. Who has crashed is started again after some.
func (d *deal) pass(seconds int) {
	for range seconds {
		for _, state := range d.seller.Engine.Units { // in any order: there is one at most
			d.there += time.Second
			if state == market.Running {
				d.ran += time.Second
			}
		}
		d.Advance(time.Second)
		for _, n := range d.Nodes {
			if n.Up {
				d.downFor[n] = 0
			} else if d.downFor[n] += time.Second; d.downFor[n] >= 7*time.Second {
				d.Boot(n)
			}
		}
	}
}

// order commands the container, if it is there, as soon as its owner is up.
func (d *deal) order(op market.Op) {
	for !d.buyer.Up {
		d.pass(1)
	}
	if list := d.buyer.Peer.Bought(); len(list) > 0 {
		d.Order(d.buyer, market.StopContainer{Unit: list[0].Lease.Unit(), Op: op})
	}
}

func (d *deal) live() {
	need := market.Resources{CPU: 1000, Memory: 64 * market.MiB}
	d.Want(d.buyer, market.Wanted{Spec: &market.Spec{Image: "web", Limits: need}, Want: market.Want{Need: need}})
	d.pass(47)
	d.order(market.OpStop)
	d.pass(12)
	d.order(market.OpStart)
	d.pass(100)
	d.order(market.OpRemove)
	d.pass(30)
	d.order(market.OpRemove) // what a crash has swallowed
	d.pass(15 * 60)
}

// billed adds up what was acknowledged.
func (d *deal) billed() (sum time.Duration) {
	for _, m := range d.buyer.Peer.BoughtMeters() {
		if m.Acked != nil {
			sum += time.Duration(m.Acked.Usage.Running+m.Acked.Usage.Parked) * time.Second
		}
	}
	return sum
}

func (d *deal) check() error {
	if err := d.Settled(); err != nil {
		return err
	}
	reports, err := d.Audited()
	if err != nil {
		return err
	}
	if s := reports[d.seller]; s.Receipts < reports[d.buyer].Receipts {
		return fmt.Errorf("the seller has %d of %d receipts", s.Receipts, reports[d.buyer].Receipts)
	}
	if r := reports[d.buyer]; r.Leases != r.Receipts || r.Leases != len(d.buyer.Peer.BoughtMeters()) {
		return fmt.Errorf("%d leases, %d receipts by both, %d bills", r.Leases, r.Receipts, len(d.buyer.Peer.BoughtMeters()))
	}
	// What a supplier has not noted when it dies is lost, and so is what the
	// buyer does not answer in time.
	if b := d.billed(); b > d.there+3*time.Second || b < d.ran-25*time.Second {
		return fmt.Errorf("%v are billed of a container that ran %v", b, d.ran)
	}
	return nil
}

// TestDeal: without faults everything that ran is billed, by the price, and
// both sides say the same.
func TestDeal(t *testing.T) {
	d := newDeal(t)
	d.live()
	if err := d.check(); err != nil {
		t.Fatal(err)
	}
	if b := d.billed(); b < d.there-5*time.Second || d.there < 2*time.Minute {
		t.Errorf("%v are billed of %v", b, d.there)
	}
	if b := ledger.BalanceOf(d.seller.Peer.Books().Account(d.buyer.ID), "credit"); b.Earned == 0 || b.Unconfirmed != 0 {
		t.Errorf("the seller's books: %+v", b)
	}
	if n := len(d.buyer.Peer.BoughtMeters()); n < 2 {
		t.Errorf("%d leases", n)
	}
}

// TestDealCrashes kills either side after any effect of any step of such a
// life: when both are back, their logs hold, say the same, and bill no second
// twice. CRASHES=1 tries every step, and not only some.
func TestDealCrashes(t *testing.T) {
	stride := dealStride
	if os.Getenv("CRASHES") != "" {
		stride = 1
	}
	whole := newDeal(t)
	whole.live()
	for who := range whole.Nodes {
		for step := 1 + who; step <= whole.Nodes[who].Steps; step += stride {
			for effects := range 4 {
				d := newDeal(t)
				d.Nodes[who].CutIn, d.Nodes[who].CutBy = step, effects
				if d.Nodes[who].Steps >= step {
					break // it was over before the deal began
				}
				d.live()
				if err := d.check(); err != nil {
					t.Errorf("%s dies in step %d after %d effects: %v", d.Nodes[who].Name, step, effects, err)
				}
			}
		}
	}
}
