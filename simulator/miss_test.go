package simulator

import (
	"fmt"
	"time"

	"caravela/discovery"
	"caravela/market"
)

// why tells what the market knew of node i's offer.
func (s *Sim) why(i uint32, need market.Resources, class market.CPUClass, at time.Duration) string {
	own := s.nodes[i].machine.(*discovery.Peer).OwnOffer()
	if own.Offer == nil {
		return "no offer"
	}
	if !own.Offer.Free.Fits(need) {
		return "own offer stale"
	}
	out := fmt.Sprint("region depth ", own.Region.Depth, ":")
	saved := debug
	debug = nil
	defer func() { debug = saved }()
	for r := own.Region; ; r = r.Parent() {
		traders := s.c.Overlay.nearest(keyPoint(r.Key(s.net)), 3)
		for _, t := range traders {
			var o market.Outbox
			s.nodes[t].machine.Step(market.Time{Mono: at, Wall: Start.Add(at)}, market.Received{From: market.Ref{Peer: s.c.Overlay.id(i)}, Msg: &market.GetOffers{Region: r, Relay: true, Max: 1, Want: market.Want{Need: need, Class: class, Platform: platform}}}, &o)
			for _, x := range o.Sends {
				if a, ok := x.Msg.(*market.Offers); ok {
					k := ""
					if !a.Trader {
						k = "X"
					}
					if len(a.Offers) > 0 {
						k += "o"
					}
					for _, h := range a.Hints {
						if h.Summary.Region.Above(own.Region) && h.Summary.Region.Depth > r.Depth {
							k += "h"
						}
					}
					out += " " + k
				}
			}
		}
		out += " /"
		if r.Depth == 0 {
			return out
		}
	}
}
