// Package storetest is the battery that every store.Store passes.
package storetest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"caravela/market"
	"caravela/node/store"
)

// Disk is where one store lives: Open returns a new handle on it, as a
// restarted process would, and closes the one before.
type Disk interface {
	Open(t *testing.T) store.Store
}

// Run runs every property on a fresh disk each.
func Run(t *testing.T, fresh func(t *testing.T) Disk) {
	for name, property := range map[string]func(*testing.T, Disk){
		"a new store is empty":                        empty,
		"what was committed is there after a restart": durable,
		"a later save replaces, a deletion deletes":   replaced,
		"records come ordered by table and key":       ordered,
		"an empty commit is no commit":                nothing,
		"a closed store refuses":                      closed,
	} {
		t.Run(name, func(t *testing.T) { property(t, fresh(t)) })
	}
}

func empty(t *testing.T, d Disk) {
	same(t, load(t, d.Open(t)))
}

func durable(t *testing.T, d Disk) {
	want := []market.Record{Sold(1), Sold(2), Bought(3), &market.Seq{Seq: 7}}
	commit(t, d.Open(t), want...)
	same(t, load(t, d.Open(t)), want...)
}

func replaced(t *testing.T, d Disk) {
	s := d.Open(t)
	commit(t, s, &market.Seq{Seq: 1}, Bought(1))
	commit(t, s, &market.Seq{Seq: 2})
	if err := s.Commit([]market.Save{{Record: Bought(1), Delete: true}, {Record: Bought(9), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	same(t, load(t, d.Open(t)), &market.Seq{Seq: 2})
}

func ordered(t *testing.T, d Disk) {
	s := d.Open(t)
	for i := range 32 {
		commit(t, s, Bought(31-i), Sold(i))
	}
	var last [33]byte
	for _, r := range load(t, d.Open(t)) {
		table, key := r.Key()
		here := [33]byte(append([]byte{byte(table)}, key[:]...))
		if string(here[:]) <= string(last[:]) {
			t.Fatalf("record %x after %x", here, last)
		}
		last = here
	}
}

func nothing(t *testing.T, d Disk) {
	s := d.Open(t)
	if err := s.Commit(nil); err != nil {
		t.Fatal(err)
	}
	same(t, load(t, s))
}

func closed(t *testing.T, d Disk) {
	s := d.Open(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit([]market.Save{{Record: &market.Seq{Seq: 1}}}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit after close: %v", err)
	}
}

// Sold is a valid record, another one for each i.
func Sold(i int) *market.Sold {
	buyer, supplier := keyring(i, "buyer"), keyring(i, "supplier")
	spec := spec(i)
	l := supplier.Countersign(buyer.Lease(lease(i, buyer, supplier, spec)))
	return &market.Sold{Lease: l, Spec: spec, Acked: uint64(i), Buyer: market.Ref{Peer: buyer.Self(), Addrs: []string{"/ip4/127.0.0.1/tcp/1"}}}
}

// Bought is a valid record, another one for each i.
func Bought(i int) *market.Bought {
	buyer, supplier := keyring(i, "buyer"), keyring(i, "supplier")
	spec := spec(i)
	l := buyer.Lease(lease(i, buyer, supplier, spec))
	return &market.Bought{Lease: l, Spec: spec, Supplier: market.Ref{Peer: supplier.Self()}, Offer: "cedar"}
}

func spec(i int) *market.Spec {
	return &market.Spec{Image: fmt.Sprintf("image:%d", i), Limits: market.Resources{CPU: 100, Memory: 16 * market.MiB}}
}

func lease(i int, buyer, supplier *market.Keyring, s *market.Spec) market.Lease {
	start := market.Wall(1_700_000_000_000)
	return market.Lease{
		Buyer: buyer.Self(), Supplier: supplier.Self(), Nonce: uint64(i + 1), Resources: s.Limits, Image: s.Image,
		SpecHash: market.HashSpec(s), Start: start, End: start.Add(time.Hour),
	}
}

func keyring(i int, role string) *market.Keyring {
	seed := sha256.Sum256(fmt.Appendf(nil, "%s %d", role, i))
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed[:]))
}

func commit(t *testing.T, s store.Store, records ...market.Record) {
	t.Helper()
	var saves []market.Save
	for _, r := range records {
		saves = append(saves, market.Save{Record: r})
	}
	if err := s.Commit(saves); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, s store.Store) []market.Record {
	t.Helper()
	records, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// same compares by encoding, whatever the order.
func same(t *testing.T, got []market.Record, want ...market.Record) {
	t.Helper()
	set := func(rs []market.Record) map[string]string {
		out := map[string]string{}
		for _, r := range rs {
			table, key := r.Key()
			out[fmt.Sprintf("%d %x", table, key)] = string(market.EncodeRecord(r))
		}
		return out
	}
	if !reflect.DeepEqual(set(got), set(want)) {
		t.Errorf("%d records, want %d, or other ones", len(got), len(want))
	}
}
