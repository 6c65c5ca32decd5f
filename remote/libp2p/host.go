package libp2p

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	core "github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"caravela/market"
	"caravela/remote"
)

// Host is a node's libp2p host and remote.Transport. Make it with New.
type Host struct {
	cfg       Config
	limits    limits
	log       *slog.Logger
	lib       host.Host
	self      market.PeerID
	horizon   *horizon
	extra     []ma.Multiaddr // addresses that the operator announces
	gate      *gate
	stats     *counters
	bandwidth *metrics.BandwidthCounter
	admit     *admission
	members   *members
	tags      atomic.Uint64 // numbers what protects connections
	uses      core.DecayingTag
	reach     reachState
	relays    *relays
	site      site
	via       atomic.Pointer[[]ma.Multiaddr] // own addresses through relays

	ctx    context.Context // ends with Close; parent of every handler's context
	cancel context.CancelFunc
	work   sync.WaitGroup // handlers and background loops

	mu      sync.Mutex
	proto   protocols
	handler remote.Handler // nil until Serve
	closed  bool
}

var _ remote.Transport = (*Host)(nil)

// New makes a host and binds every listen address, or explains which one
// cannot be bound and what to do about it.
func New(cfg Config) (*Host, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	h := &Host{cfg: cfg, limits: cfg.limits(), log: cfg.Log, stats: &counters{}, bandwidth: metrics.NewBandwidthCounter()}
	h.horizon = newHorizon(&h.cfg)
	h.gate = newGate(&h.cfg, h.horizon, h.stats)
	h.admit = newAdmission(h.limits)
	h.members = newMembers()
	h.reach.poke = make(chan struct{}, 1)
	h.reach.now.Reason = "no network yet"
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.start(); err != nil {
		h.cancel()
		return nil, err
	}
	return h, nil
}

func (h *Host) start() error {
	var err error
	if h.extra, err = h.cfg.announce(); err != nil {
		return err
	}
	opts, err := h.options()
	if err != nil {
		return err
	}
	if h.lib, err = libp2p.New(opts...); err != nil {
		return fmt.Errorf("start libp2p: %w", err)
	}
	if h.self, err = FromPeerID(h.lib.ID()); err == nil {
		err = h.bind()
	}
	if err == nil {
		err = h.startRelays()
	}
	if err != nil {
		h.lib.Close()
	}
	return err
}

func (h *Host) options() ([]libp2p.Option, error) {
	manager, err := connmgr.NewConnManager(h.limits.low, h.limits.high)
	if err != nil {
		return nil, fmt.Errorf("limit connections: %w", err)
	}
	if err := h.countUse(manager); err != nil {
		return nil, err
	}
	var resources network.ResourceManager = &network.NullResourceManager{}
	if !h.cfg.NoResourceManager {
		if resources, err = h.limits.resources(); err != nil {
			return nil, fmt.Errorf("limit resources: %w", err)
		}
	}
	opts := []libp2p.Option{
		libp2p.Identity(h.cfg.PrivateKey),
		libp2p.EnableRelay(), // as a client; before NoListenAddrs, which would turn it off
		libp2p.NoListenAddrs,
		libp2p.Security(noise.ID, noise.New),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.UserAgent("caravela/" + h.cfg.Version),
		libp2p.ConnectionGater(h.gate),
		libp2p.ConnectionManager(manager),
		libp2p.ResourceManager(resources),
		libp2p.BandwidthReporter(h.bandwidth),
		libp2p.AddrsFactory(h.addrs),
		libp2p.EnableHolePunching(),
		libp2p.DisableMetrics(),
		libp2p.SwarmOpts(swarm.WithDialRanker(rankDials), swarm.WithDialTimeoutLocal(localDialTimeout)),
	}
	if h.cfg.PSK != nil {
		opts = append(opts, libp2p.PrivateNetwork(h.cfg.psk()))
	} else {
		opts = append(opts, libp2p.Transport(libp2pquic.NewTransport))
	}
	return append(opts, h.cfg.Options...), nil
}

// localDialTimeout is how long a peer on a private address may take to answer
// a dial: a QUIC packet to a dead one is not refused, it is lost.
const localDialTimeout = 3 * time.Second

// LibP2P returns the host below, for the overlay. Its Connect finds out about
// dead peers as quickly as Send does.
func (h *Host) LibP2P() host.Host { return quickHost{h.lib, h} }

// Self returns this node and the addresses that others should dial: those
// that its operator announces first, at last those through relays.
func (h *Host) Self() remote.Peer {
	addrs, announced := h.lib.Addrs(), h.announced()
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int {
		return cmp.Or(rank(!ma.Contains(announced, a))-rank(!ma.Contains(announced, b)), rank(isCircuit(a))-rank(isCircuit(b)))
	})
	return remote.Peer{ID: h.self, Addrs: texts(addrs[:min(len(addrs), maxAddrs)])}
}

// addrs is libp2p's AddrsFactory.
func (h *Host) addrs(all []ma.Multiaddr) []ma.Multiaddr {
	out := append(h.announced(), h.horizon.advertised(all, h.site.list())...)
	h.reach.mu.Lock()
	out = append(out, h.reach.mapped...)
	h.reach.mu.Unlock()
	if r := h.via.Load(); r != nil {
		out = append(out, *r...)
	}
	return out
}

// announced are the operator's own addresses, as far as peers there are dealt
// with.
func (h *Host) announced() []ma.Multiaddr { return h.Filter(h.extra) }

// bind listens on each address on its own, since libp2p is content when any
// one of them binds.
func (h *Host) bind() error {
	addrs, err := h.cfg.listen()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		err := probe(a)
		if err == nil {
			err = h.lib.Network().Listen(a)
		}
		if err != nil {
			return explainBind(a, err)
		}
	}
	return nil
}

// probe binds an address for an instant. libp2p listens with SO_REUSEPORT: it
// would share a TCP port with another node of the same user without a word.
func probe(a ma.Multiaddr) error {
	if !isTCP(a) {
		return nil
	}
	l, err := manet.Listen(a)
	if err != nil {
		return err
	}
	return l.Close()
}

func isTCP(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_TCP)
	return err == nil
}

func explainBind(a ma.Multiaddr, err error) error {
	remedy := "choose another address with --listen IP:PORT"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		remedy = "another program listens there, perhaps a second node; stop it, or choose another port with --listen IP:PORT"
	case errors.Is(err, syscall.EACCES):
		remedy = "ports below 1024 need root; choose another port with --listen IP:PORT"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		remedy = "this machine has no such address; see `ip addr`, then choose one with --listen IP:PORT"
	}
	return fmt.Errorf("listen on %s: %w: %s", a, err, remedy)
}

// Close resets all streams, ends all connections and waits for the handlers
// to return, five seconds at most.
func (h *Host) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.relays.close()
	err := h.lib.Close()
	done := make(chan struct{})
	go func() {
		h.work.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		h.log.Warn("handlers still run after close")
	}
	return err
}
