package simulator

import (
	"time"

	"caravela/discovery"
	"caravela/market"
)

// Participant is a peer of any strategy: the market's own is discovery.Peer.
type Participant interface {
	market.Machine
	// Free is what the peer could lease out now.
	Free() market.Resources
}

// MakeMachine makes a node's peer. It is called again after each crash.
type MakeMachine func(discovery.Config) Participant

func newPeer(c discovery.Config) Participant { return discovery.New(c) }

// Spy is told of a node's steps: the event and the effects, which must not be
// kept.
type Spy func(at time.Duration, ev market.Event, out *market.Outbox)
