//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// kill -9 of each role in turn, and nothing lost.
func TestKilledSupplier(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, "--offer", small)
	m.join(lab.h3, "maple", reed, "--no-offer")
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)
	before := m.engineIDs(lab.h2)

	cedar.Kill()
	m.pageFrom(lab.h1, lab.h2, 8080) // the container does not need the node
	m.restart(cedar)

	if after := m.engineIDs(lab.h2); after != before || before == "" {
		t.Errorf("containers before %q, after %q", before, after)
	}
	m.inState(reed, "web", "running")
	m.eventually("logs flow again", func() error {
		out, err := reed.Must(m.ctx, "logs", "web")
		if err == nil && !strings.Contains(out, "GET /") {
			err = fmt.Errorf("logs = %q", out)
		}
		return err
	})
	status, err := cedar.Status(m.ctx)
	m.check(err)
	if status.Leases.Sold != 1 {
		t.Errorf("cedar has sold %d leases, want the one that it had", status.Leases.Sold)
	}
	m.offered(reed, 1)
	if said := m.do(reed, "run", "-d", "--cpus", "1.6", "-m", "64m", WebImage); said.Code != 2 {
		t.Errorf("1.6 of 2 cpus while 0.5 are leased: code %d, want 2: %s", said.Code, said.Err)
	}
}

func TestKilledBuyer(t *testing.T) {
	m := newMarket(t)
	cedar := m.create(lab.h2, "cedar", "--offer", small)
	reed := m.join(lab.h1, "reed", cedar, "--no-offer")
	m.offered(reed, 1)
	id := m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)

	reed.Kill()
	m.pageFrom(lab.h3, lab.h2, 8080)
	m.restart(reed)

	m.inState(reed, "web", "running")
	if c, err := m.container(reed, "web"); err != nil || c.ID != id {
		t.Errorf("container %q, %v, want %s", c.ID, err, id)
	}
	if out := m.must(reed, "exec", "web", "/web", "say", "still mine"); out != "still mine" {
		t.Errorf("exec = %q", out)
	}
	m.must(reed, "rm", "-f", "web")
	m.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(m.ctx) })
}

func TestKilledTrader(t *testing.T) {
	m := newMarket(t)
	maple := m.create(lab.h3, "maple", "--no-offer")
	cedar := m.join(lab.h2, "cedar", maple, "--offer", small)
	reed := m.join(lab.h1, "reed", maple, "--no-offer")
	m.offered(reed, 1)

	maple.Kill() // the first node of the network, too: nobody is special
	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)
	m.pageFrom(lab.h1, cedar.Host, 8080)
	m.restart(maple)
	m.offered(maple, 1)
}

func TestPartitionAndHealing(t *testing.T) {
	m := newMarket(t)
	maple := m.create(lab.h3, "maple", "--no-offer")
	m.join(lab.h2, "cedar", maple, "--offer", small)
	reed := m.join(lab.h1, "reed", maple, "--no-offer")
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "-p", "8080:8080", WebImage)
	before := m.engineIDs(lab.h2)

	m.check(lab.h2.Unplug(m.ctx))
	ctx, cancel := context.WithTimeout(m.ctx, 45*time.Second)
	defer cancel()
	said, err := reed.Do(ctx, "exec", "web", "/web", "say", "anybody?")
	if err != nil || said.Code == 0 {
		t.Errorf("exec through a partition: code %d, %v, want an error in time", said.Code, err)
	}
	if c, err := m.container(reed, "web"); err != nil {
		t.Errorf("ps through a partition: %+v, %v", c, err)
	}
	m.check(lab.h2.Plug(m.ctx))

	m.eventually("exec works again", func() error {
		_, err := reed.Must(m.ctx, "exec", "web", "/web", "say", "there you are")
		return err
	})
	m.inState(reed, "web", "running")
	if after := m.engineIDs(lab.h2); after != before {
		t.Errorf("containers before %q, after %q", before, after)
	}
	m.offered(maple, 1)
}

func TestEngineStopsAndReturns(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	m.join(lab.h2, "cedar", reed, "--offer", small)
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.5", "-m", "64m", "--restart", "always", "-p", "8080:8080", WebImage)

	m.check(lab.h2.stopDocker(m.ctx))
	said := m.do(reed, "run", "-d", "--cpus", "0.2", "-m", "32m", WebImage)
	if said.Code == 0 {
		t.Error("a container was bought from a node without an engine")
	}
	m.check(lab.h2.startDocker(m.ctx))

	m.inState(reed, "web", "running")
	m.pageFrom(lab.h1, lab.h2, 8080)
	m.offered(reed, 1)
}
