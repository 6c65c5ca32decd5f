package kademlia

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// shim is the host as the DHT sees it. It holds back the DHT's stream handler
// while this node is a client, for the DHT changes its own mode by libp2p's
// idea of reachability only; and it listens to what the DHT tells the
// connection manager, which it does whenever a peer enters or leaves the
// routing table: setting RoutingTable.PeerAdded after the DHT has started
// would be a race.
type shim struct {
	host.Host
	tags tags

	mu      sync.Mutex
	client  bool
	proto   protocol.ID
	handler network.StreamHandler
}

func newShim(h host.Host, client bool, added, removed func(peer.ID)) *shim {
	return &shim{Host: h, client: client, tags: tags{ConnManager: h.ConnManager(), added: added, removed: removed}}
}

func (s *shim) ConnManager() connmgr.ConnManager { return &s.tags }

// SetStreamHandler is called by the DHT for its one protocol.
func (s *shim) SetStreamHandler(id protocol.ID, f network.StreamHandler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proto, s.handler = id, f
	if !s.client {
		s.Host.SetStreamHandler(id, f)
	}
}

// setClient opens or closes the protocol; identify tells all peers, whose
// tables follow.
func (s *shim) setClient(client bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == client {
		return
	}
	s.client = client
	switch {
	case s.handler == nil:
	case client:
		s.Host.RemoveStreamHandler(s.proto)
		s.hangUp()
	default:
		s.Host.SetStreamHandler(s.proto, s.handler)
	}
}

func (s *shim) isClient() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// stop takes the protocol off the host for good.
func (s *shim) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handler != nil {
		s.Host.RemoveStreamHandler(s.proto)
		s.handler = nil
		s.hangUp()
	}
}

// hangUp ends the questions that peers have open here.
func (s *shim) hangUp() {
	for _, c := range s.Host.Network().Conns() {
		for _, st := range c.GetStreams() {
			if st.Protocol() == s.proto && st.Stat().Direction == network.DirInbound {
				st.Reset()
			}
		}
	}
}

// tableTag is the DHT's mark on peers of its routing table.
const tableTag = "kbucket"

// tags is the connection manager as the DHT sees it. The DHT protects the
// peers of its two farthest buckets, up to 40, from being trimmed; a node with
// few connections cannot afford that, so all are marked as useful instead.
type tags struct {
	connmgr.ConnManager
	added, removed func(peer.ID)
}

const tableScore = 5

func (t *tags) Protect(p peer.ID, tag string) {
	if tag != tableTag {
		t.ConnManager.Protect(p, tag)
		return
	}
	t.TagPeer(p, tag, 2*tableScore)
}

func (t *tags) TagPeer(p peer.ID, tag string, score int) {
	t.ConnManager.TagPeer(p, tag, score)
	if tag == tableTag {
		t.added(p)
	}
}

// UntagPeer is called for every peer that leaves the table.
func (t *tags) UntagPeer(p peer.ID, tag string) {
	t.ConnManager.UntagPeer(p, tag)
	if tag == tableTag {
		t.removed(p)
	}
}
