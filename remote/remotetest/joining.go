package remotetest

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"caravela/market"
	"caravela/remote"
)

func testConfiguration(t *testing.T, w *world, target Target) {
	var asked atomic.Pointer[remote.Newcomer] // the last one: a target may be asked over more than one address
	want := bytes.Repeat([]byte("c"), remote.MaxConfiguration)
	h := &Handler{OnConfiguration: func(from remote.Newcomer, token string) ([]byte, error) {
		if asked.Store(&from); token != "secret" {
			return nil, errors.New("no")
		}
		return want, nil
	}}
	ts := w.nodes(t, h, nil)
	c, err := ts[1].FetchConfiguration(within(t), target(ts[0]), "secret")
	must(t, err)
	if !bytes.Equal(c.Data, want) || c.From.ID != ts[0].Self().ID || len(c.From.Addrs) == 0 || c.Pinned {
		t.Errorf("%d bytes from %v, pinned %v", len(c.Data), c.From, c.Pinned)
	}
	if got, want := *asked.Load(), (remote.Newcomer{ID: ts[1].Self().ID}); got != want {
		t.Errorf("asked by %+v", got)
	}
	pinned := target(ts[0])
	if pinned[0] != '/' {
		pinned = c.From.Addrs[0]
	}
	c, err = ts[1].FetchConfiguration(within(t), pinned+"/p2p/"+c.From.ID.String(), "secret")
	must(t, err)
	if !c.Pinned {
		t.Error("a target with a peer ID was not pinned")
	}
	// The newcomer goes on with the connection that it has.
	must(t, ts[1].Serve(networkID("one"), &Handler{}))
	Eventually(t, "newcomer becomes a member", func() bool { return ts[1].Send(within(t), c.From, Text{}) == nil })
}

func testConfigurationRefused(t *testing.T, w *world, target Target) {
	h := &Handler{OnConfiguration: func(remote.Newcomer, string) ([]byte, error) {
		return nil, errors.New("the token has expired")
	}}
	ts := w.nodes(t, h, nil)
	_, err := ts[1].FetchConfiguration(within(t), target(ts[0]), "old")
	wantErr(t, err, remote.ErrRefused)
	if !strings.Contains(err.Error(), "the token has expired") {
		t.Errorf("the reason is lost: %v", err)
	}
	_, err = ts[1].FetchConfiguration(within(t), target(ts[0]), strings.Repeat("x", remote.MaxToken+1))
	wantErr(t, err, remote.ErrTooLarge)
}

func testTargets(t *testing.T, w *world, target Target) {
	ts := w.nodes(t, &Handler{}, nil)
	for _, bad := range []string{"", "192.0.2.1:0", "192.0.2.1:99999", "a b", "/p2p/x", "/ip4/1.2.3.4/tcp/1/p2p/nonsense", "[::1"} {
		if _, err := ts[1].FetchConfiguration(within(t), bad, ""); !errors.Is(err, remote.ErrTarget) {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	other := market.PeerID{9}
	at := target(ts[0])
	if at[0] != '/' {
		at = ts[0].Self().Addrs[0]
	}
	_, err := ts[1].FetchConfiguration(within(t), at+"/p2p/"+other.String(), "")
	wantErr(t, err, remote.ErrUnreachable)
}

func testPresence(t *testing.T, w *world) {
	a, b := &Handler{}, &Handler{}
	ts := w.nodes(t, a, b)
	idA, idB := ts[0].Self().ID, ts[1].Self().ID
	must(t, ts[0].Send(within(t), ts[1].Self(), Text{}))
	Eventually(t, "both see each other", func() bool { return a.Saw(remote.Connected, idB) && b.Saw(remote.Connected, idA) })
	for i, other := range []market.PeerID{idB, idA} {
		ps := ts[i].Peers()
		if len(ps) != 1 || ps[0].Peer.ID != other || ps[0].Inbound != (i == 1) || ps[0].Relayed || !strings.HasPrefix(ps[0].Agent, "caravela/") {
			t.Errorf("node %d sees %+v", i, ps)
		}
	}
	must(t, ts[1].Close())
	Eventually(t, "the end is noticed", func() bool { return a.Saw(remote.Disconnected, idB) && len(ts[0].Peers()) == 0 })
}

func testPing(t *testing.T, w *world) {
	ts := w.nodes(t, &Handler{}, &Handler{})
	d, err := ts[0].Ping(within(t), ts[1].Self())
	must(t, err)
	if d <= 0 || d > Patience {
		t.Errorf("round trip of %v", d)
	}
}
