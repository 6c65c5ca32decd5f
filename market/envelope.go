package market

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// ErrSignature is returned when an envelope's signature does not hold, or is
// not by whom it must be.
var ErrSignature = fmt.Errorf("%w: signature", ErrMalformed)

// Kind is what an envelope holds. Each has a domain of its own, so that a
// signature under one can never pass for another.
type Kind string

// The kinds of signed objects.
const (
	KindOffer   Kind = "offer"
	KindLease   Kind = "lease"
	KindStatus  Kind = "status"
	KindGenesis Kind = "genesis"
	KindParams  Kind = "params"

	KindHold       Kind = "hold"
	KindUsage      Kind = "usage"
	KindNotice     Kind = "notice"
	KindReceipt    Kind = "receipt"
	KindSettlement Kind = "settlement"
)

func (k Kind) domain() string      { return "caravela/" + string(k) + "/1" }
func (k Kind) payloadType() string { return "/caravela/" + string(k) }

// envelopeExtra is what an envelope takes beyond its payload and type, at most:
// key, signature, and what frames the four.
const envelopeExtra = 36 + ed25519.SignatureSize + 4 + 8

// Seal signs a payload. The result is a libp2p signed envelope (RFC 0002 of
// libp2p's specifications), byte for byte.
func Seal(key ed25519.PrivateKey, k Kind, payload []byte) []byte {
	pub := PeerID(key.Public().(ed25519.PublicKey))
	return envelope(k, pub, payload, ed25519.Sign(key, signed(k, payload)))
}

// envelope frames what Seal signed.
func envelope(k Kind, by PeerID, payload, signature []byte) []byte {
	// Envelopes are kept for as long as what they prove: no room to spare.
	e := enc{b: make([]byte, 0, len(payload)+len(k.payloadType())+envelopeExtra)}
	e.raw(1, by.Bytes()[2:]) // the protobuf public key inside the peer.ID
	e.raw(2, []byte(k.payloadType()))
	e.raw(3, payload)
	e.raw(5, signature)
	return e.b
}

// Open verifies an envelope and returns who signed it and the payload.
func Open(k Kind, envelope []byte) (PeerID, []byte, error) { return verify.envelope(k, envelope) }

// trust says whether signatures were verified before: what a peer reads back
// from its own store, which has checksums, was. A verification costs more than
// all the rest of reading a record.
type trust bool

const (
	verify  trust = false
	trusted trust = true
)

func (t trust) envelope(k Kind, envelope []byte) (PeerID, []byte, error) {
	var pub, typ, payload, sig []byte
	err := fields(envelope, func(d *dec) {
		switch d.field {
		case 1:
			pub = d.view(36)
		case 2:
			typ = d.view(64)
		case 3:
			payload = d.view(len(envelope))
		case 5:
			sig = d.view(ed25519.SignatureSize)
		}
	})
	if err != nil {
		return PeerID{}, nil, err
	}
	if len(pub) != 36 || !bytes.Equal(pub[:4], peerPrefix[2:]) || string(typ) != k.payloadType() || len(sig) != ed25519.SignatureSize {
		return PeerID{}, nil, fmt.Errorf("%w: not an envelope of kind %s", ErrMalformed, k)
	}
	by := PeerID(pub[4:])
	if t == verify && !ed25519.Verify(by[:], signed(k, payload), sig) {
		return PeerID{}, nil, fmt.Errorf("%w of %s by %s does not hold", ErrSignature, k, by)
	}
	return by, payload, nil
}

// signed is what libp2p signs: each part after its length.
func signed(k Kind, payload []byte) []byte {
	var b []byte
	for _, part := range [][]byte{[]byte(k.domain()), []byte(k.payloadType()), payload} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

func hash(b []byte) [32]byte { return sha256.Sum256(b) }
