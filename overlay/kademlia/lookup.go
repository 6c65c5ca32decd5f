package kademlia

import (
	"context"
	"errors"
	"slices"
	"sync"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	kb "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"

	"caravela/market"
	"caravela/overlay"
)

// Lookup returns the n peers nearest to key.
func (o *Overlay) Lookup(ctx context.Context, key market.Key, n int) ([]overlay.Peer, error) {
	d, err := o.running()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n = min(n, overlay.MaxLookup)
	found, err := o.search(ctx, d, string(key[:]), n)
	if err != nil {
		return nil, err
	}
	if !o.shim.isClient() {
		found = append(found, o.host.ID())
	}
	var out []overlay.Peer
	for _, p := range found {
		if who, ok := o.named(p); ok {
			out = append(out, who)
		}
	}
	overlay.Sort(out, key)
	return out[:min(n, len(out))], nil
}

// search runs a DHT lookup for the n peers nearest to a preimage. Up to
// Resiliency peers are known to live when the search itself is done, so for
// so few the rest of the lookup is cancelled.
func (o *Overlay) search(ctx context.Context, d *dht.IpfsDHT, preimage string, n int) ([]peer.ID, error) {
	searching, cancel := context.WithTimeout(ctx, o.cfg.Timeout)
	defer cancel()
	o.lookups.Add(1)
	var seen silent
	var watching sync.WaitGroup
	asked, answers := routing.RegisterForQueryEvents(searching)
	watching.Go(func() { o.questions.Add(seen.note(answers)) })
	asked, steps := dht.RegisterForLookupEvents(asked)
	watching.Go(func() { awaitEnd(steps, n <= o.cfg.Resiliency, cancel) })

	found, err := d.GetClosestPeers(asked, preimage)
	stopped := searching.Err() != nil
	cancel() // closes the channels
	watching.Wait()
	switch {
	case errors.Is(err, kb.ErrLookupFailure): // an empty table: only me
		return nil, ctx.Err()
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case o.ctx.Err() != nil:
		return nil, overlay.ErrClosed
	case err != nil && !stopped:
		return nil, err
	}
	return slices.DeleteFunc(found, seen.has), nil
}

// awaitEnd cancels a lookup once its search has ended, and drains the channel.
func awaitEnd(steps <-chan *dht.LookupEvent, early bool, cancel context.CancelFunc) {
	for e := range steps {
		if early && e.Terminate != nil {
			cancel()
		}
	}
}

// silent collects the peers that were asked in vain.
type silent struct {
	mu    sync.Mutex
	peers map[peer.ID]bool
}

// note follows a lookup to its end and returns how many questions it asked.
func (s *silent) note(events <-chan *routing.QueryEvent) (asked uint64) {
	for e := range events {
		if e.Type == routing.SendingQuery {
			asked++
		}
		if e.Type == routing.QueryError || e.Type == routing.PeerResponse {
			s.mu.Lock()
			if s.peers == nil {
				s.peers = make(map[peer.ID]bool)
			}
			s.peers[e.ID] = e.Type == routing.QueryError
			s.mu.Unlock()
		}
	}
	return asked
}

func (s *silent) has(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peers[p]
}

// Neighbours returns the routing table, nearest first.
func (o *Overlay) Neighbours() []overlay.Peer {
	d, err := o.running()
	if err != nil {
		return nil
	}
	var out []overlay.Peer
	for _, p := range d.RoutingTable().ListPeers() {
		if who, ok := o.named(p); ok {
			out = append(out, who)
		}
	}
	overlay.SortAround(out, o.self)
	return out
}

// Stats is a snapshot of counters since New.
type Stats struct {
	Lookups    uint64 // those of refreshes not counted
	Questions  uint64 // that these lookups asked
	Neighbours int
}

// Stats returns the counters.
func (o *Overlay) Stats() Stats {
	return Stats{Lookups: o.lookups.Load(), Questions: o.questions.Load(), Neighbours: len(o.Neighbours())}
}

// Size estimates how many peers serve the network, from the distances that
// lookups meet. It errs until a few lookups were made.
func (o *Overlay) Size() (int, error) {
	d, err := o.running()
	if err != nil {
		return 0, err
	}
	n, err := d.NetworkSize()
	return int(n), err
}
