package apitest

import (
	"context"
	"fmt"
	"strings"

	"caravela/api"
)

// offer returns the offer of a node of this world. The caller holds the lock.
func (n *Fake) offer(node string) api.Offer {
	o := api.Offer{
		ID: strings.Repeat("0c", 32), Node: node, NodeName: "cedar", Seq: 1, Free: cedarTotal, Total: cedarTotal,
		Platform: "linux/amd64", CPUClass: "v3", Region: "linux/amd64/v3/cpu2/mem8192", Reach: "local",
		Labels: []api.Label{{Key: "region", Value: "eu"}}, PortLow: 8000, PortHigh: 9000, LongestMS: 86400000,
		Addrs: []string{"/ip4/10.0.0.2/tcp/7401"}, ExpiresAt: day, LastSeenAt: day,
		Terms: terms(), Can: []string{"exec"}, Topology: "4 cores, 8 threads",
	}
	if node == SelfID {
		o.ID, o.NodeName, o.Own = strings.Repeat("0a", 32), "oak", true
		o.Free = api.Resources{MilliCPU: 1000, MemoryBytes: 1 << 30}
		o.Total = o.Free
		return o
	}
	for _, c := range n.containers {
		o.Free.MilliCPU -= c.Resources.MilliCPU
		o.Free.MemoryBytes -= c.Resources.MemoryBytes
		o.Free.DiskBytes -= c.Resources.DiskBytes
	}
	return o
}

// Offers implements api.Backend.
func (n *Fake) Offers(context.Context) ([]api.Offer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return []api.Offer{n.offer(SelfID), n.offer(CedarID)}, nil
}

// Offer implements api.Backend.
func (n *Fake) Offer(_ context.Context, id string) (api.Offer, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []api.Offer
	for _, node := range []string{SelfID, CedarID} {
		if o := n.offer(node); strings.HasPrefix(o.ID, id) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return api.Offer{}, api.Errorf(api.CodeNotFound, "no offer %q", id).WithNext("caravela offer ls")
	case 1:
		return found[0], nil
	}
	e := api.Errorf(api.CodeAmbiguous, "%d offers begin with %q", len(found), id)
	for _, o := range found {
		e.Matches = append(e.Matches, o.ID)
	}
	return api.Offer{}, e
}

// Search implements api.Backend.
func (n *Fake) Search(_ context.Context, req api.SearchRequest) (api.SearchResult, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.search(req.Resources), nil
}

// Explain implements api.Backend.
func (n *Fake) Explain(_ context.Context, req api.SearchRequest) (api.SearchResult, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.search(req.Resources)
	v := api.Verdict{Offer: n.offer(CedarID), Fits: len(r.Offers) > 0}
	if !v.Fits {
		v.Reason, v.Detail = r.WhyNot[0].Reason, r.WhyNot[0].Detail
	}
	r.Verdicts = []api.Verdict{v}
	return r, nil
}

// search asks cedar alone. The caller holds the lock.
func (n *Fake) search(need api.Resources) api.SearchResult {
	o := n.offer(CedarID)
	r := api.SearchResult{
		Offers: []api.Candidate{}, WhyNot: []api.Tally{}, Rounds: 1, Messages: 1, OffersSeen: 1, NodesSeen: 1, ElapsedUS: 900,
		Regions: []api.Region{{Name: o.Region, Traders: []string{CedarID}, Offers: 1, Known: true}},
	}
	if o.Free.Market().Fits(need.Market()) {
		r.Offers = append(r.Offers, api.Candidate{Offer: o, LatencyUS: 18000, Cost: cost(need)})
		r.Regions[0].Fit = 1
		return r
	}
	what := "cpu"
	if need.MemoryBytes > o.Free.MemoryBytes {
		what = "memory"
	}
	detail := fmt.Sprintf("largest free %v, need %v", o.Free.Market(), need.Market())
	r.WhyNot = append(r.WhyNot, api.Tally{Reason: what, Count: 1, Detail: detail})
	r.Nearest = &api.NearMiss{Node: CedarID, NodeName: "cedar", Misses: []string{what}, Detail: detail}
	return r
}
