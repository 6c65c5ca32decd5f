package overlay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"caravela/market"
)

var (
	// ErrNoPeers says that none of the given peers could be joined. The
	// wrapped error tells why the last one could not.
	ErrNoPeers = errors.New("overlay: no peer answered")
	// ErrClosed is returned after Leave.
	ErrClosed = errors.New("overlay: left")
	// ErrStarted is returned by a second Create or Join.
	ErrStarted = errors.New("overlay: created or joined before")
	// ErrNotStarted is returned by Lookup before Create or Join.
	ErrNotStarted = errors.New("overlay: neither created nor joined")
)

// MaxLookup is the most peers that one Lookup can return.
const MaxLookup = 20

// Peer is a node and where it may be dialled. Addrs are multiaddresses
// without the trailing /p2p component, best first; they may be stale.
type Peer struct {
	ID    market.PeerID
	Addrs []string
}

// Overlay is one node's membership. All methods may be called concurrently.
type Overlay interface {
	// Create starts an overlay of which this node is the first member.
	Create(ctx context.Context) error

	// Join enters the overlay through any of peers and fills the routing
	// table. It returns once this node can look keys up; ErrNoPeers when none
	// of the peers answered, in which case Join may be called again.
	Join(ctx context.Context, peers []Peer) error

	// Lookup returns the n peers nearest to key, nearest first, n at most
	// MaxLookup. The node itself is among them when it serves. A node that
	// knows nobody finds itself, or nothing when it does not serve.
	Lookup(ctx context.Context, key market.Key, n int) ([]Peer, error)

	// Neighbours returns the routing table, nearest to this node first.
	Neighbours() []Peer

	// NodeID returns this node's identity.
	NodeID() market.PeerID

	// Watch tells of peers that enter and leave the routing table from now
	// on, until ctx ends; then the channel is closed. A slow reader loses
	// nothing but the intermediate changes of one and the same peer.
	Watch(ctx context.Context) <-chan Change

	// SetClient decides, at any time, whether this node only asks (true) or
	// also serves (false).
	SetClient(client bool)

	// Leave ends the membership for good. It does not close connections that
	// others own.
	Leave(ctx context.Context) error
}

// Change is one event of Watch.
type Change struct {
	Peer    Peer
	Removed bool // false = added
}

// Sort orders peers by their distance to key, nearest first.
func Sort(peers []Peer, key market.Key) {
	slices.SortFunc(peers, func(a, b Peer) int {
		x, y := market.Distance(a.ID, key), market.Distance(b.ID, key)
		return bytes.Compare(x[:], y[:])
	})
}

// SortAround orders peers by their distance to another peer, nearest first.
func SortAround(peers []Peer, center market.PeerID) {
	c := sha256.Sum256(center.Bytes())
	slices.SortFunc(peers, func(a, b Peer) int {
		x, y := distance(a.ID, c), distance(b.ID, c)
		return bytes.Compare(x[:], y[:])
	})
}

// Crowd estimates of how many members an overlay consists, from a member's table
// as Neighbours returns it; 0 = it knows too few to tell.
func Crowd(table []Peer, center market.PeerID) uint64 {
	if len(table) < dense {
		return 0
	}
	furthest := distance(table[dense-1].ID, sha256.Sum256(center.Bytes()))
	return market.Crowd(dense, binary.BigEndian.Uint64(furthest[:8]))
}

// dense is how many of the nearest members a member knows for sure: as many as one
// bucket takes by default.
const dense = 20

// distance is the XOR distance of a peer from a place in the space that kad-dht
// uses.
func distance(p market.PeerID, c [32]byte) [32]byte {
	d := sha256.Sum256(p.Bytes())
	for i := range d {
		d[i] ^= c[i]
	}
	return d
}
