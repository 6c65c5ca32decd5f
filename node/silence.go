package node

import (
	"context"
	"sync"
	"time"

	"caravela/market"
	"caravela/remote"
)

// silenceWait is how long a supplier that is not connected may take to show
// that it is there.
const silenceWait = 2 * time.Second

// silent tells which suppliers of containers that should run do not answer
// now, and since when: what they have signed last may not be true any more.
func (n *Node) silent(ctx context.Context, list []*market.Bought) map[market.PeerID]time.Time {
	known := map[market.PeerID]bool{n.self: true}
	for _, c := range n.cfg.Transport.Peers() {
		known[c.Peer.ID] = true
	}
	var mu sync.Mutex
	var asked sync.WaitGroup
	out := map[market.PeerID]time.Time{}
	ask := func(p market.Ref) {
		defer asked.Done()
		ctx, cancel := context.WithTimeout(ctx, silenceWait)
		defer cancel()
		if _, err := n.cfg.Transport.Ping(ctx, remote.Peer{ID: p.Peer, Addrs: p.Addrs}); err == nil {
			return
		}
		since := n.started
		if a, ok := n.seen.get(p.Peer); ok && a.Last.After(since) {
			since = a.Last
		}
		mu.Lock()
		defer mu.Unlock()
		out[p.Peer] = since
	}
	for _, b := range list {
		if p := b.Supplier; running(b) && b.Lease.BySupplier != "" && !known[p.Peer] {
			known[p.Peer] = true
			asked.Add(1)
			if !n.crew.run(func(context.Context) { ask(p) }) {
				asked.Done()
			}
		}
	}
	asked.Wait()
	return out
}
