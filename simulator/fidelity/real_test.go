//go:build real

package fidelity

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	lib "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/overlay"
	"caravela/overlay/kademlia"
	"caravela/remote"
	"caravela/remote/libp2p"
)

// realNodes runs the script on n real nodes.
func realNodes(t *testing.T, n int) (c *cost) {
	synctest.Test(t, func(t *testing.T) {
		net := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(oneWay)}
		net.Start()
		w := &wires{net: net, sent: map[string]int{}, by: map[market.PeerID]*buying{}}
		world := nodetest.NewOver(t, w)
		hosts := make([]*nodetest.Host, n)
		for i := range hosts {
			hosts[i] = world.Host(fmt.Sprintf("node%d", i))
			hosts[i].Start()
		}
		time.Sleep(settle)
		c = w.run(t, hosts)
		world.Close()
		net.Close()
	})
	return c
}

func (w *wires) run(t *testing.T, hosts []*nodetest.Host) *cost {
	c := &cost{kinds: map[string]float64{}}
	w.mu.Lock()
	clear(w.sent)
	w.mu.Unlock()
	r := rand.New(rand.NewPCG(1, uint64(len(hosts))))
	for range requests {
		began := time.Now()
		h := hosts[r.IntN(len(hosts))]
		w.purchase(t, c, h)
		time.Sleep(every - time.Since(began))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for kind, n := range w.sent {
		c.kinds[kind] = float64(n) / requests
	}
	return c
}

// purchase runs one container and adds up what that cost its buyer until it
// had the lease.
func (w *wires) purchase(t *testing.T, c *cost, h *nodetest.Host) {
	b := w.buyer(h.ID)
	sent, asked, began := b.sent(), b.over.Stats(), time.Now()
	err := h.Node.Run(t.Context(), nodetest.Request("sleep"), func(e api.RunEvent) error {
		if e.Type != api.RunLeased {
			return nil
		}
		now := b.over.Stats()
		questions := int(now.Questions - asked.Questions)
		c.messages += b.sent() - sent + questions
		c.lookups += int(now.Lookups - asked.Lookups)
		c.latency = append(c.latency, time.Since(began))
		c.placed++
		return nil
	})
	if err != nil {
		t.Errorf("%s: run: %v", h.Name, err)
	}
}

// wires connects real hosts over a network in virtual time, and counts what
// they send.
type wires struct {
	net *simnet.Simnet

	mu   sync.Mutex
	sent map[string]int // messages of the market, by kind
	by   map[market.PeerID]*buying
}

// buying is what one node sends in order to buy.
type buying struct {
	mu   sync.Mutex
	n    int
	over *kademlia.Overlay
}

func (b *buying) sent() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

func (w *wires) buyer(id market.PeerID) *buying {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.by[id]
}

func (w *wires) Connect(t *testing.T, h *nodetest.Host, n market.NetworkID) (remote.Transport, overlay.Overlay) {
	t.Helper()
	w.mu.Lock()
	index := len(w.by)
	w.mu.Unlock()
	host := newHost(t, h.Key(), w.net, index)
	cfg := kademlia.DefaultConfig(n)
	cfg.AddressFilter = host.Filter
	over, err := kademlia.New(host.LibP2P(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &buying{over: over}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.by[h.ID] = b
	return counting{host, w, b}, over
}

func newHost(t *testing.T, key []byte, net *simnet.Simnet, index int) *libp2p.Host {
	t.Helper()
	c := libp2p.DefaultConfig()
	var err error
	if c.PrivateKey, err = crypto.UnmarshalEd25519PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	c.Codec, c.Log = remote.MarketCodec(), slog.New(slog.DiscardHandler)
	c.Listen = []string{fmt.Sprintf("/ip4/%s/udp/7401/quic-v1", simnet.IntToPublicIPv4(index))}
	c.AllowPublic, c.AssumeReachable, c.NoResourceManager = true, true, true
	fast := simnet.LinkSettings{BitsPerSecond: 1000 * simlibp2p.OneMbps}
	c.Options = []lib.Option{
		simlibp2p.QUICSimnet(net, simnet.NodeBiDiLinkSettings{Downlink: fast, Uplink: fast}),
		lib.DisableIdentifyAddressDiscovery(),
	}
	host, err := libp2p.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

// counting is a transport whose outgoing messages are counted.
type counting struct {
	*libp2p.Host
	wires *wires
	by    *buying
}

func (c counting) Send(ctx context.Context, to remote.Peer, m remote.Message) error {
	c.wires.mu.Lock()
	c.wires.sent[kindOf(m)]++
	c.wires.mu.Unlock()
	if slices.Contains(buyersOwn, kindOf(m)) {
		c.by.mu.Lock()
		c.by.n++
		c.by.mu.Unlock()
	}
	return c.Host.Send(ctx, to, m)
}
