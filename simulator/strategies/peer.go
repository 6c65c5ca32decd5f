package strategies

import (
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
	"caravela/simulator"
)

// policy is what makes a strategy: how a buyer finds a supplier, and what a
// supplier tells of itself. It has the peer at hand, which launches, sells and
// stops in the same way for all strategies.
type policy interface {
	// changed says that the peer sells for the first time, or that what it
	// has free has changed.
	changed(p *peer, now market.Time, out *market.Outbox)
	// refused says that somebody asked for more than the peer has.
	refused(p *peer, now market.Time, out *market.Outbox)
	// search looks for a supplier for r, or for another one after a try
	// that failed: it asks somebody and sets r.until, or launches, or gives up.
	search(p *peer, now market.Time, r *request, out *market.Outbox)
	// receive takes the messages that the peer does not know.
	receive(p *peer, now market.Time, from market.Ref, m market.Message, out *market.Outbox)
	// found answers a lookup.
	found(p *peer, now market.Time, ev market.Found, out *market.Outbox)
	// tick is called at due, or soon after it.
	tick(p *peer, now market.Time, out *market.Outbox)
	due() time.Duration
}

// peer is a node of a strategy that is not the market's own. It sells and
// buys with the market's messages, but keeps nothing on disk.
type peer struct {
	discovery.Config
	rng    market.Rand
	stock  *market.Stock
	sells  bool
	sold   []sold
	open   []request
	bought []bought
	refs   uint64
	policy policy
}

type sold struct {
	lease *market.SignedLease
	buyer market.Ref
	ref   uint64 // the owner's order to remove it
}

type bought struct {
	unit     market.LeaseID
	supplier market.Ref
	ref      uint64 // the user's order under way
}

// request is a user's request under way.
type request struct {
	market.Wanted
	units  []market.LeaseID
	lease  *market.SignedLease // asked for, and not answered
	ask    []market.Ref        // to be asked yet
	tried  []market.PeerID     // refused, or hold a replica that must be apart
	lookup uint64              // under way
	asked  uint64              // the question under way
	rounds int
	until  time.Duration // of the question, lookup or launch under way
}

func newPeer(c discovery.Config, p policy) simulator.Participant {
	rng := market.Rand(c.Seed)
	return &peer{Config: c, rng: rng, policy: p, refs: uint64(1)<<60 | rng.Uint64()>>8}
}

// patience bounds the wait for any answer.
const patience = 5 * time.Second

// Free implements simulator.Participant.
func (p *peer) Free() market.Resources {
	free := p.stock.Total
	for i := range p.sold {
		free = free.Sub(p.sold[i].lease.Resources)
	}
	return free
}

// Deadline implements market.Machine.
func (p *peer) Deadline() time.Duration {
	d := p.policy.due()
	for i := range p.open {
		d = min(d, p.open[i].until)
	}
	return d
}

// Step implements market.Machine.
func (p *peer) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Supply:
		p.stock, p.sells = ev.Stock, ev.Selling
		p.policy.changed(p, now, out)
	case market.Wanted:
		p.open = append(p.open, request{Wanted: ev, until: market.Never})
		p.policy.search(p, now, &p.open[len(p.open)-1], out)
		p.sweep()
	case market.Ordered:
		p.onOrdered(ev, out)
	case market.Received:
		p.onReceived(now, ev.From, ev.Msg, out)
	case market.Undelivered:
		p.onUndelivered(now, ev, out)
	case market.Found:
		p.policy.found(p, now, ev, out)
	case market.UnitChanged:
		p.onUnitChanged(now, ev, out)
	case market.Tick:
		p.onTick(now, out)
	case market.Leave:
		p.sells = false
		p.policy.changed(p, now, out)
	}
}

func (p *peer) onTick(now market.Time, out *market.Outbox) {
	for i := 0; i < len(p.open); i++ {
		if r := &p.open[i]; r.until <= now.Mono {
			undo(r, out)
			p.failed(now, r, out)
		}
	}
	p.sweep()
	if p.policy.due() <= now.Mono {
		p.policy.tick(p, now, out)
	}
}

func (p *peer) onReceived(now market.Time, from market.Ref, m market.Message, out *market.Outbox) {
	switch m := m.(type) {
	case *market.LaunchContainer:
		p.onLaunch(now, from, m, out)
	case *market.Grant:
		p.onGrant(now, from, m, out)
	case *market.Refusal:
		if r := p.leasing(m.Lease); r != nil {
			p.failed(now, r, out)
		}
	case *market.StopContainer:
		p.onStop(from, m, out)
	case *market.StopAck:
		p.onStopAck(m, out)
	default:
		p.policy.receive(p, now, from, m, out)
	}
	p.sweep()
}

// launch asks a supplier for a lease.
func (p *peer) launch(now market.Time, r *request, to market.Ref, out *market.Outbox) {
	r.lease = p.Sealer.Lease(market.Lease{
		Network: p.Network, Buyer: p.Self, Supplier: to.Peer, Nonce: p.rng.Uint64(), Resources: r.Want.Need, Image: r.Spec.Image,
		Start: now.Wall, End: now.Wall.Add(p.Params.Term), Renew: market.RenewNever,
	})
	r.until = now.Mono + p.Params.Grant
	out.Send(to, &market.LaunchContainer{Lease: r.lease, Spec: r.Spec})
}

// undo takes a launch back of which nobody knows whether it was granted.
func undo(r *request, out *market.Outbox) {
	if r.lease != nil {
		out.Send(market.Ref{Peer: r.lease.Supplier}, &market.StopContainer{Unit: r.lease.ID, Op: market.OpRemove})
	}
}

// failed goes on after a try that came to nothing.
func (p *peer) failed(now market.Time, r *request, out *market.Outbox) {
	if r.lease != nil {
		r.tried = append(r.tried, r.lease.Supplier)
	}
	r.lease, r.until, r.lookup, r.asked = nil, market.Never, 0, 0
	p.policy.search(p, now, r, out)
}

// giveUp ends a request; a request with replicas below 0 is over.
func (p *peer) giveUp(r *request, out *market.Outbox) {
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.Ref, Kind: market.GaveUp, Reason: market.NoCapacity, Tally: &market.Tally{}})
	for _, u := range r.units {
		p.remove(u, 0, out)
	}
	r.Replicas, r.until = -1, market.Never
}

func (p *peer) onGrant(now market.Time, from market.Ref, m *market.Grant, out *market.Outbox) {
	r := p.leasing(m.Lease.ID)
	if r == nil { // it came too late
		out.Send(from, &market.StopContainer{Unit: m.Lease.ID, Op: market.OpRemove})
		return
	}
	p.bought = append(p.bought, bought{unit: m.Lease.ID, supplier: from})
	r.units = append(r.units, m.Lease.ID)
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.Ref, Kind: market.Leased, Replica: len(r.units) - 1, Unit: m.Lease.ID, Lease: m.Lease})
	if len(r.units) == r.Replicas {
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: r.Ref, Kind: market.Done})
		r.Replicas, r.until = -1, market.Never
		return
	}
	if r.Apart {
		r.tried = append(r.tried, from.Peer)
	}
	r.lease, r.until, r.rounds = nil, market.Never, 0
	p.policy.search(p, now, r, out)
}

// sweep forgets the requests that are over.
func (p *peer) sweep() {
	p.open = slices.DeleteFunc(p.open, func(r request) bool { return r.Replicas < 0 })
}

func (p *peer) leasing(id market.LeaseID) *request {
	for i := range p.open {
		if r := &p.open[i]; r.lease != nil && r.lease.ID == id {
			return r
		}
	}
	return nil
}

func (p *peer) onUndelivered(now market.Time, ev market.Undelivered, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.LaunchContainer:
		if r := p.leasing(m.Lease.ID); r != nil {
			undo(r, out)
			p.failed(now, r, out)
		}
	case *market.GetOffers:
		if r := p.asking(m.Ref); r != nil {
			p.failed(now, r, out)
		}
	case *market.UpdateOffer, *market.CreateOffer:
		p.policy.changed(p, now, out)
	case *market.StopContainer:
		if p.rng.IntN(4) > 0 { // a few times, for it may be down
			out.Send(market.Ref{Peer: ev.To}, m)
		}
	}
	p.sweep()
}

// asking is the request that a question was asked for.
func (p *peer) asking(ref uint64) *request {
	for i := range p.open {
		if r := &p.open[i]; ref != 0 && r.asked == ref {
			return r
		}
	}
	return nil
}

// looking is the request that a lookup was made for.
func (p *peer) looking(ref uint64) *request {
	for i := range p.open {
		if r := &p.open[i]; ref != 0 && r.lookup == ref {
			return r
		}
	}
	return nil
}

// question asks a peer for offers.
func (p *peer) question(now market.Time, r *request, to market.Ref, region market.Region, most int, out *market.Outbox) {
	p.refs++
	r.asked, r.until = p.refs, now.Mono+patience
	out.Send(to, &market.GetOffers{Ref: r.asked, Region: region, Want: r.Want, Max: most})
}

// find looks the n peers nearest to a key up for a request.
func (p *peer) find(now market.Time, r *request, key market.Key, n int, out *market.Outbox) {
	p.refs++
	r.lookup, r.until = p.refs, now.Mono+time.Minute
	out.Lookups = append(out.Lookups, market.Lookup{Ref: r.lookup, Key: key, N: n})
}

// offer is what this peer sells now.
func (p *peer) offer() *market.SignedOffer {
	p.refs++
	return p.Sealer.Offer(market.Offer{
		Network: p.Network, Supplier: p.Self, Seq: p.refs, Free: p.Free(), Wares: &p.stock.Wares,
	})
}
