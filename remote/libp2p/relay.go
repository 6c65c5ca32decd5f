package libp2p

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/remote"
)

// relays is both sides of relaying: members that can be reached relay for
// those that cannot, and those reserve places with two of them.
type relays struct {
	h    *Host
	poke chan struct{} // capacity 1
	emit event.Emitter // of relay addresses, so that libp2p looks at them anew

	mu      sync.Mutex
	wanted  bool                  // this node is unreachable
	held    map[peer.ID]time.Time // reservations, and when they end
	service *relay.Relay          // nil = does not relay
}

const (
	wantRelays     = 2
	reserveTimeout = 10 * time.Second
	relayRetry     = 5 * time.Second
	circuitTime    = 30 * 24 * time.Hour // of one relayed connection, then it is cut
	circuitBytes   = 1 << 40             // in each direction
	reservation    = time.Hour
)

func newRelays(h *Host) (*relays, error) {
	emit, err := h.lib.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated))
	if err != nil {
		return nil, err
	}
	return &relays{h: h, poke: make(chan struct{}, 1), emit: emit, held: make(map[peer.ID]time.Time)}, nil
}

// adapt follows a verdict: whoever may be reachable relays, whoever is not
// looks for relays.
func (r *relays) adapt(v remote.Reachability) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wanted = v == remote.Unreachable
	r.serve(!r.wanted && r.h.limits.circuits > 0)
	if !r.wanted {
		for p := range r.held {
			r.release(p)
		}
	}
	r.wake()
}

func (r *relays) wake() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// serve starts or stops relaying. libp2p's limits on a circuit, 2 minutes or
// 128 KiB, would cut the logs that someone follows; some limit there must be,
// for it is what marks a connection as relayed and prefers a direct one.
func (r *relays) serve(on bool) {
	switch {
	case on && r.service == nil:
		n := r.h.limits.circuits
		s, err := relay.New(r.h.lib,
			relay.WithResources(relay.Resources{
				Limit:          &relay.RelayLimit{Duration: circuitTime, Data: circuitBytes},
				ReservationTTL: reservation, MaxReservations: n, MaxReservationsPerPeer: 1,
				MaxReservationsPerIP: n, MaxReservationsPerASN: n, MaxCircuits: 2 * n, BufferSize: 16 << 10,
			}),
			relay.WithACL(membersOnly{r.h}),
			relay.WithReservationAddressFilter(r.h.horizon.permits))
		if err != nil {
			r.h.log.Warn("cannot relay", "error", err)
			return
		}
		r.service = s
	case !on && r.service != nil:
		r.service.Close()
		r.service = nil
	}
}

// membersOnly lets nobody but members of the network use this node as a relay.
type membersOnly struct{ h *Host }

func (m membersOnly) AllowReserve(p peer.ID, _ ma.Multiaddr) bool { return m.h.isMember(p) }

func (m membersOnly) AllowConnect(from peer.ID, _ ma.Multiaddr, to peer.ID) bool {
	return m.h.isMember(from) && m.h.isMember(to)
}

// isMember waits until a peer that has just connected has introduced itself,
// for it may well ask to be relayed in the same breath.
func (h *Host) isMember(p peer.ID) bool {
	if h.members.has(p) {
		return true
	}
	_, proto, err := h.serving()
	ids, ok := h.lib.(interface{ IDService() identify.IDService })
	if err != nil || !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(h.ctx, reserveTimeout/2)
	defer cancel()
	for _, c := range h.lib.Network().ConnsToPeer(p) {
		select {
		case <-ids.IDService().IdentifyWait(c):
		case <-ctx.Done():
			return false
		}
	}
	ours, err := h.lib.Peerstore().SupportsProtocols(p, proto.message)
	return err == nil && len(ours) == 1
}

// run keeps reservations while they are wanted.
func (r *relays) run() {
	tick := time.NewTicker(relayRetry)
	defer tick.Stop()
	for {
		select {
		case <-r.h.ctx.Done():
			return
		case <-tick.C:
		case <-r.poke:
		}
		if r.keep() {
			r.publish()
		}
	}
}

// keep drops what has ended, renews what soon will, and fills up. It reports
// whether the set of relays has changed.
func (r *relays) keep() (changed bool) {
	r.mu.Lock()
	if !r.wanted {
		r.mu.Unlock()
		return false
	}
	for p, end := range r.held {
		if !r.h.direct(p) || time.Now().After(end) {
			r.release(p)
			changed = true
		}
	}
	var due []peer.ID
	for p, end := range r.held {
		if time.Until(end) < reservation/2 {
			due = append(due, p)
		}
	}
	missing := wantRelays - len(r.held)
	r.mu.Unlock()
	for _, p := range due {
		r.reserve(p)
	}
	for _, p := range r.candidates() {
		if missing <= 0 {
			break
		}
		if r.reserve(p) {
			missing--
			changed = true
		}
	}
	return changed
}

// candidates are members with a direct connection that relay, the quickest
// to answer first.
func (r *relays) candidates() (out []peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.h.members.list() {
		if _, held := r.held[p]; held || !r.h.direct(p) {
			continue
		}
		if ok, err := r.h.lib.Peerstore().SupportsProtocols(p, circuit.ProtoIDv2Hop); err == nil && len(ok) > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b peer.ID) int {
		ps := r.h.lib.Peerstore()
		return cmp.Or(cmp.Compare(ps.LatencyEWMA(a), ps.LatencyEWMA(b)), cmp.Compare(a, b))
	})
	return out
}

func (r *relays) reserve(p peer.ID) bool {
	ctx, cancel := context.WithTimeout(r.h.ctx, reserveTimeout)
	defer cancel()
	res, err := client.Reserve(ctx, r.h.lib, peer.AddrInfo{ID: p})
	if err != nil {
		r.h.log.Debug("no reservation", "relay", p, "error", err)
		return false
	}
	r.h.lib.Peerstore().AddAddrs(p, r.h.Filter(res.Addrs), peerstore.TempAddrTTL)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wanted {
		return false
	}
	r.held[p] = res.Expiration
	r.h.lib.ConnManager().Protect(p, relayTag)
	return true
}

const relayTag = "relay"

// release forgets a reservation; r.mu is held.
func (r *relays) release(p peer.ID) {
	delete(r.held, p)
	r.h.lib.ConnManager().Unprotect(p, relayTag)
}

// publish tells everybody through whom this node is reached now.
func (r *relays) publish() {
	var via []remote.Peer
	for _, p := range r.list() {
		via = append(via, r.h.known(p))
	}
	r.h.reach.mu.Lock()
	r.h.reach.now.Relays = via
	r.h.reach.mu.Unlock()
	r.h.announce()
}

func (r *relays) list() (out []peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.held {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

// addrs are where this node is reached through its relays: two addresses of
// each.
func (r *relays) addrs() (out []ma.Multiaddr) {
	for _, p := range r.list() {
		n := 0
		for _, a := range r.h.Filter(r.h.lib.Peerstore().Addrs(p)) {
			if isCircuit(a) || n == 2 {
				continue
			}
			suffix, err := ma.NewMultiaddr("/p2p/" + p.String() + "/p2p-circuit")
			if err != nil {
				continue
			}
			out = append(out, a.Encapsulate(suffix))
			n++
		}
	}
	return out
}

func (r *relays) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.serve(false)
	r.emit.Close()
}

// refreshAddrs makes libp2p ask for the addresses again, and push them to all
// peers if they have changed.
func (h *Host) refreshAddrs() {
	addrs := h.relays.addrs()
	h.via.Store(&addrs)
	if err := h.relays.emit.Emit(event.EvtAutoRelayAddrsUpdated{RelayAddrs: addrs}); err != nil && h.ctx.Err() == nil {
		h.log.Warn("new addresses not announced", "error", err)
	}
}

// startRelays prepares relaying; nothing happens before Serve.
func (h *Host) startRelays() (err error) {
	h.relays, err = newRelays(h)
	return err
}
