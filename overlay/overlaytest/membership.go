package overlaytest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"caravela/market"
	"caravela/overlay"
)

func nobody() overlay.Peer {
	return overlay.Peer{ID: market.PeerID{1, 2, 3}, Addrs: []string{"/ip4/127.0.0.1/tcp/1", "nonsense"}}
}

func testJoinNobody(t *testing.T, c *cluster) {
	c.grow(t, 1)
	_, o := c.add(t)
	for _, peers := range [][]overlay.Peer{nil, {nobody()}, {c.peers[1]}} {
		if err := o.Join(t.Context(), peers); !errors.Is(err, overlay.ErrNoPeers) {
			t.Errorf("join %v: got %v", short(ids(peers)), err)
		}
	}
	must(t, o.Join(t.Context(), c.peers[:1])) // a failed join may be repeated
}

func testJoinAny(t *testing.T, c *cluster) {
	c.grow(t, 2)
	_, o := c.add(t)
	must(t, o.Join(t.Context(), []overlay.Peer{nobody(), c.peers[1]}))
	c.Settle(t)
	c.agree(t, everybody)
}

func testLifecycle(t *testing.T, c *cluster) {
	_, o := c.add(t)
	want := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v; want %v", what, err, want)
		}
	}
	_, err := lookup(o, market.Key{}, 1)
	want("early lookup", err, overlay.ErrNotStarted)
	if len(o.Neighbours()) != 0 {
		t.Error("early neighbours")
	}
	if o.NodeID() != c.peers[0].ID {
		t.Error("wrong identity")
	}
	must(t, o.Create(t.Context()))
	want("second create", o.Create(t.Context()), overlay.ErrStarted)
	want("join after create", o.Join(t.Context(), []overlay.Peer{nobody()}), overlay.ErrStarted)
	must(t, o.Leave(t.Context()))
	must(t, o.Leave(t.Context()))
	_, err = lookup(o, market.Key{}, 1)
	want("late lookup", err, overlay.ErrClosed)
	want("late create", o.Create(t.Context()), overlay.ErrClosed)
}

func testWatch(t *testing.T, c *cluster) {
	_, o := c.add(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	changes := o.Watch(ctx)
	must(t, o.Create(t.Context()))
	for i := 1; i < 5; i++ {
		_, o := c.add(t)
		must(t, o.Join(t.Context(), c.peers[:1]))
	}
	in := make(map[market.PeerID]bool)
	follow := func(what string, ok func() bool) {
		t.Helper()
		for end := time.After(Patience); !ok(); {
			select {
			case ch, open := <-changes:
				if !open {
					t.Fatalf("%s: the channel was closed", what)
				}
				in[ch.Peer.ID] = !ch.Removed
			case <-end:
				t.Fatalf("%s: not within %v", what, Patience)
			}
		}
	}
	follow("all are added", func() bool { return in[c.peers[1].ID] && in[c.peers[2].ID] && in[c.peers[3].ID] && in[c.peers[4].ID] })
	c.Settle(t)
	c.Kill(2)
	follow("the dead one is removed", func() bool { return !in[c.peers[2].ID] })
	c.nodes[3].SetClient(true)
	follow("the client is removed", func() bool { return !in[c.peers[3].ID] })
	c.nodes[3].SetClient(false)
	follow("it is back", func() bool { return in[c.peers[3].ID] })
	must(t, c.nodes[4].Leave(t.Context()))
	follow("the leaver is removed", func() bool { return !in[c.peers[4].ID] })
	if !in[c.peers[1].ID] {
		t.Error("one that stayed was removed")
	}
}

func testWatchEnds(t *testing.T, c *cluster) {
	c.grow(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	a, b := c.nodes[0].Watch(ctx), c.nodes[0].Watch(t.Context())
	cancel()
	for range a { // until closed
	}
	must(t, c.nodes[0].Leave(t.Context()))
	for range b {
	}
}

func testNeighbours(t *testing.T, c *cluster) {
	c.grow(t, 8)
	for i, o := range c.nodes {
		eventually(t, "everybody is a neighbour", func() bool { return len(o.Neighbours()) == len(c.nodes)-1 })
		got := o.Neighbours()
		want := slices.DeleteFunc(slices.Clone(c.peers), func(p overlay.Peer) bool { return p.ID == o.NodeID() })
		overlay.SortAround(want, o.NodeID())
		if !slices.Equal(ids(got), ids(want)) {
			t.Errorf("node %d: got %v; want %v", i, short(ids(got)), short(ids(want)))
		}
	}
}
