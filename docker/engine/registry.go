package engine

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"caravela/docker"
)

// resolveTimeout bounds how long a registry's name may take.
const resolveTimeout = 10 * time.Second

// admitRegistry refuses registries on the supplier's own machine or LAN: the
// daemon would ask them in the tenant's name, past all walls. Docker Hub's name
// is not the tenant's to choose.
func (e *Engine) admitRegistry(ctx context.Context, ref reference.Named) error {
	domain := reference.Domain(ref)
	if e.cfg.LANRegistries || domain == "docker.io" {
		return nil
	}
	addrs, err := e.addressesOf(ctx, domain)
	if err != nil {
		return fmt.Errorf("pull %s: %w: the supplier does not find the registry %s: %w; %s", ref, docker.ErrPullFailed, domain, err, advice)
	}
	lan := hostNetworks("")
	for _, a := range addrs {
		if !public(a) || slices.ContainsFunc(lan, func(p netip.Prefix) bool { return p.Contains(a) }) {
			return fmt.Errorf("pull %s: %w: the registry %s is on the supplier's own machine or LAN, from which tenants' images do not come; "+
				"push the image to a registry on the Internet, or ask the supplier to allow it (offer.lan-registries)", ref, docker.ErrPullFailed, domain)
		}
	}
	return nil
}

func (e *Engine) addressesOf(ctx context.Context, domain string) ([]netip.Addr, error) {
	host := domain
	if h, _, err := net.SplitHostPort(domain); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, err := e.resolve(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

// public reports whether an address is one of the Internet's.
func public(a netip.Addr) bool {
	if a.Is4() {
		return !slices.ContainsFunc(closed[:], func(r string) bool { return netip.MustParsePrefix(r).Contains(a) })
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !netip.MustParsePrefix("64:ff9b::/16").Contains(a)
}
