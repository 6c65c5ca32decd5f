package market_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"

	"caravela/market"
)

// foreign reads any payload, under a domain: libp2p's view of our envelopes.
type foreign struct {
	kind    market.Kind
	payload []byte
}

func (f *foreign) Domain() string                 { return "caravela/" + string(f.kind) + "/1" }
func (f *foreign) Codec() []byte                  { return []byte("/caravela/" + string(f.kind)) }
func (f *foreign) MarshalRecord() ([]byte, error) { return f.payload, nil }
func (f *foreign) UnmarshalRecord(b []byte) error { f.payload = bytes.Clone(b); return nil }

// Our envelopes are libp2p's signed envelopes: its own code accepts them, and
// makes the same bytes.
func TestLibp2pReadsEnvelopes(t *testing.T) {
	for _, v := range readGolden[vector](t, "objects.json") {
		envelope, payload := unhex(t, v.Envelope), unhex(t, v.Payload)
		rec := &foreign{kind: v.Kind}
		e, err := record.ConsumeTypedEnvelope(envelope, rec)
		if err != nil {
			t.Errorf("%s: libp2p refuses it: %v", v.Name, err)
			continue
		}
		if !bytes.Equal(rec.payload, payload) || !bytes.Equal(e.PayloadType, rec.Codec()) {
			t.Errorf("%s: libp2p reads another payload", v.Name)
		}
		if id, err := peer.IDFromPublicKey(e.PublicKey); err != nil || id.String() != v.Signer {
			t.Errorf("%s: libp2p sees %v as signer, %v", v.Name, id, err)
		}
		key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(unhex(t, v.Seed)))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := record.Seal(&foreign{v.Kind, payload}, key)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := theirs.Marshal(); err != nil || !bytes.Equal(b, envelope) {
			t.Errorf("%s: libp2p seals other bytes, %v", v.Name, err)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var kinds = []market.Kind{
	market.KindOffer, market.KindLease, market.KindStatus, market.KindGenesis, market.KindParams,
	market.KindHold, market.KindUsage, market.KindNotice, market.KindReceipt, market.KindSettlement,
}

// A signature under one kind is worthless under every other, even when the
// payload type is rewritten.
func TestDomainSeparation(t *testing.T) {
	payload := []byte("payload")
	for _, k := range kinds {
		e := market.Seal(sellerKey, k, payload)
		for _, other := range kinds {
			by, got, err := market.Open(other, e)
			if k == other {
				if err != nil || by != seller.Self() || !bytes.Equal(got, payload) {
					t.Errorf("%s: %v, %q, %v", k, by, got, err)
				}
				continue
			}
			if err == nil {
				t.Errorf("%s passed for %s", k, other)
			}
			if len(k) == len(other) {
				if _, _, err := market.Open(other, bytes.Replace(e, []byte(k), []byte(other), 1)); !errors.Is(err, market.ErrSignature) {
					t.Errorf("%s renamed to %s: %v", k, other, err)
				}
			}
		}
	}
}

func TestForgedEnvelopes(t *testing.T) {
	payload := []byte("payload")
	good := market.Seal(sellerKey, market.KindOffer, payload)
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if by, got, err := market.Open(market.KindOffer, bad); err == nil && (by != seller.Self() || !bytes.Equal(got, payload)) {
			t.Errorf("byte %d flipped, and still %q by %s", i, got, by)
		}
	}
	for n := range good {
		if _, _, err := market.Open(market.KindOffer, good[:n]); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%d bytes of %d: %v", n, len(good), err)
		}
	}
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := record.Seal(&foreign{market.KindOffer, payload}, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := market.Open(market.KindOffer, b); !errors.Is(err, market.ErrMalformed) {
		t.Errorf("a key of another type: %v", err)
	}
}

// later is a payload as a newer version writes it: with a number, bytes and a
// nested message that this version does not know.
func later(payload []byte) []byte {
	b := append(bytes.Clone(payload), 0xf0, 0x7f, 42) // field 2046
	return append(b, 0xfa, 0x7f, 3, 0x0a, 1, 'x')     // field 2047
}

// Later fields are optional additions: an older node opens, verifies and
// countersigns what a newer one wrote, under the same ID.
func TestLaterFields(t *testing.T) {
	lease := granted()
	_, payload, _ := market.Open(market.KindLease, byBuyer(lease))
	newer := market.Seal(buyerKey, market.KindLease, later(payload))
	l, err := market.OpenLease(newer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if id := sha256.Sum256(later(payload)); l.ID != id || l.ID == lease.ID {
		t.Errorf("ID = %s, want %x", l.ID, id)
	}
	both := seller.Countersign(l)
	again, err := market.OpenLease(both.Envelopes())
	if err != nil || again.ID != l.ID || again.Nonce != lease.Nonce {
		t.Errorf("countersigned: %+v, %v", again, err)
	}
	through, err := market.DecodeMessage(encode(t, &market.Grant{Lease: again}))
	if err != nil || through.(*market.Grant).Lease.ID != l.ID {
		t.Errorf("granted: %+v, %v", through, err)
	}

	_, payload, _ = market.Open(market.KindOffer, seller.Offer(testOffer()).Envelope)
	o, err := market.OpenOffer(market.Seal(sellerKey, market.KindOffer, later(payload)))
	if err != nil || o.Seq != 7 || o.Name != "cedar" {
		t.Errorf("offer: %+v, %v", o, err)
	}
	_, payload, _ = market.Open(market.KindStatus, seller.Status(testStatus(lease.ID)).Envelope())
	s, err := market.OpenStatus(market.Seal(sellerKey, market.KindStatus, later(payload)))
	if err != nil || s.Hash != sha256.Sum256(later(payload)) || s.Detail != "exited at once" {
		t.Errorf("status: %+v, %v", s, err)
	}
	network := seller.Found(testGenesis(), market.DefaultParams)
	_, payload, _ = market.Open(market.KindParams, network.ParamsEnvelope)
	if _, err := market.OpenNetwork(network.GenesisEnvelope, market.Seal(sellerKey, market.KindParams, later(payload))); err != nil {
		t.Errorf("parameters: %v", err)
	}
}

// A state or a reason of a newer peer is read as the nearest known one, since
// the signed bytes stay what they are.
func TestLaterValues(t *testing.T) {
	s, err := market.OpenStatus(seller.Status(market.Status{Lease: filled(9), Seq: 1, State: 200, Reason: 200}).Envelope())
	if err != nil || s.State != market.Unknown || s.Reason != market.Unsupported {
		t.Errorf("status: %+v, %v", s, err)
	}
	m, err := market.DecodeMessage(encode(t, &market.Refusal{Reason: 200}))
	if err != nil || m.(*market.Refusal).Reason != market.Unsupported {
		t.Errorf("refusal: %+v, %v", m, err)
	}
	tally := market.Tally{Misses: []market.Miss{{Kind: 200, Detail: "price", Count: 1}}, Near: &market.Nearest{Kind: 200}}
	m, err = market.DecodeMessage(encode(t, &market.OfferAck{Region: testRegion(), Code: 200}))
	if err != nil || m.(*market.OfferAck).Code != market.AckRefused {
		t.Errorf("acknowledgement: %+v, %v", m, err)
	}
	m, err = market.DecodeMessage(encode(t, &market.Offers{Region: testRegion(), Tally: tally}))
	if err != nil || m.(*market.Offers).Tally.Misses[0].Kind != market.MissRefused {
		t.Errorf("tally: %+v, %v", m, err)
	}
}

// A version that changes the meaning is refused, with the remedy.
func TestLaterVersion(t *testing.T) {
	_, payload, _ := market.Open(market.KindOffer, seller.Offer(testOffer()).Envelope)
	payload = bytes.Clone(payload)
	payload[1] = 2
	if _, err := market.OpenOffer(market.Seal(sellerKey, market.KindOffer, payload)); !errors.Is(err, market.ErrMalformed) {
		t.Errorf("version 2: %v", err)
	}
}
