package node

import (
	"context"
	"slices"

	"caravela/api"
	"caravela/market"
)

// Quote implements api.Backend.
func (n *Node) Quote(ctx context.Context, req api.QuoteRequest) (api.Quote, error) {
	if err := n.inNetwork(); err != nil {
		return api.Quote{}, err
	}
	req.Policy.DryRun = true
	w, err := n.wanted(api.RunRequest{Spec: req.Spec, Policy: req.Policy})
	if err != nil {
		return api.Quote{}, err
	}
	w.Quote = req.Hold
	q := n.requests.begin()
	defer q.end()
	w.Ref = q.ref
	if err := n.loop.Post(ctx, w); err != nil {
		return api.Quote{}, n.stopping(err)
	}
	before, end, err := q.wait(ctx, n.loop.Done())
	if err != nil {
		n.abandon(q.ref)
		return api.Quote{}, n.stopping(err)
	}
	r := &run{node: n, req: api.RunRequest{Spec: req.Spec, Policy: req.Policy}, want: w}
	var holds []*market.SignedHold
	for _, o := range before {
		switch o.Kind {
		case market.Searched:
			r.rounds, r.found = r.rounds+1, &o
		case market.Holding:
			holds = append(holds, o.Holds...)
		}
	}
	return r.quote(end, holds)
}

// quote is the answer: what is held, or what a run would begin with.
func (r *run) quote(end market.Outcome, holds []*market.SignedHold) (api.Quote, error) {
	q := api.Quote{Parts: []api.QuotePart{}, TermMS: r.want.Term.Milliseconds(), Totals: []api.Cost{}}
	holds = slices.DeleteFunc(holds, func(h *market.SignedHold) bool { return h == nil })
	found := r.found != nil && len(r.found.Offers) > 0
	switch {
	case end.Kind == market.GaveUp && end.Reason != market.NoReason && api.CodeOfReason(end.Reason) != api.CodeNoOffer:
		return q, api.Errorf(api.CodeOfReason(end.Reason), "nothing can be quoted: %s", detailed(end.Reason, end.Detail)).WithNext("caravela market explain")
	case !found || r.want.Quote && len(holds) < r.want.Replicas:
		if end.Tally == nil {
			end.Tally = r.tally()
		}
		return q, r.noOffer(end)
	}
	for i, c := range r.plan() {
		part := api.QuotePart{Replica: i, Offer: c.Offer, Cost: c.Cost}
		if r.want.Quote {
			part = r.held(i, holds[i])
		}
		q.Parts = append(q.Parts, part)
	}
	for i := len(q.Parts); r.want.Quote && i < len(holds); i++ {
		q.Parts = append(q.Parts, r.held(i, holds[i]))
	}
	q.Totals = totals(q.Parts)
	return q, nil
}

// held is the part that a supplier has promised, with the offer it stands in.
func (r *run) held(i int, h *market.SignedHold) api.QuotePart {
	part := api.QuotePart{Replica: i, Hold: holdOf(h), Cost: api.CostOf(h.Terms, h.Resources, r.want.Term)}
	for _, o := range r.found.Offers {
		if o.Offer.Supplier == h.Supplier {
			part.Offer = r.node.offerOf(o.Offer, o.Addrs, "")
		}
	}
	if part.Offer.Node == "" {
		part.Offer.Node, part.Offer.NodeName = h.Supplier.String(), r.node.nodeName(h.Supplier)
	}
	return part
}

func holdOf(h *market.SignedHold) *api.Hold {
	return &api.Hold{ID: h.ID.String(), UntilAt: h.Until.Time()}
}

// totals sums costs by unit, in the order of the parts.
func totals(parts []api.QuotePart) []api.Cost {
	out := []api.Cost{}
	for _, p := range parts {
		i := slices.IndexFunc(out, func(c api.Cost) bool { return c.Unit == p.Cost.Unit })
		if i < 0 {
			out = append(out, api.Cost{Unit: p.Cost.Unit})
			i = len(out) - 1
		}
		out[i].HourlyMicro += p.Cost.HourlyMicro
		out[i].StartMicro += p.Cost.StartMicro
		out[i].TermMicro += p.Cost.TermMicro
	}
	return out
}
