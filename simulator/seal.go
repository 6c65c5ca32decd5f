package simulator

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"caravela/market"
)

// sealer signs for free: envelopes are nil, and a lease's ID is made of its
// buyer and its nonce.
type sealer struct {
	seed  uint64
	index uint32
}

func newSealer(p market.PeerID) *sealer { return &sealer{seedOf(p), indexOf(p)} }

func (s *sealer) self() market.PeerID { return peerID(s.index, s.seed) }

const given market.Proof = "1" // stands for a signature

func (s *sealer) Offer(o market.Offer) *market.SignedOffer { return &market.SignedOffer{Offer: o} }

func (s *sealer) Lease(l market.Lease) *market.SignedLease {
	var id market.LeaseID
	copy(id[:16], l.Buyer[:16])
	binary.BigEndian.PutUint64(id[16:], l.Nonce)
	return &market.SignedLease{Lease: l, ID: id, ByBuyer: given}
}

func (s *sealer) Countersign(l *market.SignedLease) *market.SignedLease {
	c := *l
	c.BySupplier = given
	return &c
}

func (s *sealer) Status(st market.Status) *market.SignedStatus {
	return &market.SignedStatus{Status: st, By: s.self()}
}

func (s *sealer) SpecHash(*market.Spec) [32]byte { return [32]byte{1} }

// The rest of market.Sealer: IDs are hashes of what is said.

// Hold implements market.Sealer.
func (s *sealer) Hold(h market.Hold) *market.SignedHold {
	return &market.SignedHold{Hold: h, ID: digest(h.Supplier[:], h.Buyer[:], num(h.Nonce), num(uint64(h.At)))}
}

// Usage implements market.Sealer.
func (s *sealer) Usage(n market.UsageNote) *market.SignedUsage {
	id := digest(n.Lease[:], n.Prev[:], num(n.Seq), num(uint64(n.Amount)), num(n.Usage.Running), num(uint64(n.At)))
	return &market.SignedUsage{UsageNote: n, By: s.self(), Hash: id, BySupplier: given}
}

// AckUsage implements market.Sealer.
func (s *sealer) AckUsage(n *market.SignedUsage) *market.SignedUsage {
	c := *n
	c.ByBuyer, c.Buyer = given, s.self()
	return &c
}

// Notice implements market.Sealer.
func (s *sealer) Notice(n market.Notice) *market.SignedNotice {
	return &market.SignedNotice{Notice: n, By: s.self()}
}

// Receipt implements market.Sealer.
func (s *sealer) Receipt(r market.Receipt) *market.SignedReceipt {
	id := digest(r.Lease[:], r.Note[:], num(uint64(r.Amount)), num(uint64(r.End)))
	return &market.SignedReceipt{Receipt: r, By: s.self(), ID: id, BySupplier: given}
}

// SignReceipt implements market.Sealer.
func (s *sealer) SignReceipt(r *market.SignedReceipt) *market.SignedReceipt {
	c := *r
	c.ByBuyer, c.Buyer = given, s.self()
	return &c
}

// Settlement implements market.Sealer.
func (s *sealer) Settlement(t market.Settlement) *market.SignedSettlement {
	id := digest(t.Debtor[:], t.Creditor[:], num(t.Nonce), num(uint64(t.Amount)), num(uint64(t.At)))
	return &market.SignedSettlement{Settlement: t, ID: id, By: s.self(), Proposal: []byte(given)}
}

// SignSettlement implements market.Sealer.
func (s *sealer) SignSettlement(t *market.SignedSettlement) *market.SignedSettlement {
	c := *t
	c.Answer = []byte(given)
	return &c
}

func digest(parts ...[]byte) [32]byte { return sha256.Sum256(slices.Concat(parts...)) }

func num(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
