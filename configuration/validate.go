package configuration

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"caravela/market"
)

// maxSocketPath is what a sockaddr_un holds on every system that is served.
const maxSocketPath = 103

// Validate reports every setting that no node could run with, each as a
// *Problem, joined by errors.Join; nil where there is none.
func (c *Config) Validate() error {
	var found []error
	check := func(ok bool, key, remedy, format string, a ...any) {
		if !ok {
			found = append(found, &Problem{Key: key, Text: fmt.Sprintf(format, a...), Remedy: remedy})
		}
	}
	c.validateNode(check)
	c.validateAPI(check)
	c.validateOffer(check)
	c.validateMoney(check)
	c.validateWebhook(check)
	c.validateBounds(check)
	return errors.Join(found...)
}

type checker func(ok bool, key, remedy, format string, a ...any)

func (c *Config) validateNode(check checker) {
	check(filepath.IsAbs(c.Node.DataDir), "node.data-dir", "give a path that begins with /, such as by --data-dir; the default needs HOME", "%q is not an absolute path", c.Node.DataDir)
	check(market.ValidName(c.Node.Name), "node.name", "use letters, digits, '_', '.', '-', 63 at most", "%q is not a name", c.Node.Name)
	_, err := oneOf(Server, Home, LowPower)(string(c.Node.Profile))
	check(err == nil, "node.profile", "", "%v", err)
	check(market.ValidLabels(c.Node.Labels) == nil, "node.labels", "keys without '=', '!', ',' or blanks, 256 bytes at most", "%v", market.ValidLabels(c.Node.Labels))
	check(len(c.Network.Listen) > 0, "network.listen", "leave it out for 0.0.0.0:7401 and [::]:7401", "no address to listen on")
	seen := map[netip.AddrPort]bool{}
	for _, a := range c.Network.Listen {
		check(!seen[a] || a.Port() == 0, "network.listen", "keep one of the two", "%v stands twice", a)
		seen[a] = true
	}
	told := 0
	for _, a := range c.Network.Announce {
		told++
		if !strings.HasPrefix(a, "/") {
			told++ // TCP and QUIC
		}
		check(announceable(a), "network.announce", "give IP:PORT or a multiaddr such as /ip4/203.0.113.7/tcp/7401", "%q is not an address", a)
	}
	check(told <= maxAnnounced, "network.announce", "keep the best; IP:PORT counts twice, for TCP and for QUIC", "%d addresses are more than the %d that others remember", told, maxAnnounced)
	check(!c.Network.Trader || !c.Network.Client, "network.trader", "set network.trader = false, or network.client = false", "a node that only uses the DHT cannot be a trader")
}

// maxAnnounced leaves room among a peer's addresses for those that it finds
// out by itself.
const maxAnnounced = 8

func announceable(s string) bool {
	if strings.HasPrefix(s, "/") {
		return strings.Count(s, "/") >= 4 && !strings.ContainsAny(s, " \t\n")
	}
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Port() != 0 && !a.Addr().IsUnspecified()
}

func (c *Config) validateAPI(check checker) {
	check(len(c.API.Addresses) > 0, "api.address", "leave it out for the Unix socket that the command line finds", "no address")
	for _, a := range c.API.Addresses {
		err := ValidAddress(a)
		check(err == nil, "api.address", "give unix:///path/api.sock or tcp://127.0.0.1:7480", "%v", err)
	}
	for _, o := range c.API.AllowedOrigins {
		scheme, host, ok := strings.Cut(o, "://")
		check(ok && (scheme == "http" || scheme == "https") && host != "" && !strings.ContainsAny(host, "/ "),
			"api.allowed-origins", "give https://host or https://host:port", "%q is not an origin", o)
	}
	for _, h := range c.API.AllowedHosts {
		check(h != "" && !strings.ContainsAny(h, "/ \t"), "api.allowed-hosts", "give a host's name without scheme or path", "%q is not a host", h)
	}
}

// ValidAddress checks an address of the node's API: unix:///absolute/path, or
// tcp://host:port.
func ValidAddress(address string) error {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		switch {
		case !filepath.IsAbs(path):
			return fmt.Errorf("%q needs an absolute path after unix://", address)
		case len(path) > maxSocketPath:
			return fmt.Errorf("%q is longer than the %d bytes that a Unix socket's path may have", address, maxSocketPath)
		}
		return nil
	}
	rest, ok := strings.CutPrefix(address, "tcp://")
	if !ok {
		return fmt.Errorf("%q is neither unix:// nor tcp://", address)
	}
	_, port, err := net.SplitHostPort(rest)
	if err != nil {
		return fmt.Errorf("%q is not tcp://host:port", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q has no port number", address)
	}
	return nil
}

func (c *Config) validateOffer(check checker) {
	o := &c.Offer
	check(o.Share >= 1 && o.Share <= 100, "offer.share", "give 1 to 100", "%d is not a percentage", o.Share)
	check(o.CPUs >= 0 && o.CPUs <= market.MaxCPU, "offer.cpus", "", "%v cores are more than any machine has", o.CPUs)
	check(o.CPUs == 0 || o.CPUs >= market.MinCPU, "offer.cpus", "give at least 0.01, or set offer.enabled = false", "%v cores run nothing", o.CPUs)
	check(o.Memory == 0 || o.Memory >= market.MinMemory, "offer.memory", "give at least 6m, or set offer.enabled = false", "%v runs nothing", o.Memory)
	check(o.Pids >= 0 && o.Pids <= 1<<22, "offer.pids", "give 0 to 4194304", "%d is out of range", o.Pids)
	check(o.OvercommitCPU >= 1000 && o.OvercommitCPU <= 16000, "offer.overcommit-cpu", "give 1 to 16; to sell less, set offer.cpus", "%v is out of range", o.OvercommitCPU)
	check(o.OvercommitMemory >= 1000 && o.OvercommitMemory <= 4000, "offer.overcommit-memory", "give 1 to 4; to sell less, set offer.memory", "%v is out of range", o.OvercommitMemory)
	check(o.Ports.First > 0 && o.Ports.First <= o.Ports.Last, "offer.port-range", "give FIRST-LAST such as 30000-31000", "%v is no range", o.Ports)
	check(o.PublishAddress.IsValid(), "offer.publish-address", "give an IP address of this machine, or 0.0.0.0", "no address")
	check(o.LongestLease >= time.Minute, "offer.longest-lease", "give at least 1m", "%s is too short", FormatDuration(o.LongestLease))
	check(!strings.ContainsAny(o.Runtime, " /\t"), "offer.runtime", "give the name that `docker info` lists under Runtimes", "%q is not a runtime's name", o.Runtime)
	check(o.DiskFloor >= 0 && o.DiskFloor <= market.MaxBytes, "offer.disk-floor", "give a size such as 2g, or 0", "%v is out of range", o.DiskFloor)
	check(o.ImagesKeep == 0 || o.ImagesKeep >= time.Minute, "offer.images-keep", "give at least 1m, or 0s for ever", "%s is too short", FormatDuration(o.ImagesKeep))
	for _, p := range o.Images {
		_, err := path.Match(p, "")
		check(err == nil && p != "", "offer.images-allow", "use * and ?, as in docker.io/library/*", "%q is not a pattern", p)
	}
}

func (c *Config) validateBounds(check checker) {
	check(c.Buy.Lease >= time.Minute, "buy.lease", "give at least 1m", "%s is too short", FormatDuration(c.Buy.Lease))
	check(c.Engine.Host != "", "engine.host", "give unix:///var/run/docker.sock or another engine's address", "no address")
	check(c.Engine.PidsLimit >= 1 && c.Engine.PidsLimit <= 1<<20, "engine.pids-limit", "give 1 to 1048576", "%d is out of range", c.Engine.PidsLimit)
	check(c.Engine.LogMaxSize >= market.KiB, "engine.log-max-size", "give at least 1k", "%v is too small", c.Engine.LogMaxSize)
	check(c.Engine.LogMaxFiles >= 1 && c.Engine.LogMaxFiles <= 100, "engine.log-max-files", "give 1 to 100", "%d is out of range", c.Engine.LogMaxFiles)
	l := &c.Limits
	check(l.ConnectionsLow >= 4, "limits.connections-low", "give at least 4", "with %d connections no node is found", l.ConnectionsLow)
	check(l.ConnectionsHigh > l.ConnectionsLow, "limits.connections-high", "give more than limits.connections-low", "%d is not above %d", l.ConnectionsHigh, l.ConnectionsLow)
	check(l.PeerRate >= 1 && l.PeerRate <= 100_000, "limits.peer-rate", "give 1 to 100000", "%d is out of range", l.PeerRate)
	check(l.Launches >= 1 && l.Launches <= 1000, "limits.launches", "give 1 to 1000", "%d is out of range", l.Launches)
}
