package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/libp2p/go-libp2p/core/crypto"

	"caravela/api"
	"caravela/configuration"
	"caravela/discovery"
	"caravela/docker"
	"caravela/docker/engine"
	"caravela/market"
	"caravela/node"
	"caravela/node/store"
	"caravela/overlay/kademlia"
	"caravela/remote/libp2p"
)

// parts makes what the node is made of, for a network that is known by now.
func (m *membership) parts(records store.Store) (node.Config, error) {
	cfg := m.cfg
	kad := kademlia.DefaultConfig(m.network.ID())
	kad.Client, kad.AddressFilter = m.client(), m.host.Filter
	over, err := kademlia.New(m.host.LibP2P(), kad)
	if err != nil {
		return node.Config{}, err
	}
	ring := market.NewKeyring(m.key)
	peer := discovery.New(discovery.Config{
		Self: ring.Self(), Network: m.network.ID(), Params: &m.network.Params, Sealer: ring, Seed: seed(), Trader: cfg.Network.Trader,
	})
	c := node.Config{
		Name: cfg.Node.Name, Profile: string(cfg.Node.Profile), Version: clientVersion(), Network: m.network, Peer: peer,
		Store: records, Dir: m.dir, Transport: m.host, Overlay: over, Sale: sale(cfg), Buy: buy(cfg.Buy),
		Trader: cfg.Network.Trader, Client: m.client(), Open: cfg.Network.Open, Settings: m.mode.settings, Bootstrap: m.bootstrap,
		Addresses: node.Addresses{API: cfg.API.Addresses, Engine: cfg.Engine.Host, Listen: m.listen}, Log: m.log,
		PriceCommand: cfg.Price.Command, Keep: cfg.Ledger.Keep,
	}
	if c.Webhook, err = webhook(cfg); err != nil {
		return c, err
	}
	if cfg.Offer.Enabled {
		if c.Engine, err = newEngine(cfg, docker.Scope{Network: m.network.ID(), Supplier: ring.Self()}); err != nil {
			return c, err
		}
	}
	return c, nil
}

func seed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

func newEngine(cfg configuration.Config, scope docker.Scope) (docker.Engine, error) {
	d := docker.DefaultConfig()
	d.Host, d.Runtime, d.AllowLAN = cfg.Engine.Host, cfg.Offer.Runtime, cfg.Offer.AllowLAN
	d.Ports = docker.PortRange{First: cfg.Offer.Ports.First, Last: cfg.Offer.Ports.Last}
	d.Pids, d.MaxPids = cfg.Engine.PidsLimit, max(d.MaxPids, cfg.Engine.PidsLimit)
	d.LogSize, d.LogFiles = cfg.Engine.LogMaxSize, cfg.Engine.LogMaxFiles
	d.LANRegistries, d.Programs32 = cfg.Offer.LANRegistries, cfg.Offer.Programs32
	d.DiskFloor, d.ImagesKeep = cfg.Offer.DiskFloor, cfg.Offer.ImagesKeep
	if a := cfg.Offer.PublishAddress; a.IsValid() && !a.IsUnspecified() {
		d.Publish = a
	}
	e, err := engine.New(scope, d)
	if err != nil {
		return nil, fmt.Errorf("container engine at %s: %w", cfg.Engine.Host, err)
	}
	return e, nil
}

// client reports whether this node only asks the overlay. Whoever has founded
// the network serves it whatever its profile: the first newcomer has nobody
// else to join through.
func (m *membership) client() bool {
	return m.cfg.Network.Client && m.network.Genesis.Creator != market.NewKeyring(m.key).Self()
}

// sale is what the configuration offers of this machine.
func sale(cfg configuration.Config) node.Sale {
	o := cfg.Offer
	return node.Sale{
		Share: o.Share, CPU: o.CPUs, Memory: o.Memory, Disk: o.Disk, OvercommitCPU: int(o.OvercommitCPU),
		OvercommitMemory: int(o.OvercommitMemory), Class: cpuClass(), Labels: cfg.Node.Labels,
		PortLow: o.Ports.First, PortHigh: o.Ports.Last, Longest: o.LongestLease, Images: o.Images,
		Starting: cfg.Limits.Launches, Publish: o.PublishAddress, Pids: o.Pids, Can: []string{"attach", "exec", "logs", "volumes"},
		Topology: topology(), Credit: cfg.Credit.Unknown,
		Terms: market.Terms{
			Price: cfg.Price.Rates(), Interval: cfg.Lease.Interval, Bear: cfg.Lease.Bear, Grace: cfg.Lease.Grace, Notice: cfg.Lease.Notice,
		},
	}
}

// topology is how the machine's processors are arranged, as far as they tell.
func topology() string {
	cores, threads := cpuid.CPU.PhysicalCores, cpuid.CPU.LogicalCores
	if cores <= 0 || threads < cores {
		return fmt.Sprintf("%d threads", runtime.NumCPU())
	}
	return fmt.Sprintf("%d cores, %d threads", cores, threads)
}

// webhook is where events go, with the key of their signature, which is made
// where there is none.
func webhook(cfg configuration.Config) (node.Webhook, error) {
	w := node.Webhook{URL: cfg.Webhook.URL, Events: cfg.Webhook.Events}
	if w.URL == "" {
		return w, nil
	}
	path := cfg.Webhook.SecretFile
	if path == "" {
		path = cfg.Node.DataDir + "/webhook-secret"
	}
	secret, err := api.LoadToken(path)
	if err != nil {
		return w, fmt.Errorf("key of the webhook's signature: %w", err)
	}
	w.Secret = []byte(secret)
	return w, nil
}

func cpuClass() market.CPUClass {
	return min(market.CPUClass(max(0, cpuid.CPU.X64Level())), market.MaxCPUClass)
}

func buy(b configuration.Buy) node.Buy {
	out := node.Buy{Term: b.Lease, Renew: market.RenewAuto, Strategy: market.Spread}
	if b.Renew == configuration.RenewNever {
		out.Renew = market.RenewNever
	}
	switch b.Strategy {
	case configuration.BinPack:
		out.Strategy = market.Binpack
	case configuration.Cheapest:
		out.Strategy = market.Cheapest
	}
	return out
}

// newHost makes the libp2p host and binds its addresses; open is what a token
// has made it, whatever the settings say.
func (m *membership) newHost(psk []byte, open bool) (*libp2p.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(m.key)
	if err != nil {
		return nil, fmt.Errorf("use the identity: %w", err)
	}
	c := libp2p.DefaultConfig()
	c.PrivateKey, c.PSK, c.AllowPublic, c.Version, c.Log = key, psk, open || m.cfg.Network.Open, version, m.log
	c.Profile = map[configuration.Profile]libp2p.Profile{
		configuration.Server: libp2p.Server, configuration.Home: libp2p.Home, configuration.LowPower: libp2p.LowPower,
	}[m.cfg.Node.Profile]
	c.Announce = announceAddrs(m.cfg.Network.Announce, psk != nil)
	c.ConnectionsLow, c.ConnectionsHigh, c.PeerRate = m.cfg.Limits.ConnectionsLow, m.cfg.Limits.ConnectionsHigh, m.cfg.Limits.PeerRate
	m.listen = listenAddrs(m.cfg.Network.Listen, psk != nil)
	c.Listen = m.listen
	return libp2p.New(c)
}

// listenAddrs turns addresses into multiaddrs, TCP and QUIC each. Every IPv6
// address of a machine that has none is left out.
func listenAddrs(addrs []netip.AddrPort, tcpOnly bool) []string {
	out := []string{}
	for _, a := range addrs {
		family := "/ip4/"
		if a.Addr().Is6() {
			family = "/ip6/"
			if a.Addr().IsUnspecified() && !haveIPv6() {
				continue
			}
		}
		out = append(out, libp2p.ListenOn(family+a.Addr().String(), int(a.Port()), tcpOnly)...)
	}
	return out
}

// announceAddrs turns IP:port into multiaddrs, TCP and QUIC each, and leaves
// multiaddrs as they are.
func announceAddrs(addrs []string, tcpOnly bool) (out []string) {
	for _, s := range addrs {
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			out = append(out, s)
			continue
		}
		out = append(out, listenAddrs([]netip.AddrPort{a}, tcpOnly)...)
	}
	return out
}

func haveIPv6() bool {
	c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// joinTexts are what users of other machines may type after `join`, the best
// first.
func joinTexts(addrs []string) []string {
	type text struct {
		s    string
		rank int
	}
	var all []text
	for _, a := range addrs {
		parts := strings.Split(a, "/")
		if len(parts) != 5 || parts[3] != "tcp" {
			continue
		}
		ip, err := netip.ParseAddr(parts[2])
		if err != nil {
			continue
		}
		t := text{ip.String(), 0}
		if parts[4] != fmt.Sprint(configuration.DefaultPort) {
			t.s = net.JoinHostPort(ip.String(), parts[4])
		}
		switch {
		case ip.IsLoopback():
			t.rank = 3
		case ip.IsLinkLocalUnicast():
			t.rank = 2
		case ip.Is6():
			t.rank = 1
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b text) int { return a.rank - b.rank })
	out := make([]string, 0, len(all))
	for _, t := range all {
		if !slices.Contains(out, t.s) {
			out = append(out, t.s)
		}
	}
	return out
}
