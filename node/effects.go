package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caravela/market"
	"caravela/node/loop"
	"caravela/overlay"
)

// Bounds of the groups in which effects are performed.
const (
	lookupWorkers = 8
	lookupQueue   = 256
	lookupTimeout = 30 * time.Second
)

// effects performs what the machine asks for. Perform is called by the loop,
// after the commit; everything that takes time goes to a group.
type effects struct {
	node    *Node
	mail    *mail
	lookups pool
	lanes   *lanes
	gauges  *gauges
}

func newEffects(n *Node, c *crew) *effects {
	return &effects{
		node:    n,
		mail:    newMail(n, c),
		lookups: pool{crew: c, workers: lookupWorkers, depth: lookupQueue},
		lanes:   newLanes(n, c),
		gauges:  newGauges(n, c),
	}
}

var _ loop.Performer = (*effects)(nil)

// Perform implements loop.Performer.
func (e *effects) Perform(out *market.Outbox) (back []market.Event) {
	n := e.node
	n.board.apply(out.Saves, n.unitNews)
	for _, s := range out.Saves {
		e.gauges.noted(s)
	}
	for _, note := range out.Notes {
		n.note(note)
	}
	for _, s := range out.Sends {
		back = append(back, e.mail.send(s)...)
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
