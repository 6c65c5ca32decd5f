package realtest

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"log/slog"
	"sync"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/overlay"
	"caravela/overlay/kademlia"
	"caravela/remote"
	"caravela/remote/libp2p"
)

// wires connects nodes by real hosts on loopback, and remembers these. Heard,
// where it is set, learns of every message that a node receives.
type wires struct {
	heard func(to, from market.PeerID, m market.Message)
	given func(by market.PeerID) // a configuration, to a newcomer
	rate  int                    // messages that a node takes of another one each second; 0 = as always

	mu    sync.Mutex
	hosts []*libp2p.Host
	overs []*kademlia.Overlay
}

var _ nodetest.Wires = (*wires)(nil)

func (w *wires) Connect(t *testing.T, h *nodetest.Host, n market.NetworkID) (remote.Transport, overlay.Overlay) {
	t.Helper()
	host := newHostOf(t, h.Key(), remote.MarketCodec(), w.rate)
	over := newOverlay(t, host, n)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts, w.overs = append(w.hosts, host), append(w.overs, over)
	return tapped{host, w}, over
}

// questions counts what the nodes have asked each other so far: messages of
// the market, and lookups' questions to the overlay.
func (w *wires) questions() (messages, lookups uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.hosts {
		messages += w.hosts[i].Stats().MessagesOut
		lookups += w.overs[i].Stats().Questions
	}
	return messages, lookups
}

func newHost(t *testing.T, key []byte, codec remote.Codec) *libp2p.Host {
	t.Helper()
	return newHostOf(t, key, codec, 0)
}

func newHostOf(t *testing.T, key []byte, codec remote.Codec, rate int) *libp2p.Host {
	t.Helper()
	c := libp2p.DefaultConfig()
	c.PeerRate = rate
	var err error
	if c.PrivateKey, err = crypto.UnmarshalEd25519PrivateKey(key); err != nil {
		t.Fatal(err)
	}
	c.Listen, c.Codec, c.Log = []string{"/ip4/127.0.0.1/tcp/0"}, codec, quiet()
	host, err := libp2p.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func newOverlay(t *testing.T, host *libp2p.Host, n market.NetworkID) *kademlia.Overlay {
	t.Helper()
	c := kademlia.DefaultConfig(n)
	c.AddressFilter = host.Filter
	over, err := kademlia.New(host.LibP2P(), c)
	if err != nil {
		t.Fatal(err)
	}
	return over
}

// tapped is a transport whose incoming messages are told to the wires.
type tapped struct {
	*libp2p.Host
	wires *wires
}

func (t tapped) Serve(n market.NetworkID, h remote.Handler) error {
	return t.Host.Serve(n, listener{h, t.Self().ID, t.wires})
}

type listener struct {
	remote.Handler
	self  market.PeerID
	wires *wires
}

func (l listener) Receive(ctx context.Context, from remote.Peer, m remote.Message) error {
	if l.wires.heard != nil {
		l.wires.heard(l.self, from.ID, m)
	}
	return l.Handler.Receive(ctx, from, m)
}

func (l listener) Configuration(ctx context.Context, from remote.Newcomer, proof string) ([]byte, error) {
	if l.wires.given != nil {
		l.wires.given(l.self)
	}
	return l.Handler.Configuration(ctx, from, proof)
}

// search returns the offers that a host finds for a small container.
func search(t *testing.T, h *nodetest.Host) []api.Candidate {
	t.Helper()
	r, err := h.Search(t.Context(), small())
	if err != nil {
		t.Fatalf("%s: search: %v", h.Name, err)
	}
	return r.Offers
}

func small() api.SearchRequest {
	return api.SearchRequest{Resources: api.Resources{MilliCPU: 100, MemoryBytes: int64(16 * market.MiB)}}
}

// buyer adds a node that sells nothing.
func buyer(w *nodetest.World, name string) *nodetest.Host {
	h := w.Host(name)
	h.Sells = false
	h.Start()
	return h
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("realtest " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}
