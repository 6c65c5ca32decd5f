package kademlia_test

import (
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/libp2p/go-libp2p"

	"caravela/market"
	"caravela/overlay"
	"caravela/overlay/kademlia"
)

func onLoopback(t *testing.T, name string) (host.Host, *kademlia.Overlay) {
	h, o := newNode(t, kademlia.DefaultConfig(market.NetworkID(market.KeyOf(name))), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	t.Cleanup(func() {
		o.Leave(t.Context())
		h.Close()
	})
	return h, o
}

// Two networks whose nodes are connected by mistake stay two networks.
func TestTwoNetworksNeverMix(t *testing.T) {
	ha, a := onLoopback(t, "a")
	hb, b := onLoopback(t, "b")
	for _, o := range []*kademlia.Overlay{a, b} {
		if err := o.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := ha.Connect(t.Context(), peer.AddrInfo{ID: hb.ID(), Addrs: hb.Addrs()}); err != nil {
		t.Fatal(err)
	}
	// A third one of network a joins properly, a fourth by mistake.
	_, c := onLoopback(t, "a")
	if err := c.Join(t.Context(), []overlay.Peer{peerOf(a, ha)}); err != nil {
		t.Fatal(err)
	}
	_, d := onLoopback(t, "a")
	if err := d.Join(t.Context(), []overlay.Peer{peerOf(b, hb)}); !errors.Is(err, overlay.ErrNoPeers) {
		t.Errorf("join to another network: %v", err)
	}
	if n := b.Neighbours(); len(n) != 0 {
		t.Errorf("network b took in %v", n)
	}
	for _, p := range a.Neighbours() {
		if p.ID == b.NodeID() {
			t.Error("network a took in a node of b")
		}
	}
}

// A table holds only nodes that can be dialled: one that vanished is gone from
// it without anybody looking anything up.
func TestTheDeadAreNoticed(t *testing.T) {
	ha, a := onLoopback(t, "a")
	hb, b := onLoopback(t, "a")
	if err := a.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Join(t.Context(), []overlay.Peer{peerOf(a, ha)}); err != nil {
		t.Fatal(err)
	}
	wait(t, "b is known", func() bool { return len(a.Neighbours()) == 1 })
	hb.Close()
	// It may leave the table a moment before its connection is gone, because it
	// serves no more, and must not come back with the last of its dials.
	wait(t, "b is forgotten and gone", func() bool {
		return ha.Network().Connectedness(hb.ID()) != network.Connected && len(a.Neighbours()) == 0
	})
}

// A connection that was merely trimmed does not cost a neighbour its place.
func TestTrimmedNeighboursStay(t *testing.T) {
	ha, a := onLoopback(t, "a")
	_, b := onLoopback(t, "a")
	if err := a.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.Join(t.Context(), []overlay.Peer{peerOf(a, ha)}); err != nil {
		t.Fatal(err)
	}
	wait(t, "b is known", func() bool { return len(a.Neighbours()) == 1 })
	id := peer.ID(b.NodeID().Bytes())
	ha.Network().ClosePeer(id)
	wait(t, "b is dialled again", func() bool { return ha.Network().Connectedness(id) == network.Connected })
	if len(a.Neighbours()) != 1 {
		t.Error("b was forgotten")
	}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}
