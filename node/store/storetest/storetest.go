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
		"a new store is empty":                         empty,
		"what was committed is there after a restart":  durable,
		"a later save replaces, a deletion deletes":    replaced,
		"records come ordered by table and key":        ordered,
		"an empty commit is no commit":                 nothing,
		"a closed store refuses":                       closed,
		"the last save of a record in a commit counts": last,
		"every table keeps its records":                tables,
		"logs are read by part, and never loaded":      logs,
		"a log with a hole is broken":                  hole,
		"an entry may stand for those after it":        thinned,
	} {
		t.Run(name, func(t *testing.T) { property(t, fresh(t)) })
	}
}

func empty(t *testing.T, d Disk) {
	Same(t, load(t, d.Open(t)))
}

func durable(t *testing.T, d Disk) {
	want := []market.Record{Sold(1), Sold(2), Bought(3), &market.Seq{Seq: 7}}
	commit(t, d.Open(t), want...)
	Same(t, load(t, d.Open(t)), want...)
}

func replaced(t *testing.T, d Disk) {
	s := d.Open(t)
	commit(t, s, &market.Seq{Seq: 1}, Bought(1))
	commit(t, s, &market.Seq{Seq: 2})
	if err := s.Commit([]market.Save{{Record: Bought(1), Delete: true}, {Record: Bought(9), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	Same(t, load(t, d.Open(t)), &market.Seq{Seq: 2})
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
	Same(t, load(t, s))
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

func last(t *testing.T, d Disk) {
	s := d.Open(t)
	commit(t, s, &market.Seq{Seq: 1}, Sold(1), &market.Seq{Seq: 2}, &market.Seq{Seq: 3})
	if err := s.Commit([]market.Save{{Record: Sold(1), Delete: true}, {Record: Sold(2)}, {Record: Sold(2), Delete: true}, {Record: Sold(1)}}); err != nil {
		t.Fatal(err)
	}
	Same(t, load(t, d.Open(t)), Sold(1), &market.Seq{Seq: 3})
}

func tables(t *testing.T, d Disk) {
	want := Every(1)
	commit(t, d.Open(t), want...)
	Same(t, load(t, d.Open(t)), want...)
}

func logs(t *testing.T, d Disk) {
	s := d.Open(t)
	for _, p := range []int{1, 2, 3} {
		for _, r := range Log(p, 5*p) {
			commit(t, s, r)
		}
	}
	Same(t, load(t, s), account(1, 5), account(2, 10), account(3, 15))
	s = d.Open(t)
	accounts, err := s.Accounts()
	if err != nil || len(accounts) != 3 {
		t.Fatalf("%d accounts, %v", len(accounts), err)
	}
	peer := Peer(2)
	for _, c := range []struct {
		from       uint64
		limit, got int
	}{{0, 100, 10}, {1, 4, 4}, {7, 4, 4}, {9, 4, 2}, {10, 4, 1}, {11, 4, 0}, {1, 0, 0}, {1, -1, 0}} {
		got, err := s.Entries(peer, c.from, c.limit)
		if err != nil || len(got) != c.got {
			t.Errorf("%d entries from %d: got %d, %v; want %d", c.limit, c.from, len(got), err, c.got)
		}
		for i, e := range got {
			if e.Peer != peer || e.Index != max(c.from, 1)+uint64(i) {
				t.Errorf("entry %d from %d is %d of %v", i, c.from, e.Index, e.Peer)
			}
		}
	}
	if got, err := s.Entries(Peer(9), 1, 10); err != nil || len(got) != 0 {
		t.Errorf("%d entries of a stranger, %v", len(got), err)
	}
}

func hole(t *testing.T, d Disk) {
	s := d.Open(t)
	commit(t, s, Log(1, 5)...)
	if err := s.Commit([]market.Save{{Record: Log(1, 5)[2], Delete: true}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Entries(Peer(1), 1, 2); err != nil {
		t.Errorf("before the hole: %v", err)
	}
	for _, limit := range []int{3, 4, 5, 100} {
		if _, err := s.Entries(Peer(1), 1, limit); !errors.Is(err, store.ErrBroken) {
			t.Errorf("%d entries over the hole: %v", limit, err)
		}
	}
}

func thinned(t *testing.T, d Disk) {
	s := d.Open(t)
	commit(t, s, Log(0, 3)...)
	commit(t, s, Log(2, 3)...)
	log := Log(1, 9)
	commit(t, s, log...)
	at := func(i int) *market.Entry { return log[i-1].(*market.Entry) }
	stand := func(from, to int) {
		t.Helper()
		saves := []market.Save{{Record: market.Thin(at(from), at(to), market.EntryHash(at(to)))}}
		for i := from + 1; i <= to; i++ {
			saves = append(saves, market.Save{Record: at(i), Delete: true})
		}
		if err := s.Commit(saves); err != nil {
			t.Fatal(err)
		}
	}
	stand(2, 4)
	stand(8, 9)
	s = d.Open(t)
	for _, c := range []struct {
		from  uint64
		limit int
		want  string
	}{
		{1, 9, "[1 2 5 6 7 8]"}, {2, 2, "[2 5]"}, {3, 2, "[5 6]"}, {4, 9, "[5 6 7 8]"}, {5, 1, "[5]"}, {8, 9, "[8]"}, {9, 9, "[]"}, {10, 9, "[]"},
	} {
		list, err := s.Entries(Peer(1), c.from, c.limit)
		got := []uint64{}
		for _, e := range list {
			got = append(got, e.Index)
		}
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%d from %d: %v, %v; want %s", c.limit, c.from, got, err, c.want)
		}
	}
	if err := s.Commit([]market.Save{{Record: at(2), Delete: true}}); err != nil {
		t.Fatal(err)
	}
	for _, from := range []uint64{1, 2, 3, 4} {
		if _, err := s.Entries(Peer(1), from, 9); !errors.Is(err, store.ErrBroken) {
			t.Errorf("from %d of a log with a hole: %v", from, err)
		}
	}
}

// Every is one valid record of each table but the logs', other ones for each i.
func Every(i int) []market.Record {
	buyer, supplier := keyring(i, "buyer"), keyring(i, "supplier")
	l := supplier.Countersign(buyer.Lease(lease(i, buyer, supplier, spec(i)))).ID
	note := func(unit market.LeaseID) *market.SignedUsage {
		return buyer.AckUsage(supplier.Usage(market.UsageNote{Lease: unit, Seq: 1, Usage: market.Usage{Running: 60}}))
	}
	start := market.Wall(1_700_000_000_000)
	return []market.Record{
		Sold(i), Bought(i + 1000), &market.Seq{Seq: uint64(i + 1)},
		&market.Meter{Unit: l, Lease: l, Sold: true, Note: note(l), Acked: note(l), Seen: start},
		&market.Meter{Unit: l, Lease: l, Note: note(l), Seen: start},
		account(i+500, 0),
		&market.Reserved{Hold: supplier.Hold(market.Hold{Supplier: supplier.Self(), Buyer: buyer.Self(), Nonce: uint64(i),
			Resources: market.Resources{CPU: 100, Memory: 16 * market.MiB}, At: start, Until: start.Add(time.Minute)})},
		&market.Tomb{Lease: l, Buyer: buyer.Self(), Until: start},
		&market.Proposed{Settlement: buyer.Settlement(market.Settlement{Debtor: buyer.Self(), Creditor: supplier.Self(), Amount: 5, Unit: "credit", At: start})},
	}
}

// Log is a log of n entries with counterparty i, and the account that goes
// with it.
func Log(i, n int) []market.Record {
	var out []market.Record
	for k := range n {
		out = append(out, &market.Entry{Peer: Peer(i), Index: uint64(k + 1), Kind: market.EntryUsage, First: fmt.Appendf(nil, "note %d of %d", k, i)})
	}
	return append(out, account(i, n))
}

// Peer is the counterparty of Log(i, ...).
func Peer(i int) market.PeerID { return keyring(i, "counterparty").Self() }

func account(i, n int) *market.Account {
	return &market.Account{Peer: Peer(i), Entries: uint64(n), Head: [32]byte{1}, Balances: []market.Balance{{Unit: "credit", Earned: market.Micro(n)}}}
}

// Sold is a valid record, another one for each i.
func Sold(i int) *market.Sold {
	buyer, supplier := keyring(i, "buyer"), keyring(i, "supplier")
	spec := spec(i)
	l := supplier.Countersign(buyer.Lease(lease(i, buyer, supplier, spec)))
	return &market.Sold{Lease: l, Spec: market.Pack(spec), Acked: uint64(i), Buyer: market.Ref{Peer: buyer.Self(), Addrs: []string{"/ip4/127.0.0.1/tcp/1"}}}
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

// Same compares by encoding, whatever the order.
func Same(t *testing.T, got []market.Record, want ...market.Record) {
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
