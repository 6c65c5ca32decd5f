package market

import (
	"fmt"
	"time"
)

// Lease is what buyer and supplier both sign: the same payload in two
// envelopes. Its ID is the SHA-256 of that payload. A renewal is a new lease
// with the same unit and Prev set.
type Lease struct {
	Network   NetworkID
	Buyer     PeerID
	Supplier  PeerID
	First     LeaseID // the unit: the chain's first lease; zero in the first itself
	Prev      LeaseID // the lease that this one renews; zero in the first
	OfferSeq  uint64  // the offer that the buyer saw
	Nonce     uint64  // makes two equal requests different
	Resources Resources
	Pids      int64
	Image     string
	Digest    string // "sha256:..." when the buyer insists on it
	Ports     []Port
	SpecHash  [32]byte // SHA-256 of the encoded Spec
	Start     Wall
	End       Wall
	Renew     Renew
	Terms     *Terms // nil = free and not metered
	Hold      HoldID // the hold that it makes use of; zero = none
	MaxCost   Micro  // the supplier ends it before it costs more; 0 = no bound
}

// Renew says whether the buyer's node asks for a renewal at 2/3 of the term.
type Renew uint8

// The renewal rules.
const (
	RenewAuto Renew = iota
	RenewNever
)

// String returns the value of the --renew flag.
func (r Renew) String() string { return name(int(r), "auto", "never") }

// Term is the lease's length.
func (l *Lease) Term() time.Duration { return l.End.Sub(l.Start) }

// Validate refuses what cannot be a lease, whoever signed it.
func (l *Lease) Validate() error {
	switch {
	case l.Buyer.IsZero() || l.Supplier.IsZero():
		return fmt.Errorf("%w: lease without both peers", ErrMalformed)
	case !leasable(l.Resources):
		return fmt.Errorf("%w: lease of %v", ErrMalformed, l.Resources)
	case l.End <= l.Start || l.Term() > MaxTerm:
		return fmt.Errorf("%w: lease with a term of %v", ErrMalformed, l.Term())
	case l.First.IsZero() != l.Prev.IsZero():
		return fmt.Errorf("%w: lease with half a chain", ErrMalformed)
	case len(l.Ports) > MaxPorts || l.Renew > RenewNever || l.Image == "" || len(l.Image) > MaxImage || len(l.Digest) > 256:
		return fmt.Errorf("%w: lease out of bounds", ErrMalformed)
	case l.MaxCost < 0 || l.MaxCost > MaxAmount:
		return fmt.Errorf("%w: lease that may cost %d at most", ErrMalformed, l.MaxCost)
	}
	return l.Terms.Validate()
}

// Bounds of a lease.
const (
	MaxTerm  = 366 * 24 * time.Hour
	MaxImage = 512 // bytes of an image's reference
)

// Due is what usage since the lease's start costs. The start fee is due once a
// unit: a renewal finds the container started.
func (l *Lease) Due(u Usage) Micro {
	p := PriceOf(l.Terms)
	if !l.Prev.IsZero() {
		p.Start = 0
	}
	return p.Amount(l.Resources, u)
}

// SignedLease is a lease with one or both signatures. It is immutable.
type SignedLease struct {
	Lease
	ID         LeaseID
	ByBuyer    Proof // always there
	BySupplier Proof // of the same payload; empty until granted
}

// Unit is the ID of the first lease of the chain: the name under which the
// container, its statuses and its owner's commands go.
func (l *SignedLease) Unit() LeaseID {
	if l.First.IsZero() {
		return l.ID
	}
	return l.First
}
