package libp2p

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"
)

// Sixty nodes behind one address must be able to connect at once, which
// libp2p's defaults do not allow.
func TestManyNodesBehindOneAddress(t *testing.T) {
	for _, p := range []Profile{Home, Server} {
		rm, err := p.limits().resources()
		if err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			a := ma.StringCast(fmt.Sprintf("/ip4/192.168.7.7/tcp/%d", 1000+i))
			if _, err := rm.OpenConnection(network.DirInbound, true, a); err != nil {
				t.Fatalf("profile %d, connection %d: %v", p, i, err)
			}
		}
		rm.Close()
	}
}

func TestLimitsHold(t *testing.T) {
	rm, err := LowPower.limits().resources()
	if err != nil {
		t.Fatal(err)
	}
	defer rm.Close()
	opened := 0
	for i := range 1000 {
		a := ma.StringCast(fmt.Sprintf("/ip4/10.0.%d.%d/tcp/1", i/250, i%250))
		if _, err := rm.OpenConnection(network.DirInbound, true, a); err == nil {
			opened++
		}
	}
	if opened > 2*LowPower.limits().high+64 {
		t.Errorf("%d connections", opened)
	}
}

// The profile only gives what the configuration leaves open.
func TestLimitsOfTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		cfg       Config
		low, high int
		rate      rate.Limit
		burst     int
	}{
		{Config{Profile: LowPower}, 12, 24, 50, 100},
		{Config{Profile: LowPower, PeerRate: 7}, 12, 24, 7, 14},
		{Config{Profile: Server, ConnectionsLow: 4, ConnectionsHigh: 6}, 4, 6, 2000, 4000},
	} {
		l := c.cfg.limits()
		if l.low != c.low || l.high != c.high || l.rate != c.rate || l.burst != c.burst {
			t.Errorf("%+v", l)
		}
	}
}

func TestAddressClasses(t *testing.T) {
	for s, want := range map[string]class{
		"/ip4/127.0.0.1/tcp/1":        classLoopback,
		"/ip6/::1/tcp/1":              classLoopback,
		"/ip4/169.254.1.1/tcp/1":      classLink,
		"/ip6/fe80::1/tcp/1":          classLink,
		"/ip4/10.1.1.1/udp/1/quic-v1": classPrivate,
		"/ip4/100.100.1.1/tcp/1":      classPrivate,
		"/ip6/fd00::1/tcp/1":          classPrivate,
		"/ip4/8.8.8.8/tcp/1":          classPublic,
		"/ip6/2001:db8::1/tcp/1":      classPublic,
		"/dns/example.org/tcp/1":      classPublic,
		"/p2p-circuit":                classNone,
		"/ip4/8.8.8.8/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit": classPublic,
	} {
		if got := classOf(ma.StringCast(s)); got != want {
			t.Errorf("%s: class %d; want %d", s, got, want)
		}
	}
}

func TestAdvertisedAddresses(t *testing.T) {
	list := func(ss ...string) (out []ma.Multiaddr) {
		for _, s := range ss {
			out = append(out, ma.StringCast(s))
		}
		return out
	}
	site := []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("127.0.0.1")}
	private, open := newHorizon(&Config{}), newHorizon(&Config{AllowPublic: true})
	all := list("/ip4/127.0.0.1/tcp/1", "/ip4/172.17.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1", "/ip4/192.168.9.9/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip6/fe80::1/tcp/1")
	for _, c := range []struct {
		z        *horizon
		in, want []ma.Multiaddr
	}{
		{private, all, list("/ip4/10.0.0.2/tcp/1")},
		{open, all, list("/ip4/10.0.0.2/tcp/1", "/ip4/8.8.8.8/tcp/1")},
		{private, all[:2], all[:1]},
		{private, all[1:2], all[1:2]},
		{private, nil, nil},
	} {
		if got := c.z.advertised(c.in, site); !slices.Equal(texts(got), texts(c.want)) {
			t.Errorf("%v: got %v; want %v", texts(c.in), texts(got), texts(c.want))
		}
	}
}

func TestAccountsAreBounded(t *testing.T) {
	a := newAdmission(Home.limits())
	now := time.Unix(0, 0)
	for i := range 3 * maxAccounts {
		leave, err := a.enter(peer.ID(fmt.Sprint(i)), a.messages, now)
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
	if n := len(a.accounts); n > maxAccounts {
		t.Errorf("%d accounts", n)
	}
	g := newGate(&Config{PenaltyTime: time.Minute}, newHorizon(&Config{}), &counters{})
	for i := range 3 * maxPenalties {
		g.penalise(peer.ID(fmt.Sprint(i)), now)
	}
	if n := len(g.until); n > maxPenalties {
		t.Errorf("%d penalties", n)
	}
}
