package memory

import (
	"context"
	"slices"
	"sync"

	"caravela/market"
	"caravela/overlay"
)

// World holds the members. The zero value is ready.
type World struct {
	mu      sync.Mutex
	members map[market.PeerID]*Overlay
}

// Overlay is one node's membership.
type Overlay struct {
	world *World
	peer  overlay.Peer
	feed  overlay.Feed

	// Guarded by world.mu.
	started, client, left bool

	ctx    context.Context // ends when the node leaves
	cancel context.CancelFunc
}

var _ overlay.Overlay = (*Overlay)(nil)

// New prepares a membership for a peer.
func (w *World) New(p overlay.Peer) *Overlay {
	o := &Overlay{world: w, peer: p}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

// Create starts an overlay, or a part of one that nobody else joins.
func (o *Overlay) Create(context.Context) error { return o.enter(nil) }

// Join enters if any of peers is a member that serves.
func (o *Overlay) Join(_ context.Context, peers []overlay.Peer) error {
	return o.enter(func() bool {
		return slices.ContainsFunc(peers, func(p overlay.Peer) bool {
			m := o.world.members[p.ID]
			return m != nil && m != o && !m.client
		})
	})
}

func (o *Overlay) enter(allowed func() bool) error {
	w := o.world
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case o.left:
		return overlay.ErrClosed
	case o.started:
		return overlay.ErrStarted
	case allowed != nil && !allowed():
		return overlay.ErrNoPeers
	}
	if w.members == nil {
		w.members = make(map[market.PeerID]*Overlay)
	}
	o.started = true
	w.members[o.peer.ID] = o
	for _, m := range w.members {
		if m != o && !m.client {
			o.feed.Publish(overlay.Change{Peer: m.peer})
		}
	}
	if !o.client {
		o.announce(false)
	}
	return nil
}

// announce tells all others that this node entered or left their tables.
func (o *Overlay) announce(removed bool) {
	for _, m := range o.world.members {
		if m != o {
			m.feed.Publish(overlay.Change{Peer: o.peer, Removed: removed})
		}
	}
}

// Lookup returns the n nearest members.
func (o *Overlay) Lookup(ctx context.Context, key market.Key, n int) ([]overlay.Peer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := o.serving(true)
	if err != nil {
		return nil, err
	}
	overlay.Sort(all, key)
	return all[:min(n, overlay.MaxLookup, len(all))], nil
}

func (o *Overlay) serving(self bool) (out []overlay.Peer, err error) {
	w := o.world
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case o.left:
		return nil, overlay.ErrClosed
	case !o.started:
		return nil, overlay.ErrNotStarted
	}
	for _, m := range w.members {
		if !m.client && (self || m != o) {
			out = append(out, overlay.Peer{ID: m.peer.ID, Addrs: slices.Clone(m.peer.Addrs)})
		}
	}
	return out, nil
}

// Neighbours returns all other members that serve.
func (o *Overlay) Neighbours() []overlay.Peer {
	all, _ := o.serving(false)
	overlay.SortAround(all, o.peer.ID)
	return all
}

// NodeID returns this node's identity.
func (o *Overlay) NodeID() market.PeerID { return o.peer.ID }

// Watch tells of changes among the other members.
func (o *Overlay) Watch(ctx context.Context) <-chan overlay.Change {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(o.ctx, cancel)
	return o.feed.Watch(ctx)
}

// SetClient decides whether this node only asks.
func (o *Overlay) SetClient(client bool) {
	o.world.mu.Lock()
	defer o.world.mu.Unlock()
	if o.client == client {
		return
	}
	o.client = client
	if o.started {
		o.announce(client)
	}
}

// Leave ends the membership.
func (o *Overlay) Leave(context.Context) error {
	o.world.mu.Lock()
	defer o.world.mu.Unlock()
	if o.left {
		return nil
	}
	o.left = true
	o.cancel()
	if o.started {
		delete(o.world.members, o.peer.ID)
		if !o.client {
			o.announce(true)
		}
	}
	return nil
}
