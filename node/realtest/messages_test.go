package realtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/remote"
)

// TestEveryMessageIsSent goes through a day of a small market, and then no
// message of the seed's interface has stayed unsent.
func TestEveryMessageIsSent(t *testing.T) {
	said := tallied{n: map[string]int{}}
	net := &wires{
		heard: func(_, _ market.PeerID, m market.Message) { said.add(nameOf(m)) },
		given: func(market.PeerID) { said.add("ObtainConfiguration") },
	}
	w := nodetest.NewWith(t, net, brisk(2*time.Second))
	defer w.Close()
	w.Start("cedar", "birch", "maple", "ash")
	seller := w.Host("seller")
	seller.Start()
	b := buyer(w, "buyer")
	w.Until("five offers", func() bool { return len(search(t, b)) == 5 })
	w.Until("three traders of the seller's offer", func() bool {
		s, err := seller.Status(t.Context())
		return err == nil && s.Offer != nil && len(s.Offer.Holders) == 3
	})

	newcomer := newHost(t, keyOf("newcomer"), remote.MarketCodec())
	defer newcomer.Close()
	if _, err := newcomer.FetchConfiguration(t.Context(), seller.Transport().Self().Addrs[0], ""); err != nil {
		t.Errorf("obtain configuration: %v", err)
	}
	req := nodetest.Request("sleep")
	req.Policy.Node = "seller"
	ref := b.MustRun(req)
	if err := b.Node.Stop(t.Context(), ref, api.StopRequest{}); err != nil {
		t.Errorf("stop: %v", err)
	}
	if err := b.Remove(t.Context(), ref, api.RemoveOptions{}); err != nil {
		t.Errorf("rm: %v", err)
	}
	said.await(w, "ObtainConfiguration", "CreateOffer", "UpdateOffer", "RefreshOffer", "GetOffers(relay)", // the seed's,
		"AdvertiseOffersNeighbor", "LaunchContainer", "StopContainer", // but for one
		"OfferAck", "RefreshAck", "Offers", "Grant", "StatusUpdate", "StatusAck", "StopAck")
	seller.Stop()
	said.await(w, "RemoveOffer", "Goodbye")
}

// nameOf is a message's type.
func nameOf(m market.Message) string {
	if g, ok := m.(*market.GetOffers); ok && g.Relay {
		return "GetOffers(relay)"
	}
	return fmt.Sprintf("%T", m)[len("*market."):]
}

// tallied counts names.
type tallied struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tallied) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name]++
}

func (c *tallied) of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

func (c *tallied) await(w *nodetest.World, names ...string) {
	for _, name := range names {
		w.Until(name+" is received", func() bool { return c.of(name) > 0 })
	}
}
