package market

import (
	"fmt"
	"time"
)

// HoldID is the SHA-256 of a hold's payload.
type HoldID = LeaseID

// Bounds of a hold.
const (
	HoldTime = 60 * time.Second // how long one lasts, unless less is asked for
	MaxHold  = time.Hour        // what no hold outlasts, whoever signed it
)

// Hold is a supplier's signed promise to lease exact resources to one buyer
// until a moment. What is held is taken off the offer.
type Hold struct {
	Network   NetworkID
	Supplier  PeerID
	Buyer     PeerID
	OfferSeq  uint64 // the offer that the buyer saw
	Nonce     uint64 // the buyer's, returned: it knows its question again by it
	Resources Resources
	Pids      int64
	Ports     []Port
	Terms     *Terms
	Hourly    Micro // what an hour costs
	At        Wall
	Until     Wall
}

// Validate refuses what cannot be a hold.
func (h *Hold) Validate() error {
	switch {
	case h.Supplier.IsZero() || h.Buyer.IsZero():
		return fmt.Errorf("%w: hold without both peers", ErrMalformed)
	case !leasable(h.Resources) || len(h.Ports) > MaxPorts:
		return fmt.Errorf("%w: hold of %v and %d ports", ErrMalformed, h.Resources, len(h.Ports))
	case h.Until <= h.At || h.Until.Sub(h.At) > MaxHold:
		return fmt.Errorf("%w: hold for %v", ErrMalformed, h.Until.Sub(h.At))
	case h.Hourly != PriceOf(h.Terms).Hourly(h.Resources):
		return fmt.Errorf("%w: hold at %v an hour, which is not its price", ErrMalformed, h.Hourly)
	}
	return h.Terms.Validate()
}

// leasable reports whether r lies between the least and the most that is leased.
func leasable(r Resources) bool { return r.Valid() && r.CPU >= MinCPU && r.Memory >= MinMemory }

// SignedHold is a hold and the envelope that proves it. It is immutable.
type SignedHold struct {
	Hold
	ID       HoldID
	Envelope []byte
}

// Notice is a supplier's signed announcement to a unit's owner.
type Notice struct {
	Lease    LeaseID // the lease that is in force
	Unit     LeaseID
	Seq      uint64 // 1, 2, 3, ... of this unit
	Kind     NoticeKind
	At       Wall
	Deadline Wall   // when what it announces comes true
	Detail   string // plain words, at most MaxDetail bytes
}

// NoticeKind is what a notice announces.
type NoticeKind uint8

// The kinds of notices.
const (
	NoticeOther    NoticeKind = iota
	NoticeExpiry              // the lease ends, since it is not renewed
	NoticeReclaim             // the supplier takes its resources back
	NoticeUnacked             // usage notes are not acknowledged: the lease ends unless that changes
	NoticeCredit              // the credit is nearly used up: the lease ends unless something is settled or the limit raised
	NoticeCost                // the lease nears the most that it may cost
	NoticeWithdraw            // a former notice of a reclaim is taken back
	maxNotice
)

// String returns one word.
func (k NoticeKind) String() string {
	return name(int(k), "other", "expiry", "reclaim", "unacknowledged", "credit", "cost", "withdrawn")
}

// Validate refuses what cannot be a notice.
func (n *Notice) Validate() error {
	if n.Lease.IsZero() || n.Unit.IsZero() || n.Seq == 0 || len(n.Detail) > MaxDetail {
		return fmt.Errorf("%w: notice out of bounds", ErrMalformed)
	}
	return nil
}

// SignedNotice is a notice and the envelope that proves it. It is immutable.
type SignedNotice struct {
	Notice
	By       PeerID
	Envelope []byte
}
