package kademlia

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
)

// maintain starts the two background loops of a membership.
func (o *Overlay) maintain() error {
	sub, err := o.host.EventBus().Subscribe(new(event.EvtPeerConnectednessChanged), eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("watch connections: %w", err)
	}
	o.work.Go(func() {
		defer sub.Close()
		o.followConnections(sub.Out())
	})
	o.work.Go(o.keepFresh)
	return nil
}

// probes bounds the neighbours that are dialled at once.
const probes = 8

// followConnections dials a neighbour that has disconnected: it may only have
// trimmed the connection, or it may be dead and must be forgotten.
func (o *Overlay) followConnections(events <-chan any) {
	room := make(chan struct{}, probes)
	for {
		select {
		case <-o.ctx.Done():
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			c := e.(event.EvtPeerConnectednessChanged)
			if c.Connectedness != network.NotConnected || !o.near(c.Peer) {
				continue
			}
			select {
			case room <- struct{}{}:
				o.work.Go(func() {
					defer func() { <-room }()
					o.probe(c.Peer)
				})
			default: // the next lookup or refresh will find out
			}
		}
	}
}

// near reports whether p is in the routing table and among the nearest there.
// Farther peers come and go with the limits on connections.
func (o *Overlay) near(p peer.ID) bool {
	rt := o.dht.RoutingTable()
	return rt.Find(p) != "" && slices.Contains(rt.NearestPeers(o.dht.PeerKey(), o.cfg.BucketSize), p)
}

func (o *Overlay) probe(p peer.ID) {
	if !o.reconnect(peer.AddrInfo{ID: p, Addrs: o.addrs(p)}) && o.ctx.Err() == nil {
		o.dht.RoutingTable().RemovePeer(p)
	}
}

// keepFresh refreshes the table once soon after the start, when neighbours
// have settled, then at long intervals; between, it tries forgotten peers.
func (o *Overlay) keepFresh() {
	refresh := time.NewTimer(min(time.Minute, o.cfg.Refresh))
	defer refresh.Stop()
	retry := time.NewTicker(o.cfg.Retry)
	defer retry.Stop()
	for {
		select {
		case <-o.ctx.Done():
			return
		case <-refresh.C:
			o.dht.RefreshRoutingTable()
			//nolint:gosec // who guesses the time of a refresh has won nothing
			refresh.Reset(o.cfg.Refresh + rand.N(o.cfg.Refresh/4)) // not all nodes at once
		case <-retry.C:
			o.retry()
		}
	}
}

// retry dials a few peers that were forgotten. One that is there again enters
// the table through identify, like any other.
func (o *Overlay) retry() {
	for _, ai := range o.lost.some(3) {
		if o.reconnect(ai) {
			o.lost.found(ai.ID)
		}
	}
}

// lost remembers peers that left the table: after a partition nothing else
// leads to the other half. It holds at most maxLost, the newest.
type lost struct {
	mu    sync.Mutex
	peers []gone // oldest first
}

type gone struct {
	info  peer.AddrInfo
	tries int
}

const (
	maxLost  = 64
	maxTries = 60
)

func (l *lost) add(ai peer.AddrInfo) {
	if len(ai.Addrs) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(ai.ID)
	if len(l.peers) == maxLost {
		l.peers = slices.Delete(l.peers, 0, 1)
	}
	l.peers = append(l.peers, gone{info: ai})
}

func (l *lost) found(p peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(p)
}

func (l *lost) drop(p peer.ID) {
	l.peers = slices.DeleteFunc(l.peers, func(g gone) bool { return g.info.ID == p })
}

// some picks n at random and gives up those that were tried too often.
func (l *lost) some(n int) (out []peer.AddrInfo) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range rand.Perm(len(l.peers))[:min(n, len(l.peers))] {
		l.peers[i].tries++
		out = append(out, l.peers[i].info)
	}
	l.peers = slices.DeleteFunc(l.peers, func(g gone) bool { return g.tries >= maxTries })
	return out
}
