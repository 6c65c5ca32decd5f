package libp2p_test

import (
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

// On one machine everybody is reachable, as soon as there is somebody to say so.
func TestReachableOnLoopback(t *testing.T) {
	for name, change := range map[string]func(*libp2p.Config){
		"open":    nil,
		"private": func(c *libp2p.Config) { c.PSK, c.Listen = make([]byte, 32), libp2p.ListenOn("/ip4/127.0.0.1", 0, true) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := victim(t, &remotetest.Handler{}, change), victim(t, &remotetest.Handler{}, change)
			if v := a.Reach().Verdict; v != remote.ReachUnknown {
				t.Errorf("alone: %v", v)
			}
			if err := a.Send(t.Context(), b.Self(), remotetest.Text{}); err != nil {
				t.Fatal(err)
			}
			for _, h := range []*libp2p.Host{a, b} {
				remotetest.Eventually(t, "reachable", func() bool { return h.Reach().Verdict == remote.Reachable })
				if got, want := h.Reach().Addrs, slices.Sorted(slices.Values(h.Self().Addrs)); !slices.Equal(got, want) {
					t.Errorf("reached at %v; listens at %v", got, want)
				}
			}
		})
	}
}

// A node that nobody can dial finds a relay and is reached through it.
func TestUnreachableGoesThroughRelay(t *testing.T) {
	t.Run("open", func(t *testing.T) { testRelay(t, nil) })
	t.Run("private", func(t *testing.T) { testRelay(t, make([]byte, 32)) })
}

func testRelay(t *testing.T, psk []byte) {
	served := &remotetest.Handler{}
	member := func(c *libp2p.Config) {
		c.PSK, c.Listen = psk, libp2p.ListenOn("/ip4/127.0.0.1", 0, psk != nil)
	}
	home := victim(t, served, func(c *libp2p.Config) { c.PSK, c.Listen = psk, []string{} })
	relay, buyer := victim(t, &remotetest.Handler{}, member), victim(t, &remotetest.Handler{}, member)
	if err := home.Send(t.Context(), relay.Self(), remotetest.Text{}); err != nil {
		t.Fatal(err)
	}
	remotetest.Eventually(t, "a relay", func() bool { return len(home.Reach().Relays) == 1 && len(home.Self().Addrs) > 0 })
	if home.Reach().Verdict != remote.Unreachable {
		t.Errorf("%+v", home.Reach())
	}
	if err := buyer.Send(t.Context(), home.Self(), remotetest.Text{Data: "through"}); err != nil {
		t.Fatal(err)
	}
	if got := served.Heard(); !slices.Contains(got, "through") {
		t.Errorf("heard %q", got)
	}
	relayed := slices.ContainsFunc(buyer.LibP2P().Network().ConnsToPeer(home.LibP2P().ID()), func(c network.Conn) bool {
		return c.Stat().Limited
	})
	if !relayed {
		t.Error("there is no relayed connection")
	}
	// When the relay goes, another one is found.
	if err := home.Send(t.Context(), buyer.Self(), remotetest.Text{}); err != nil {
		t.Fatal(err)
	}
	relay.Close()
	remotetest.Eventually(t, "another relay", func() bool {
		r := home.Reach().Relays
		return len(r) == 1 && r[0].ID == buyer.Self().ID
	})
}
