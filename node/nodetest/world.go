package nodetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"caravela/market"
	"caravela/node"
	"caravela/node/identity"
	"caravela/overlay"
	overlaymemory "caravela/overlay/memory"
	"caravela/remote"
	remotememory "caravela/remote/memory"
)

// World is a network and the hosts in it.
type World struct {
	t       *testing.T
	wires   Wires
	network *market.SignedNetwork
	hosts   []*Host
	dir     string
}

// Wires connects a host's node with the others.
type Wires interface {
	// Connect makes the transport and the overlay of a node that starts.
	Connect(t *testing.T, h *Host, n market.NetworkID) (remote.Transport, overlay.Overlay)
}

// New returns a world without hosts whose nodes meet in memory.
func New(t *testing.T) *World { return NewOver(t, &Memory{}) }

// NewOver returns a world without hosts over other wires.
func NewOver(t *testing.T, wires Wires) *World { return NewWith(t, wires, market.DefaultParams) }

// NewWith returns a world without hosts whose network has other parameters.
func NewWith(t *testing.T, wires Wires, params func(market.NetworkID) market.Params) *World {
	founder := market.NewKeyring(keyOf("founder"))
	return &World{
		t: t, wires: wires, dir: t.TempDir(),
		network: founder.Found(market.Genesis{Name: "test", Creator: founder.Self()}, params),
	}
}

// Network is what the hosts are members of.
func (w *World) Network() *market.SignedNetwork { return w.network }

// Bootstrap are the nodes that run, for a peer that joins beside the hosts.
func (w *World) Bootstrap() []overlay.Peer { return w.bootstrap() }

// Memory are wires in memory. The zero value is ready.
type Memory struct {
	transports remotememory.Network
	members    overlaymemory.World
}

// Connect implements Wires.
func (m *Memory) Connect(_ *testing.T, h *Host, _ market.NetworkID) (remote.Transport, overlay.Overlay) {
	tr := m.transports.New(h.ID, remote.MarketCodec())
	return tr, m.members.New(overlay.Peer(tr.Self()))
}

// Host adds a machine of 4 CPUs and 8 GiB with the toolbox image. Change what
// it sells before Start.
func (w *World) Host(name string) *Host {
	key := keyOf(name)
	h := newHost(w, name, key)
	w.hosts = append(w.hosts, h)
	return h
}

// Start adds and starts hosts of these names.
func (w *World) Start(names ...string) []*Host {
	w.t.Helper()
	hosts := make([]*Host, len(names))
	for i, name := range names {
		hosts[i] = w.Host(name)
		hosts[i].Start()
	}
	return hosts
}

// Close stops every node and every container.
func (w *World) Close() {
	for _, h := range w.hosts {
		h.Stop()
		h.Daemon.ComeBack()
		for _, u := range h.Units() {
			h.Daemon.Vanish(h.Scope(), u.Lease)
		}
	}
}

func keyOf(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("nodetest " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (w *World) membership() *identity.Network { return &identity.Network{SignedNetwork: w.network} }

func (w *World) path(name string) string { return filepath.Join(w.dir, name) }

// bootstrap are the nodes that run.
func (w *World) bootstrap() (peers []overlay.Peer) {
	for _, h := range w.hosts {
		if h.Running() {
			peers = append(peers, overlay.Peer(h.transport.Self()))
		}
	}
	return peers
}

func logger() *slog.Logger {
	if os.Getenv("NODETEST_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// Sale is all of a machine.
func Sale() node.Sale {
	return node.Sale{Share: 100, OvercommitCPU: 1000, OvercommitMemory: 1000, PortLow: 1024, PortHigh: 32767}
}

func (w *World) fatal(format string, a ...any) {
	w.t.Helper()
	w.t.Fatalf(format, a...)
}
