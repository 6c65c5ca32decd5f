package libp2p

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
)

// quicLater is how much later than TCP a QUIC address of one's own site is
// tried.
const quicLater = 150 * time.Millisecond

// rankDials is libp2p's order of dials but for one thing: on the site's own
// network TCP comes first. When a process dies there, its kernel says so at
// once to whoever is connected over TCP, while QUIC finds out by silence.
// Elsewhere QUIC comes first, for it needs fewer round trips and gets through
// routers more easily.
func rankDials(addrs []ma.Multiaddr) []network.AddrDelay {
	var local, rest []ma.Multiaddr
	for _, a := range addrs {
		if cl := classOf(a); cl != classNone && cl < classPublic && !isCircuit(a) {
			local = append(local, a)
		} else {
			rest = append(rest, a)
		}
	}
	tcp := slices.ContainsFunc(local, func(a ma.Multiaddr) bool { return !isQUIC(a) })
	out := make([]network.AddrDelay, 0, len(addrs))
	for _, a := range local {
		d := network.AddrDelay{Addr: a}
		if isQUIC(a) && tcp {
			d.Delay = quicLater
		}
		out = append(out, d)
	}
	for _, d := range swarm.DefaultDialRanker(rest) {
		if isCircuit(d.Addr) && len(local) > 0 {
			d.Delay += 2 * quicLater // a detour is the last resort
		}
		out = append(out, d)
	}
	return out
}
