//go:build hosts

package hosts

import (
	"context"
	"strings"
	"testing"
	"time"
)

// refused starts a daemon that must not come up, and returns what it said.
func (m *market) refused(h *Host, name, how string, flags ...string) string {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.ctx, 20*time.Second)
	defer cancel()
	n, err := h.StartNode(ctx, lab.caravela, name, how, flags...)
	if n != nil {
		m.nodes = append(m.nodes, n)
	}
	if err == nil {
		m.Fatalf("%s %s on %s is ready", name, how, h.Name)
	}
	if ctx.Err() != nil {
		m.Fatalf("%s %s on %s neither serves nor gives up: %v", name, how, h.Name, err)
	}
	return n.LogTail(2000)
}

func TestJoinNobody(t *testing.T) {
	m := newMarket(t)
	if said := m.refused(lab.h1, "reed", "join 10.77.0.99", "--no-offer"); !strings.Contains(said, "10.77.0.99") {
		t.Errorf("it says %q, want the address", said)
	}
}

func TestSecondDaemonOnOneDataDirectory(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	said := m.do(reed, "serve", "--data-dir", reed.dir+"/data", "--api", reed.socket()+"2", "--listen", "7499")
	if said.Code == 0 || !strings.Contains(said.Err, "data") {
		t.Errorf("code %d, err %q, want a refusal that names the directory", said.Code, said.Err)
	}
	m.must(reed, "status") // the first one is not disturbed
}

func TestNetworksNeverMix(t *testing.T) {
	m := newMarket(t)
	cedar := m.create(lab.h1, "cedar", "--offer", small)
	stranger := m.create(lab.h2, "stranger", "--no-offer")
	reed := m.join(lab.h3, "reed", cedar, "--no-offer")
	m.offered(reed, 1)
	if found, err := stranger.Search(m.ctx); err == nil {
		t.Errorf("the other network finds %v", found)
	}
	peers, err := stranger.Peers(m.ctx)
	m.check(err)
	if len(peers) > 0 {
		t.Errorf("the other network has peers: %v", peers)
	}
}

func TestPrivateNetworkWantsAToken(t *testing.T) {
	m := newMarket(t)
	cedar := m.create(lab.h1, "cedar", "--private", "--offer", small)
	m.refused(lab.h2, "stranger", "join "+lab.h1.Addr.String(), "--no-offer")
	token := m.must(cedar, "token", "create")
	reed := m.start(lab.h3, "reed", "join "+token, "--no-offer")
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.2", "-m", "32m", "-p", "8080:8080", WebImage)
	m.pageFrom(lab.h2, lab.h1, 8080)
}

// A supplier that leaves ends its leases and says so; a buyer that leaves
// lets its containers run until their leases end.
func TestLeave(t *testing.T) {
	m := newMarket(t)
	maple := m.create(lab.h3, "maple", "--no-offer")
	cedar := m.join(lab.h2, "cedar", maple, "--offer", small)
	reed := m.join(lab.h1, "reed", maple, "--no-offer")
	m.offered(reed, 1)
	m.must(reed, "run", "-d", "--name", "web", "--cpus", "0.2", "-m", "32m", "-p", "8080:8080", WebImage)

	if said := m.do(cedar, "leave", "-y"); said.Code == 0 {
		t.Error("a supplier leaves its tenants without --force")
	}
	m.must(reed, "leave", "-y")
	m.pageFrom(lab.h3, lab.h2, 8080)
	m.must(cedar, "leave", "--force", "-y")
	m.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(m.ctx) })
	if found, err := maple.Search(m.ctx, "--cpus", "0.1", "-m", "16m"); err == nil {
		t.Errorf("the offer of the node that left is still found: %v", found)
	}
}

func TestReplicasApart(t *testing.T) {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	m.join(lab.h2, "cedar", reed, "--offer", small)
	m.join(lab.h3, "maple", reed, "--offer", small)
	m.offered(reed, 2)
	m.must(reed, "run", "-d", "--replicas", "2", "--spread", "--cpus", "0.2", "-m", "32m", "-p", "8080:8080", WebImage)
	m.pageFrom(lab.h1, lab.h2, 8080)
	m.pageFrom(lab.h1, lab.h3, 8080)
}
