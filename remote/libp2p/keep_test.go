package libp2p_test

import (
	"crypto/sha256"
	"testing"

	"caravela/market"
	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

// A connection over which messages go is worth more, to both sides, than one
// to any peer of the overlay's table.
func TestUsedConnectionsAreWorthMore(t *testing.T) {
	const table, most = 10, 20 // the most that the overlay gives, and that use does
	ts := starter(nil)(t, market.NetworkID(sha256.Sum256([]byte("used"))), []remote.Handler{&remotetest.Handler{}, &remotetest.Handler{}})
	for range 2 * most {
		if err := ts[0].Send(t.Context(), ts[1].Self(), remotetest.Text{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range ts {
		self, other := ts[i].(*libp2p.Host), ts[1-i].(*libp2p.Host)
		remotetest.Eventually(t, "the connection is worth more than the table", func() bool {
			info := self.LibP2P().ConnManager().GetTagInfo(other.LibP2P().ID())
			return info != nil && info.Value > table && info.Value <= most
		})
	}
}
