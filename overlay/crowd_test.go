package overlay_test

import (
	"crypto/sha256"
	"testing"

	"caravela/market"
	"caravela/overlay"
)

// A member's table tells how large the network is, unless it is too short.
func TestCrowd(t *testing.T) {
	peer := func(i int) market.PeerID { return market.PeerID(sha256.Sum256([]byte{byte(i), byte(i >> 8)})) }
	var all []overlay.Peer
	for i := range 3000 {
		all = append(all, overlay.Peer{ID: peer(i + 1)})
	}
	overlay.SortAround(all, peer(0))
	if n := overlay.Crowd(all, peer(0)); n < 1500 || n > 4500 {
		t.Errorf("3000 members are taken for %d", n)
	}
	if n := overlay.Crowd(all[:19], peer(0)); n != 0 {
		t.Errorf("19 members tell of %d", n)
	}
}
