package realtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"caravela/market"
	"caravela/node/nodetest"
)

// brisk are parameters with which refreshes happen while a test runs.
func brisk(refresh time.Duration) func(market.NetworkID) market.Params {
	return func(n market.NetworkID) market.Params {
		p := market.DefaultParams(n)
		p.Refresh, p.OfferTTL, p.Resettle = refresh, 3*refresh, 12*refresh
		return p
	}
}

// nearest orders hosts: those first that trade in the root region.
func nearest(w *nodetest.World, hosts ...*nodetest.Host) []*nodetest.Host {
	key := market.RootRegion(market.Platform{OS: "linux", Arch: "amd64"}).Key(w.Network().ID())
	slices.SortFunc(hosts, func(a, b *nodetest.Host) int {
		if market.Nearer(a.ID, b.ID, key) {
			return -1
		}
		return 1
	})
	return hosts
}

// TestTradersAreKilledDuringSearches kills each of a region's three traders in
// turn, a refresh after the other, while two nodes search without a pause for
// offers that are older than a refresh. No search fails, none finds less.
func TestTradersAreKilledDuringSearches(t *testing.T) {
	const refresh = 2 * time.Second
	w := nodetest.NewWith(t, &wires{}, brisk(refresh))
	defer w.Close()
	var hosts []*nodetest.Host
	for i := range 11 {
		hosts = append(hosts, w.Host(fmt.Sprintf("node%d", i)))
	}
	nearest(w, hosts...)
	traders, spare, sellers, buyers := hosts[:3], hosts[3:6], hosts[6:9], hosts[9:]
	for _, h := range slices.Concat(traders, spare, buyers) {
		h.Sells = false
	}
	for _, h := range hosts {
		h.Start()
	}
	all := func() bool {
		return !slices.ContainsFunc(buyers, func(b *nodetest.Host) bool { return len(search(t, b)) < len(sellers) })
	}
	w.Until("the offers", all)
	for _, h := range traders {
		w.Until(h.Name+" trades", func() bool { return holds(t, h) == len(sellers) })
	}

	began, done := time.Now(), make(chan int)
	stop := make(chan struct{})
	for _, b := range buyers {
		go func() {
			n := 0
			defer func() { done <- n }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				n++
				r, err := b.Search(t.Context(), small())
				if err != nil || len(r.Offers) != len(sellers) {
					t.Errorf("%s, search %d, %v after the first: %d offers, %v", b.Name, n, time.Since(began), len(r.Offers), err)
				}
			}
		}()
	}
	for i, h := range traders {
		wait(time.Until(began.Add(time.Duration(i+1) * refresh * 3 / 2)))
		h.Kill()
	}
	for _, h := range spare {
		w.Until(h.Name+" trades in their place", func() bool { return holds(t, h) == len(sellers) })
	}
	wait(refresh)
	close(stop)
	n := <-done + <-done
	if n < killSearches {
		t.Errorf("%d searches only", n)
	}
	t.Logf("%d searches in %v", n, time.Since(began))
}

// holds is how many offers of others a node keeps.
func holds(t *testing.T, h *nodetest.Host) (n int) {
	t.Helper()
	list, err := h.Offers(t.Context())
	if err != nil {
		t.Errorf("%s: offers: %v", h.Name, err)
	}
	for _, o := range list {
		if !o.Own {
			n++
		}
	}
	return n
}

func wait(d time.Duration) { <-time.After(d) }
