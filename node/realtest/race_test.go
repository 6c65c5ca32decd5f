package realtest

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
)

// lanes are races side by side: each has a seller of one core of its own, and
// every lane's two requests come from the same two buyers.
const lanes = 8

// TestRaceForTheLastCore lets two buyers run for the last core, again and
// again: exactly one gets it each time. Where the market has another offer the
// loser gets that one, and elsewhere a typed reason; and no lease stays.
func TestRaceForTheLastCore(t *testing.T) {
	w := nodetest.NewOver(t, &wires{})
	defer w.Close()
	buyers := [2]*nodetest.Host{buyer(w, "left"), buyer(w, "right")}
	var sellers []*nodetest.Host
	sell := func(lane string, cores market.MilliCPU) {
		h := w.Host(fmt.Sprintf("%s-%d", lane, cores))
		h.Labels, h.Sale.CPU = []market.Label{{Key: "lane", Value: lane}}, cores
		h.Start()
		sellers = append(sellers, h)
	}
	for i := range lanes {
		sell(lane(i), 1000)
	}
	sell("wide", 1000)
	sell("wide", 4000)

	all := append(slices.Clone(sellers), buyers[:]...)
	var running sync.WaitGroup
	running.Go(func() { // binpack: both want the full node first
		for round := range races / 2 {
			w.Until("two offers for the race", func() bool { return inLane(t, all, buyers, "wide", sellers[lanes:]...) })
			ids, why := race(t, round, buyers, "wide", api.StrategyBinpack)
			if ids[0] == "" || ids[1] == "" {
				t.Errorf("round %d: a buyer got none of two offers: %v", round, why)
			}
			release(t, buyers, ids)
		}
	})
	for i := range lanes {
		running.Go(func() {
			for round := i; round < races/2; round += lanes {
				w.Until("an offer for the race", func() bool { return inLane(t, all, buyers, lane(i), sellers[i]) })
				ids, why := race(t, round, buyers, lane(i), api.StrategySpread)
				if (ids[0] == "") == (ids[1] == "") {
					t.Errorf("round %d in %s: leases %q, %v", round, lane(i), ids, why)
				}
				release(t, buyers, ids)
			}
		})
	}
	running.Wait()
	for _, s := range sellers {
		w.Until("nothing is left at "+s.Name, func() bool {
			st, err := s.Status(t.Context())
			return err == nil && len(s.Units()) == 0 && st.Offer != nil && st.Offer.Leased.MilliCPU == 0 && st.Leases.Sold == 0
		})
	}
	for _, b := range buyers {
		if list, err := b.Containers(t.Context(), api.ListOptions{All: true}); err != nil || len(list) != 0 {
			t.Errorf("%s is left with %d leases, %v", b.Name, len(list), err)
		}
	}
}

func lane(i int) string { return fmt.Sprintf("lane%d", i) }

// race has both buyers ask at once and returns what they got, "" for nothing,
// and why.
func race(t *testing.T, round int, buyers [2]*nodetest.Host, lane string, by api.Strategy) (ids [2]string, why [2]error) {
	req := nodetest.Request("sleep")
	req.Spec.Resources.MilliCPU = 1000
	req.Policy.Strategy, req.Policy.Constraints = by, []string{"lane==" + lane}
	var both sync.WaitGroup
	for i, b := range buyers {
		both.Go(func() {
			id, _, err := b.Run(t.Context(), req)
			switch why[i] = err; {
			case err == nil:
				ids[i] = id
			case api.CodeOf(err) != api.CodeNoOffer:
				t.Errorf("round %d in %s: %s is told %v (%s)", round, lane, b.Name, err, api.CodeOf(err))
			}
		})
	}
	both.Wait()
	return ids, why
}

func release(t *testing.T, buyers [2]*nodetest.Host, ids [2]string) {
	for i, id := range ids {
		if id == "" {
			continue
		}
		if err := buyers[i].Remove(t.Context(), api.ContainerRef(id), api.RemoveOptions{Force: true}); err != nil {
			t.Errorf("%s: remove: %v", buyers[i].Name, err)
		}
	}
}

// inLane reports whether the sellers have nothing leased out, and every node
// that holds their offers has the newest: an older one, from before a lease has
// ended, shows nothing to a buyer that asks this node.
func inLane(t *testing.T, hosts []*nodetest.Host, buyers [2]*nodetest.Host, lane string, sellers ...*nodetest.Host) bool {
	newest := map[string]uint64{}
	for _, s := range sellers {
		st, err := s.Status(t.Context())
		if err != nil || st.Offer == nil || st.Offer.Leased.MilliCPU > 0 || st.Leases.Sold > 0 {
			return false
		}
		newest[st.Offer.Node] = st.Offer.Seq
	}
	for _, h := range hosts {
		held, err := h.Offers(t.Context())
		if err != nil {
			t.Errorf("%s: offers: %v", h.Name, err)
		}
		for _, o := range held {
			if seq, ours := newest[o.Node]; ours && o.Seq != seq {
				return false
			}
		}
	}
	for _, b := range buyers {
		r, err := b.Search(t.Context(), api.SearchRequest{
			Resources:   api.Resources{MilliCPU: 1000, MemoryBytes: int64(64 * market.MiB)},
			Constraints: []string{"lane==" + lane},
		})
		if err != nil {
			t.Errorf("%s: search: %v", b.Name, err)
		}
		found := map[string]uint64{}
		for _, o := range r.Offers {
			found[o.Node] = o.Seq
		}
		if !maps.Equal(found, newest) {
			return false
		}
	}
	return true
}
