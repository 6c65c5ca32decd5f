package kademlia

import (
	"context"
	"errors"
	"fmt"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"

	"caravela/overlay"
)

// maxSeeds bounds the peers that one Join dials.
const maxSeeds = 16

// Join enters through any of peers.
func (o *Overlay) Join(ctx context.Context, peers []overlay.Peer) error {
	d, err := o.prepare()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.cfg.Timeout)
	defer cancel()
	changes := o.feed.Watch(ctx)
	if err := o.dial(ctx, peers); err != nil {
		return err
	}
	// A peer that was connected before the DHT was, or before it served, is
	// not looked at by itself.
	if err := d.Bootstrap(ctx); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if !entered(ctx, d, changes) {
		return fmt.Errorf("%w: connected, but not answered", overlay.ErrNoPeers)
	}
	o.mu.Lock()
	o.started = true
	o.mu.Unlock()
	// One lookup around ourselves makes us known to those who matter and
	// fills the nearest buckets; the others follow in the background. One that
	// fails is made up for by the first refresh.
	_, _ = o.search(ctx, d, string(o.host.ID()), 1)
	d.RefreshRoutingTable()
	return nil
}

func (o *Overlay) prepare() (*dht.IpfsDHT, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.start(); err != nil {
		return nil, err
	}
	return o.dht, nil
}

// meet connects to a peer and makes sure that it serves this overlay. Unless it has
// said so, it is asked: what it said of itself may be older than its overlay, or not
// have arrived yet.
func (o *Overlay) meet(ai peer.AddrInfo) error {
	if err := o.host.Connect(o.ctx, ai); err != nil {
		return err
	}
	if ok, err := o.host.Peerstore().SupportsProtocols(ai.ID, o.protocol()); err != nil || len(ok) > 0 {
		return err
	}
	s, err := o.host.NewStream(o.ctx, ai.ID, o.protocol())
	if err == nil {
		return s.Reset()
	}
	if none := (msmux.ErrNotSupported[protocol.ID]{}); errors.As(err, &none) {
		return fmt.Errorf("%s does not serve this overlay: it is of another network, or a client", ai.ID)
	}
	return err
}

// dial connects to the peers and returns as soon as one of them is there.
func (o *Overlay) dial(ctx context.Context, peers []overlay.Peer) error {
	peers = peers[:min(len(peers), maxSeeds)]
	answers := make(chan error, len(peers))
	dialled := 0
	for _, p := range peers {
		ai := o.info(p)
		if ai.ID == o.host.ID() {
			continue
		}
		dialled++
		go func() { answers <- o.meet(ai) }()
	}
	last := errors.New("none was given")
	for range dialled {
		select {
		case err := <-answers:
			if err == nil {
				return nil
			}
			last = err
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", overlay.ErrNoPeers, ctx.Err())
		}
	}
	return fmt.Errorf("%w: %w", overlay.ErrNoPeers, last)
}

// entered waits for the first peer of the routing table: the DHT asks each
// connected peer a question before it believes in it.
func entered(ctx context.Context, d *dht.IpfsDHT, changes <-chan overlay.Change) bool {
	for d.RoutingTable().Size() == 0 {
		if _, ok := <-changes; !ok {
			return d.RoutingTable().Size() > 0
		}
	}
	return ctx.Err() == nil
}

// dialTimeout bounds one background dial.
const dialTimeout = 5 * time.Second

// reconnect dials a peer and reports whether it is there.
func (o *Overlay) reconnect(ai peer.AddrInfo) bool {
	ctx, cancel := context.WithTimeout(o.ctx, dialTimeout)
	defer cancel()
	return o.host.Connect(ctx, ai) == nil
}
