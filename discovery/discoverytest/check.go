package discoverytest

import (
	"fmt"

	"caravela/market"
)

const maxSpins = 64

// Check returns the first rule that any step has broken.
func (w *World) Check() error { return w.Err }

func (w *World) fail(format string, a ...any) {
	if w.Err == nil {
		w.Err = fmt.Errorf("%v: "+format, append([]any{w.now}, a...)...)
	}
}

// watchSpin notices a machine whose deadline stays in the past.
func (w *World) watchSpin(n *Node, ev market.Event) {
	if _, tick := ev.(market.Tick); !tick || n.Peer.Deadline() > w.now {
		n.spins = 0
		return
	}
	if n.spins++; n.spins > maxSpins {
		w.fail("%s ticks for ever: its deadline stays at %v", n.Name, n.Peer.Deadline())
	}
}

// checkNode holds a node against what must be true after every step: no core
// is sold twice, and what is free and what is leased make up the stock.
func (w *World) checkNode(n *Node) {
	if !n.Up {
		return
	}
	w.ghost.held(w, n)
	if !n.told {
		return
	}
	var leased market.Resources
	for _, s := range n.Peer.Sold() {
		if s.Status == nil || s.Status.State != market.Ended {
			leased = leased.Add(s.Lease.Resources)
		}
	}
	for _, h := range n.Peer.Holds() {
		leased = leased.Add(h.Resources)
	}
	free := n.Peer.Free()
	switch {
	case !n.Stock.Total.Fits(leased):
		w.fail("%s has leased %v of %v", n.Name, leased, n.Stock.Total)
	case free.Add(leased) != n.Stock.Total:
		w.fail("%s: %v free and %v leased are not the stock of %v", n.Name, free, leased, n.Stock.Total)
	}
	if o := n.Peer.OwnOffer().Offer; o != nil && !n.Stock.Total.Fits(o.Free) {
		w.fail("%s offers %v of %v", n.Name, o.Free, n.Stock.Total)
	}
}

// checkSend holds a message against the sender's disk: what a promise stands
// on must be durable before it leaves.
func (w *World) checkSend(n *Node, s market.Send) {
	switch m := s.Msg.(type) {
	case *market.Grant:
		if r, ok := n.Disk[diskKey{market.SoldTable, m.Lease.Unit()}].(*market.Sold); !ok || r.Lease.ID != m.Lease.ID {
			w.fail("%s grants %s without having saved it", n.Name, m.Lease.ID.Short())
		}
	case *market.LaunchContainer:
		r, ok := n.Disk[diskKey{market.BoughtTable, m.Lease.Unit()}].(*market.Bought)
		if !ok || r.Lease.ID != m.Lease.ID && (r.Renewal == nil || r.Renewal.ID != m.Lease.ID) {
			w.fail("%s asks for %s without having saved it", n.Name, m.Lease.ID.Short())
		}
	case *market.StatusUpdate:
		if r, ok := n.Disk[diskKey{market.SoldTable, m.Status.Lease}].(*market.Sold); !ok || r.Status == nil || r.Status.Seq < m.Status.Seq {
			w.fail("%s tells of %s what it has not saved", n.Name, m.Status.Lease.Short())
		}
		w.ghost.status(w, n, m.Status)
	case *market.StatusAck:
		r, ok := n.Disk[diskKey{market.BoughtTable, m.Unit}].(*market.Bought)
		if ok && (r.Status == nil || r.Status.Seq < m.Seq) {
			w.fail("%s confirms a status of %s that it has not saved", n.Name, m.Unit.Short())
		}
	case *market.StopContainer:
		r, ok := n.Disk[diskKey{market.BoughtTable, m.Unit}].(*market.Bought)
		if ok && m.Op == market.OpRemove && !r.Undo {
			w.fail("%s removes %s without having saved the wish", n.Name, m.Unit.Short())
		}
	case *market.CreateOffer:
		w.ghost.offer(w, n, m.Offer)
	case *market.UpdateOffer:
		w.ghost.offer(w, n, m.Offer)
	case *market.RefreshAck:
		if m.Offer != nil {
			w.ghost.offer(w, n, m.Offer)
		}
	}
}

func (w *World) checkLeased(n *Node, o market.Outcome) {
	if r, ok := n.Disk[diskKey{market.BoughtTable, o.Unit}].(*market.Bought); !ok || r.Lease.BySupplier == "" {
		w.fail("%s tells its user of the lease %s without having saved it", n.Name, o.Unit.Short())
	}
}

// Settled holds the world against what must be true once nothing is on its
// way any more and everybody is up: each container has a lease, each lease
// that lives has its container, both sides say the same of it, nothing is
// left to be undone, every bill is closed or will be, every request has ended,
// and the traders hold exactly the offers of those who sell.
func (w *World) Settled() error {
	for _, n := range w.Nodes {
		if err := w.settledUnits(n); err != nil {
			return err
		}
		if err := w.settledOffers(n); err != nil {
			return err
		}
		if err := w.settledAccounts(n); err != nil {
			return err
		}
		if err := w.settledBills(n); err != nil {
			return err
		}
		if len(n.asked) > 0 {
			return fmt.Errorf("%d requests at %s have no end", len(n.asked), n.Name)
		}
	}
	return w.Err
}

func (w *World) settledUnits(n *Node) error {
	for u := range n.Engine.Units {
		if s := n.sold(u); s == nil || s.Status != nil && s.Status.State == market.Ended {
			return fmt.Errorf("%s runs %s without a lease", n.Name, u.Short())
		}
	}
	for _, s := range n.Peer.Sold() {
		u := s.Lease.Unit()
		state := market.Accepted
		if s.Status != nil {
			state = s.Status.State
		}
		at, runs := n.Engine.Units[u]
		buyer := w.byID(s.Lease.Buyer)
		b := buyer.bought(u)
		switch {
		case s.Ending != market.NoReason && state != market.Ended:
			return fmt.Errorf("%s has not ended %s (%v)", n.Name, u.Short(), s.Ending)
		case state == market.Ended:
		case !runs || at != state:
			return fmt.Errorf("%s says that %s is %v, its engine that it is %v", n.Name, u.Short(), state, at)
		case b == nil:
			return fmt.Errorf("%s runs %s for %s, who does not know it", n.Name, u.Short(), buyer.Name)
		case b.Status == nil || b.Status.Hash != s.Status.Hash:
			return fmt.Errorf("%s has not heard that %s is %v", buyer.Name, u.Short(), state)
		case w.ghost.given[u]:
			return fmt.Errorf("%s still runs %s for a request that was given up", n.Name, u.Short())
		}
	}
	for _, b := range n.Peer.Bought() {
		u := b.Lease.Unit()
		ended := b.Status != nil && b.Status.State == market.Ended
		seller := w.byID(b.Lease.Supplier)
		switch {
		case b.Undo:
			return fmt.Errorf("%s has not undone %s", n.Name, u.Short())
		case !ended && seller.sold(u) == nil:
			return fmt.Errorf("%s believes in %s, which %s does not have", n.Name, u.Short(), seller.Name)
		case b.Lease.BySupplier == "":
			return fmt.Errorf("%s still waits for the lease %s", n.Name, u.Short())
		}
	}
	return nil
}

// settledOffers compares what a node holds with what its suppliers sell, and
// counts who holds the node's own offer.
func (w *World) settledOffers(n *Node) error {
	holders := 0
	for _, m := range w.Nodes {
		for _, h := range m.Peer.Held() {
			if h.Offer.Supplier != n.ID {
				continue
			}
			own := n.Peer.OwnOffer()
			if own.Offer == nil || own.Region != h.Region {
				return fmt.Errorf("%s holds an offer of %s in %v, who does not sell there", m.Name, n.Name, h.Region)
			}
			if h.Offer.Free == n.Peer.Free() {
				holders++
			}
		}
	}
	up := 0
	for _, m := range w.Nodes {
		if m.Trader {
			up++
		}
	}
	if want := min(2, up); n.Selling && n.Engine.Up && n.Peer.OwnOffer().Offer != nil && holders < want {
		return fmt.Errorf("%d traders hold the newest offer of %s, want %d", holders, n.Name, want)
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
