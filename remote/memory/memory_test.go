package memory_test

import (
	"testing"

	"caravela/market"
	"caravela/remote"
	"caravela/remote/memory"
	"caravela/remote/remotetest"
)

func TestTransport(t *testing.T) {
	start := func(t *testing.T, network market.NetworkID, handlers []remote.Handler) (out []remote.Transport) {
		var net memory.Network
		for i, h := range handlers {
			tr := net.New(market.PeerID{byte(i + 1)}, remotetest.Codec())
			if h != nil {
				if err := tr.Serve(network, h); err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { tr.Close() })
			out = append(out, tr)
		}
		return out
	}
	remotetest.Run(t, start, func(tr remote.Transport) string { return tr.Self().Addrs[0] })
}
