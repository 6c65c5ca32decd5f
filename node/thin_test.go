package node_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/node/nodetest"
)

// stuck is a reader of an export who stops listening after the first bytes
// until go on is closed.
type stuck struct {
	io.Writer
	reached, goOn chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	select {
	case <-s.reached:
	default:
		close(s.reached)
	}
	<-s.goOn
	return s.Writer.Write(p)
}

// TestLedgerIsThinned: notes that a receipt of both repeats go once they are
// old, not while somebody reads them, and what is left still proves the same.
func TestLedgerIsThinned(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		seller.Keep = 2 * time.Hour
		seller.Restart()
		w.Until("its offer again", func() bool { return offers(t, buyer) == 1 })
		ref := buyer.MustRun(nodetest.Request("sleep"))
		pauseVirtual(10 * time.Minute)
		if err := buyer.CancelLease(t.Context(), api.LeaseRef(ref)); err != nil {
			t.Fatal(err)
		}
		closed(t, w, seller, buyer)
		lease := only(t, buyer, api.RoleBought)
		kept := func(h, peer *nodetest.Host) int {
			page, err := h.Entries(t.Context(), api.NodeRef(peer.ID.String()), api.EntryOptions{Limit: 500})
			if err != nil {
				t.Fatal(err)
			}
			return len(page.Entries)
		}
		all, others := kept(seller, buyer), kept(buyer, seller)
		pauseVirtual(time.Hour)
		if n := kept(seller, buyer); n != all || all < 60 {
			t.Errorf("%d entries of %d after an hour", n, all)
		}
		reader := &stuck{&strings.Builder{}, make(chan struct{}), make(chan struct{})}
		read := make(chan error, 1)
		go func() { read <- seller.ExportLedger(t.Context(), api.ExportOptions{}, reader) }()
		<-reader.reached
		pauseVirtual(25 * time.Hour)
		if n := kept(seller, buyer); n != all {
			t.Errorf("%d entries of %d while they are read", n, all)
		}
		verified(t, seller) // a thinning that waits lets others read
		close(reader.goOn)
		if err := <-read; err != nil {
			t.Error(err)
		}
		pauseVirtual(2 * time.Second)
		if n := kept(seller, buyer); n > all-50 {
			t.Errorf("%d entries of %d a day later", n, all)
		}
		if n := kept(buyer, seller); n != others {
			t.Errorf("the buyer, who keeps notes for ever, has %d of %d", n, others)
		}
		even(t, seller, buyer)
		exported(t, seller, lease)
		seller.Restart()
		even(t, seller, buyer)
	})
}
