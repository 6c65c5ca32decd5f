//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// moments of a launch at which somebody dies: from before the request has left
// to after the container runs.
var moments = []time.Duration{0, 10, 20, 40, 60, 90, 130, 180, 250, 400} // milliseconds

// Whoever dies, whenever: in the end the supplier runs what the buyer believes
// to have, neither two nor an orphan.
func TestBuyerDiesInTheMiddleOfALaunch(t *testing.T) {
	m := newMarket(t)
	cedar := m.create(lab.h2, "cedar", "--offer", small)
	reed := m.join(lab.h1, "reed", cedar, "--no-offer")
	m.offered(reed, 1)
	m.diesDuringLaunch(reed, reed, cedar)
}

func TestSupplierDiesInTheMiddleOfALaunch(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, "--offer", small)
	m.offered(reed, 1)
	m.diesDuringLaunch(cedar, reed, cedar)
}

func (m *market) diesDuringLaunch(victim, buyer, seller *Node) {
	for _, moment := range moments {
		moment *= time.Millisecond
		m.killDuringLaunch(victim, buyer, moment)
		began := time.Now()
		m.eventually(fmt.Sprintf("buyer and supplier agree after a death at %s", moment), func() error {
			return m.agree(buyer, seller)
		})
		m.Logf("death at %s: agreed %s after the restart", moment, time.Since(began).Round(time.Millisecond))
		m.removeAll(buyer)
		m.eventually("the engine is empty", func() error { return seller.Host.engineIsEmpty(m.ctx) })
		m.offered(buyer, 1)
	}
}

// killDuringLaunch kills the victim at the moment and starts it again. The
// command may come through or not; it ends only after the restart, since a
// launch waits for its supplier.
func (m *market) killDuringLaunch(victim, buyer *Node, moment time.Duration) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, settle)
	defer cancel()
	run := buyer.CLI(ctx, "run", "-d", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)
	m.check(run.Start())
	<-time.After(moment)
	victim.Kill()
	m.restart(victim)
	_ = run.Wait()
}

// agree says whether both sides have the same containers, and all of them run.
func (m *market) agree(buyer, seller *Node) error {
	bought, err := buyer.Containers(m.ctx)
	if err != nil {
		return err
	}
	running := 0
	for _, c := range bought {
		switch c.State {
		case "running":
			running++
		case "failed", "stopped", "ended", "lost":
		default:
			return fmt.Errorf("%s is %s", c.Name, c.State)
		}
	}
	ids, err := seller.Host.containerIDs(m.ctx)
	if err != nil {
		return err
	}
	if len(ids) != running || running > 1 {
		return fmt.Errorf("the buyer has %d that run, the engine has %d", running, len(ids))
	}
	return nil
}

func (m *market) removeAll(buyer *Node) {
	m.Helper()
	all, err := buyer.Containers(m.ctx)
	m.check(err)
	for _, c := range all {
		m.must(buyer, "rm", "-f", c.ID)
	}
}

// The power fails: node, engine and containers are gone at once.
func TestMachineReboots(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, "--offer", small)
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--restart", "always", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)

	m.check(lab.h2.powerOff(m.ctx))
	<-cedar.ended
	m.check(lab.h2.startEngine(m.ctx))
	m.restart(cedar)

	m.inState(reed, "web", "running")
	m.pageFrom(lab.h1, lab.h2, 8080)
	m.must(reed, "rm", "-f", "web")
	m.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(m.ctx) })
}
