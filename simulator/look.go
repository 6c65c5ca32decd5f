package simulator

import (
	"caravela/discovery"
	"caravela/market"
)

// Look is a peer to look at, between runs of its Sim.
type Look struct {
	Index    uint32
	ID       market.PeerID
	Up       bool
	Peer     *discovery.Peer // nil when it is down, or of another strategy
	Free     market.Resources
	Total    market.Resources
	Running  []market.LeaseID
	Sent     uint32
	Received uint32
}

// Look shows the i-th node.
func (s *Sim) Look(i uint32) Look {
	n := &s.nodes[i]
	peer, _ := n.machine.(*discovery.Peer)
	return Look{
		Index: i, ID: s.c.Overlay.id(i), Up: n.up, Peer: peer, Free: n.machine.Free(), Total: n.total(), Running: n.running,
		Sent: n.sent, Received: n.heard,
	}
}

// IndexOf is the number of a simulated peer.
func IndexOf(p market.PeerID) uint32 { return indexOf(p) }
