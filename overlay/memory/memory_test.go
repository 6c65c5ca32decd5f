package memory_test

import (
	"context"
	"testing"

	"caravela/market"
	"caravela/overlay"
	"caravela/overlay/memory"
	"caravela/overlay/overlaytest"
)

type world struct {
	memory.World
	nodes []*memory.Overlay
}

func (w *world) Add(*testing.T) (overlay.Overlay, overlay.Peer) {
	p := overlay.Peer{ID: market.PeerID{byte(len(w.nodes) + 1)}, Addrs: []string{"/memory/1"}}
	o := w.New(p)
	w.nodes = append(w.nodes, o)
	return o, p
}

func (w *world) Settle(*testing.T) {}

func (w *world) Kill(i int) { _ = w.nodes[i].Leave(context.Background()) }

func TestOverlay(t *testing.T) {
	overlaytest.Run(t, func(t *testing.T, body func(*testing.T, overlaytest.World)) { body(t, &world{}) })
}
