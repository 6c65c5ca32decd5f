package market

import (
	"bytes"
	"crypto/ed25519"
)

// Proof is what is kept in memory of an envelope. Mostly that is its signature
// alone, a sixth of the bytes: who signed is known, and the payload is what the
// decoded fields encode to. An envelope that cannot be built anew byte for
// byte, such as one with fields that this version does not know, is kept
// whole. Empty means that there is no signature.
type Proof string

// proofOf returns what to keep of an envelope by a peer; payload is what the
// decoded fields encode to.
func proofOf(k Kind, by PeerID, payload, env []byte) Proof {
	if n := len(env) - ed25519.SignatureSize; n > 0 && bytes.Equal(env, envelope(k, by, payload, env[n:])) {
		env = env[n:]
	}
	return Proof(env)
}

// envelope returns the envelope as it came; nil without one.
func (p Proof) envelope(k Kind, by PeerID, payload []byte) []byte {
	switch len(p) {
	case 0:
		return nil
	case ed25519.SignatureSize: // no envelope is that short
		return envelope(k, by, payload, []byte(p))
	}
	return []byte(p)
}

// payload is what v encodes to.
func payload[T any](encode func(*enc, *T), v *T) []byte {
	var e enc
	encode(&e, v)
	return e.b
}

// Envelopes returns the buyer's envelope and the supplier's over the same
// payload, each nil unless it has signed.
func (l *SignedLease) Envelopes() (byBuyer, bySupplier []byte) {
	p := payload(encLease, &l.Lease)
	return l.ByBuyer.envelope(KindLease, l.Buyer, p), l.BySupplier.envelope(KindLease, l.Supplier, p)
}

// Envelopes returns the supplier's envelope and the buyer's over the same
// payload, each nil unless it has signed.
func (n *SignedUsage) Envelopes() (bySupplier, byBuyer []byte) {
	p := payload(encUsageNote, &n.UsageNote)
	return n.BySupplier.envelope(KindUsage, n.By, p), n.ByBuyer.envelope(KindUsage, n.Buyer, p)
}

// Envelopes returns the supplier's envelope and the buyer's over the same
// payload, each nil unless it has signed.
func (r *SignedReceipt) Envelopes() (bySupplier, byBuyer []byte) {
	p := payload(encReceipt, &r.Receipt)
	return r.BySupplier.envelope(KindReceipt, r.By, p), r.ByBuyer.envelope(KindReceipt, r.Buyer, p)
}

// Envelope returns the envelope as the supplier made it.
func (s *SignedStatus) Envelope() []byte {
	return s.Proof.envelope(KindStatus, s.By, payload(encStatus, &s.Status))
}
