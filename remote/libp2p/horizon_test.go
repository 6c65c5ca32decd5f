package libp2p_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

// far starts a member for whom all others are on public addresses.
func far(t *testing.T, h remote.Handler, open bool) *libp2p.Host {
	return victim(t, h, func(c *libp2p.Config) {
		libp2p.Far(c)
		c.AllowPublic = open
	})
}

// A node that is opened while it runs is dialled, dials, and is told of, at
// once; one that is closed again has no such connection left.
func TestOpenedWhileItRuns(t *testing.T) {
	heard := &remotetest.Handler{}
	a, b := far(t, heard, false), far(t, &remotetest.Handler{}, true)
	at := a.LibP2P().Network().ListenAddresses()
	dial := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), remotetest.Patience)
		defer cancel()
		return b.LibP2P().Connect(ctx, peer.AddrInfo{ID: a.LibP2P().ID(), Addrs: at})
	}
	libp2p.LookAgain(a)
	remotetest.Eventually(t, "a closed node knows that nobody reaches it", func() bool { return a.Reach().Verdict == remote.Unreachable })
	if addrs := a.Self().Addrs; len(addrs) != 0 {
		t.Errorf("a closed node is told of at %v", addrs)
	}
	if err := a.Send(t.Context(), b.Self(), remotetest.Text{}); !errors.Is(err, remote.ErrUnreachable) {
		t.Errorf("a closed node dials: %v", err)
	}
	if err := dial(); err == nil && a.Send(t.Context(), b.Self(), remotetest.Text{}) == nil {
		t.Error("a closed node is dialled")
	}

	for range 2 { // opening twice is opening once
		a.SetAllowPublic(true)
	}
	if v := a.Reach().Verdict; v == remote.Unreachable {
		t.Errorf("what was said of a closed node is believed of the open one: %v", a.Reach())
	}
	addrs := a.Self().Addrs
	if len(addrs) == 0 {
		t.Error("nobody is told of an open node")
	}
	remotetest.Eventually(t, "the open node is dialled", func() bool {
		return b.Send(t.Context(), remote.Peer{ID: a.Self().ID, Addrs: addrs}, remotetest.Text{Data: "welcome"}) == nil
	})
	if !slices.Contains(heard.Heard(), "welcome") {
		t.Errorf("heard %q", heard.Heard())
	}

	a.SetAllowPublic(false)
	remotetest.Eventually(t, "the connection ends", func() bool { return len(a.Peers()) == 0 && len(b.Peers()) == 0 })
	if addrs := a.Self().Addrs; len(addrs) != 0 {
		t.Errorf("a node that was closed is told of at %v", addrs)
	}
}

// The handler learns whether who asks may be anywhere.
func TestNewcomersFromAfar(t *testing.T) {
	for _, afar := range []bool{false, true} {
		asked := make(chan remote.Newcomer, 1)
		h := &remotetest.Handler{OnConfiguration: func(from remote.Newcomer, _ string) ([]byte, error) {
			asked <- from
			return []byte("here"), nil
		}}
		node := victim(t, h, func(c *libp2p.Config) {
			if afar {
				libp2p.Far(c)
				c.AllowPublic = true
			}
		})
		newcomer := newHost(t, nil)
		if _, err := newcomer.FetchConfiguration(t.Context(), plainTarget(node), ""); err != nil {
			t.Fatal(err)
		}
		if got, want := <-asked, (remote.Newcomer{ID: newcomer.Self().ID, Afar: afar}); got != want {
			t.Errorf("asked by %+v, want %+v", got, want)
		}
	}
}

func TestAnnouncedAddresses(t *testing.T) {
	const private, public, named = "/ip4/10.20.30.40/tcp/17401", "/ip4/198.51.100.7/udp/17401/quic-v1", "/dns4/node.example/tcp/7401"
	h := victim(t, &remotetest.Handler{}, func(c *libp2p.Config) { c.Announce = []string{private, public, named} })
	addrs := h.Self().Addrs
	if len(addrs) != 3 || addrs[0] != private || !strings.HasPrefix(addrs[1], "/ip4/127.0.0.1/") {
		t.Errorf("a closed node is told of at %v", addrs)
	}
	h.SetAllowPublic(true)
	addrs = h.Self().Addrs
	if len(addrs) != 5 || !slices.Contains(addrs[:3], private) || !slices.Contains(addrs[:3], public) || !slices.Contains(addrs[:3], named) {
		t.Errorf("an open node is told of at %v", addrs)
	}
}

func TestImpossibleConfigurations(t *testing.T) {
	base := func() libp2p.Config {
		c := libp2p.DefaultConfig()
		c.PrivateKey = newKey(t)
		return c
	}
	for want, change := range map[string]func(*libp2p.Config){
		"":                        func(*libp2p.Config) {},
		"announced address \"x\"": func(c *libp2p.Config) { c.Announce = []string{"x"} },
		"or no port":              func(c *libp2p.Config) { c.Announce = []string{"/ip4/10.0.0.1"} },
		"begins with /p2p": func(c *libp2p.Config) {
			c.Announce = []string{"/ip4/10.0.0.1/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"}
		},
		"TCP only":            func(c *libp2p.Config) { c.PSK, c.Announce = make([]byte, 32), []string{"/ip4/10.0.0.1/udp/1/quic-v1"} },
		"at most 8":           func(c *libp2p.Config) { c.Announce = slices.Repeat([]string{"/ip4/10.0.0.1/tcp/1"}, 9) },
		"closing begins at 8": func(c *libp2p.Config) { c.ConnectionsLow, c.ConnectionsHigh = 8, 8 },
		"-1 messages":         func(c *libp2p.Config) { c.PeerRate = -1 },
	} {
		c := base()
		change(&c)
		if err := c.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// A peer's rate is what the configuration says, not what the profile says.
func TestPeerRate(t *testing.T) {
	slow := victim(t, &remotetest.Handler{}, func(c *libp2p.Config) { c.PeerRate = 1 })
	sender := victim(t, &remotetest.Handler{}, nil)
	var busy int
	for range 20 { // 2 at once, and 1 for each second that this takes
		if err := sender.Send(t.Context(), slow.Self(), remotetest.Text{}); errors.Is(err, remote.ErrBusy) {
			busy++
		}
	}
	if busy == 0 {
		t.Error("twenty messages in a row at a rate of one a second")
	}
}

// An invitation names many addresses, most of which lead nowhere; the issuer
// is asked once.
func TestManyAddresses(t *testing.T) {
	var asked atomic.Int32
	node := victim(t, &remotetest.Handler{OnConfiguration: func(remote.Newcomer, string) ([]byte, error) {
		asked.Add(1)
		return []byte("here"), nil
	}}, nil)
	self := node.Self()
	target := remote.Target{ID: self.ID, Known: true, Addrs: append([]string{"/ip4/127.0.0.1/tcp/9", "/ip4/127.0.0.1/udp/9/quic-v1"}, self.Addrs...)}
	c, err := newHost(t, nil).FetchConfigurationFrom(t.Context(), target, "")
	if err != nil || string(c.Data) != "here" || !c.Pinned || asked.Load() != 1 {
		t.Errorf("%+v, %v; asked %d times", c, err, asked.Load())
	}
}
