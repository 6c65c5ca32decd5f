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
	return &market.SignedLease{Lease: l, ID: sha256.Sum256(b), ByBuyer: []byte{1}}
}

// Countersign implements market.Sealer.
func (k *Keys) Countersign(l *market.SignedLease) *market.SignedLease {
	c := *l
	c.BySupplier = []byte{1}
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
