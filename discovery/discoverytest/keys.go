package discoverytest

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"caravela/market"
)

// Keys is a Sealer that costs little: its envelopes are empty, its IDs are
// hashes of what is said.
type Keys struct{ self market.PeerID }

// Offer implements market.Sealer.
func (k *Keys) Offer(o market.Offer) *market.SignedOffer { return &market.SignedOffer{Offer: o} }

// Lease implements market.Sealer.
func (k *Keys) Lease(l market.Lease) *market.SignedLease {
	b := slices.Concat(l.Buyer[:], l.Supplier[:])
	b = binary.BigEndian.AppendUint64(b, l.Nonce)
	b = binary.BigEndian.AppendUint64(b, uint64(l.End))
	return &market.SignedLease{Lease: l, ID: sha256.Sum256(b), ByBuyer: "1"}
}

// Countersign implements market.Sealer.
func (k *Keys) Countersign(l *market.SignedLease) *market.SignedLease {
	c := *l
	c.BySupplier = "1"
	return &c
}

// Status implements market.Sealer.
func (k *Keys) Status(s market.Status) *market.SignedStatus {
	b := slices.Concat(s.Lease[:], s.Prev[:])
	b = binary.BigEndian.AppendUint64(b, s.Seq)
	b = binary.BigEndian.AppendUint64(b, uint64(s.At))
	b = append(b, byte(s.State), byte(s.Reason))
	return &market.SignedStatus{Status: s, By: k.self, Hash: sha256.Sum256(b)}
}

// SpecHash implements market.Sealer.
func (k *Keys) SpecHash(s *market.Spec) [32]byte { return sha256.Sum256([]byte(s.Image)) }

// The rest of market.Sealer: IDs are hashes of what is said.

// Hold implements market.Sealer.
func (k *Keys) Hold(h market.Hold) *market.SignedHold {
	return &market.SignedHold{Hold: h, ID: digest(h.Supplier[:], h.Buyer[:], num(h.Nonce), num(uint64(h.At)))}
}

// Usage implements market.Sealer.
func (k *Keys) Usage(n market.UsageNote) *market.SignedUsage {
	id := digest(n.Lease[:], n.Prev[:], num(n.Seq), num(uint64(n.Amount)), num(n.Usage.Running), num(uint64(n.At)))
	return &market.SignedUsage{UsageNote: n, By: k.self, Hash: id, BySupplier: "1"}
}

// AckUsage implements market.Sealer.
func (k *Keys) AckUsage(n *market.SignedUsage) *market.SignedUsage {
	c := *n
	c.ByBuyer, c.Buyer = "1", k.self
	return &c
}

// Notice implements market.Sealer.
func (k *Keys) Notice(n market.Notice) *market.SignedNotice {
	return &market.SignedNotice{Notice: n, By: k.self}
}

// Receipt implements market.Sealer.
func (k *Keys) Receipt(r market.Receipt) *market.SignedReceipt {
	id := digest(r.Lease[:], r.Note[:], num(uint64(r.Amount)), num(uint64(r.End)))
	return &market.SignedReceipt{Receipt: r, By: k.self, ID: id, BySupplier: "1"}
}

// SignReceipt implements market.Sealer.
func (k *Keys) SignReceipt(r *market.SignedReceipt) *market.SignedReceipt {
	c := *r
	c.ByBuyer, c.Buyer = "1", k.self
	return &c
}

// Settlement implements market.Sealer.
func (k *Keys) Settlement(s market.Settlement) *market.SignedSettlement {
	id := digest(s.Debtor[:], s.Creditor[:], num(s.Nonce), num(uint64(s.Amount)), num(uint64(s.At)))
	return &market.SignedSettlement{Settlement: s, ID: id, By: k.self, Proposal: []byte{1}}
}

// SignSettlement implements market.Sealer.
func (k *Keys) SignSettlement(s *market.SignedSettlement) *market.SignedSettlement {
	c := *s
	c.Answer = []byte{1}
	return &c
}

func digest(parts ...[]byte) [32]byte { return sha256.Sum256(slices.Concat(parts...)) }

func num(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
