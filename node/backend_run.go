package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"caravela/api"
	"caravela/market"
)

// Run implements api.Backend.
func (n *Node) Run(ctx context.Context, req api.RunRequest, emit func(api.RunEvent) error) error {
	if err := n.inNetwork(); err != nil {
		return err
	}
	w, err := n.wanted(req)
	if err != nil {
		return err
	}
	q := n.requests.begin()
	defer q.end()
	w.Ref = q.ref
	if err := n.loop.Post(ctx, w); err != nil {
		return n.stopping(err)
	}
	r := &run{node: n, req: req, want: w, emit: emit, waitUntil: time.Now().Add(w.Wait), silent: make(map[market.PeerID]bool)}
	err = r.follow(ctx, q)
	if err != nil && !r.over {
		n.abandon(q.ref)
	}
	return err
}

// abandon takes a request back, whoever has gone.
func (n *Node) abandon(ref uint64) {
	ctx, cancel := context.WithTimeout(n.crew.ctx, receiveWait)
	defer cancel()
	n.post(ctx, market.Abandon{Ref: ref})
}

// run is one request on its way to containers that run.
type run struct {
	node      *Node
	req       api.RunRequest
	want      market.Wanted
	emit      func(api.RunEvent) error
	waitUntil time.Time
	rounds    int
	found     *market.Outcome        // the last search
	units     []string               // leased, by replica
	over      bool                   // the machine is done with it
	silent    map[market.PeerID]bool // suppliers that the caller knows not to answer
}

// follow tells the caller what happens until the request is over.
func (r *run) follow(ctx context.Context, q *request) error {
	look := time.NewTicker(silenceLook)
	defer look.Stop()
	for {
		for _, o := range q.take() {
			r.over = o.Kind == market.Done || o.Kind == market.GaveUp
			if err := r.on(o); err != nil || r.over {
				return err
			}
		}
		select {
		case <-q.wake:
		case <-look.C:
			if err := r.listen(ctx); err != nil {
				return err
			}
		case <-r.node.loop.Done():
			return r.node.stopError()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// silenceLook is how often a run makes sure that its suppliers are there.
const silenceLook = 10 * time.Second

// listen tells the caller of suppliers that have leased and do not answer any
// more. The run goes on: they may come back, and a pull may take an hour.
func (r *run) listen(ctx context.Context) error {
	var list []*market.Bought
	var replicas []int
	for i, unit := range r.units {
		id, err := market.ParseLeaseID(unit)
		if err != nil {
			continue // not leased yet
		}
		if b, over, _ := r.node.board.boughtUnit(id); b != nil && !over {
			list, replicas = append(list, b), append(replicas, i)
		}
	}
	since := r.node.silent(ctx, list)
	for i, b := range list {
		p := b.Supplier.Peer
		if since[p].IsZero() {
			delete(r.silent, p)
		} else if !r.silent[p] {
			r.silent[p] = true
			ev := api.RunEvent{Type: api.RunSilent, At: time.Now().UTC(), Replica: replicas[i], Node: p.String(), NodeName: r.node.nodeName(p)}
			if err := r.emit(ev); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) on(o market.Outcome) error {
	ev := api.RunEvent{At: time.Now().UTC(), Replica: o.Replica}
	if o.Offer != nil {
		ev.Node, ev.NodeName = o.Offer.Supplier.String(), o.Offer.Name
	}
	switch o.Kind {
	case market.Searched:
		return r.searched(ev, o)
	case market.Asking:
		ev.Type = api.RunAsked
		if o.Offer != nil { // the price, before anything is signed
			cost := api.CostOf(o.Offer.Terms, r.want.Want.Need, r.want.Term)
			ev.Cost = &cost
		}
	case market.Refused:
		ev.Type, ev.Reason, ev.Detail = api.RunRefused, o.Reason.String(), o.Detail
		if o.Offer != nil {
			r.node.refused(o.Offer.Supplier, o)
		}
	case market.Holding:
		return r.holding(ev, o)
	case market.Leased:
		ev.Type, ev.Lease = api.RunLeased, r.leased(o)
		ev.Node, ev.NodeName = o.Lease.Supplier.String(), r.node.nodeName(o.Lease.Supplier)
	case market.Progress:
		r.progress(&ev, o)
	case market.GaveUp:
		return r.gaveUp(ev, o)
	case market.Done:
		return r.done(ev)
	}
	return r.emit(ev)
}

func (r *run) searched(ev api.RunEvent, o market.Outcome) error {
	r.rounds++
	r.found = &o
	ev.Type = api.RunSearching
	ev.Search = &api.SearchRound{Round: r.rounds, Regions: int(o.Tally.Regions), Offers: int(o.Tally.Offers)}
	if err := r.emit(ev); err != nil || len(o.Offers) > 0 || time.Now().After(r.waitUntil) {
		return err
	}
	result := r.node.result(&r.want.Want, o, r.rounds)
	return r.emit(api.RunEvent{Type: api.RunWaiting, At: ev.At, WhyNot: &result, RetryAt: ev.At.Add(retryHint)})
}

// retryHint is about when a request that waits searches again.
const retryHint = 3 * time.Second

func (r *run) leased(o market.Outcome) *api.Leased {
	l := &api.Leased{
		ContainerID: o.Unit.String(), Name: r.node.displayName(o.Unit), Resources: api.ResourcesOf(o.Lease.Resources),
		TermMS: o.Lease.Term().Milliseconds(), EndsAt: o.Lease.End.Time(), Renews: o.Lease.Renew == market.RenewAuto,
		Labels: []api.Label{}, LeaseID: o.Lease.ID.String(), Terms: api.TermsOf(o.Lease.Terms), Cost: costOf(o.Lease),
		MaxMicro: int64(o.Lease.MaxCost),
	}
	if o.Offer != nil {
		l.Labels = api.LabelsOf(o.Offer.Labels)
		l.Region = market.RootRegion(o.Offer.Platform).Child(o.Offer.Supplier).String()
	}
	for _, c := range r.node.cfg.Transport.Peers() {
		if c.Peer.ID == o.Lease.Supplier {
			l.LatencyUS, l.Relayed = c.RTT.Microseconds(), c.Relayed
		}
	}
	for len(r.units) <= o.Replica {
		r.units = append(r.units, "")
	}
	r.units[o.Replica] = l.ContainerID
	return l
}

// holding tells of the suppliers that keep something until all of a group is
// found.
func (r *run) holding(ev api.RunEvent, o market.Outcome) error {
	for i, h := range o.Holds {
		if h == nil {
			continue
		}
		ev.Type, ev.Replica, ev.Hold = api.RunHeld, o.Replica+i, holdOf(h)
		ev.Node, ev.NodeName = h.Supplier.String(), r.node.nodeName(h.Supplier)
		if err := r.emit(ev); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) progress(ev *api.RunEvent, o market.Outcome) {
	ev.Type = api.RunStatus
	life := api.LifeOf(o.Status.Status, true)
	ev.Status = &life
	ev.Node, ev.NodeName = o.Status.By.String(), r.node.nodeName(o.Status.By)
	if o.Status.State == market.Pulling {
		ev.Type, ev.Pull = api.RunPulling, pullProgress(r.req.Spec.Image, o.Status.Detail)
	}
}

// pullProgress reads what pullText wrote at the supplier.
func pullProgress(image, text string) *api.PullProgress {
	p := &api.PullProgress{Image: image, Detail: text}
	var done, total string
	if n, _ := fmt.Sscanf(text, "%d of %d layers, %s of %s", &p.LayersDone, &p.LayersTotal, &done, &total); n == 4 {
		d, derr := market.ParseBytes(done)
		t, terr := market.ParseBytes(total)
		if derr == nil && terr == nil {
			p.BytesDone, p.BytesTotal = int64(d), int64(t)
		}
	}
	return p
}

// done is the last event. A dry run ends with its plan.
func (r *run) done(ev api.RunEvent) error {
	if r.want.DryRun {
		if r.found == nil || len(r.found.Offers) == 0 {
			return r.noOffer(market.Outcome{Tally: r.tally()})
		}
		for i, c := range r.plan() {
			if err := r.emit(api.RunEvent{Type: api.RunPlanned, At: ev.At, Replica: i, Node: c.Node, NodeName: c.NodeName, Plan: &c}); err != nil {
				return err
			}
		}
	}
	ev.Type, ev.Containers = api.RunDone, slices.DeleteFunc(slices.Clone(r.units), func(s string) bool { return s == "" })
	return r.emit(ev)
}

// plan says which offers a run would begin with.
func (r *run) plan() []api.Candidate {
	all := r.node.result(&r.want.Want, *r.found, r.rounds).Offers
	var out []api.Candidate
	for len(out) < r.want.Replicas && len(all) > 0 {
		i := len(out)
		switch {
		case r.want.Together:
			i = 0
		case r.want.Apart && i >= len(all):
			return out
		}
		out = append(out, all[i%len(all)])
	}
	return out
}

func (r *run) tally() *market.Tally {
	if r.found != nil {
		return r.found.Tally
	}
	return nil
}

// gaveUp turns the end of a request without containers into an error. All of
// its replicas are taken back by then.
func (r *run) gaveUp(ev api.RunEvent, o market.Outcome) error {
	if api.CodeOfReason(o.Reason) == api.CodeNoOffer {
		return r.noOffer(o)
	}
	e := api.Errorf(api.CodeOfReason(o.Reason), "the container cannot run: %s", detailed(o.Reason, o.Detail))
	switch o.Reason {
	case market.ImageMissing:
		e = e.WithNext("push the image to a registry that suppliers reach, or name one that is there already")
	case market.PullFailed:
		e = e.WithNext("docker login REGISTRY, then caravela run --with-registry-auth; or try again")
	case market.Unreachable:
		e = e.WithNext("caravela doctor")
	case market.NoSuchHold:
		e = e.WithNext("caravela quote --hold IMAGE, for a new hold")
	default:
		e = e.WithNext("caravela run again with other settings, or caravela market explain")
	}
	for i, unit := range r.units {
		if unit == "" {
			continue
		}
		failed := api.RunEvent{Type: api.RunFailed, At: ev.At, Replica: i, Reason: o.Reason.String(), Detail: o.Detail, Failure: e}
		if err := r.emit(failed); err != nil {
			return err
		}
	}
	return e
}

func (r *run) noOffer(o market.Outcome) error {
	if o.Tally == nil {
		o.Tally = &market.Tally{}
	}
	result := r.node.result(&r.want.Want, o, r.rounds)
	e := api.Errorf(api.CodeNoOffer, "no offer fits").WithNext("caravela market explain, or ask for less")
	if o.Reason == market.PriceTooHigh {
		e = api.Errorf(api.CodeNoOffer, "no offer fits at this price").WithNext("caravela market explain, or a higher --max-price")
	}
	e.WhyNot = &result
	return e
}

func detailed(r market.Reason, detail string) string {
	if detail == "" {
		return r.String()
	}
	return r.String() + ": " + foreign(detail, market.MaxDetail)
}

// wanted translates a request.
func (n *Node) wanted(req api.RunRequest) (market.Wanted, error) {
	spec, err := req.Spec.Market()
	if err != nil {
		return market.Wanted{}, err
	}
	p := req.Policy
	if p.Replicas < 0 || p.Replicas > market.MaxReplicas {
		return market.Wanted{}, api.Errorf(api.CodeInvalid, "%d replicas; at most %d", p.Replicas, market.MaxReplicas)
	}
	for i := range max(1, p.Replicas) {
		if err := n.nameFree(market.ReplicaName(spec.Name, i, p.Replicas)); err != nil {
			return market.Wanted{}, err
		}
	}
	want, err := n.want(api.SearchRequest{
		Resources: req.Spec.Resources, Platform: req.Spec.Platform, CPUClass: p.CPUClass, Constraints: p.Constraints,
		Ports: req.Spec.Ports, Node: p.Node, Strategy: p.Strategy, LeaseTermMS: p.LeaseTermMS, MaxPrice: p.MaxPrice,
	})
	if err != nil {
		return market.Wanted{}, err
	}
	w := market.Wanted{
		Spec: &spec, Want: want, Replicas: max(1, p.Replicas), Apart: p.Placement == api.PlaceApart,
		Together: p.Placement == api.PlaceTogether, Term: want.Term, Renew: n.cfg.Buy.Renew, Auth: req.RegistryAuth,
		DryRun: p.DryRun, Wait: time.Duration(p.WaitForOfferMS) * time.Millisecond, MaxCost: market.Micro(p.MaxCostMicro),
	}
	if p.Hold != "" {
		if w.Hold, err = market.ParseLeaseID(p.Hold); err != nil {
			return w, invalid(err)
		}
	}
	switch {
	case w.MaxCost < 0 || w.MaxCost > market.MaxMicro:
		return w, api.Errorf(api.CodeInvalid, "a cost of at most %v", w.MaxCost)
	case p.Placement != "" && !w.Apart && !w.Together:
		return w, api.Errorf(api.CodeInvalid, "placement %q is neither spread nor colocate", p.Placement)
	case len(w.Auth) > market.MaxAuth:
		return w, api.Errorf(api.CodeInvalid, "registry credentials of %d bytes; at most %d", len(w.Auth), market.MaxAuth)
	case w.Wait < 0 || w.Wait > market.MaxTerm:
		return w, api.Errorf(api.CodeInvalid, "a wait of %v for an offer", w.Wait)
	}
	switch p.Renew {
	case "":
	case api.RenewAuto:
		w.Renew = market.RenewAuto
	case api.RenewNever:
		w.Renew = market.RenewNever
	default:
		return w, api.Errorf(api.CodeInvalid, "renew %q is neither auto nor never", p.Renew)
	}
	if size := len(market.EncodeSpec(&spec)); size > market.MaxSpecBytes {
		return w, api.Errorf(api.CodeInvalid, "the container's description has %d bytes; at most %d: shorten environment or command", size, market.MaxSpecBytes)
	}
	return w, nil
}

// want translates the part that offers are searched by.
func (n *Node) want(s api.SearchRequest) (market.Want, error) {
	w := market.Want{Need: s.Resources.Market(), Term: n.cfg.Buy.Term, Strategy: n.cfg.Buy.Strategy, Publishes: len(s.Ports) > 0}
	var err error
	if s.Platform != "" && s.Platform != "any" {
		if w.Platform, err = market.ParsePlatform(s.Platform); err != nil {
			return w, invalid(err)
		}
	}
	if s.CPUClass != "" && s.CPUClass != "any" {
		if w.Class, err = market.ParseCPUClass(s.CPUClass); err != nil {
			return w, invalid(err)
		}
	}
	if len(s.Constraints) > market.MaxConstraints {
		return w, api.Errorf(api.CodeInvalid, "%d constraints; at most %d", len(s.Constraints), market.MaxConstraints)
	}
	for _, text := range s.Constraints {
		c, err := market.ParseConstraint(text)
		if err != nil {
			return w, invalid(err)
		}
		w.Constraints = append(w.Constraints, c)
	}
	for _, p := range s.Ports {
		if p.HostPort != 0 {
			w.Ports = append(w.Ports, p.HostPort)
		}
	}
	switch s.Strategy {
	case "":
	case api.StrategyBinpack:
		w.Strategy = market.Binpack
	case api.StrategySpread:
		w.Strategy = market.Spread
	case api.StrategyCheapest:
		w.Strategy = market.Cheapest
	default:
		return w, api.Errorf(api.CodeInvalid, "strategy %q is neither binpack, spread nor cheapest", s.Strategy)
	}
	if err := s.MaxPrice.Validate(); err != nil {
		return w, err
	}
	if w.Unit = s.Unit; s.MaxHourlyMicro != nil {
		w.MaxPrice, w.MaxPriceSet = market.Micro(*s.MaxHourlyMicro), true
	}
	if s.LeaseTermMS != 0 {
		w.Term = time.Duration(s.LeaseTermMS) * time.Millisecond
	}
	switch {
	case !w.Need.Valid():
		return w, api.Errorf(api.CodeInvalid, "%v is beyond any machine", w.Need)
	case s.LeaseTermMS < 0 || w.Term < time.Second || w.Term > market.MaxTerm:
		return w, api.Errorf(api.CodeInvalid, "a lease of %v; at least 1s, at most %v", w.Term, market.MaxTerm)
	}
	return w, n.on(&w, s.Node)
}

// on limits a search to one supplier. A name that nobody here has heard of
// may still be in the offer that is looked for.
func (n *Node) on(w *market.Want, ref api.NodeRef) error {
	if ref == "" {
		return nil
	}
	id, err := n.resolveNode(ref)
	switch {
	case err == nil && n.board.account(id).Blocked:
		return api.Errorf(api.CodeNoOffer, "%s is blocked by you", clip(string(ref), 64)).WithNext("caravela peer unblock %s", clip(string(ref), 64))
	case err == nil:
		w.On = id
	case api.CodeOf(err) == api.CodeNotFound && market.ValidName(string(ref)) && len(w.Constraints) < market.MaxConstraints:
		w.Constraints = append(w.Constraints, market.Constraint{Key: "node.name", Value: string(ref)})
	default:
		return err
	}
	return nil
}

func invalid(err error) error { return api.Errorf(api.CodeInvalid, "%s", plainMarket(err)) }
