package kademlia

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/market"
	"caravela/overlay"
)

// Overlay is a membership on a libp2p host. Make it with New.
type Overlay struct {
	cfg  Config
	host host.Host
	shim *shim
	self market.PeerID
	feed overlay.Feed
	lost lost

	lookups, questions atomic.Uint64

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	dht     *dht.IpfsDHT // nil before Create or Join
	started bool         // Create or Join succeeded
	left    bool
}

var _ overlay.Overlay = (*Overlay)(nil)

// New prepares a membership; nothing happens before Create or Join.
func New(h host.Host, cfg Config) (*Overlay, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	self, err := market.PeerIDFromBytes([]byte(h.ID()))
	if err != nil {
		return nil, fmt.Errorf("kademlia: %w", err)
	}
	o := &Overlay{cfg: cfg, host: h, self: self}
	o.shim = newShim(h, cfg.Client, o.added, o.removed)
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o, nil
}

// NodeID returns this node's identity.
func (o *Overlay) NodeID() market.PeerID { return o.self }

// Create starts an overlay of one.
func (o *Overlay) Create(context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.start(); err != nil {
		return err
	}
	o.started = true
	return nil
}

// start brings the DHT up, once.
func (o *Overlay) start() error {
	switch {
	case o.left:
		return overlay.ErrClosed
	case o.started:
		return overlay.ErrStarted
	case o.dht != nil:
		return nil // an earlier Join found nobody
	}
	d, err := dht.New(o.shim, o.options()...)
	if err != nil {
		return fmt.Errorf("start kademlia: %w", err)
	}
	o.dht = d
	return o.maintain()
}

func (o *Overlay) options() []dht.Option {
	opts := []dht.Option{
		dht.Mode(dht.ModeServer), // the shim decides
		dht.ProtocolPrefix(o.prefix()),
		dht.DisableProviders(),
		dht.DisableValues(),
		dht.DisableAutoRefresh(),
		dht.RoutingTableRefreshPeriod(o.cfg.Refresh),
		dht.RoutingTableRefreshQueryTimeout(o.cfg.Timeout),
		dht.BucketSize(o.cfg.BucketSize),
		dht.Concurrency(o.cfg.Concurrency),
		dht.Resiliency(o.cfg.Resiliency),
		dht.RoutingTableFilter(func(_ any, p peer.ID) bool { return named(p) }),
		dht.QueryFilter(func(_ any, ai peer.AddrInfo) bool { return named(ai.ID) }),
		dht.AddressFilter(o.cfg.AddressFilter),
	}
	return opts
}

func (o *Overlay) prefix() protocol.ID { return protocol.ID("/caravela/" + o.cfg.Network.Short()) }

// protocol is the name that the DHT makes of its prefix.
func (o *Overlay) protocol() protocol.ID { return o.prefix() + "/kad/1.0.0" }

// named reports whether a peer has a name in the market.
func named(p peer.ID) bool {
	_, err := market.PeerIDFromBytes([]byte(p))
	return err == nil
}

// running returns the DHT.
func (o *Overlay) running() (*dht.IpfsDHT, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.left:
		return nil, overlay.ErrClosed
	case !o.started:
		return nil, overlay.ErrNotStarted
	}
	return o.dht, nil
}

// SetClient decides whether this node only asks.
func (o *Overlay) SetClient(client bool) { o.shim.setClient(client) }

// Watch tells of changes in the routing table.
func (o *Overlay) Watch(ctx context.Context) <-chan overlay.Change {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(o.ctx, cancel)
	return o.feed.Watch(ctx)
}

// added and removed run under the routing table's lock.
func (o *Overlay) added(p peer.ID) {
	o.lost.found(p)
	if who, ok := o.named(p); ok {
		o.feed.Publish(overlay.Change{Peer: who})
	}
}

func (o *Overlay) removed(p peer.ID) {
	who, ok := o.named(p)
	if !ok {
		return
	}
	o.lost.add(peer.AddrInfo{ID: p, Addrs: o.addrs(p)})
	o.feed.Publish(overlay.Change{Peer: who, Removed: true})
}

// named translates a peer, with what is known of its addresses.
func (o *Overlay) named(p peer.ID) (overlay.Peer, bool) {
	id, err := market.PeerIDFromBytes([]byte(p))
	if err != nil {
		return overlay.Peer{}, false
	}
	who := overlay.Peer{ID: id}
	for _, a := range o.addrs(p) {
		who.Addrs = append(who.Addrs, a.String())
	}
	return who, true
}

// maxAddrs bounds the addresses of one peer that are passed on.
const maxAddrs = 12

func (o *Overlay) addrs(p peer.ID) []ma.Multiaddr {
	if p == o.host.ID() {
		return o.host.Addrs()
	}
	addrs := o.host.Peerstore().Addrs(p)
	if o.cfg.AddressFilter != nil {
		addrs = o.cfg.AddressFilter(addrs)
	}
	return addrs[:min(len(addrs), maxAddrs)]
}

// info translates back; addresses that cannot be read are left out.
func (o *Overlay) info(p overlay.Peer) peer.AddrInfo {
	ai := peer.AddrInfo{ID: peer.ID(p.ID.Bytes())}
	for _, s := range p.Addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			continue
		}
		if a, _ = peer.SplitAddr(a); a != nil {
			ai.Addrs = append(ai.Addrs, a)
		}
	}
	if o.cfg.AddressFilter != nil {
		ai.Addrs = o.cfg.AddressFilter(ai.Addrs)
	}
	return ai
}

// Leave ends the membership.
func (o *Overlay) Leave(context.Context) error {
	o.mu.Lock()
	d, was := o.dht, o.left
	o.left = true
	o.mu.Unlock()
	if was {
		return nil
	}
	o.cancel()
	o.shim.stop()
	o.work.Wait()
	if d == nil {
		return nil
	}
	if err := d.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("leave: %w", err)
	}
	return nil
}
