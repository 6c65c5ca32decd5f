package docker

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"caravela/market"
)

// ErrBadConfig is wrapped by every error of Config.Validate.
var ErrBadConfig = errors.New("docker: impossible configuration")

// Scope is whose units an engine value serves.
type Scope struct {
	Network  market.NetworkID
	Supplier market.PeerID
}

// Config is what the supplier decides about every unit.
type Config struct {
	Host     string       // of the daemon, "unix:///..." or "tcp://..."; "" = DOCKER_HOST, else docker's own default
	Publish  netip.Addr   // address that ports are published on; the zero Addr = every IPv4 address
	Ports    PortRange    // ports that may be published; default 1024 to 65535
	Runtime  string       // OCI runtime, such as "runsc"; "" = the daemon's default
	Pids     int64        // most processes where the Spec does not say; default 512
	MaxPids  int64        // most that a Spec may ask for; default 4096
	LogSize  market.Bytes // most of one log file; default 10 MiB
	LogFiles int          // log files kept; default 3
	AllowLAN bool         // tenants may reach the supplier's host and LAN; default no
	DNS      []netip.Addr // resolvers given to tenants; empty = the host's own
	NoInit   bool         // no init process in front of the tenant's own; default no

	Programs32    bool          // tenants may run 32-bit programs in images for a 64-bit machine; default no
	LANRegistries bool          // images may come from the supplier's host and LAN; default no
	DiskFloor     market.Bytes  // free space on the engine's disk below which nothing is pulled or started; default 0 = none
	ImagesKeep    time.Duration // how long pulled images stay that no container uses; default 0 = for ever
}

// PortRange is first to last, both included.
type PortRange struct{ First, Last uint16 }

// Has reports whether port lies in r.
func (r PortRange) Has(port uint16) bool { return r.First <= port && port <= r.Last }

// DefaultConfig returns the defaults that the fields of Config name.
func DefaultConfig() Config {
	return Config{
		Ports:    PortRange{1024, 65535},
		Pids:     512,
		MaxPids:  4096,
		LogSize:  10 * market.MiB,
		LogFiles: 3,
	}
}

// Validate refuses values that no engine could follow. Errors wrap
// ErrBadConfig and name the field.
func (c *Config) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w: %s", ErrBadConfig, fmt.Sprintf(format, a...))
	}
	switch {
	case c.Host != "" && !strings.Contains(c.Host, "://"):
		return bad("host %q: write unix:///path or tcp://host:port", c.Host)
	case c.Publish.IsValid() && !c.Publish.Is4():
		return bad("publish address %v is not an IPv4 address", c.Publish)
	case c.Ports.First == 0 || c.Ports.First > c.Ports.Last:
		return bad("ports %d to %d are not a range", c.Ports.First, c.Ports.Last)
	case c.Pids < 1 || c.MaxPids < c.Pids:
		return bad("pids %d of at most %d; the default must be from 1 to the most", c.Pids, c.MaxPids)
	case c.LogSize < 4*market.KiB || c.LogFiles < 1 || c.LogFiles > 100:
		return bad("logs of %d files of %v; at least one of 4k, at most 100", c.LogFiles, c.LogSize)
	case c.DiskFloor < 0 || c.ImagesKeep < 0:
		return bad("disk floor %v and images kept for %v; neither may be negative", c.DiskFloor, c.ImagesKeep)
	}
	return nil
}
