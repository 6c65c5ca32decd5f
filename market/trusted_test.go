package market_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"caravela/market"
)

// A trusted record reads the same, and costs no verification: nothing but its
// signatures goes unseen.
func TestDecodeTrusted(t *testing.T) {
	for _, r := range everyRecord() {
		table, _ := r.Key()
		b := market.EncodeRecord(r)
		want, err := market.DecodeRecord(table, b)
		if err != nil {
			t.Fatal(err)
		}
		got, err := market.DecodeTrusted(table, b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%T: %v", r, err)
		}
	}
	l := granted()
	env := bytes.Clone(l.BySupplier)
	env[len(env)-1] ^= 1
	bad := market.EncodeRecord(&market.Sold{Lease: &market.SignedLease{ByBuyer: l.ByBuyer, BySupplier: env}, Spec: testSpec()})
	if _, err := market.DecodeRecord(market.SoldTable, bad); !errors.Is(err, market.ErrSignature) {
		t.Errorf("a forged lease: %v", err)
	}
	if _, err := market.DecodeTrusted(market.SoldTable, bad); err != nil {
		t.Errorf("a forged lease that is trusted: %v", err)
	}
	if _, err := market.DecodeTrusted(market.SoldTable, bad[:len(bad)/2]); !errors.Is(err, market.ErrMalformed) {
		t.Errorf("half a record: %v", err)
	}
}
