package simulator

import (
	"slices"
	"time"

	"caravela/market"
)

// node is one simulated machine: a peer and its engine. What every event
// touches stands first, within one cache line.
type node struct {
	machine Participant
	hash    uint64 // of all that happened to it
	wake    time.Duration
	index   uint32
	counter uint32 // of what it sends
	sent    uint32 // messages
	heard   uint32
	life    uint16
	fault   fault
	up      bool
	fresh   bool // was not started yet, ever
	fell    bool // crashed in this window
	doomed  bool // will crash within its next step
	forget  bool // its disk is to be lost
	leaving bool // has said goodbye, and sells nothing any more
	lost    bool // it was, once
	nat     bool
	server  bool // takes part in the overlay

	open   []openRequest
	bytes  uint64
	told   uint32 // of sent, answers, and what a trader says to each of its suppliers or hands over
	upkeep uint32 // messages of refreshes, which are sent and heard besides

	kind    *Machine
	running []market.LeaseID // what the engine runs
	place   place
	since   time.Duration // when it came, or went
	busy    time.Duration // its uplink, until then
	freeLog freeLog
}

// openRequest is a local user's request under way.
type openRequest struct {
	ref      uint64
	since    time.Duration
	profile  uint8
	messages uint32
	lookups  uint16
	depth    uint16
	units    []market.LeaseID
	placed   bool // all of its units were leased, and counted
}

// traffic is all that a node has sent and heard.
func (n *node) traffic() uint64 { return uint64(n.sent) + uint64(n.heard) + 2*uint64(n.upkeep) }

// charge counts a message that leaves a node, for the newest request, too, if
// it serves one.
func (n *node) charge(m market.Message) {
	n.sent++
	n.bytes += uint64(size(m))
	switch m := m.(type) {
	case *market.OfferAck, *market.RefreshOffer, *market.Goodbye, *market.Offers:
		n.told++
	case *market.CreateOffer:
		if indexOf(m.Offer.Supplier) != n.index {
			n.told++
		}
	}
	if len(n.open) == 0 {
		return
	}
	switch m.(type) {
	case *market.GetOffers, *market.LaunchContainer:
		n.open[len(n.open)-1].messages++
	}
}

// total is what a node has.
func (n *node) total() market.Resources {
	return market.Resources{CPU: n.kind.CPU, Memory: n.kind.Memory}
}

func (n *node) request(ref uint64) int {
	for i := range n.open {
		if n.open[i].ref == ref {
			return i
		}
	}
	return -1
}

// close forgets a request that is over.
func (n *node) close(i int) {
	if n.open = slices.Delete(n.open, i, i+1); len(n.open) == 0 {
		n.open = nil
	}
}
