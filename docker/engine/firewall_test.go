package engine

import (
	"net/netip"
	"strings"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func TestScript(t *testing.T) {
	w := &firewall{prefix: "cvabcde", forward: "FWD", input: "IN"}
	got := w.script([]string{"cvabcde1", "cvabcde2"}, []netip.Addr{netip.MustParseAddr("192.168.1.1")},
		[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	want := `*filter
:FWD - [0:0]
:IN - [0:0]
-A FWD -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A IN -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
-A IN -j DROP
-A FWD -i cvabcde1 -o cvabcde1 -j RETURN
-A FWD -i cvabcde2 -o cvabcde2 -j RETURN
-A FWD -o cv+ -j DROP
-A FWD -d 192.168.1.1 -p udp --dport 53 -j RETURN
-A FWD -d 192.168.1.1 -p tcp --dport 53 -j RETURN
-A FWD -d 0.0.0.0/8 -j DROP
-A FWD -d 10.0.0.0/8 -j DROP
-A FWD -d 100.64.0.0/10 -j DROP
-A FWD -d 127.0.0.0/8 -j DROP
-A FWD -d 169.254.0.0/16 -j DROP
-A FWD -d 172.16.0.0/12 -j DROP
-A FWD -d 192.168.0.0/16 -j DROP
-A FWD -d 198.18.0.0/15 -j DROP
-A FWD -d 224.0.0.0/4 -j DROP
-A FWD -d 240.0.0.0/4 -j DROP
-A FWD -d 192.0.2.0/24 -j DROP
-A FWD -j RETURN
COMMIT
`
	if got != want {
		t.Errorf("script:\n%s", got)
	}
}

// TestNames holds what the kernel and iptables allow, and what keeps scopes
// and tenants apart.
func TestNames(t *testing.T) {
	a := newNames(docker.Scope{Supplier: market.PeerID{1}})
	b := newNames(docker.Scope{Supplier: market.PeerID{2}})
	w := newFirewall(a)
	if n := a.bridge(market.PeerID{9}); len(n) > 15 || !strings.HasPrefix(n, a.bridges()) {
		t.Errorf("bridge %q", n)
	}
	if len(w.forward) > 28 || len(w.input) > 28 {
		t.Errorf("chains %q, %q", w.forward, w.input)
	}
	mount := market.Mount{Volume: "data", Target: "/data"}
	unit := func(owner, lease byte) *docker.Unit {
		return &docker.Unit{Owner: market.PeerID{owner}, Lease: market.LeaseID{lease}}
	}
	seen := map[string]string{}
	for what, name := range map[string]string{
		"a volume":         a.volume(unit(1, 1), mount),
		"another scope's":  b.volume(unit(1, 1), mount),
		"another owner's":  a.volume(unit(2, 1), mount),
		"a nameless one":   a.volume(unit(1, 1), market.Mount{Target: "/data"}),
		"another lease's":  a.volume(unit(1, 2), market.Mount{Target: "/data"}),
		"at another place": a.volume(unit(1, 1), market.Mount{Target: "data"}),
	} {
		if other, ok := seen[name]; ok {
			t.Errorf("%s and %s are the same volume", what, other)
		}
		seen[name] = what
	}
	if a.volume(unit(1, 1), mount) != a.volume(unit(1, 2), mount) {
		t.Error("two leases of one owner do not share a named volume")
	}
}
