package kademlia_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"caravela/market"
	"caravela/overlay"
	"caravela/overlay/kademlia"
	"caravela/overlay/overlaytest"
)

// world makes kademlia nodes on hosts that options describe.
type world struct {
	options func(i int) []libp2p.Option
	settle  func(*testing.T, *world)

	hosts []host.Host
	nodes []*kademlia.Overlay
	dead  map[int]bool
}

func config() kademlia.Config {
	return kademlia.DefaultConfig(market.NetworkID(market.KeyOf("battery")))
}

func (w *world) Add(t *testing.T) (overlay.Overlay, overlay.Peer) {
	h, o := newNode(t, config(), w.options(len(w.hosts))...)
	w.hosts, w.nodes = append(w.hosts, h), append(w.nodes, o)
	return o, peerOf(o, h)
}

func newNode(t *testing.T, cfg kademlia.Config, opts ...libp2p.Option) (host.Host, *kademlia.Overlay) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.Identity(key),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(), libp2p.DisableMetrics(),
		libp2p.SwarmOpts(swarm.WithDialTimeoutLocal(2 * time.Second)),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	o, err := kademlia.New(h, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, o
}

func peerOf(o *kademlia.Overlay, h host.Host) overlay.Peer {
	p := overlay.Peer{ID: o.NodeID()}
	for _, a := range h.Addrs() {
		p.Addrs = append(p.Addrs, a.String())
	}
	return p
}

func (w *world) Settle(t *testing.T) { w.settle(t, w) }

// Kill closes the host under the overlay, so that nobody says goodbye.
func (w *world) Kill(i int) {
	if w.dead[i] {
		return
	}
	if w.dead == nil {
		w.dead = make(map[int]bool)
	}
	w.dead[i] = true
	w.hosts[i].Close()
	_ = w.nodes[i].Leave(context.Background())
}

func (w *world) end() {
	for i := range w.hosts {
		w.Kill(i)
	}
}

// TestOverlayOnLoopback runs TCP on this machine.
func TestOverlayOnLoopback(t *testing.T) {
	overlaytest.Run(t, func(t *testing.T, body func(*testing.T, overlaytest.World)) {
		w := &world{
			options: func(int) []libp2p.Option {
				return []libp2p.Option{libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0")}
			},
			settle: quiet,
		}
		t.Cleanup(w.end)
		body(t, w)
	})
}

// quiet waits until no table has changed for a while.
func quiet(t *testing.T, w *world) {
	last, same := "", 0
	for end := time.Now().Add(overlaytest.Patience); same < 15; time.Sleep(20 * time.Millisecond) {
		now := ""
		for i, o := range w.nodes {
			if !w.dead[i] {
				now += fmt.Sprint(len(o.Neighbours()), " ")
			}
		}
		if now != last {
			last, same = now, 0
		}
		same++
		if time.Now().After(end) {
			t.Fatal("tables do not settle: ", now)
		}
	}
}
