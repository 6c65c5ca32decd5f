package configuration

import (
	"net/netip"
	"os"
	"path/filepath"

	"caravela/market"
)

// DefaultPort is where a node listens for others, TCP and UDP.
const DefaultPort = 7401

// Place is what the defaults depend on: whose node it is and where that user
// keeps things.
type Place struct {
	Root       bool
	Home       string // the user's home directory
	DataHome   string // $XDG_DATA_HOME; "" = ~/.local/share
	ConfigHome string // $XDG_CONFIG_HOME; "" = ~/.config
	RuntimeDir string // $XDG_RUNTIME_DIR; "" = none
	Hostname   string
}

// Here returns the Place of the process that calls it.
func Here() Place {
	home, _ := os.UserHomeDir()
	host, _ := os.Hostname()
	return Place{
		Root:       os.Geteuid() == 0,
		Home:       home,
		DataHome:   os.Getenv("XDG_DATA_HOME"),
		ConfigHome: os.Getenv("XDG_CONFIG_HOME"),
		RuntimeDir: os.Getenv("XDG_RUNTIME_DIR"),
		Hostname:   host,
	}
}

// DataDir is where the node of this user keeps its data by default.
func (p Place) DataDir() string {
	switch {
	case p.Root:
		return "/var/lib/caravela"
	case p.DataHome != "":
		return filepath.Join(p.DataHome, "caravela")
	}
	return filepath.Join(p.Home, ".local", "share", "caravela")
}

// Socket is where the API of a node with this data directory listens by
// default. A node that was moved keeps its socket with its data, so that
// several nodes share a machine without further settings.
func (p Place) Socket(dataDir string) string {
	switch {
	case dataDir != p.DataDir():
	case p.Root:
		return "unix:///run/caravela/api.sock"
	case p.RuntimeDir != "":
		return "unix://" + filepath.Join(p.RuntimeDir, "caravela", "api.sock")
	}
	return "unix://" + filepath.Join(dataDir, "api.sock")
}

// files lists where a configuration file is looked for, the first that
// exists being taken.
func (p Place) files(dataDir string) []string {
	out := []string{filepath.Join(dataDir, "caravela.toml")}
	switch {
	case dataDir != p.DataDir():
	case p.Root:
		out = append(out, "/etc/caravela/caravela.toml")
	case p.ConfigHome != "":
		out = append(out, filepath.Join(p.ConfigHome, "caravela", "caravela.toml"))
	default:
		out = append(out, filepath.Join(p.Home, ".config", "caravela", "caravela.toml"))
	}
	return out
}

// DefaultConfig returns the defaults of the server profile for the user who
// runs the process.
func DefaultConfig() Config { return Here().Defaults(Server) }

// Defaults returns the defaults of a profile. API.Addresses follows the data
// directory and is set for the default one.
func (p Place) Defaults(profile Profile) Config {
	c := Config{
		Node: Node{DataDir: p.DataDir(), Name: nodeName(p.Hostname), Profile: profile},
		Network: Network{
			Listen: []netip.AddrPort{
				netip.AddrPortFrom(netip.IPv4Unspecified(), DefaultPort),
				netip.AddrPortFrom(netip.IPv6Unspecified(), DefaultPort),
			},
			Trader: true,
		},
		API: API{Addresses: []string{p.Socket(p.DataDir())}},
		Offer: Offer{
			Enabled: true, Share: 80, OvercommitCPU: 1000, OvercommitMemory: 1000,
			Ports: PortRange{1024, 32767}, PublishAddress: netip.IPv4Unspecified(), LongestLease: 30 * Day,
			DiskFloor: market.GiB, ImagesKeep: 7 * Day,
		},
		Price:   Price{Unit: "credit"},
		Lease:   Lease{Interval: market.DefaultInterval, Bear: market.DefaultBear, Grace: market.DefaultGrace, Notice: market.DefaultNotice},
		Credit:  Credit{Unknown: market.DefaultCredit},
		Ledger:  Ledger{Keep: 90 * Day},
		Buy:     Buy{Lease: Day, Renew: RenewAuto, Strategy: Spread},
		Engine:  Engine{Host: "unix:///var/run/docker.sock", PidsLimit: 512, LogMaxSize: 10 * market.MiB, LogMaxFiles: 3},
		Limits:  Limits{ConnectionsLow: 96, ConnectionsHigh: 192, PeerRate: 2000, Launches: 4},
		Log:     Log{Level: LevelInfo, Format: FormatText},
		Metrics: Metrics{Enabled: true},
		Webhook: Webhook{Events: []string{"lease", "notice", "bill", "ledger"}},
	}
	c.apply(profile)
	return c
}

// apply changes what a profile changes; server is what Defaults sets.
func (c *Config) apply(profile Profile) {
	switch profile {
	case Home:
		c.Offer.Share = 50
		c.Limits.ConnectionsLow, c.Limits.ConnectionsHigh, c.Limits.PeerRate = 32, 64, 1000
	case LowPower:
		c.Offer.Share = 25
		c.Network.Trader, c.Network.Client = false, true
		c.Limits = Limits{ConnectionsLow: 8, ConnectionsHigh: 24, PeerRate: 50, Launches: 1}
	}
}

// nodeName makes a host's name a node's name.
func nodeName(host string) string {
	name := []byte(host)
	for i, c := range name {
		if !market.ValidName("a" + string(c)) {
			name[i] = '-'
		}
	}
	if s := string(name[:min(len(name), 63)]); market.ValidName(s) {
		return s
	}
	return "caravela"
}
