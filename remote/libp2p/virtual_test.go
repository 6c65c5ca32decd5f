package libp2p_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	lib "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"caravela/remote"
	"caravela/remote/libp2p"
	"caravela/remote/remotetest"
)

// simulated starts n members on a simulated network, in a synctest bubble.
func simulated(t *testing.T, n int, oneWay time.Duration) (out []*libp2p.Host, end func()) {
	nw := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(oneWay)}
	nw.Start()
	fast := simnet.LinkSettings{BitsPerSecond: 1000 * simlibp2p.OneMbps}
	for i := range n {
		out = append(out, victim(t, &remotetest.Handler{}, func(c *libp2p.Config) {
			c.Listen = []string{fmt.Sprintf("/ip4/%s/udp/7401/quic-v1", simnet.IntToPublicIPv4(i))}
			c.AllowPublic, c.AssumeReachable, c.NoResourceManager = true, true, true
			c.ReadTimeout = 10 * time.Second
			c.Options = []lib.Option{
				simlibp2p.QUICSimnet(nw, simnet.NodeBiDiLinkSettings{Downlink: fast, Uplink: fast}),
				lib.DisableIdentifyAddressDiscovery(),
			}
		}))
	}
	return out, func() {
		for _, h := range out {
			h.Close()
		}
		nw.Close()
	}
}

// Once two nodes are connected, a message and its answer cost one round trip:
// neither negotiation nor identify adds to it.
func TestMessageCostsOneRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rtt = 100 * time.Millisecond
		hs, end := simulated(t, 2, rtt/2)
		defer end()
		if err := hs[0].Send(t.Context(), hs[1].Self(), remotetest.Text{Data: "first"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		for i := range 5 {
			start := time.Now()
			if err := hs[0].Send(t.Context(), hs[1].Self(), remotetest.Text{Data: "question"}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > rtt*11/10 {
				t.Errorf("message %d took %v; one round trip is %v", i, took, rtt)
			}
		}
		start := time.Now()
		s, err := hs[0].Open(t.Context(), hs[1].Self(), remote.Header{Kind: "logs"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if took := time.Since(start); took > rtt*11/10 {
			t.Errorf("opening a stream took %v; one round trip is %v", took, rtt)
		}
	})
}
