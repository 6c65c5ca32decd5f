//go:build !race

// The race detector runs out of epochs in the one bubble that holds dozens of
// hosts for minutes of virtual time ("tsan_rtl.cpp: CHECK failed"), and ends the
// process. The same battery runs under it on loopback.

package kademlia_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"caravela/overlay/overlaytest"
)

// TestOverlayInVirtualTime runs QUIC over a simulated network with 25 ms each
// way, on synctest's clock.
func TestOverlayInVirtualTime(t *testing.T) {
	overlaytest.Run(t, func(t *testing.T, body func(*testing.T, overlaytest.World)) {
		synctest.Test(t, func(t *testing.T) {
			nw := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(25 * time.Millisecond)}
			mbps := simnet.LinkSettings{BitsPerSecond: 20 * simlibp2p.OneMbps}
			nw.Start()
			w := &world{
				options: func(i int) []libp2p.Option {
					return []libp2p.Option{
						libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(i))),
						simlibp2p.QUICSimnet(nw, simnet.NodeBiDiLinkSettings{Downlink: mbps, Uplink: mbps}),
					}
				},
				settle: func(*testing.T, *world) { time.Sleep(90 * time.Second) }, // virtual
			}
			body(t, w)
			w.end()
			nw.Close()
		})
	})
}
