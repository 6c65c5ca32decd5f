package audit_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
	"caravela/node/audit"
	"caravela/node/store"
)

func keys(b byte) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = b
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

var (
	seller, buyer = keys(1), keys(2)
	network       = market.NetworkID{0xaa}
)

// billed commits a lease with n acknowledged notes to a store.
func billed(t testing.TB, s store.Store, n int) *market.Account {
	t.Helper()
	var out market.Outbox
	books := ledger.New(seller.Self(), network, seller)
	now := market.Time{Wall: 1767355200000}
	l := seller.Countersign(buyer.Lease(market.Lease{
		Network: network, Buyer: buyer.Self(), Supplier: seller.Self(), Image: "web",
		Resources: market.Resources{CPU: 1000, Memory: market.GiB}, Start: now.Wall, End: now.Wall.Add(market.MaxTerm),
		Terms: &market.Terms{Price: market.Price{Unit: "credit", Core: 20_000}, Interval: time.Minute, Bear: 5},
	}))
	books.Append(now, buyer.Self(), market.Entry{Kind: market.EntryLease, First: l.ByBuyer, Second: l.BySupplier}, ledger.Change{}, &out)
	var last market.SignedUsage
	for i := range n {
		note := market.UsageNote{Lease: l.ID, Seq: uint64(i + 1), Usage: market.Usage{Running: uint64(60 * (i + 1))}, Prev: last.Hash}
		note.Amount = l.Due(note.Usage)
		signed := buyer.AckUsage(seller.Usage(note))
		books.Append(now, buyer.Self(), market.Entry{Kind: market.EntryUsage, First: signed.BySupplier, Second: signed.ByBuyer},
			ledger.Change{Unit: "credit", Earned: note.Amount - last.Amount}, &out)
		last = *signed
	}
	if err := s.Commit(out.Saves); err != nil {
		t.Fatal(err)
	}
	return books.Account(buyer.Self())
}

func TestLog(t *testing.T) {
	const n = 2500 // more than two chunks
	s := store.NewMemory()
	a := billed(t, s, n)
	r, err := audit.Log(t.Context(), seller.Self(), network, s, a)
	if err != nil || r.Notes != n || r.Entries != n+1 || r.Balances[0].Earned == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	shorter := *a
	shorter.Entries -= 7 // what a running node has added meanwhile is not looked at
	var bad *ledger.BadEntry
	if _, err := audit.Log(t.Context(), seller.Self(), network, s, &shorter); !errors.As(err, &bad) || bad.Index != 0 {
		t.Errorf("another head: %v", err)
	}
	if _, err := audit.Log(t.Context(), buyer.Self(), network, s, a); !errors.As(err, &bad) {
		t.Errorf("another's log: %v", err)
	}
	changed := withChange{s, 1500}
	if _, err := audit.Log(t.Context(), seller.Self(), network, changed, a); !errors.As(err, &bad) || bad.Index != 1500 {
		t.Errorf("a changed entry: %v", err)
	}
	if _, err := audit.Log(t.Context(), seller.Self(), network, none{}, a); !errors.As(err, &bad) || bad.Index != 0 {
		t.Errorf("an empty log: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := audit.Log(ended, seller.Self(), network, s, a); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	s.Close()
	if err := s.Commit([]market.Save{{Record: &market.Entry{Peer: buyer.Self(), Index: 3}, Delete: true}}); err == nil {
		t.Fatal("a closed store commits")
	}
}

// withChange flips a byte of the signature in one entry.
type withChange struct {
	audit.Logs
	index uint64
}

func (w withChange) Entries(p market.PeerID, from uint64, limit int) ([]*market.Entry, error) {
	list, err := w.Logs.Entries(p, from, limit)
	for _, e := range list {
		if e.Index == w.index {
			e.Second[len(e.Second)-1] ^= 1
		}
	}
	return list, err
}

type none struct{}

func (none) Entries(market.PeerID, uint64, int) ([]*market.Entry, error) { return nil, nil }

// BenchmarkLog verifies notes from a file. A log of 100,000 of them takes
// 100,000 times the ns/note.
func BenchmarkLog(b *testing.B) {
	const n = 10_000
	s, err := store.Open(filepath.Join(b.TempDir(), "leases.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a := billed(b, s, n)
	for b.Loop() {
		if _, err := audit.Log(b.Context(), seller.Self(), network, s, a); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/note")
}
