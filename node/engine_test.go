package node_test

import (
	"testing"
	"time"

	"caravela/market"
	"caravela/node/nodetest"
)

// TestSaleBeginsWithTheEngine: an engine that comes up, or whose disk is freed,
// long after its node is sold within seconds.
func TestSaleBeginsWithTheEngine(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		buyer := w.Host("buyer")
		buyer.Sells = false
		buyer.Start()
		for name, trouble := range map[string]struct{ begin, end func(*nodetest.Host) }{
			"down": {func(h *nodetest.Host) { h.Daemon.GoDown() }, func(h *nodetest.Host) { h.Daemon.ComeBack() }},
			"full": {func(h *nodetest.Host) { h.Daemon.SetFree(market.MiB) }, func(h *nodetest.Host) { h.Daemon.SetFree(100 * market.GiB) }},
		} {
			before := offers(t, buyer)
			seller := w.Host(name)
			trouble.begin(seller)
			seller.Start()
			pauseVirtual(10*time.Minute + 10*time.Second)
			if offers(t, buyer) != before {
				t.Fatalf("%s: it is sold", name)
			}
			trouble.end(seller)
			began := time.Now()
			w.Until("the offer", func() bool { return offers(t, buyer) == before+1 })
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("%s: sold %v after the engine was there", name, took)
			}
		}
	})
}
