package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"caravela/market"
	"caravela/node/loop"
	"caravela/overlay"
	"caravela/remote"
)

// Bounds of the groups in which effects are performed.
const (
	sendWorkers   = 128
	sendQueue     = 8192
	lookupWorkers = 8
	lookupQueue   = 256
	sendTimeout   = 15 * time.Second
	lookupTimeout = 30 * time.Second
)

// effects performs what the machine asks for. Perform is called by the loop,
// after the commit; everything that takes time goes to a group.
type effects struct {
	node    *Node
	sends   pool
	lookups pool
	lanes   *lanes
	pending atomic.Int64 // sends under way
}

func newEffects(n *Node, c *crew) *effects {
	return &effects{
		node:    n,
		sends:   pool{crew: c, workers: sendWorkers, depth: sendQueue},
		lookups: pool{crew: c, workers: lookupWorkers, depth: lookupQueue},
		lanes:   newLanes(n, c),
	}
}

var _ loop.Performer = (*effects)(nil)

// Perform implements loop.Performer.
func (e *effects) Perform(out *market.Outbox) (back []market.Event) {
	n := e.node
	n.board.apply(out.Saves, n.unitNews)
	for _, note := range out.Notes {
		n.note(note)
	}
	for _, s := range out.Sends {
		back = append(back, e.send(s)...)
	}
	for _, l := range out.Lookups {
		back = append(back, e.lookup(l)...)
	}
	for _, r := range out.Runs {
		e.lanes.run(r)
	}
	for _, c := range out.Controls {
		e.lanes.control(c)
	}
	for _, o := range out.Outcomes {
		n.requests.deliver(o)
	}
	return back
}

// send delivers a message. To itself a peer speaks without a network.
func (e *effects) send(s market.Send) []market.Event {
	if s.To.Peer == e.node.self {
		return []market.Event{market.Received{From: e.node.ref(), Msg: s.Msg}}
	}
	e.pending.Add(1)
	ok := e.sends.do(func(ctx context.Context) {
		defer e.pending.Add(-1)
		send, cancel := context.WithTimeout(ctx, sendTimeout)
		err := e.node.cfg.Transport.Send(send, remote.Peer{ID: s.To.Peer, Addrs: s.To.Addrs}, s.Msg)
		cancel()
		e.node.stats.sent(s.Msg, err)
		if err != nil {
			e.node.log.Debug("message not delivered", "peer", s.To.Peer.Short(), "message", messageName(s.Msg), "error", err)
			e.node.post(ctx, market.Undelivered{To: s.To.Peer, Msg: s.Msg})
		}
	})
	if !ok {
		e.pending.Add(-1)
		return []market.Event{market.Undelivered{To: s.To.Peer, Msg: s.Msg}}
	}
	return nil
}

func (e *effects) lookup(l market.Lookup) []market.Event {
	ok := e.lookups.do(func(ctx context.Context) {
		ask, cancel := context.WithTimeout(ctx, lookupTimeout)
		peers, err := e.node.cfg.Overlay.Lookup(ask, l.Key, min(l.N, overlay.MaxLookup))
		cancel()
		if err != nil {
			e.node.log.Debug("lookup failed", "error", err)
		}
		e.node.post(ctx, market.Found{Ref: l.Ref, Peers: e.node.refs(peers), Failed: err != nil})
	})
	if !ok {
		return []market.Event{market.Found{Ref: l.Ref, Failed: true}}
	}
	return nil
}

// refs converts the overlay's peers; about itself a node knows best.
func (n *Node) refs(peers []overlay.Peer) []market.Ref {
	out := make([]market.Ref, len(peers))
	for i, p := range peers {
		out[i] = market.Ref{Peer: p.ID, Addrs: boundAddrs(p.Addrs)}
		if p.ID == n.self {
			out[i] = n.ref()
		}
	}
	return out
}

// ref is this node as others should know it.
func (n *Node) ref() market.Ref {
	return market.Ref{Peer: n.self, Addrs: boundAddrs(n.cfg.Transport.Self().Addrs)}
}

func boundAddrs(addrs []string) []string { return addrs[:min(len(addrs), market.MaxAddrs)] }

// post puts an event into the loop; that the node ends is nobody's failure.
func (n *Node) post(ctx context.Context, ev market.Event) {
	if err := n.loop.Post(ctx, ev); err != nil && !errors.Is(err, loop.ErrStopped) && ctx.Err() == nil {
		n.log.Warn("event lost", "event", fmt.Sprintf("%T", ev), "error", err)
	}
}
