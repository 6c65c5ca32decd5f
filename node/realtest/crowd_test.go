package realtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caravela/node/nodetest"
)

// TestCrowdSearches has a crowd of nodes search, 32 searches at a time, while
// all of them hold, refresh and look up as always. None may fail; how many a
// second there are, and what each costs, is told for docs/performance.md.
func TestCrowdSearches(t *testing.T) {
	const sellers, atOnce = 8, 32
	net := &wires{}
	w := nodetest.NewOver(t, net)
	defer w.Close()
	hosts := make([]*nodetest.Host, crowd)
	for i := range hosts {
		hosts[i] = w.Host(fmt.Sprintf("node%d", i))
		hosts[i].Sells = i < sellers
		hosts[i].Start()
	}
	for _, h := range hosts {
		w.Until(h.Name+" finds all offers", func() bool { return len(search(t, h)) == sellers })
	}

	messages, lookups := net.questions()
	began := time.Now()
	var next atomic.Int64
	var searching sync.WaitGroup
	for range atOnce {
		searching.Go(func() {
			for i := next.Add(1); i <= crowdSearch; i = next.Add(1) {
				h := hosts[int(i)%len(hosts)]
				if r, err := h.Search(t.Context(), small()); err != nil || len(r.Offers) != sellers {
					t.Errorf("search %d, by %s: %d offers, %v", i, h.Name, len(r.Offers), err)
				}
			}
		})
	}
	searching.Wait()
	took := time.Since(began)
	nowMessages, nowLookups := net.questions()
	t.Logf("nodes=%d searches=%d seconds=%.2f searches/s=%.0f messages/search=%.2f lookup-questions/search=%.2f",
		crowd, crowdSearch, took.Seconds(), crowdSearch/took.Seconds(),
		float64(nowMessages-messages)/crowdSearch, float64(nowLookups-lookups)/crowdSearch)
}

// TestSearchesOverTheRate has one node search faster than its traders let
// anybody ask. It has to wait; it never takes them for dead, nor the market
// for empty.
func TestSearchesOverTheRate(t *testing.T) {
	const sellers, searches, atOnce = 3, 400, 4
	net := &wires{rate: 50}
	w := nodetest.NewOver(t, net)
	defer w.Close()
	var hosts []*nodetest.Host
	for i := range sellers {
		hosts = append(hosts, w.Host(fmt.Sprintf("node%d", i)))
		hosts[i].Start()
	}
	b := buyer(w, "buyer")
	w.Until("the buyer finds all offers", func() bool { return len(search(t, b)) == sellers })
	for _, h := range hosts { // one that has no time for an offer is told of it again after 4 s
		w.Until("all traders hold the offer of "+h.Name, func() bool {
			st, err := h.Status(t.Context())
			return err == nil && st.Offer != nil && len(st.Offer.Holders) == sellers
		})
	}
	_, before := net.questions()
	var next atomic.Int64
	var searching sync.WaitGroup
	for range atOnce {
		searching.Go(func() {
			for i := next.Add(1); i <= searches; i = next.Add(1) {
				if r, err := b.Search(t.Context(), small()); err != nil || len(r.Offers) != sellers || r.Incomplete {
					t.Errorf("search %d: %d offers, %v, %s", i, len(r.Offers), err, r.IncompleteBy)
				}
			}
		})
	}
	searching.Wait()
	refused := uint64(0)
	for _, h := range net.hosts {
		refused += h.Stats().RejectedRate
	}
	if refused == 0 {
		t.Error("nobody had too much to do")
	}
	_, after := net.questions()
	t.Logf("%d questions refused, %d questions of lookups", refused, after-before)
}
