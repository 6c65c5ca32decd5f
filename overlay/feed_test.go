package overlay_test

import (
	"context"
	"testing"
	"testing/synctest"

	"caravela/market"
	"caravela/overlay"
)

// A reader who comes late hears of each peer once, of its last state, in the
// order in which these states were reached.
func TestFeedCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var f overlay.Feed
		f.Publish(change(9, false)) // before anybody watches
		ch := f.Watch(ctx)
		synctest.Wait()
		f.Publish(change(0, false))
		synctest.Wait() // the pump holds this one already
		for range 1000 {
			f.Publish(change(1, false))
			f.Publish(change(2, false))
			f.Publish(change(1, true))
		}
		for i, want := range []overlay.Change{change(0, false), change(2, false), change(1, true)} {
			if got := <-ch; got.Peer.ID != want.Peer.ID || got.Removed != want.Removed {
				t.Errorf("change %d: %+v; want %+v", i, got, want)
			}
		}
		cancel()
		if c, open := <-ch; open {
			t.Errorf("after the end: %+v", c)
		}
		synctest.Wait()
		f.Publish(change(3, false)) // to nobody
	})
}

func change(id byte, removed bool) overlay.Change {
	return overlay.Change{Peer: overlay.Peer{ID: market.PeerID{id}}, Removed: removed}
}
