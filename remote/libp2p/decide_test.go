package libp2p

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/remote"
)

func addrList(ss ...string) (out []ma.Multiaddr) {
	for _, s := range ss {
		out = append(out, ma.StringCast(s))
	}
	return out
}

func TestConclusions(t *testing.T) {
	own := addrList("/ip4/10.0.0.2/tcp/7401", "/ip4/10.0.0.2/udp/7401/quic-v1")
	open := func(at string, reached ...string) verdict {
		return verdict{Observed: at, Dialled: []string{"/ip4/" + at + "/tcp/7401"}, Reached: reached}
	}
	for name, c := range map[string]struct {
		answers []verdict
		want    remote.Reachability
		mapped  int
	}{
		"nobody":                        {nil, remote.ReachUnknown, 0},
		"no answers":                    {make([]verdict, 3), remote.ReachUnknown, 0},
		"a neighbour dialled":           {[]verdict{open("10.0.0.2", "/ip4/10.0.0.2/tcp/7401")}, remote.Reachable, 0},
		"one of three dialled":          {[]verdict{open("10.0.0.2"), open("10.0.0.2"), open("10.0.0.2", "/ip4/10.0.0.2/tcp/7401")}, remote.Reachable, 0},
		"a firewall":                    {[]verdict{open("10.0.0.2"), open("10.0.0.2")}, remote.Unreachable, 0},
		"NAT":                           {[]verdict{open("192.168.1.1")}, remote.Unreachable, 0},
		"a neighbour behind one's NAT":  {[]verdict{open("10.0.0.2", "/ip4/10.0.0.2/tcp/7401"), open("192.168.1.1")}, remote.Unreachable, 0},
		"a forwarded port":              {[]verdict{open("192.168.1.1", "/ip4/192.168.1.1/tcp/7401")}, remote.Reachable, 1},
		"forwarded, seen by two":        {[]verdict{open("192.168.1.1", "/ip4/192.168.1.1/tcp/7401"), open("192.168.1.1", "/ip4/192.168.1.1/tcp/7401")}, remote.Reachable, 1},
		"an answer that cannot be read": {[]verdict{open("192.168.1.1", "nonsense")}, remote.Unreachable, 0},
	} {
		got, mapped := conclude(c.answers, own)
		if got.Verdict != c.want || len(mapped) != c.mapped || got.Reason == "" {
			t.Errorf("%s: %+v, mapped %v", name, got, mapped)
		}
	}
}

// A question can make a member dial the one who asks, and nobody else.
func TestDialbackHitsNobodyElse(t *testing.T) {
	asked := []string{
		"/ip4/203.0.113.9/tcp/22", "/ip4/10.0.0.2/tcp/7401", "/ip4/10.0.0.2/udp/7401/quic-v1", "/ip4/203.0.113.9/tcp/7401",
		"/dns/victim.example/tcp/80", "/ip6/2001:db8::1/tcp/7401", "nonsense", "/ip4/10.0.0.2", "/tcp/7401",
		"/ip4/10.0.0.2/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit",
		"/ip4/1.1.1.1/tcp/1", "/ip4/1.1.1.1/tcp/2", "/ip4/1.1.1.1/tcp/3",
	}
	got := atObserved(netip.MustParseAddr("192.0.2.5"), asked)
	if len(got) > maxDialled {
		t.Errorf("%d addresses", len(got))
	}
	for _, a := range got {
		if ip, ok := ipOf(a); !ok || ip.String() != "192.0.2.5" {
			t.Errorf("would dial %s", a)
		}
	}
	want := []string{"/ip4/192.0.2.5/tcp/22", "/ip4/192.0.2.5/tcp/7401", "/ip4/192.0.2.5/udp/7401/quic-v1", "/ip4/192.0.2.5/tcp/1"}
	if !slices.Equal(texts(got), want) {
		t.Errorf("got %v; want %v", texts(got), want)
	}
}

func TestDialbacksAreRare(t *testing.T) {
	a := newAdmission(Home.limits())
	now := time.Unix(1000, 0)
	p := peer.ID("p")
	for i, want := range []bool{true, false, true} {
		if i == 2 {
			now = now.Add(dialbackEvery)
		}
		if got := a.mayDial(p, now); got != want {
			t.Errorf("question %d: %v", i, got)
		}
	}
}

func TestDialOrder(t *testing.T) {
	const via = "/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA/p2p-circuit"
	delay := map[string]time.Duration{}
	for _, d := range rankDials(addrList("/ip4/10.0.0.2/udp/1/quic-v1", "/ip4/10.0.0.2/tcp/1", "/ip4/10.0.0.9/tcp/1"+via)) {
		delay[d.Addr.String()] = d.Delay
	}
	tcp, quic, relay := delay["/ip4/10.0.0.2/tcp/1"], delay["/ip4/10.0.0.2/udp/1/quic-v1"], delay["/ip4/10.0.0.9/tcp/1"+via]
	if len(delay) != 3 || tcp != 0 || quic <= tcp || relay <= quic {
		t.Errorf("tcp %v, quic %v, relay %v", tcp, quic, relay)
	}
	if ds := rankDials(addrList("/ip4/10.0.0.2/udp/1/quic-v1")); len(ds) != 1 || ds[0].Delay != 0 {
		t.Errorf("QUIC alone: %v", ds)
	}
}
