package discoverytest

import (
	"fmt"

	"caravela/market"
)

// Check holds the world against what must always be true: no core is sold
// twice, what is free and what is leased make up the stock, and a deadline
// does not lie in the past for ever.
func (w *World) Check() error {
	for _, n := range w.Nodes {
		if !n.Up || !n.Selling {
			continue
		}
		sum := n.Peer.Free()
		for _, s := range n.Peer.Sold() {
			if s.Status == nil || s.Status.State != market.Ended {
				sum = sum.Add(s.Lease.Resources)
			}
		}
		if sum != n.Stock.Total {
			return fmt.Errorf("%s: free and leased are %v, the stock is %v", n.Name, sum, n.Stock.Total)
		}
		if o := n.Peer.OwnOffer().Offer; o != nil && !n.Stock.Total.Fits(o.Free) {
			return fmt.Errorf("%s offers %v of %v", n.Name, o.Free, n.Stock.Total)
		}
	}
	return nil
}

// Settled holds the world against what must be true once nothing is on its
// way any more: each container has a lease, each lease that lives has its
// container, and both sides know it.
func (w *World) Settled() error {
	for _, n := range w.Nodes {
		for u := range n.Engine.Units {
			if s := n.sold(u); s == nil || s.Status != nil && s.Status.State == market.Ended {
				return fmt.Errorf("%s runs %s without a lease", n.Name, u.Short())
			}
		}
		if !n.Up {
			continue
		}
		for _, s := range n.Peer.Sold() {
			live := s.Status != nil && (s.Status.State.Live() || s.Status.State == market.Stopped)
			if _, runs := n.Engine.Units[s.Lease.Unit()]; live && !runs {
				return fmt.Errorf("%s says that %s is %v, but its container is gone", n.Name, s.Lease.Unit().Short(), s.Status.State)
			}
			buyer := w.byID(s.Lease.Buyer)
			if live && buyer.Up && buyer.bought(s.Lease.Unit()) == nil {
				return fmt.Errorf("%s runs %s for %s, who does not know it", n.Name, s.Lease.Unit().Short(), buyer.Name)
			}
		}
	}
	return nil
}

func (n *Node) sold(u market.LeaseID) *market.Sold {
	for _, s := range n.Peer.Sold() {
		if s.Lease.Unit() == u {
			return s
		}
	}
	return nil
}

func (n *Node) bought(u market.LeaseID) *market.Bought {
	for _, s := range n.Peer.Bought() {
		if s.Lease.Unit() == u {
			return s
		}
	}
	return nil
}
