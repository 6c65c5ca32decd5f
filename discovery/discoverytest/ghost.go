package discoverytest

import (
	"caravela/market"
)

// ghost remembers what no peer does, over all of their lives, so that checks
// can hold them to what they said before.
type ghost struct {
	statuses map[statusKey][32]byte    // what was signed under a number
	offers   map[offerKey]market.Offer // likewise
	removed  map[removal]uint64        // offers that a trader, in this life, was told to forget
	ended    map[endKey]bool           // units that a supplier's life has ended
	given    map[market.LeaseID]bool   // units of requests that were given up
}

type statusKey struct {
	unit market.LeaseID
	seq  uint64
}

type offerKey struct {
	peer market.PeerID
	seq  uint64
}

type removal struct {
	trader   *Node
	life     int
	supplier market.PeerID
	region   market.Region
}

type endKey struct {
	node *Node
	life int
	unit market.LeaseID
}

func newGhost() ghost {
	return ghost{map[statusKey][32]byte{}, map[offerKey]market.Offer{}, map[removal]uint64{}, map[endKey]bool{}, map[market.LeaseID]bool{}}
}

// status: nobody signs two different things under one number.
func (g *ghost) status(w *World, n *Node, s *market.SignedStatus) {
	k := statusKey{s.Lease, s.Seq}
	if h, known := g.statuses[k]; known && h != s.Hash {
		w.fail("%s signed two statuses %d of %s", n.Name, s.Seq, s.Lease.Short())
	}
	g.statuses[k] = s.Hash
}

// offer: likewise. Labels are left out of the comparison.
func (g *ghost) offer(w *World, n *Node, o *market.SignedOffer) {
	if o.Supplier != n.ID {
		return
	}
	k := offerKey{o.Supplier, o.Seq}
	old, known := g.offers[k]
	if known && (old.Free != o.Free || old.ValidUntil != o.ValidUntil) {
		w.fail("%s signed two offers %d", n.Name, o.Seq)
	}
	g.offers[k] = o.Offer
}

// deliver notes what a trader was told to forget.
func (g *ghost) deliver(w *World, from, to *Node, m market.Message) {
	if r, ok := m.(*market.RemoveOffer); ok {
		k := removal{to, to.Life, from.ID, r.Region}
		g.removed[k] = max(g.removed[k], r.Seq)
	}
}

// held: a removed offer does not come back.
func (g *ghost) held(w *World, n *Node) {
	for _, h := range n.Peer.Held() {
		if seq := g.removed[removal{n, n.Life, h.Offer.Supplier, h.Region}]; seq > 0 && h.Offer.Seq <= seq {
			w.fail("%s holds offer %d of a supplier that has withdrawn %d", n.Name, h.Offer.Seq, seq)
		}
	}
}

// save notes which units have ended.
func (g *ghost) save(n *Node, s market.Save) {
	if r, ok := s.Record.(*market.Sold); ok && r.Status != nil && r.Status.State == market.Ended {
		g.ended[endKey{n, n.Life, r.Lease.Unit()}] = true
	}
}

// run: what has ended is not started again.
func (g *ghost) run(w *World, n *Node, r market.Run) {
	if g.ended[endKey{n, n.Life, r.Unit}] {
		w.fail("%s starts %s again, which has ended", n.Name, r.Unit.Short())
	}
}

func (g *ghost) gaveUp(n *Node, units []market.LeaseID) {
	for _, u := range units {
		g.given[u] = true
	}
}
