package libp2p

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"

	"caravela/market"
	"caravela/remote"
)

// members are the connected peers that speak this network's protocols.
type members struct {
	mu    sync.Mutex
	since map[peer.ID]time.Time
}

func newMembers() *members { return &members{since: make(map[peer.ID]time.Time)} }

// set adds or removes a peer and reports whether that changed anything.
func (m *members) set(p peer.ID, present bool) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, was := m.since[p]
	switch {
	case present && !was:
		m.since[p] = time.Now()
	case !present:
		delete(m.since, p)
	}
	return was != present
}

func (m *members) has(p peer.ID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.since[p]
	return ok
}

func (m *members) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.since)
}

func (m *members) list() map[peer.ID]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[peer.ID]time.Time, len(m.since))
	for p, t := range m.since {
		out[p] = t
	}
	return out
}

// watchMembers follows connections and what the peers say they speak. One
// goroutine does, so that the handler hears of one peer's changes in order.
func (h *Host) watchMembers() error {
	sub, err := h.lib.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged),
	}, eventbus.BufSize(1024))
	if err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	h.work.Go(func() {
		defer sub.Close()
		for _, p := range h.lib.Network().Peers() {
			h.judge(p)
		}
		for {
			select {
			case e := <-sub.Out():
				h.onEvent(e)
			case <-h.ctx.Done():
				return
			}
		}
	})
	return nil
}

func (h *Host) onEvent(e any) {
	switch e := e.(type) {
	case event.EvtPeerIdentificationCompleted:
		h.judge(e.Peer)
	case event.EvtPeerProtocolsUpdated:
		h.judge(e.Peer)
	case event.EvtPeerConnectednessChanged:
		if e.Connectedness == network.NotConnected {
			h.enrol(e.Peer, false)
		} else {
			h.expect(e.Peer, h.cfg.StrangerGrace)
		}
	}
}

// judge decides whether a connected peer is a member. Members of another
// network are disconnected soon: not at once, for they are to find out, too,
// why nothing comes of it.
func (h *Host) judge(p peer.ID) {
	_, proto, err := h.serving()
	if err != nil || h.lib.Network().Connectedness(p) == network.NotConnected {
		return
	}
	ours, err := h.lib.Peerstore().SupportsProtocols(p, proto.message)
	h.enrol(p, err == nil && len(ours) == 1)
	if h.otherNetwork(p) {
		h.expect(p, min(h.cfg.StrangerGrace, time.Second))
	}
}

func (h *Host) enrol(p peer.ID, present bool) {
	if !h.members.set(p, present) {
		return
	}
	handler, _, err := h.serving()
	if err != nil {
		return
	}
	kind := remote.Disconnected
	if present {
		kind = remote.Connected
		h.measure(p)
		h.straighten(p)
		if h.Reach().Asked < askAtMost {
			h.lookAgain()
		}
	}
	h.relays.wake()
	handler.Observe(remote.Event{Kind: kind, Peer: h.known(p)})
}

// measure learns the round-trip time to a new member; libp2p remembers it.
func (h *Host) measure(p peer.ID) {
	id, err := FromPeerID(p)
	if err != nil || h.cfg.NoResourceManager {
		return
	}
	h.work.Go(func() { _, _ = h.Ping(h.ctx, remote.Peer{ID: id}) })
}

// straighten tries to get rid of the detour: a member that is connected
// through a relay may well be reachable itself. libp2p tries public addresses
// only.
func (h *Host) straighten(p peer.ID) {
	addrs := slices.DeleteFunc(h.Filter(h.lib.Peerstore().Addrs(p)), isCircuit)
	if len(addrs) == 0 || h.direct(p) || !h.admit.mayStraighten(p, time.Now()) {
		return
	}
	h.work.Go(func() {
		ctx, cancel := context.WithTimeout(network.WithForceDirectDial(h.ctx, "straighten"), 2*localDialTimeout)
		defer cancel()
		if err := h.lib.Connect(ctx, peer.AddrInfo{ID: p}); err == nil {
			h.relays.wake()
			h.lookAgain()
		}
	})
}

// expect disconnects a peer that has not become a member after a while.
func (h *Host) expect(p peer.ID, grace time.Duration) {
	time.AfterFunc(grace, func() {
		if h.ctx.Err() == nil && !h.members.has(p) {
			h.dismiss(p)
		}
	})
}

func (h *Host) dismiss(p peer.ID) {
	if h.lib.Network().Connectedness(p) == network.NotConnected {
		return
	}
	h.stats.foreign.Add(1)
	h.log.Debug("disconnecting a peer of another network", "peer", p)
	h.hangUp(p)
}

// hangUp closes what connects us with a peer.
func (h *Host) hangUp(p peer.ID) {
	if err := h.lib.Network().ClosePeer(p); err != nil {
		h.log.Debug("connection not closed in good order", "peer", p, "error", err)
	}
}

// known returns what is known of a peer's addresses.
func (h *Host) known(p peer.ID) remote.Peer {
	id, err := FromPeerID(p)
	if err != nil {
		return remote.Peer{}
	}
	addrs := h.Filter(h.lib.Peerstore().Addrs(p))
	return remote.Peer{ID: id, Addrs: texts(addrs[:min(len(addrs), maxAddrs)])}
}

// Peers returns the connected members.
func (h *Host) Peers() []remote.Connection {
	var out []remote.Connection
	for p, since := range h.members.list() {
		c := remote.Connection{Peer: h.known(p), Since: since, RTT: h.lib.Peerstore().LatencyEWMA(p)}
		conns := h.lib.Network().ConnsToPeer(p)
		if len(conns) == 0 {
			continue
		}
		c.Inbound, c.Relayed = conns[0].Stat().Direction == network.DirInbound, true
		for _, conn := range conns {
			c.Relayed = c.Relayed && isCircuit(conn.RemoteMultiaddr())
		}
		if agent, err := h.lib.Peerstore().Get(p, "AgentVersion"); err == nil {
			c.Agent, _ = agent.(string)
		}
		out = append(out, c)
	}
	return out
}

// Disconnect ends all connections to a peer.
func (h *Host) Disconnect(id market.PeerID) error { return h.lib.Network().ClosePeer(ToPeerID(id)) }
