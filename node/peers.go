package node

import (
	"context"
	"encoding/json"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/identity"
	"caravela/overlay"
	"caravela/remote"
)

// Bounds of what is remembered of peers.
const (
	maxSeen     = 1024
	maxKnown    = 64 // saved for a restart
	maxRefusals = 16 // of one peer
	aboutWait   = 10 * time.Second
)

// seen is every peer that this node has met.
type seen struct {
	mu sync.Mutex
	m  map[market.PeerID]*acquaintance
}

// acquaintance is one peer, as this node knows it. Copies are handed out.
type acquaintance struct {
	ID       market.PeerID
	Addrs    []string
	Name     string
	Version  string
	First    time.Time
	Last     time.Time
	Skew     time.Duration // its wall clock less ours, when it last told
	Told     bool          // Name, Version and Skew are known
	Refusals []api.Refusal // newest first
}

func newSeen() *seen { return &seen{m: make(map[market.PeerID]*acquaintance)} }

// note changes what is known of a peer. Beyond the bound the one that was not
// heard of for longest is forgotten.
func (s *seen) note(id market.PeerID, change func(*acquaintance)) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.m[id]
	if a == nil {
		if len(s.m) >= maxSeen {
			s.evict()
		}
		a = &acquaintance{ID: id, First: now}
		s.m[id] = a
	}
	a.Last = now
	change(a)
}

func (s *seen) evict() {
	var oldest *acquaintance
	for _, a := range s.m {
		if oldest == nil || a.Last.Before(oldest.Last) {
			oldest = a
		}
	}
	delete(s.m, oldest.ID)
}

func (s *seen) get(id market.PeerID) (acquaintance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.m[id]
	if a == nil {
		return acquaintance{}, false
	}
	return *a, true
}

// all returns the peers, those that were heard of last first.
func (s *seen) all() []acquaintance {
	s.mu.Lock()
	out := make([]acquaintance, 0, len(s.m))
	for _, a := range s.m {
		out = append(out, *a)
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b acquaintance) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return a.ID.Compare(b.ID)
	})
	return out
}

// watchOverlay tells the machine who comes and goes.
func (n *Node) watchOverlay(ctx context.Context) {
	for c := range n.cfg.Overlay.Watch(ctx) {
		if c.Removed {
			n.post(ctx, market.Gone{Peer: c.Peer.ID})
			continue
		}
		n.seen.note(c.Peer.ID, func(a *acquaintance) { a.meet(c.Peer.Addrs) })
		n.post(ctx, market.Near{Peer: market.Ref{Peer: c.Peer.ID, Addrs: boundAddrs(c.Peer.Addrs)}})
	}
}

func (a *acquaintance) meet(addrs []string) {
	if len(addrs) > 0 {
		a.Addrs = boundAddrs(addrs)
	}
}

// Observe implements remote.Handler.
func (n *Node) Observe(e remote.Event) {
	switch e.Kind {
	case remote.Connected:
		n.seen.note(e.Peer.ID, func(a *acquaintance) { a.meet(e.Peer.Addrs) })
		n.happened(api.Event{Type: "peer", Action: "connected", Node: e.Peer.ID.String()})
		n.fx.lookups.do(func(ctx context.Context) { n.askAbout(ctx, e.Peer) })
	case remote.Disconnected:
		n.seen.note(e.Peer.ID, func(*acquaintance) {}) // it was there until now
		n.happened(api.Event{Type: "peer", Action: "disconnected", Node: e.Peer.ID.String()})
		n.crew.run(func(ctx context.Context) { n.post(ctx, market.Gone{Peer: e.Peer.ID}) })
	case remote.ReachChanged:
		n.happened(api.Event{Type: "node", Action: e.Reach.Verdict.String(), Detail: e.Reach.Reason})
		n.crew.run(func(ctx context.Context) {
			n.serveOthers(ctx, e.Reach.Verdict)
			n.supply(ctx)
		})
	}
}

// serveOthers decides whether this node holds offers and serves the overlay:
// not where others cannot reach it.
func (n *Node) serveOthers(ctx context.Context, verdict remote.Reachability) {
	reachable := verdict != remote.Unreachable
	n.cfg.Overlay.SetClient(n.cfg.Client || !reachable)
	err := n.loop.Do(ctx, func(market.Time) { n.cfg.Peer.EnableTrader(n.cfg.Trader && reachable) })
	if err != nil && ctx.Err() == nil {
		n.log.Debug("trader role not changed", "error", err)
	}
}

// about is what a node tells any member that asks.
type about struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	NowMS   int64  `json:"now_ms"`
}

const maxAbout = 4 << 10

// askAbout learns a peer's name, version and clock.
func (n *Node) askAbout(ctx context.Context, p remote.Peer) {
	ctx, cancel := context.WithTimeout(ctx, aboutWait)
	defer cancel()
	began := time.Now()
	s, err := n.cfg.Transport.Open(ctx, p, remote.Header{Kind: kindAbout})
	if err != nil {
		n.log.Debug("peer not asked about itself", "peer", p.ID.Short(), "error", err)
		return
	}
	defer s.Close()
	b, err := readAll(s, maxAbout)
	var said about
	if err != nil || json.Unmarshal(b, &said) != nil {
		n.log.Debug("peer told nothing of itself", "peer", p.ID.Short(), "error", err)
		return
	}
	middle := began.Add(time.Since(began) / 2)
	n.seen.note(p.ID, func(a *acquaintance) {
		if market.ValidName(said.Name) {
			a.Name = said.Name
		}
		a.Version = clip(said.Version, 64)
		a.Skew, a.Told = time.UnixMilli(said.NowMS).Sub(middle).Round(time.Millisecond), true
	})
}

// reach is this node's reachability in the words of an offer. Where nobody
// can tell, a node on a private or loopback address is believed to be reached
// there.
func (n *Node) reach() market.Reach {
	switch r := n.cfg.Transport.Reach(); {
	case r.Verdict == remote.Unreachable:
		return market.ReachRelayed
	case r.Verdict == remote.Reachable && hasPublic(r.Addrs):
		return market.ReachPublic
	case hasPublic(n.cfg.Transport.Self().Addrs) && r.Verdict == remote.ReachUnknown:
		return market.ReachUnknown
	}
	return market.ReachLocal
}

func hasPublic(addrs []string) bool {
	return slices.ContainsFunc(addrs, func(a string) bool {
		ip, ok := ipOf(a)
		return ok && !ip.IsPrivate() && !ip.IsLoopback() && !ip.IsLinkLocalUnicast()
	})
}

// ipOf is the address in a direct multiaddress.
func ipOf(addr string) (netip.Addr, bool) {
	parts := strings.Split(addr, "/")
	if len(parts) < 3 || parts[1] != "ip4" && parts[1] != "ip6" || strings.Contains(addr, "p2p-circuit") {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(parts[2])
	return ip, err == nil
}

// publicIP is where the ports that this node publishes on every address are
// best reached; "" where they are not.
func (n *Node) publicIP() string {
	if n.reach() == market.ReachRelayed {
		return ""
	}
	rank := func(ip netip.Addr) int {
		switch {
		case ip.IsLoopback():
			return 3
		case ip.Is6():
			return 2
		case ip.IsPrivate():
			return 1
		}
		return 0
	}
	var best netip.Addr
	for _, a := range n.cfg.Transport.Self().Addrs {
		if ip, ok := ipOf(a); ok && (!best.IsValid() || rank(ip) < rank(best)) {
			best = ip
		}
	}
	if !best.IsValid() {
		return ""
	}
	return best.String()
}

// members are peers that are or were members, the most useful ones first: the
// connected, then the routing table.
func (n *Node) members() []market.Ref {
	var out []market.Ref
	have := map[market.PeerID]bool{n.self: true}
	add := func(id market.PeerID, addrs []string) {
		if !have[id] && len(addrs) > 0 {
			have[id] = true
			out = append(out, market.Ref{Peer: id, Addrs: boundAddrs(addrs)})
		}
	}
	for _, c := range n.cfg.Transport.Peers() {
		if a, ok := n.seen.get(c.Peer.ID); ok && len(a.Addrs) > 0 {
			add(c.Peer.ID, a.Addrs)
			continue
		}
		add(c.Peer.ID, c.Peer.Addrs)
	}
	for _, p := range n.cfg.Overlay.Neighbours() {
		add(p.ID, p.Addrs)
	}
	return out
}

// saveKnownPeers keeps whom to ask after a restart, unless that is what was
// kept last: those who are there now, and after them as many as there is room
// for of those who were there before. They may be back by then, and who is
// there now may not.
func (n *Node) saveKnownPeers() {
	n.keeping.Lock()
	defer n.keeping.Unlock()
	members := n.members()
	members = members[:min(len(members), maxKnown)]
	slices.SortFunc(members, func(a, b market.Ref) int { return a.Peer.Compare(b.Peer) })
	if len(members) == 0 || reflect.DeepEqual(members, n.kept) {
		return
	}
	now := time.Now().UTC()
	known := make([]identity.Known, 0, maxKnown)
	for _, m := range members {
		known = append(known, identity.Known{ID: m.Peer.String(), Addrs: m.Addrs, Seen: now})
	}
	if err := n.cfg.Dir.SavePeers(n.andEarlier(known)); err != nil {
		n.log.Warn("known peers not saved", "error", err)
		return
	}
	n.kept = members
}

// andEarlier adds those that were saved before, the last seen first.
func (n *Node) andEarlier(known []identity.Known) []identity.Known {
	earlier, err := n.cfg.Dir.Peers()
	if err != nil {
		n.log.Warn("known peers not read", "error", err)
	}
	slices.SortStableFunc(earlier, func(a, b identity.Known) int { return b.Seen.Compare(a.Seen) })
	for _, k := range earlier {
		if len(known) < maxKnown && !slices.ContainsFunc(known, func(has identity.Known) bool { return has.ID == k.ID }) {
			known = append(known, k)
		}
	}
	return known
}

// knownPeers are those of an earlier life.
func (n *Node) knownPeers() []overlay.Peer {
	known, err := n.cfg.Dir.Peers()
	if err != nil {
		n.log.Warn("known peers not read", "error", err)
	}
	var out []overlay.Peer
	for _, k := range known {
		if id, err := market.ParsePeerID(k.ID); err == nil && id != n.self {
			out = append(out, overlay.Peer{ID: id, Addrs: boundAddrs(k.Addrs)})
		}
	}
	return out
}

// reconnect heals a node that has lost everybody, after a partition or a
// start before the others: it knocks at the doors that it knew.
func (n *Node) reconnect() {
	if len(n.cfg.Transport.Peers()) > 0 {
		return
	}
	for _, p := range n.knownPeers() {
		n.fx.lookups.do(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, aboutWait)
			defer cancel()
			if _, err := n.cfg.Transport.Ping(ctx, remote.Peer(p)); err == nil {
				n.log.Info("known peer found again", "peer", p.ID.Short())
			}
		})
	}
}
