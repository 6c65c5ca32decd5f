package kademlia_test

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"

	"caravela/overlay"
)

// Two halves that were cut off from each other for a quarter of an hour, and
// have forgotten each other, become one overlay again by themselves.
func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 8
		var cut atomic.Bool
		half := make(map[string]int)
		nw := &simnet.Simnet{LatencyFunc: func(p *simnet.Packet) time.Duration {
			if cut.Load() && half[ipOf(p.From)] != half[ipOf(p.To)] {
				return 1000 * time.Hour // never
			}
			return 10 * time.Millisecond
		}}
		fast := simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps}
		for i := range n {
			half[simnet.IntToPublicIPv4(i).String()] = i % 2
		}
		nw.Start()
		w := &world{options: func(i int) []libp2p.Option {
			return []libp2p.Option{
				libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(i))),
				simlibp2p.QUICSimnet(nw, simnet.NodeBiDiLinkSettings{Downlink: fast, Uplink: fast}),
			}
		}}
		var first overlay.Peer
		for i := range n {
			o, p := w.Add(t)
			var err error
			if i == 0 {
				first, err = p, o.Create(t.Context())
			} else {
				err = o.Join(t.Context(), []overlay.Peer{first})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		sizes := func(want int) func() bool {
			return func() bool {
				for _, o := range w.nodes {
					if len(o.Neighbours()) != want {
						return false
					}
				}
				return true
			}
		}
		within(t, "everybody knows everybody", 5*time.Minute, sizes(n-1))
		cut.Store(true)
		within(t, "the halves forget each other", 15*time.Minute, sizes(n/2-1))
		cut.Store(false)
		within(t, "they are one again", 15*time.Minute, sizes(n-1))
		w.end()
		nw.Close()
	})
}

func ipOf(a net.Addr) string {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.IP.String()
	}
	return a.String()
}

// within polls on the bubble's clock.
func within(t *testing.T, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}
