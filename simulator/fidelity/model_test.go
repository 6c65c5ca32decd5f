//go:build real

package fidelity

import (
	"math/rand/v2"
	"testing"
	"time"

	"caravela/discovery"
	"caravela/market"
	"caravela/simulator"
)

// simulated runs the script on n nodes of the simulator.
func simulated(t *testing.T, n int) *cost {
	c := &cost{kinds: map[string]float64{}}
	cfg := simulator.DefaultConfig()
	cfg.Nodes, cfg.Workers = n, 1
	cfg.Network = simulator.Network{Latency: [][]time.Duration{{oneWay}}}
	cfg.Load = simulator.Load{
		Machines: []simulator.Machine{{Class: 1, CPU: 4000, Memory: 8 * market.GiB, Share: 10000}},
		Profiles: []simulator.Profile{{Class: 1, CPU: 500, Memory: 64 * market.MiB, Share: 10000, Strategy: market.Spread}},
		Warmup:   settle, Arrivals: simulator.Trace,
	}
	r := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range requests {
		cfg.Load.Trace = append(cfg.Load.Trace, simulator.Arrival{At: time.Duration(i) * every, Node: int64(r.IntN(n))})
	}
	cfg.Duration = settle + requests*every
	cfg.Machine = func(d discovery.Config) simulator.Participant { return watched{discovery.New(d), d.Self, c} }
	m := simulator.New(cfg).Run(t.Context())
	c.placed, c.lookups, c.latency = m.Placed, m.Lookups, m.Latency
	for _, x := range m.Messages {
		c.messages += int(x)
	}
	for kind := range c.kinds {
		c.kinds[kind] /= requests
	}
	return c
}

// watched is a peer whose messages are counted once the script has begun.
type watched struct {
	*discovery.Peer
	self market.PeerID
	cost *cost
}

func (w watched) Step(now market.Time, ev market.Event, out *market.Outbox) {
	w.Peer.Step(now, ev, out)
	if now.Mono < settle {
		return
	}
	for i := range out.Sends {
		if out.Sends[i].To.Peer == w.self {
			continue // nothing leaves the node
		}
		w.cost.kinds[kindOf(out.Sends[i].Msg)]++
	}
}
