package realtest

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
)

// hasty are parameters with which nobody is waited for long.
func hasty(n market.NetworkID) market.Params {
	p := market.DefaultParams(n)
	p.Grant = 500 * time.Millisecond
	return p
}

// TestSuppliersThatLie lets a puppet offer what it has not, the best offer of
// the market. Whatever it then does, the buyer is told why and goes on to an
// honest supplier, and nothing is left of the lease that was not kept.
func TestSuppliersThatLie(t *testing.T) {
	for _, c := range []struct {
		name   string
		does   func(p *puppet, to market.PeerID, l *market.LaunchContainer)
		reason string
	}{
		{"refuses", func(p *puppet, to market.PeerID, l *market.LaunchContainer) {
			_ = p.send(to, &market.Refusal{Lease: l.Lease.ID, Reason: market.NoCapacity, Detail: "nothing here"})
		}, market.NoCapacity.String()},
		{"never answers", func(*puppet, market.PeerID, *market.LaunchContainer) {}, market.Unreachable.String()},
		{"answers too late", func(p *puppet, to market.PeerID, l *market.LaunchContainer) {
			wait(time.Second)
			_ = p.send(to, &market.Grant{Lease: p.ring.Countersign(l.Lease)})
		}, market.Unreachable.String()},
		{"grants and gives up", func(p *puppet, to market.PeerID, l *market.LaunchContainer) {
			_ = p.send(to, &market.Grant{Lease: p.ring.Countersign(l.Lease)})
			_ = p.send(to, &market.StatusUpdate{Status: p.ring.Status(market.Status{
				Lease: l.Lease.ID, Seq: 1, State: market.Failed, Reason: market.EngineDown, At: clock()})})
		}, market.EngineDown.String()},
		{"dies", func(p *puppet, _ market.PeerID, _ *market.LaunchContainer) { p.host.Close() }, market.Unreachable.String()},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, hasty)
			p := s.puppet
			p.answer(func(from market.PeerID, m market.Message) {
				switch m := m.(type) {
				case *market.LaunchContainer:
					c.does(p, from, m)
				case *market.StopContainer:
					_ = p.send(from, &market.StopAck{Unit: m.Unit, Ref: m.Ref})
				}
			})
			p.tell(p.offer(&s.offer.Offer, 64000, 1), s.cedar, s.birch, s.buyer)
			req := nodetest.Request("sleep")
			req.Policy.Strategy = api.StrategySpread
			id, events, err := s.buyer.Run(t.Context(), req)
			if err != nil {
				t.Fatalf("nothing was bought: %v", err)
			}
			i := slices.IndexFunc(events, func(e api.RunEvent) bool { return e.Type == api.RunRefused })
			if i < 0 && c.reason != market.EngineDown.String() || i >= 0 && events[i].Reason != c.reason {
				t.Errorf("the user is told %+v, want a refusal for %q", events, c.reason)
			}
			bought, err := s.buyer.Container(t.Context(), api.ContainerRef(id))
			if err != nil || bought.Node == p.id.String() || bought.State != "running" {
				t.Errorf("bought: %+v, %v", bought, err)
			}
			if c.name == "never answers" || c.name == "answers too late" {
				await(s.w, p, "the cancellation", func(m *market.StopContainer) bool { return m.Op == market.OpRemove })
			}
		})
	}
}

// nearestKey is an identity that trades in the root region before all others.
func nearestKey(w *nodetest.World, hosts ...*nodetest.Host) ed25519.PrivateKey {
	root := market.RootRegion(market.Platform{OS: "linux", Arch: "amd64"}).Key(w.Network().ID())
	for i := 0; ; i++ {
		key := keyOf(fmt.Sprint("nearest ", i))
		id := market.NewKeyring(key).Self()
		if !slices.ContainsFunc(hosts, func(h *nodetest.Host) bool { return market.Nearer(h.ID, id, root) }) {
			return key
		}
	}
}

// TestTradersThatLie puts a puppet nearest to the region's key, where the
// overlay sends all suppliers and buyers. It takes every offer, and then
// answers questions as it likes: a search asks two traders, and the truth of
// the other one is enough.
func TestTradersThatLie(t *testing.T) {
	for name, answer := range map[string]func(p *puppet, q *market.GetOffers) *market.Offers{
		"says nothing": func(*puppet, *market.GetOffers) *market.Offers { return nil },
		"knows nothing": func(_ *puppet, q *market.GetOffers) *market.Offers {
			return &market.Offers{Ref: q.Ref, Region: q.Region, Trader: true}
		},
		"is no trader": func(_ *puppet, q *market.GetOffers) *market.Offers {
			return &market.Offers{Ref: q.Ref, Region: q.Region}
		},
		"answers about another region": func(_ *puppet, q *market.GetOffers) *market.Offers {
			return &market.Offers{Ref: q.Ref, Region: market.Region{Platform: q.Region.Platform, Depth: 1, Shard: 3}, Trader: true}
		},
		"sends everybody elsewhere": func(p *puppet, q *market.GetOffers) *market.Offers {
			a := &market.Offers{Ref: q.Ref, Region: q.Region, Trader: true}
			for i := range uint32(7) {
				r := market.Region{Platform: q.Region.Platform, Depth: 1, Shard: i}
				huge := market.Summary{Region: r, Offers: 1 << 20, Peaks: []market.Point{{Free: market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes}, Class: 4}}}
				a.Hints = append(a.Hints, market.Hint{Summary: huge, Traders: []market.Ref{p.ref()}})
			}
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := nodetest.NewWith(t, &wires{}, brisk(2*time.Second))
			defer w.Close()
			cedar, birch, asks := w.Host("cedar"), w.Host("birch"), w.Host("buyer")
			asks.Sells = false
			cedar.Start()
			p := newPuppet(t, w, nearestKey(w, cedar, birch, asks))
			p.answer(func(from market.PeerID, m market.Message) {
				switch m := m.(type) {
				case *market.CreateOffer:
					_ = p.send(from, &market.OfferAck{Seq: m.Offer.Seq, Region: m.Region})
				case *market.UpdateOffer:
					_ = p.send(from, &market.OfferAck{Seq: m.Offer.Seq, Region: m.Region})
				case *market.GetOffers:
					if a := answer(p, m); a != nil {
						_ = p.send(from, a)
					}
				}
			})
			birch.Start()
			asks.Start()
			w.Until("two offers", func() bool { return len(search(t, asks)) == 2 })
			await(w, p, "the puppet trades", func(m *market.CreateOffer) bool { return m.Offer.Supplier == birch.ID })
			for _, h := range nearest(w, cedar, birch, asks)[:2] {
				others := 2
				if h.Sells {
					others = 1
				}
				w.Until(h.Name+" trades", func() bool { return holds(t, h) == others })
			}
			for range 10 {
				if n := len(search(t, asks)); n != 2 {
					t.Errorf("%d offers", n)
				}
			}
			asks.MustRun(nodetest.Request("sleep"))
		})
	}
}

// TestFlood lets a puppet send as much as it can, while the market is used.
func TestFlood(t *testing.T) {
	s := newStage(t, market.DefaultParams)
	p := s.puppet
	var sent, refused atomic.Int64
	var flood sync.WaitGroup
	question := &market.GetOffers{Ref: 1, Region: market.RootRegion(s.offer.Platform), Max: market.MaxOffers, Relay: true}
	launch := p.lease(s.birch.ID, nil) // a lease, which is bought once
	victims := []market.PeerID{s.cedar.ID, s.birch.ID, s.buyer.ID}
	for range 32 {
		flood.Go(func() {
			for i := sent.Add(1); i <= floodSize; i = sent.Add(1) {
				err := p.send(victims[i%3], question)
				if i%16 == 0 {
					err = p.send(s.birch.ID, launch)
				}
				if err != nil {
					refused.Add(1)
				}
			}
		})
	}
	for i := 0; sent.Load() < floodSize; i++ {
		if n := len(search(t, s.buyer)); n != 2 {
			t.Errorf("search %d: %d offers", i, n)
		}
	}
	req := nodetest.Request("sleep")
	req.Policy.Node = "birch"
	ref := s.buyer.MustRun(req)
	flood.Wait()
	if n := len(s.birch.Units()); n != 2 || s.buyer.State(ref) != "running" {
		t.Errorf("%d containers at birch, want one of each buyer's", n)
	}
	t.Logf("of %d messages %d were refused", floodSize, refused.Load())
	s.untouchedAfter("a flood")
}
