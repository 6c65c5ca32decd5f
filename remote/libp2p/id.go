package libp2p

import (
	"crypto/ed25519"
	"crypto/rand"

	"github.com/libp2p/go-libp2p/core/peer"

	"caravela/market"
)

// ToPeerID converts the market's name of a peer to libp2p's.
func ToPeerID(p market.PeerID) peer.ID { return peer.ID(p.Bytes()) }

// FromPeerID converts back. Peers with other than Ed25519 keys have no name
// in the market: the error is market.ErrBadID.
func FromPeerID(p peer.ID) (market.PeerID, error) { return market.PeerIDFromBytes([]byte(p)) }

// nobody makes up an identity that no node has.
func nobody() (peer.ID, error) {
	pub, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	return ToPeerID(market.PeerID(pub)), nil
}
