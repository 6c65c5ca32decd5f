package market_test

import (
	"bytes"
	"reflect"
	"testing"

	"caravela/market"
)

// Of an envelope, only the signature is kept; of one that is not what this
// version would write, all. Either way the same bytes come back.
func TestProof(t *testing.T) {
	lease, note, receipt, status := granted(), acked(2), received(), seller.Status(testStatus(filled(9)))
	type proofs struct {
		first, second       market.Proof
		envFirst, envSecond []byte
	}
	for name, c := range map[string]struct {
		kind          market.Kind
		first, second []byte
		open          func(first, second []byte) (proofs, error)
	}{
		"lease": {market.KindLease, byBuyer(lease), bySupplier(lease), func(first, second []byte) (p proofs, err error) {
			l, err := market.OpenLease(first, second)
			if err == nil {
				p.first, p.second = l.ByBuyer, l.BySupplier
				p.envFirst, p.envSecond = l.Envelopes()
			}
			return p, err
		}},
		"note": {market.KindUsage, bySupplier(note), byBuyer(note), func(first, second []byte) (p proofs, err error) {
			n, err := market.OpenUsage(first, second)
			if err == nil {
				p.first, p.second = n.BySupplier, n.ByBuyer
				p.envFirst, p.envSecond = n.Envelopes()
			}
			return p, err
		}},
		"receipt": {market.KindReceipt, bySupplier(receipt), byBuyer(receipt), func(first, second []byte) (p proofs, err error) {
			r, err := market.OpenReceipt(first, second)
			if err == nil {
				p.first, p.second = r.BySupplier, r.ByBuyer
				p.envFirst, p.envSecond = r.Envelopes()
			}
			return p, err
		}},
		"status": {market.KindStatus, status.Envelope(), nil, func(first, _ []byte) (p proofs, err error) {
			s, err := market.OpenStatus(first)
			if err == nil {
				p.first, p.envFirst = s.Proof, s.Envelope()
			}
			return p, err
		}},
	} {
		_, content, _ := market.Open(c.kind, c.first)
		firstKey, secondKey := sellerKey, buyerKey
		if name == "lease" {
			firstKey, secondKey = secondKey, firstKey
		}
		both := func(payload []byte) (first, second []byte) {
			if first = market.Seal(firstKey, c.kind, payload); c.second != nil {
				second = market.Seal(secondKey, c.kind, payload)
			}
			return first, second
		}
		newerFirst, newerSecond := both(later(content))
		for _, v := range []struct {
			name          string
			first, second []byte
			bare          bool
		}{
			{"as written", c.first, c.second, true},
			{"with one signature", c.first, nil, true},
			{"with later fields", newerFirst, newerSecond, false},
			{"in a larger envelope", later(c.first), nil, false},
		} {
			p, err := c.open(v.first, v.second)
			if err != nil || !bytes.Equal(p.envFirst, v.first) || !bytes.Equal(p.envSecond, v.second) {
				t.Errorf("%s %s: %v, %x and %x came back, want %x and %x", name, v.name, err, p.envFirst, p.envSecond, v.first, v.second)
			}
			want := func(env []byte) int {
				if v.bare {
					return min(len(env), 64)
				}
				return len(env)
			}
			if len(p.first) != want(v.first) || len(p.second) != want(v.second) {
				t.Errorf("%s %s: %d and %d bytes are kept", name, v.name, len(p.first), len(p.second))
			}
		}
	}
}

// Whoever signs in another's name gains nothing by what is left out.
func TestProofOfAnother(t *testing.T) {
	l := buyer.Lease(testLease())
	env := bySupplier(stranger.Countersign(l))
	if by, _, err := market.Open(market.KindLease, env); err != nil || by != stranger.Self() {
		t.Errorf("by %s, %v", by, err)
	}
	env = byBuyer(stranger.Lease(l.Lease))
	if by, _, err := market.Open(market.KindLease, env); err != nil || by != stranger.Self() {
		t.Errorf("by %s, %v", by, err)
	}
}

// A container is kept packed; nothing of it is lost, and nothing else is read.
func TestPack(t *testing.T) {
	if got := market.Pack(testSpec()).Unpack(); !reflect.DeepEqual(got, testSpec()) {
		t.Errorf("got %+v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("noise was unpacked")
		}
	}()
	market.PackedSpec("noise").Unpack()
}
