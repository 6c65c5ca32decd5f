package libp2p

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/libp2p/go-libp2p/core/peer"
)

// class says from where an address can be dialled.
type class uint8

const (
	classNone     class = iota // no IP address in it
	classLoopback              // this machine
	classLink                  // this cable
	classPrivate               // this site: RFC 1918, RFC 4193, RFC 6598 (used by overlays such as Tailscale)
	classPublic                // everywhere
)

// classOf judges the first IP address of a multiaddress: that of the relay,
// where there is one. Host names count as public until they are resolved.
func classOf(a ma.Multiaddr) class {
	ip, ok := ipOf(a)
	switch {
	case !ok && isDNS(a):
		return classPublic
	case !ok:
		return classNone
	case ip.IsLoopback():
		return classLoopback
	case ip.IsLinkLocalUnicast():
		return classLink
	case ip.IsPrivate() || sharedSpace().Contains(ip):
		return classPrivate
	default:
		return classPublic
	}
}

func isPublic(a ma.Multiaddr) bool { return classOf(a) == classPublic }

func sharedSpace() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64, 0, 0}), 10)
}

func ipOf(a ma.Multiaddr) (netip.Addr, bool) {
	if len(a) == 0 {
		return netip.Addr{}, false
	}
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

func isDNS(a ma.Multiaddr) bool {
	if len(a) == 0 {
		return false
	}
	switch a[0].Protocol().Code {
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6, ma.P_DNSADDR:
		return true
	}
	return false
}

func peerIn(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_P2P)
	return err == nil
}

func isQUIC(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_QUIC_V1)
	return err == nil
}

func isCircuit(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// advertised chooses, of all addresses that libp2p thinks this host has, those
// that others are told: of the private ones those in site, for a router's
// address that some peer observed leads nowhere, and those of the bridges
// that container engines make lead somewhere else on every machine. Loopback
// does, too: it is told only if there is nothing better, which is the case of
// a market on one machine.
func (z *horizon) advertised(addrs []ma.Multiaddr, site []netip.Addr) []ma.Multiaddr {
	var tiers [3][]ma.Multiaddr
	for _, a := range addrs {
		if !z.permits(a) || isCircuit(a) {
			continue
		}
		ip, _ := ipOf(a)
		switch cl := classOf(a); {
		case cl == classPublic, cl == classPrivate && slices.Contains(site, ip):
			tiers[0] = append(tiers[0], a)
		case cl == classLoopback:
			tiers[1] = append(tiers[1], a)
		default:
			tiers[2] = append(tiers[2], a)
		}
	}
	for _, tier := range tiers {
		if len(tier) > 0 {
			return tier[:min(len(tier), maxAddrs)]
		}
	}
	return nil
}

// Bounds of what is told and believed of one peer: addresses, and bytes of each.
const (
	maxAddrs   = 12
	maxAddrLen = 512
)

// bridged reports whether an interface is one of those that container engines
// and virtual machines make: their addresses are the same on many machines.
func bridged(name string) bool {
	for _, prefix := range []string{"docker", "br-", "veth", "virbr", "cni", "podman", "lxcbr", "lxdbr"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// site remembers, for a while, this machine's addresses on real interfaces:
// libp2p asks for a host's addresses often.
type site struct {
	mu    sync.Mutex
	until time.Time
	addrs []netip.Addr
}

const siteFor = 5 * time.Second

func (s *site) list() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.After(s.until) {
		s.addrs, s.until = siteAddrs(), now.Add(siteFor)
	}
	return s.addrs
}

func siteAddrs() (out []netip.Addr) {
	ifaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range ifaces {
		if bridged(i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				out = append(out, p.Addr().Unmap())
			}
		}
	}
	return out
}

func haveIPv6() bool {
	l, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func texts(addrs []ma.Multiaddr) []string {
	out := make([]string, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out
}

// parse reads addresses that others wrote: what cannot be read, is too much
// or may not be dialled is left out.
func (h *Host) parse(id peer.ID, addrs []string) (out []ma.Multiaddr) {
	for _, s := range addrs {
		if len(s) > maxAddrLen || len(out) == maxAddrs {
			continue
		}
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			continue
		}
		a, last := peer.SplitAddr(a)
		if a == nil || last != "" && last != id || !h.horizon.permits(a) {
			continue
		}
		out = append(out, a)
	}
	return out
}
