package libp2p

import (
	"slices"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// horizon says how far away the peers may be that this node deals with: on
// loopback and private addresses always, on public ones where it is open. It
// may change while the host runs; who asks, asks it anew each time.
type horizon struct {
	public atomic.Bool
	judge  func(ma.Multiaddr) class
}

func newHorizon(cfg *Config) *horizon {
	z := &horizon{judge: classOf}
	if cfg.judge != nil {
		z.judge = cfg.judge
	}
	z.public.Store(cfg.AllowPublic)
	return z
}

// permits reports whether this node deals with peers at a at all.
func (z *horizon) permits(a ma.Multiaddr) bool {
	return z.public.Load() || z.judge(a) < classPublic
}

// outside reports whether a peer at a may be anywhere: behind a public
// address, or behind a relay, of which only the relay's own place is seen.
func (z *horizon) outside(a ma.Multiaddr) bool {
	return isCircuit(a) || z.judge(a) == classPublic
}

// Filter keeps the addresses that this node may dial, for address books.
func (h *Host) Filter(addrs []ma.Multiaddr) []ma.Multiaddr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool { return !h.horizon.permits(a) })
}

// SetAllowPublic opens this node to peers on public addresses, or closes it
// to them, at once: dials, connections and the addresses that others are told
// follow, and the handler hears that reachability is unknown again. It may be
// called at any time, and repeated.
func (h *Host) SetAllowPublic(on bool) {
	if h.horizon.public.Swap(on) == on {
		return
	}
	h.log.Info("peers on public addresses", "welcome", on)
	if !on {
		h.closeBeyond()
	}
	h.refreshAddrs()
	h.forget("no member was asked since peers on public addresses became welcome, or unwelcome")
}

// closeBeyond ends the connections that would no longer be made.
func (h *Host) closeBeyond() {
	for _, c := range h.lib.Network().Conns() {
		if !h.horizon.permits(c.RemoteMultiaddr()) {
			_ = c.CloseWithError(network.ConnGated)
		}
	}
}
