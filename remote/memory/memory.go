package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"caravela/market"
	"caravela/remote"
)

// Network holds the nodes that can reach each other. The zero value is ready.
type Network struct {
	mu    sync.Mutex
	nodes map[market.PeerID]*Transport
}

// Transport is one node's remote.Transport.
type Transport struct {
	net   *Network
	codec remote.Codec
	id    market.PeerID

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	name    market.NetworkID
	handler remote.Handler
	links   map[market.PeerID]remote.Connection
}

var _ remote.Transport = (*Transport)(nil)

// New adds a node. Its address, and a target for FetchConfiguration, is
// /memory/ followed by its peer ID.
func (n *Network) New(id market.PeerID, codec remote.Codec) *Transport {
	t := &Transport{net: n, codec: codec, id: id, links: make(map[market.PeerID]remote.Connection)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.nodes == nil {
		n.nodes = make(map[market.PeerID]*Transport)
	}
	n.nodes[id] = t
	return t
}

// Self returns this node.
func (t *Transport) Self() remote.Peer {
	return remote.Peer{ID: t.id, Addrs: []string{"/memory/" + t.id.String()}}
}

// Serve names the network and begins to answer.
func (t *Transport) Serve(n market.NetworkID, h remote.Handler) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
		return remote.ErrClosed
	case t.handler != nil:
		return errors.New("memory: a network is served already")
	}
	t.name, t.handler = n, h
	return nil
}

func (t *Transport) serving() (market.NetworkID, remote.Handler, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ctx.Err() != nil:
		return t.name, nil, remote.ErrClosed
	case t.handler == nil:
		return t.name, nil, remote.ErrNotServing
	}
	return t.name, t.handler, nil
}

// reach finds a member and its handler, and connects to it.
func (t *Transport) reach(ctx context.Context, id market.PeerID) (*Transport, remote.Handler, error) {
	own, _, err := t.serving()
	if err != nil {
		return nil, nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	t.net.mu.Lock()
	peer := t.net.nodes[id]
	t.net.mu.Unlock()
	if peer == nil {
		return nil, nil, fmt.Errorf("%w: %s", remote.ErrUnreachable, id.Short())
	}
	name, h, err := peer.serving()
	switch {
	case errors.Is(err, remote.ErrNotServing), err == nil && name != own:
		return nil, nil, remote.ErrForeign
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	if id != t.id {
		t.link(peer, false)
		peer.link(t, true)
	}
	return peer, h, nil
}

func (t *Transport) link(peer *Transport, inbound bool) {
	t.mu.Lock()
	_, was := t.links[peer.id]
	if !was {
		t.links[peer.id] = remote.Connection{Peer: peer.Self(), Inbound: inbound, Since: time.Now(), Agent: "caravela/memory"}
	}
	h := t.handler
	t.mu.Unlock()
	if !was && h != nil {
		h.Observe(remote.Event{Kind: remote.Connected, Peer: peer.Self()})
	}
}

func (t *Transport) unlink(peer *Transport) {
	t.mu.Lock()
	_, was := t.links[peer.id]
	delete(t.links, peer.id)
	h := t.handler
	t.mu.Unlock()
	if was && h != nil {
		h.Observe(remote.Event{Kind: remote.Disconnected, Peer: peer.Self()})
	}
}

// Send delivers a message: encoded and decoded, so that nobody shares memory.
func (t *Transport) Send(ctx context.Context, to remote.Peer, msg remote.Message) error {
	b, err := t.codec.Encode(msg)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if len(b) > remote.MaxMessage {
		return fmt.Errorf("%w: message of %d bytes, at most %d", remote.ErrTooLarge, len(b), remote.MaxMessage)
	}
	peer, h, err := t.reach(ctx, to.ID)
	if err != nil {
		return fmt.Errorf("send to %s: %w", to.ID.Short(), err)
	}
	answer := make(chan error, 1)
	go func() { answer <- peer.receive(t, h, b) }()
	select {
	case err = <-answer:
		err = remote.StatusOf(err).Err()
	case <-ctx.Done():
		err = fmt.Errorf("%w: %w", remote.ErrUnknown, ctx.Err())
	case <-peer.ctx.Done():
		err = fmt.Errorf("%w: peer closed", remote.ErrUnknown)
	case <-t.ctx.Done():
		err = fmt.Errorf("%w: %w", remote.ErrUnknown, remote.ErrClosed)
	}
	if err != nil {
		return fmt.Errorf("send to %s: %w", to.ID.Short(), err)
	}
	return nil
}

func (t *Transport) receive(from *Transport, h remote.Handler, b []byte) error {
	msg, err := t.codec.Decode(bytes.Clone(b))
	if err != nil {
		return fmt.Errorf("%w: %w", remote.ErrMalformed, err)
	}
	return h.Receive(t.ctx, from.Self(), msg)
}

// Open starts a stream.
func (t *Transport) Open(ctx context.Context, to remote.Peer, head remote.Header) (*remote.Stream, error) {
	if err := head.Validate(); err != nil {
		return nil, err
	}
	peer, h, err := t.reach(ctx, to.ID)
	if err != nil {
		return nil, fmt.Errorf("open %s at %s: %w", head.Kind, to.ID.Short(), err)
	}
	mine, theirs := remote.Pipe()
	for _, c := range []context.Context{ctx, t.ctx, peer.ctx} {
		context.AfterFunc(c, func() { mine.Reset() })
	}
	head.Args = bytes.Clone(head.Args)
	st := remote.NewStream(t.id, theirs)
	served, cancel := st.Guard(peer.ctx)
	go func() {
		defer theirs.Close()
		defer cancel()
		h.Accept(served, t.id, head, st)
	}()
	return remote.NewStream(to.ID, mine), nil
}

// FetchConfiguration asks the node at target.
func (t *Transport) FetchConfiguration(ctx context.Context, target, token string) (remote.Configuration, error) {
	if len(token) > remote.MaxToken {
		return remote.Configuration{}, fmt.Errorf("%w: token of %d bytes", remote.ErrTooLarge, len(token))
	}
	parsed, err := remote.ParseTarget(target)
	if err != nil {
		return remote.Configuration{}, err
	}
	id, err := market.ParsePeerID(strings.TrimPrefix(parsed.Addrs[0], "/memory/"))
	if err != nil {
		return remote.Configuration{}, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	t.net.mu.Lock()
	peer := t.net.nodes[id]
	t.net.mu.Unlock()
	if peer == nil || parsed.Known && parsed.ID != id {
		return remote.Configuration{}, fmt.Errorf("join %s: %w", target, remote.ErrUnreachable)
	}
	_, h, err := peer.serving()
	if err != nil {
		return remote.Configuration{}, fmt.Errorf("join %s: %w: %w", target, remote.ErrUnreachable, err)
	}
	data, err := h.Configuration(ctx, remote.Newcomer{ID: t.id}, token)
	if err != nil {
		return remote.Configuration{}, fmt.Errorf("ask %s for its configuration: %w: %w", target, remote.StatusOf(err).Err(), err)
	}
	return remote.Configuration{Data: bytes.Clone(data), From: peer.Self(), Pinned: parsed.Known}, nil
}

// Ping costs nothing here.
func (t *Transport) Ping(ctx context.Context, to remote.Peer) (time.Duration, error) {
	_, _, err := t.reach(ctx, to.ID)
	return time.Microsecond, err
}

// Peers returns those that this node has talked with.
func (t *Transport) Peers() []remote.Connection {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Values(t.links), func(a, b remote.Connection) int { return a.Peer.ID.Compare(b.Peer.ID) })
}

// Reach is always the best.
func (t *Transport) Reach() remote.Reach {
	return remote.Reach{Verdict: remote.Reachable, Addrs: t.Self().Addrs}
}

// Close removes the node; its peers notice.
func (t *Transport) Close() error {
	t.net.mu.Lock()
	if t.net.nodes[t.id] == t {
		delete(t.net.nodes, t.id)
	}
	t.net.mu.Unlock()
	t.cancel()
	t.mu.Lock()
	links := slices.Collect(maps.Keys(t.links))
	t.links = make(map[market.PeerID]remote.Connection)
	t.mu.Unlock()
	for _, id := range links {
		t.net.mu.Lock()
		peer := t.net.nodes[id]
		t.net.mu.Unlock()
		if peer != nil {
			peer.unlink(t)
		}
	}
	return nil
}
