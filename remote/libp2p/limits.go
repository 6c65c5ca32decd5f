package libp2p

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	xrate "github.com/libp2p/go-libp2p/x/rate"
	"golang.org/x/time/rate"
)

// limits is what one profile allows.
type limits struct {
	low, high int   // connections: above high, the least useful go until low remain
	memory    int64 // bytes for libp2p's buffers
	handlers  int   // messages handled at once
	streams   int   // incoming streams served at once
	perPeer   int   // of either, one peer's share
	rate      rate.Limit
	burst     int
	circuits  int // reservations that this node relays for, when it does
}

func (p Profile) limits() limits {
	switch p {
	case Server:
		return limits{low: 256, high: 512, memory: 1 << 30, handlers: 512, streams: 512, perPeer: 128, rate: 2000, burst: 4000, circuits: 128}
	case LowPower:
		return limits{low: 12, high: 24, memory: 64 << 20, handlers: 32, streams: 16, perPeer: 8, rate: 50, burst: 100, circuits: 0}
	default:
		return limits{low: 64, high: 128, memory: 256 << 20, handlers: 256, streams: 128, perPeer: 64, rate: 1000, burst: 2000, circuits: 32}
	}
}

// limits are those of the profile, but for what the configuration says itself.
func (c *Config) limits() limits {
	l := c.Profile.limits()
	if c.ConnectionsLow != 0 {
		l.low = c.ConnectionsLow
	}
	if c.ConnectionsHigh != 0 {
		l.high = c.ConnectionsHigh
	}
	if c.PeerRate != 0 {
		l.rate, l.burst = rate.Limit(c.PeerRate), 2*c.PeerRate
	}
	return l
}

// resources builds libp2p's resource manager. Three of its defaults are made
// for the open internet and hurt a market whose nodes often share one
// address, such as a laboratory behind NAT or containers on one machine: 8
// connections an address, 16 new ones at once, one more every 5 seconds.
func (l limits) resources() (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	conns := rcmgr.LimitVal(2*l.high + 64) // room for handshakes and for what is about to be trimmed
	streams := rcmgr.LimitVal(64 * l.high)
	all := rcmgr.ResourceLimits{
		Conns: conns, ConnsInbound: conns, ConnsOutbound: conns, FD: conns,
		Streams: streams, StreamsInbound: streams, StreamsOutbound: streams,
		Memory: rcmgr.LimitVal64(l.memory),
	}
	part := rcmgr.PartialLimitConfig{
		System:    all,
		Transient: rcmgr.ResourceLimits{Conns: conns, ConnsInbound: conns, ConnsOutbound: conns, FD: conns},
		PeerDefault: rcmgr.ResourceLimits{
			Streams: rcmgr.LimitVal(8 * l.perPeer), StreamsInbound: rcmgr.LimitVal(4 * l.perPeer),
			StreamsOutbound: rcmgr.LimitVal(8 * l.perPeer),
		},
		ProtocolPeerDefault: rcmgr.ResourceLimits{
			Streams: rcmgr.LimitVal(8 * l.perPeer), StreamsInbound: rcmgr.LimitVal(4 * l.perPeer),
			StreamsOutbound: rcmgr.LimitVal(8 * l.perPeer),
		},
	}
	limiter := rcmgr.NewFixedLimiter(part.Build(scaling.Scale(l.memory, int(conns))))
	shared := rcmgr.ConnLimitPerSubnet{PrefixLength: 32, ConnCount: int(conns)}
	shared6 := rcmgr.ConnLimitPerSubnet{PrefixLength: 56, ConnCount: int(conns)}
	return rcmgr.NewResourceManager(limiter,
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet([]rcmgr.ConnLimitPerSubnet{shared}, []rcmgr.ConnLimitPerSubnet{shared6}),
		rcmgr.WithConnRateLimiters(l.dialsPerAddress()))
}

func (l limits) dialsPerAddress() *xrate.Limiter {
	limit := xrate.Limit{RPS: float64(l.high) / 16, Burst: 2 * l.high}
	return &xrate.Limiter{
		NetworkPrefixLimits: []xrate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
			{Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: xrate.SubnetLimiter{
			IPv4SubnetLimits: []xrate.SubnetLimit{{PrefixLength: 32, Limit: limit}},
			IPv6SubnetLimits: []xrate.SubnetLimit{{PrefixLength: 56, Limit: limit}},
			GracePeriod:      time.Minute,
		},
	}
}
