package market

import (
	"fmt"
	"slices"
	"time"
)

// Reach says how a supplier's published ports and its node can be reached.
type Reach uint8

// From unknown to the Internet.
const (
	ReachUnknown Reach = iota
	ReachRelayed       // behind NAT: sells and serves streams through relays, publishes no port directly
	ReachLocal         // on a loopback or private address
	ReachPublic        // on a public address
)

// String returns one lower-case word.
func (r Reach) String() string { return name(int(r), "unknown", "relayed", "local", "public") }

// Offer is what a supplier says it can sell now. The newest sequence number
// of a supplier wins everywhere; an offer is a hint, only the supplier's
// grant makes a lease.
type Offer struct {
	Network    NetworkID
	Supplier   PeerID
	Seq        uint64    // grows with every change, over restarts too
	Free       Resources // what can be leased now
	ValidUntil Wall
	*Wares     // shared, and never changed
}

// Wares are what an offer says beside what is free. They seldom change, so
// that all offers made of one stock share them.
type Wares struct {
	Total    Resources // what is sold in all
	Platform Platform
	Class    CPUClass
	Reach    Reach
	PortLow  uint16 // host ports that tenants may ask for; 0..0 = none
	PortHigh uint16
	Name     string        // the node's name; not unique
	Labels   []Label       // the node's labels, sorted by key
	Longest  time.Duration // longest lease, in whole seconds; 0 = no bound
	Terms    *Terms        // what is asked for; nil = free and not metered
	Can      []string      // capabilities, sorted: "exec", "pause", ...
	Topology string        // "4 cores, 8 threads"; at most MaxTopology bytes
}

// Bounds of an offer, in bytes.
const (
	MaxOfferBytes  = 16 << 10 // encoded, with its envelope
	MaxOfferLabels = 8 << 10  // all labels together
	MaxCan         = 16       // capabilities, of 32 bytes
	MaxTopology    = 64
)

// Validate refuses what no honest supplier signs.
func (o *Offer) Validate() error {
	switch {
	case o.Supplier.IsZero() || o.Seq == 0 || o.Wares == nil:
		return fmt.Errorf("%w: offer without supplier, sequence or wares", ErrMalformed)
	case !o.Free.Valid() || !o.Total.Valid() || !o.Total.Fits(o.Free):
		return fmt.Errorf("%w: offer of %v free out of %v", ErrMalformed, o.Free, o.Total)
	case !o.Platform.Valid() || o.Platform.OS == "" || o.Class > MaxCPUClass || o.Reach > ReachPublic:
		return fmt.Errorf("%w: offer with platform %q class %d", ErrMalformed, clip(o.Platform.String()), o.Class)
	case o.Name != "" && !ValidName(o.Name):
		return fmt.Errorf("%w: offer of a node named %q", ErrMalformed, clip(o.Name))
	case o.PortLow > o.PortHigh || o.Longest < 0:
		return fmt.Errorf("%w: offer with ports %d-%d", ErrMalformed, o.PortLow, o.PortHigh)
	}
	size := 0
	for _, l := range o.Labels {
		size += len(l.Key) + len(l.Value)
	}
	if size > MaxOfferLabels {
		return fmt.Errorf("%w: offer with %d bytes of labels; at most %d", ErrMalformed, size, MaxOfferLabels)
	}
	if len(o.Can) > MaxCan || len(o.Topology) > MaxTopology || !slices.IsSorted(o.Can) {
		return fmt.Errorf("%w: offer with capabilities out of bounds", ErrMalformed)
	}
	if err := o.Terms.Validate(); err != nil {
		return err
	}
	return ValidLabels(o.Labels)
}

// SignedOffer is an Offer and the envelope that proves it. It is immutable
// and shared: whoever has one has verified it, or made it.
type SignedOffer struct {
	Offer
	Envelope []byte
}

// Ref names a peer and where it can be dialled.
type Ref struct {
	Peer  PeerID
	Addrs []string // multiaddrs, at most MaxAddrs; nil = ask the overlay
}

// Bounds of a Ref.
const (
	MaxAddrs = 12
	MaxAddr  = 512 // bytes
)
