package simulator

import (
	"time"

	"caravela/market"
)

// fault is what a node does wrong; it has one at most.
type fault uint8

const (
	honest fault = iota
	slow
	silent
	boaster
	refuser
	stale
	overbiller
	mispricer
	noShow
	replayer
	deadbeat
	quitter
)

// cheats reports whether a node is dishonest about money.
func (f fault) cheats() bool { return f >= overbiller }

// boast is how many times what it has a boaster offers.
const boast = 10

// of draws a node's fault.
func (f *Faults) of(i uint32, seed uint64) fault {
	x := int(mix(uint64(i), seed, 6) % million)
	for k, share := range []int{f.Slow, f.Silent, f.Boasters, f.Refusers, f.Stale,
		f.Overbillers, f.Mispricers, f.NoShows, f.Replayers, f.Deadbeats, f.Quitters} {
		if x -= share; x < 0 {
			return fault(k + 1)
		}
	}
	return honest
}

// offered is what a node says that it has.
func (n *node) offered() market.Resources {
	if n.fault == boaster {
		return n.total().Scale(boast)
	}
	return n.total()
}

// spare is what a node really has left.
func (n *node) spare() market.Resources {
	if n.fault != boaster {
		return n.machine.Free()
	}
	leased := n.offered().Sub(n.machine.Free())
	left := n.total().Sub(leased)
	return market.Resources{CPU: max(0, left.CPU), Memory: max(0, left.Memory)}
}

// fault answers in the place of a node's peer, and reports whether it did.
func (p *part) fault(n *node, ev market.Event) bool {
	if n.fault != refuser {
		return false
	}
	r, ok := ev.(market.Received)
	if !ok {
		return false
	}
	m, ok := r.Msg.(*market.LaunchContainer)
	if ok {
		p.out.Send(r.From, &market.Refusal{Lease: m.Lease.ID, Reason: market.NoCapacity, Free: n.total()})
	}
	return ok
}

// swallow reports whether a node with a fault does not send a message; a
// stale trader changes it.
func (p *part) swallow(n *node, s *market.Send) bool {
	switch n.fault {
	case silent:
		switch s.Msg.(type) {
		case *market.Offers, *market.Grant, *market.Refusal, *market.OfferAck, *market.RefreshAck, *market.StopAck, *market.StatusAck:
			return true
		}
	case stale:
		if m, ok := s.Msg.(*market.Offers); ok {
			s.Msg = p.outdated(n, m)
		}
	default:
		return p.cheat(n, s)
	}
	return false
}

// staleFor is for how long a stale trader repeats itself.
const staleFor = 10 * time.Minute

// oldAnswer is what a stale trader once said.
type oldAnswer struct {
	at     time.Duration
	answer *market.Offers
}

// outdated is an answer of up to staleFor ago to a question of now.
func (p *part) outdated(n *node, m *market.Offers) *market.Offers {
	if p.old == nil {
		p.old = map[uint32]oldAnswer{}
	}
	o, ok := p.old[n.index]
	if !ok || o.answer.Region != m.Region || p.at-o.at > staleFor {
		p.old[n.index] = oldAnswer{p.at, m}
		return m
	}
	again := *o.answer
	again.Ref = m.Ref
	return &again
}

// delay is how much later than now a message leaves a node: a slow node
// thinks, and an uplink sends one message after the other.
func (s *Sim) delay(n *node, bytes int, now time.Duration) (d time.Duration) {
	if n.fault == slow {
		d = s.c.Faults.Delay/2 + time.Duration(mix(uint64(n.index), uint64(n.counter))%uint64(s.c.Faults.Delay+1))
	}
	if s.c.Network.Bandwidth == 0 {
		return d
	}
	n.busy = max(n.busy, now) + time.Duration(int64(bytes)*int64(time.Second)/s.c.Network.Bandwidth)
	return d + n.busy - now
}

// start has the engine run a unit, and returns the engine's word on it.
func (p *part) start(n *node, r *market.Run) market.UnitChanged {
	for _, u := range n.running {
		if u == r.Unit {
			return market.UnitChanged{Unit: r.Unit, State: market.Running}
		}
	}
	switch {
	case r.Adopt:
		return market.UnitChanged{Unit: r.Unit, State: market.Lost, Reason: market.Vanished}
	case p.s.chance(n, 8+uint64(n.counter)<<8)%million < uint64(p.s.c.Faults.EngineFail), n.fault == boaster && !p.holds(n, r):
		p.counts.engine++
		return market.UnitChanged{Unit: r.Unit, State: market.Failed, Reason: market.StartFailed}
	}
	n.running = append(n.running, r.Unit)
	return market.UnitChanged{Unit: r.Unit, State: market.Running}
}

// holds reports whether a boaster can really run one unit more.
func (p *part) holds(n *node, r *market.Run) bool {
	left := n.total()
	if peer, ok := n.machine.(inspectable); ok {
		for _, sold := range peer.Sold() {
			for _, u := range n.running {
				if u == sold.Lease.Unit() {
					left = left.Sub(sold.Lease.Resources)
				}
			}
		}
	}
	return left.Fits(r.Spec.Limits)
}
