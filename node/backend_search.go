package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/api"
	"caravela/discovery"
	"caravela/market"
)

// defaultLimit is how many offers an answer holds where the user does not say.
const defaultLimit = 20

// Search implements api.Backend.
func (n *Node) Search(ctx context.Context, req api.SearchRequest) (api.SearchResult, error) {
	w, err := n.want(req)
	if err != nil {
		return api.SearchResult{}, err
	}
	began := time.Now()
	o, rounds, err := n.ask(ctx, w)
	if err != nil {
		return api.SearchResult{}, err
	}
	r := n.result(&w, o, rounds)
	r.ElapsedUS = time.Since(began).Microseconds()
	limit := req.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	r.Offers = r.Offers[:min(len(r.Offers), limit)]
	return r, nil
}

// Explain implements api.Backend. The verdicts are on the offers that a
// search without conditions finds.
func (n *Node) Explain(ctx context.Context, req api.SearchRequest) (api.SearchResult, error) {
	r, err := n.Search(ctx, req)
	if err != nil {
		return r, err
	}
	w, err := n.want(req)
	if err != nil {
		return r, err
	}
	all, _, err := n.ask(ctx, market.Want{Platform: w.Platform, Term: time.Second, Strategy: w.Strategy})
	if err != nil {
		return r, err
	}
	r.Verdicts = []api.Verdict{}
	for _, o := range all.Offers {
		v := api.Verdict{Offer: n.offerOf(o.Offer, o.Addrs, "")}
		kind, _ := w.Miss(&o.Offer.Offer)
		if v.Fits = kind == market.MissNone; !v.Fits {
			var t market.Tally
			t.Look(&w, &o.Offer.Offer)
			v.Reason, v.Detail = kind.String(), missDetail(&w, t.Misses[0])
		}
		r.Verdicts = append(r.Verdicts, v)
	}
	return r, nil
}

// ask searches and leases nothing.
func (n *Node) ask(ctx context.Context, w market.Want) (found market.Outcome, rounds int, err error) {
	if err := n.inNetwork(); err != nil {
		return found, 0, err
	}
	q := n.requests.begin()
	defer q.end()
	spec := &market.Spec{Image: "none", Limits: w.Need}
	if err := n.loop.Post(ctx, market.Wanted{Ref: q.ref, Spec: spec, Want: w, Replicas: 1, Term: w.Term, DryRun: true}); err != nil {
		return found, 0, n.stopping(err)
	}
	before, end, err := q.wait(ctx, n.loop.Done())
	if err != nil {
		n.abandon(q.ref)
		return found, 0, n.stopping(err)
	}
	found = end
	for _, o := range before {
		if o.Kind == market.Searched {
			found = o
			rounds++
		}
	}
	if found.Tally == nil {
		found.Tally = &market.Tally{}
	}
	return found, rounds, nil
}

// result is a search in the API's words, the best offers first.
func (n *Node) result(w *market.Want, o market.Outcome, rounds int) api.SearchResult {
	r := api.SearchResult{
		Offers: []api.Candidate{}, WhyNot: []api.Tally{}, Regions: []api.Region{}, Rounds: rounds,
		OffersSeen: int(o.Tally.Offers), NodesSeen: int(o.Tally.Offers), Messages: o.Cover.Questions,
	}
	r.IncompleteBy = incompleteBy(o.Cover)
	r.Incomplete = r.IncompleteBy != ""
	offers := slices.Clone(o.Offers)
	slices.SortStableFunc(offers, func(x, y market.OfferAt) int {
		if c := cmp.Compare(w.Score(&x.Offer.Offer), w.Score(&y.Offer.Offer)); c != 0 {
			return c
		}
		return x.Offer.Supplier.Compare(y.Offer.Supplier)
	})
	rtt := n.latencies()
	for _, x := range offers {
		r.Offers = append(r.Offers, api.Candidate{
			Offer: n.offerOf(x.Offer, x.Addrs, ""), LatencyUS: rtt[x.Offer.Supplier].Microseconds(),
			Cost: api.CostOf(x.Offer.Terms, w.Need, w.Term),
		})
	}
	for _, m := range o.Tally.Misses {
		r.WhyNot = append(r.WhyNot, api.Tally{Reason: missName(m), Count: int(m.Count), Detail: missDetail(w, m)})
	}
	slices.SortStableFunc(r.WhyNot, func(a, b api.Tally) int { return b.Count - a.Count })
	if near := o.Tally.Near; near != nil && len(r.Offers) == 0 {
		m := market.Miss{Kind: near.Kind, Best: near.Have, Detail: near.Unit}
		r.Nearest = &api.NearMiss{
			Node: near.Supplier.String(), NodeName: near.Name, Misses: []string{near.Kind.String()},
			Detail: "misses only " + near.Kind.String(), Next: nearNext(m),
		}
	}
	for range o.Tally.Regions {
		r.Regions = append(r.Regions, api.Region{Name: w.Platform.String(), Traders: []string{}})
	}
	return r
}

// incompleteBy says what a search has not seen; "" if it has seen all.
func incompleteBy(c market.Coverage) string {
	var by []string
	if c.Silent > 0 {
		by = append(by, fmt.Sprintf("no trader of %s answered", regions(c.Silent)))
	}
	if c.Unasked > 0 {
		by = append(by, fmt.Sprintf("%s left out, for one search asks so many only", regions(c.Unasked)))
	}
	return strings.Join(by, "; ")
}

func regions(n int) string {
	if n == 1 {
		return "1 region"
	}
	return fmt.Sprintf("%d regions", n)
}

func missName(m market.Miss) string {
	if m.Kind == market.MissLabel {
		return "label"
	}
	return m.Kind.String()
}

// missDetail says what was there and what was needed.
func missDetail(w *market.Want, m market.Miss) string {
	switch m.Kind {
	case market.MissCPU:
		return fmt.Sprintf("largest free %v, need %v", market.MilliCPU(m.Best), w.Need.CPU)
	case market.MissMemory:
		return fmt.Sprintf("largest free %v, need %v", market.Bytes(m.Best), w.Need.Memory)
	case market.MissDisk:
		return fmt.Sprintf("largest free %v, need %v", market.Bytes(m.Best), w.Need.Disk)
	case market.MissReach:
		return "behind NAT: no port can be published there"
	case market.MissPrice:
		return priceDetail(w, m)
	}
	return m.Detail
}

// priceDetail compares the lowest price in one unit with what may be paid.
func priceDetail(w *market.Want, m market.Miss) string {
	unit := foreign(m.Detail, market.MaxUnit)
	lowest := fmt.Sprintf("cheapest %v %s/h", market.Micro(m.Best), unit)
	if w.Unit != "" && w.Unit != m.Detail {
		return lowest + ", not in " + w.Unit
	}
	return fmt.Sprintf("%s, at most %v %s/h", lowest, w.MaxPrice, unit)
}

// nearNext is the flag that would make the nearest offer fit.
func nearNext(m market.Miss) string {
	switch {
	case m.Kind == market.MissCPU && m.Best >= market.MinCPU:
		return fmt.Sprintf("--cpus %v", market.MilliCPU(m.Best))
	case m.Kind == market.MissMemory && m.Best >= int64(market.MinMemory):
		return fmt.Sprintf("-m %dm", m.Best/int64(market.MiB))
	case m.Kind == market.MissReach:
		return "the same without -p"
	case m.Kind == market.MissPrice:
		return fmt.Sprintf("--max-price %v/h", market.Micro(m.Best))
	}
	return ""
}

func (n *Node) latencies() map[market.PeerID]time.Duration {
	out := map[market.PeerID]time.Duration{}
	for _, c := range n.cfg.Transport.Peers() {
		out[c.Peer.ID] = c.RTT
	}
	return out
}

// offerOf is an offer in the API's words.
func (n *Node) offerOf(o *market.SignedOffer, addrs []string, region string) api.Offer {
	if addrs == nil {
		addrs = []string{}
	}
	return api.Offer{
		ID: offerID(o), Node: o.Supplier.String(), NodeName: o.Name, Seq: o.Seq, Free: api.ResourcesOf(o.Free),
		Total: api.ResourcesOf(o.Total), Platform: o.Platform.String(), CPUClass: o.Class.String(), Region: region,
		Labels: api.LabelsOf(o.Labels), Reach: o.Reach.String(), PortLow: int(o.PortLow), PortHigh: int(o.PortHigh),
		LongestMS: o.Longest.Milliseconds(), Terms: api.TermsOf(o.Terms), Can: orEmpty(o.Can), Topology: foreign(o.Topology, market.MaxTopology), Addrs: addrs, ExpiresAt: o.ValidUntil.Time(), Own: o.Supplier == n.self,
		LastSeenAt: time.Now().UTC(),
	}
}

func offerID(o *market.SignedOffer) string {
	h := sha256.Sum256(o.Envelope)
	return hex.EncodeToString(h[:])
}

// Offers implements api.Backend.
func (n *Node) Offers(ctx context.Context) ([]api.Offer, error) {
	var own discovery.OwnOffer
	var held []discovery.HeldOffer
	var at market.Time
	err := n.loop.Do(ctx, func(now market.Time) { own, held, at = n.cfg.Peer.OwnOffer(), n.cfg.Peer.Held(), now })
	if err != nil {
		return nil, n.stopping(err)
	}
	out := []api.Offer{}
	if own.Offer != nil {
		out = append(out, n.offerOf(own.Offer, n.ref().Addrs, own.Region.String()))
	}
	for _, h := range held {
		if h.Offer.Supplier == n.self {
			continue // the same once more
		}
		o := n.offerOf(h.Offer, h.Addrs, h.Region.String())
		o.LastSeenAt = at.Wall.Add(h.LastSeen - at.Mono).Time()
		out = append(out, o)
	}
	return out, nil
}

// Offer implements api.Backend.
func (n *Node) Offer(ctx context.Context, id string) (api.Offer, error) {
	all, err := n.Offers(ctx)
	if err != nil {
		return api.Offer{}, err
	}
	var found []api.Offer
	for _, o := range all {
		if strings.HasPrefix(o.ID, id) && id != "" {
			found = append(found, o)
		}
	}
	found = slices.CompactFunc(found, func(a, b api.Offer) bool { return a.ID == b.ID })
	switch len(found) {
	case 0:
		return api.Offer{}, api.Errorf(api.CodeNotFound, "no offer %q here", clip(id, 64)).WithNext("caravela offer ls")
	case 1:
		return found[0], nil
	}
	e := api.Errorf(api.CodeAmbiguous, "%d offers begin with %q", len(found), clip(id, 64)).WithNext("caravela offer ls")
	for _, o := range found {
		e.Matches = append(e.Matches, o.ID)
	}
	return api.Offer{}, e
}
