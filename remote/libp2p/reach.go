package libp2p

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/remote"
)

// libp2p's own AutoNAT believes in public addresses only, and a market may
// well live on one LAN, or on one machine. So members ask each other.

// reachState is what is known of this node's reachability.
type reachState struct {
	mu     sync.Mutex
	now    remote.Reach
	mapped []ma.Multiaddr // reached, but not on an interface: a forwarded port
	poke   chan struct{}  // look again soon; capacity 1
}

const (
	askAtMost    = 3                // members, in one round
	askAgain     = 20 * time.Minute // when the verdict is good
	askAgainBad  = 5 * time.Minute  // when it is not: a port may have been opened
	askAgainNone = time.Minute      // when nobody could answer
	askPause     = 5 * time.Second  // at least, between two rounds
)

// Reach tells what is known of this node's reachability.
func (h *Host) Reach() remote.Reach {
	h.reach.mu.Lock()
	defer h.reach.mu.Unlock()
	r := h.reach.now
	r.Relays, r.Addrs = slices.Clone(r.Relays), slices.Clone(r.Addrs)
	return r
}

// lookAgain asks for a new round; many wishes make one round.
func (h *Host) lookAgain() {
	select {
	case h.reach.poke <- struct{}{}:
	default:
	}
}

// watchReach asks when members appear or addresses change, and at intervals.
func (h *Host) watchReach() error {
	if h.cfg.AssumeReachable {
		h.decide(remote.Reach{Verdict: remote.Reachable, Addrs: texts(h.listening()), Reason: "assumed"}, nil)
		return nil
	}
	sub, err := h.lib.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated), eventbus.BufSize(16))
	if err != nil {
		return fmt.Errorf("watch addresses: %w", err)
	}
	h.work.Go(func() {
		defer sub.Close()
		timer := time.NewTimer(askAgainNone)
		defer timer.Stop()
		for {
			select {
			case <-h.ctx.Done():
				return
			case <-timer.C:
			case <-h.reach.poke:
			case <-sub.Out():
			}
			next, asked := h.round()
			timer.Reset(next)
			if asked && !pause(h.ctx, askPause) {
				return
			}
		}
	})
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// round asks a few members and decides. It returns when to ask again, and
// whether anybody was asked.
func (h *Host) round() (next time.Duration, asked bool) {
	own := h.listening()
	if len(own) == 0 {
		h.decide(remote.Reach{Verdict: remote.Unreachable, Reason: h.whyDeaf()}, nil)
		return askAgain, false
	}
	judges := h.judges()
	reach, mapped := conclude(h.question(judges, own), own)
	if h.ctx.Err() != nil || reach.Verdict == remote.ReachUnknown && h.Reach().Verdict != remote.ReachUnknown {
		return askAgainNone, len(judges) > 0 // no news is not bad news
	}
	h.decide(reach, mapped)
	switch reach.Verdict {
	case remote.Reachable:
		next = askAgain
	case remote.Unreachable:
		next = askAgainBad
	default:
		next = askAgainNone
	}
	return next, len(judges) > 0
}

// whyDeaf explains that there is no address to tell others.
func (h *Host) whyDeaf() string {
	if len(h.lib.Network().ListenAddresses()) == 0 {
		return "this node does not listen"
	}
	return "this node listens on public addresses only, and deals with peers on private ones only: open it with a token (caravela token create)"
}

// forget makes the verdict unknown again: it was about other addresses.
func (h *Host) forget(reason string) {
	if _, _, err := h.serving(); err != nil || h.cfg.AssumeReachable {
		return
	}
	h.decide(remote.Reach{Reason: reason}, nil)
	h.lookAgain()
}

// question asks all judges at once. Who does not answer has no verdict.
func (h *Host) question(judges []peer.ID, own []ma.Multiaddr) []verdict {
	answers := make([]verdict, len(judges))
	addrs := append(h.announced(), own...) // of a forwarded port only the operator knows the number
	asked := texts(addrs[:min(len(addrs), maxDialled)])
	var wg sync.WaitGroup
	for i, p := range judges {
		wg.Go(func() {
			if v, err := h.askDialback(h.ctx, p, asked); err == nil {
				answers[i] = v
			} else {
				h.log.Debug("no dialback", "peer", p, "error", err)
			}
		})
	}
	wg.Wait()
	return answers
}

// listening returns the addresses on interfaces where others might dial.
func (h *Host) listening() []ma.Multiaddr {
	all, err := h.lib.Network().InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	return h.horizon.advertised(all, h.site.list())
}

// judges chooses whom to ask: members that are connected directly, those
// farthest from this node's own networks first, for they see what a neighbour
// does not, and no two behind one address while there are others.
func (h *Host) judges() []peer.ID {
	_, proto, err := h.serving()
	if err != nil {
		return nil
	}
	type judge struct {
		id    peer.ID
		ip    netip.Addr
		close bool
	}
	var near []netip.Prefix
	for _, a := range h.listening() {
		if ip, ok := ipOf(a); ok {
			near = append(near, around(ip))
		}
	}
	var all []judge
	for p := range h.members.list() {
		if ok, _ := h.lib.Peerstore().SupportsProtocols(p, proto.dialback); len(ok) == 0 {
			continue
		}
		for _, c := range h.lib.Network().ConnsToPeer(p) {
			if ip, ok := ipOf(c.RemoteMultiaddr()); ok && !isCircuit(c.RemoteMultiaddr()) {
				all = append(all, judge{p, ip, slices.ContainsFunc(near, func(n netip.Prefix) bool { return n.Contains(ip) })})
				break
			}
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b judge) int { return rank(a.close) - rank(b.close) })
	var out, rest []peer.ID
	seen := make(map[netip.Addr]bool)
	for _, j := range all {
		if seen[j.ip] {
			rest = append(rest, j.id)
			continue
		}
		seen[j.ip] = true
		out = append(out, j.id)
	}
	out = append(out, rest...)
	return out[:min(len(out), askAtMost)]
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// around is the network that an address is taken to be in.
func around(ip netip.Addr) netip.Prefix {
	bits := 24
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// conclude weighs the answers. Members that see this node at an address that
// is not its own stand outside of its NAT: they decide, if there are any;
// otherwise everybody does. One success is enough.
func conclude(answers []verdict, own []ma.Multiaddr) (remote.Reach, []ma.Multiaddr) {
	var inside, outside []verdict
	for _, v := range answers {
		switch {
		case v.Observed == "":
		case hasIP(own, v.Observed):
			inside = append(inside, v)
		default:
			outside = append(outside, v)
		}
	}
	judges := outside
	if len(judges) == 0 {
		judges = inside
	}
	r := remote.Reach{Asked: len(inside) + len(outside)}
	if len(judges) == 0 {
		r.Reason = "no member could be asked yet"
		return r, nil
	}
	var mapped []ma.Multiaddr
	for _, v := range judges {
		for _, s := range v.Reached {
			a, err := ma.NewMultiaddr(s)
			if err != nil || slices.Contains(r.Addrs, s) {
				continue
			}
			r.Addrs = append(r.Addrs, s)
			if !ma.Contains(own, a) {
				mapped = append(mapped, a)
			}
		}
	}
	slices.Sort(r.Addrs)
	r.Verdict, r.Reason = remote.Reachable, fmt.Sprintf("dialled back by %d of %d members that were asked", succeeded(judges), len(judges))
	if len(r.Addrs) == 0 {
		r.Verdict, r.Reason = remote.Unreachable, why(judges, len(outside) > 0)
	}
	return r, mapped
}

func hasIP(addrs []ma.Multiaddr, ip string) bool {
	return slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool {
		own, ok := ipOf(a)
		return ok && own.String() == ip
	})
}

func succeeded(vs []verdict) (n int) {
	for _, v := range vs {
		if len(v.Reached) > 0 {
			n++
		}
	}
	return n
}

// why explains an unreachable verdict: what was tried, the likely cause, the
// remedy.
func why(judges []verdict, translated bool) string {
	tried := "nothing that this node listens on"
	if len(judges[0].Dialled) > 0 {
		tried = strings.Join(judges[0].Dialled, " and ")
	}
	if translated {
		return fmt.Sprintf("dialled in vain from outside (asked: %d): %s. A router translates this node's address (NAT): "+
			"forward the port, TCP and UDP, to this machine, or stay behind a relay", len(judges), tried)
	}
	return fmt.Sprintf("dialled in vain (asked: %d): %s. A firewall keeps others out: open the port, TCP and UDP", len(judges), tried)
}

// decide publishes a conclusion and what follows from it.
func (h *Host) decide(r remote.Reach, mapped []ma.Multiaddr) {
	h.reach.mu.Lock()
	r.Relays = h.reach.now.Relays
	if r.Verdict != remote.Unreachable {
		r.Relays = nil
	}
	changed := r.Verdict != h.reach.now.Verdict || r.Reason != h.reach.now.Reason
	h.reach.now, h.reach.mapped = r, mapped
	h.reach.mu.Unlock()
	h.relays.adapt(r.Verdict)
	if changed {
		h.announce()
	}
}

// announce tells the handler, and libp2p that the addresses may be others.
func (h *Host) announce() {
	h.refreshAddrs()
	if handler, _, err := h.serving(); err == nil {
		handler.Observe(remote.Event{Kind: remote.ReachChanged, Reach: h.Reach()})
	}
}

// direct reports whether there is a connection to p that needs no relay.
func (h *Host) direct(p peer.ID) bool {
	return slices.ContainsFunc(h.lib.Network().ConnsToPeer(p), func(c network.Conn) bool {
		return !isCircuit(c.RemoteMultiaddr())
	})
}
