package market_test

import (
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
	forged := *l
	env := bySupplier(l)
	env[len(env)-1] ^= 1
	forged.BySupplier = market.Proof(env)
	bad := market.EncodeRecord(&market.Sold{Lease: &forged, Spec: market.Pack(testSpec())})
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

// One entry stands for several and keeps the log together.
func TestThin(t *testing.T) {
	var log []*market.Entry
	var head [32]byte
	for i := range 6 {
		e := &market.Entry{Peer: filled(1), Index: uint64(i + 1), At: noon + market.Wall(i), Kind: market.EntryUsage, First: []byte{byte(i)}, Prev: head}
		head = market.EntryHash(e)
		log = append(log, e)
	}
	e := market.Thin(log[1], log[3], market.EntryHash(log[3]))
	if e.Index != 2 || e.Span() != 3 || e.Prev != log[1].Prev || market.EntryHash(e) != log[4].Prev || log[0].Span() != 1 {
		t.Errorf("%+v, span %d", e, e.Span())
	}
	e = market.Thin(e, log[4], market.EntryHash(log[4])) // and once more
	if e.Index != 2 || e.Span() != 4 || market.EntryHash(e) != log[5].Prev {
		t.Errorf("%+v, span %d", e, e.Span())
	}
	table, _ := e.Key()
	r, err := market.DecodeRecord(table, market.EncodeRecord(e))
	if err != nil || !reflect.DeepEqual(r, e) {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := market.OpenEntry(e); err != nil {
		t.Error(err)
	}
	for _, first := range [][]byte{nil, {8, 0}, {0xff}, {18, 1, 1}} {
		e.First = first
		if _, err := market.OpenEntry(e); !errors.Is(err, market.ErrMalformed) || e.Span() != 1 {
			t.Errorf("%x: %v, span %d", first, err, e.Span())
		}
	}
}
