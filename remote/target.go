package remote

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"caravela/market"
)

// Target is what a user names to join: where to dial, and whom to expect.
type Target struct {
	Addrs []string // multiaddresses, all for one node
	ID    market.PeerID
	Known bool // ID was given
}

// ParseTarget reads an IP address or host name, with or without port, or a
// multiaddress with or without /p2p/ID. The error is ErrTarget and says what
// would be right.
func ParseTarget(s string) (Target, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "" || len(s) > 1024:
		return Target{}, badTarget(s)
	case s[0] == '/':
		return parseMultiaddr(s)
	}
	host, port, err := splitPort(s)
	if err != nil {
		return Target{}, err
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return Target{Addrs: dialable(ip, port)}, nil
	}
	if !validHost(host) {
		return Target{}, badTarget(s)
	}
	return Target{Addrs: []string{
		fmt.Sprintf("/dns/%s/tcp/%d", host, port),
		fmt.Sprintf("/dns/%s/udp/%d/quic-v1", host, port),
	}}, nil
}

func badTarget(s string) error {
	return fmt.Errorf("%w: %.64q: want an IP address, IP:port, or a multiaddress such as /ip4/192.0.2.1/tcp/%d/p2p/PEER",
		ErrTarget, s, DefaultPort)
}

func parseMultiaddr(s string) (Target, error) {
	addr, id, found := strings.Cut(s, "/p2p/")
	if strings.Contains(id, "/p2p-circuit") { // the peer is named last
		i := strings.LastIndex(s, "/p2p/")
		addr, id = s[:i], s[i+len("/p2p/"):]
	}
	if addr == "" {
		return Target{}, badTarget(s)
	}
	t := Target{Addrs: []string{addr}}
	if !found {
		return t, nil
	}
	var err error
	if t.ID, err = market.ParsePeerID(id); err != nil {
		return Target{}, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	t.Known = true
	return t, nil
}

// splitPort accepts IPv6 addresses with and without brackets.
func splitPort(s string) (host string, port int, err error) {
	bare := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		bare = s[1 : len(s)-1]
	}
	if _, err := netip.ParseAddr(bare); err == nil {
		return bare, DefaultPort, nil
	}
	if !strings.Contains(s, ":") {
		return s, DefaultPort, nil
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, badTarget(s)
	}
	port, err = strconv.Atoi(p)
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("%w: port %.16q is not a number from 1 to 65535", ErrTarget, p)
	}
	return host, port, nil
}

func dialable(ip netip.Addr, port int) []string {
	family := "ip4"
	if ip = ip.Unmap(); ip.Is6() {
		family = "ip6"
	}
	host := fmt.Sprintf("/%s/%s", family, ip.WithZone(""))
	if z := ip.Zone(); z != "" {
		host = fmt.Sprintf("/ip6zone/%s/ip6/%s", z, ip.WithZone(""))
	}
	return []string{
		fmt.Sprintf("%s/tcp/%d", host, port),
		fmt.Sprintf("%s/udp/%d/quic-v1", host, port),
	}
}

func validHost(s string) bool {
	for i := range len(s) {
		c := s[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.'
		if !ok {
			return false
		}
	}
	return s != "" && len(s) <= 253 && s[0] != '.' && s[0] != '-'
}
