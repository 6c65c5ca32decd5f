package market

import (
	"fmt"
	"time"
)

// UsageNote is one link in the chain of a supplier's bills for one lease. All
// counts grow from note to note, so that a lost note costs nothing. The
// buyer's acknowledgement is its signature under the same payload, and covers
// all earlier notes.
type UsageNote struct {
	Lease    LeaseID // the very lease, not the unit: a renewal has notes of its own
	Seq      uint64  // 1, 2, 3, ...
	Usage    Usage   // billable, since the lease's start
	Amount   Micro   // due since the lease's start: Price.Amount of Usage
	Counters Counters
	At       Wall
	Last     bool     // none follows: the lease ended, or was renewed
	Prev     [32]byte // hash of the payload of note Seq-1; zero in the first
}

// Counters are what the engine measured since the lease's start, as
// information: nobody is billed by them.
type Counters struct {
	CPUSeconds uint64
	PeakMemory Bytes // high water mark
	NetIn      Bytes
	NetOut     Bytes
	DiskRead   Bytes
	DiskWrite  Bytes
	Unhealthy  uint64 // seconds in which the health check failed
	Restarts   uint32
}

// Validate refuses what is no link of any chain.
func (n *UsageNote) Validate() error {
	switch {
	case n.Lease.IsZero() || n.Seq == 0 || n.Amount < 0 || n.Amount > MaxAmount || !n.Usage.valid():
		return fmt.Errorf("%w: usage note out of bounds", ErrMalformed)
	case (n.Seq == 1) != (n.Prev == [32]byte{}):
		return fmt.Errorf("%w: usage note %d that is the first of its chain, or not", ErrMalformed, n.Seq)
	}
	return nil
}

// maxSeconds is the longest usage of one lease: its longest term and a day.
const maxSeconds = uint64(MaxTerm/time.Second) + 86400

// valid reports whether a lease can have run that long, in all.
func (u Usage) valid() bool {
	return u.Running <= maxSeconds && u.Parked <= maxSeconds-u.Running
}

// SignedUsage is a note with one or both signatures. It is immutable.
type SignedUsage struct {
	UsageNote
	By         PeerID   // the supplier, who signed first
	Hash       [32]byte // SHA-256 of the payload
	BySupplier Proof
	ByBuyer    Proof  // of the same payload; empty until acknowledged
	Buyer      PeerID // who signed second; zero until acknowledged
}

// Receipt closes a lease: what both hold to be due for it. The supplier signs
// first. Its totals are those of the last acknowledged note.
type Receipt struct {
	Lease     LeaseID
	Note      [32]byte // hash of the last acknowledged note; zero when there was none
	NoteSeq   uint64
	Usage     Usage
	Amount    Micro
	Price     Price // of the lease, for whoever sees the receipt only
	Start     Wall
	End       Wall
	EndedBy   PeerID // who caused the end
	Reason    Reason
	Early     bool // the supplier ended it before its term and without the agreed notice
	Restarts  uint32
	Unhealthy uint64 // seconds
}

// Validate refuses what cannot be a receipt.
func (r *Receipt) Validate() error {
	switch {
	case r.Lease.IsZero() || r.EndedBy.IsZero() || r.Reason == NoReason || r.End < r.Start:
		return fmt.Errorf("%w: receipt without a lease, an end, or a reason for it", ErrMalformed)
	case r.Amount < 0 || r.Amount > MaxAmount || !r.Usage.valid():
		return fmt.Errorf("%w: receipt out of bounds", ErrMalformed)
	case (r.NoteSeq == 0) != (r.Note == [32]byte{}) || r.NoteSeq == 0 && (r.Amount != 0 || r.Usage != Usage{}):
		return fmt.Errorf("%w: receipt of more than was acknowledged", ErrMalformed)
	}
	return r.Price.Validate()
}

// SignedReceipt is a receipt with one or both signatures. It is immutable.
type SignedReceipt struct {
	Receipt
	By         PeerID   // the supplier, who signed first
	ID         [32]byte // SHA-256 of the payload
	BySupplier Proof
	ByBuyer    Proof  // empty until the buyer agreed
	Buyer      PeerID // who signed second; zero until then
}

// Settlement says that a debt was paid, in whatever way, outside of the
// market. Whoever proposes it signs first.
type Settlement struct {
	Network   NetworkID
	Debtor    PeerID
	Creditor  PeerID
	Amount    Micro
	Unit      string
	Reference string    // "invoice 12", "barter", "waived"; at most MaxReference bytes
	Receipts  []LeaseID // that it covers; may be empty
	Nonce     uint64
	At        Wall
}

// Bounds of a settlement.
const (
	MaxReference = 256
	MaxReceipts  = 256
)

// Validate refuses what cannot be a settlement.
func (s *Settlement) Validate() error {
	switch {
	case s.Debtor.IsZero() || s.Creditor.IsZero() || s.Debtor == s.Creditor:
		return fmt.Errorf("%w: settlement without two peers", ErrMalformed)
	case s.Amount <= 0 || s.Amount > MaxAmount || s.Unit == "" || !validUnit(s.Unit):
		return fmt.Errorf("%w: settlement of %d %q", ErrMalformed, s.Amount, clip(s.Unit))
	case len(s.Reference) > MaxReference || len(s.Receipts) > MaxReceipts:
		return fmt.Errorf("%w: settlement with %d bytes of reference and %d receipts", ErrMalformed, len(s.Reference), len(s.Receipts))
	}
	return nil
}

// SignedSettlement is a settlement with one or both signatures. It is immutable.
type SignedSettlement struct {
	Settlement
	ID       [32]byte // SHA-256 of the payload
	By       PeerID   // who proposed it: the debtor or the creditor
	Proposal []byte   // envelope
	Answer   []byte   // the other's envelope over the same payload; nil until it agreed
}
