package engine

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/distribution/reference"

	"caravela/docker"
	"caravela/market"
)

// TestAdmitRegistry: whatever a tenant calls it, the supplier's daemon asks no
// registry on the supplier's machine or LAN.
func TestAdmitRegistry(t *testing.T) {
	e, err := New(docker.Scope{Supplier: market.PeerID{1}}, docker.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.resolve = func(_ context.Context, _, host string) ([]netip.Addr, error) {
		switch host {
		case "hub.example":
			return []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2606:4700::1")}, nil
		case "inward.example":
			return []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("::ffff:192.168.1.1")}, nil
		case "localhost":
			return []netip.Addr{netip.IPv6Loopback()}, nil
		}
		return nil, errors.New("no such host")
	}
	for image, ok := range map[string]bool{
		"alpine": true, "team/app:1": true, "hub.example/app": true, "hub.example:5000/app": true, "203.0.113.9:443/app": true,
		"inward.example/app": false, "localhost/app": false, "localhost:5000/app": false, "127.0.0.1:5000/app": false,
		"10.0.0.1:1/app": false, "169.254.169.254:80/latest": false, "100.64.1.1:1/app": false, "0.0.0.0:1/app": false,
		"[::1]:5000/app": false, "[fd00::1]:5000/app": false, "[64:ff9b::a00:1]:1/app": false, "unknown.example/app": false,
	} {
		ref, err := reference.ParseNormalizedNamed(image)
		if err != nil {
			t.Fatal(err)
		}
		err = e.admitRegistry(t.Context(), ref)
		if (err == nil) != ok || err != nil && (!errors.Is(err, docker.ErrPullFailed) || !strings.Contains(err.Error(), "registry")) {
			t.Errorf("%s: %v", image, err)
		}
		e.cfg.LANRegistries = true
		if err := e.admitRegistry(t.Context(), ref); err != nil {
			t.Errorf("%s, allowed: %v", image, err)
		}
		e.cfg.LANRegistries = false
	}
}
