package libp2p

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// gate decides with whom there are connections at all. It is libp2p's
// connection gater.
type gate struct {
	cfg     *Config
	horizon *horizon
	stats   *counters

	mu    sync.Mutex
	until map[peer.ID]time.Time // penalised peers; bounded by maxPenalties
}

const maxPenalties = 4096

func newGate(cfg *Config, z *horizon, stats *counters) *gate {
	return &gate{cfg: cfg, horizon: z, stats: stats, until: make(map[peer.ID]time.Time)}
}

// penalise refuses a peer for a while.
func (g *gate) penalise(p peer.ID, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.until) >= maxPenalties {
		for q, t := range g.until {
			if t.Before(now) || len(g.until) > maxPenalties*3/4 {
				delete(g.until, q)
			}
		}
	}
	g.until[p] = now.Add(g.cfg.PenaltyTime)
}

func (g *gate) penalised(p peer.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.until[p]
	if ok && !time.Now().Before(t) {
		delete(g.until, p)
		ok = false
	}
	return ok
}

// welcome judges a proven or wanted identity.
func (g *gate) welcome(p peer.ID) bool {
	id, err := FromPeerID(p)
	if err != nil || g.cfg.Deny != nil && g.cfg.Deny(id) {
		return false
	}
	return !g.penalised(p)
}

func (g *gate) count(ok bool) bool {
	if !ok {
		g.stats.gated.Add(1)
	}
	return ok
}

func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.count(g.welcome(p)) }

func (g *gate) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool { return g.horizon.permits(a) }

func (g *gate) InterceptAccept(c network.ConnMultiaddrs) bool {
	return g.count(g.horizon.permits(c.RemoteMultiaddr()))
}

func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, _ network.ConnMultiaddrs) bool {
	return g.count(g.welcome(p))
}

func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
