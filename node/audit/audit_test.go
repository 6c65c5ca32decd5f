package audit_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"syscall"
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
	books := ledger.New(&market.Party{Self: seller.Self(), Params: &market.Params{Network: network}, Seal: seller})
	now := market.Time{Wall: 1767355200000}
	l := seller.Countersign(buyer.Lease(market.Lease{
		Network: network, Buyer: buyer.Self(), Supplier: seller.Self(), Image: "web",
		Resources: market.Resources{CPU: 1000, Memory: market.GiB}, Start: now.Wall, End: now.Wall.Add(market.MaxTerm),
		Terms: &market.Terms{Price: market.Price{Unit: "credit", Core: 20_000}, Interval: time.Minute, Bear: 5},
	}))
	books.Append(now, buyer.Self(), l.Entry(), ledger.Change{}, &out)
	var last market.SignedUsage
	for i := range n {
		note := market.UsageNote{Lease: l.ID, Seq: uint64(i + 1), Usage: market.Usage{Running: uint64(60 * (i + 1))}, Prev: last.Hash}
		note.Amount = l.Due(note.Usage)
		signed := buyer.AckUsage(seller.Usage(note))
		books.Append(now, buyer.Self(), signed.Entry(), ledger.Change{Unit: "credit", Earned: note.Amount - last.Amount}, &out)
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

// A thinned log is shorter, on the disk too, and says the same.
func TestThin(t *testing.T) {
	const n = 3000
	for name, open := range map[string]func() store.Store{
		"memory": func() store.Store { return store.NewMemory() },
		"bolt": func() store.Store {
			s, err := store.Open(filepath.Join(t.TempDir(), "leases.db"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open()
			a := closed(t, s, n)
			want, err := audit.Log(t.Context(), seller.Self(), network, s, a)
			if err != nil {
				t.Fatal(err)
			}
			commits := 0
			gone, err := audit.Thin(t.Context(), s, a, 1<<50, func(saves []market.Save) error { commits++; return s.Commit(saves) })
			if err != nil || gone != n-2 || commits != 1 {
				t.Fatalf("%d entries gone in %d commits, %v", gone, commits, err)
			}
			got, err := audit.Log(t.Context(), seller.Self(), network, s, a)
			if err != nil || got.Entries != want.Entries || got.Thinned != n-1 || got.Notes != 1 || got.Balances[0] != want.Balances[0] {
				t.Errorf("%+v, %v; was %+v", got, err, want)
			}
			if gone, err := audit.Thin(t.Context(), s, a, 1<<50, s.Commit); err != nil || gone != 0 {
				t.Errorf("%d more, %v", gone, err)
			}
			full := errors.New("full")
			b := closed(t, store.NewMemory(), 5)
			if _, err := audit.Thin(t.Context(), none{}, b, 1<<50, s.Commit); err != nil {
				t.Error(err)
			}
			m := store.NewMemory()
			if _, err := audit.Thin(t.Context(), m, closed(t, m, 5), 1<<50, func([]market.Save) error { return full }); !errors.Is(err, full) {
				t.Errorf("%v", err)
			}
		})
	}
}

// closed is billed, and then closed by a receipt.
func closed(t *testing.T, s store.Store, n int) *market.Account {
	t.Helper()
	a := billed(t, s, n)
	entries, err := s.Entries(a.Peer, a.Entries, 1)
	if err != nil {
		t.Fatal(err)
	}
	o, err := market.OpenEntry(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	u := o.Usage
	r := buyer.SignReceipt(seller.Receipt(market.Receipt{
		Lease: u.Lease, Note: u.Hash, NoteSeq: u.Seq, Usage: u.Usage, Amount: u.Amount, Price: market.Price{Unit: "credit", Core: 20_000},
		Start: 1767355200000, End: 1767355200001, EndedBy: buyer.Self(), Reason: market.RemovedByOwner,
	}))
	var out market.Outbox
	books := ledger.New(&market.Party{Self: seller.Self(), Params: &market.Params{Network: network}, Seal: seller})
	books.Step(market.Time{}, market.Boot{Records: []market.Record{a}}, &out)
	books.Append(market.Time{}, a.Peer, r.Entry(), ledger.Change{}, &out)
	if err := s.Commit(out.Saves); err != nil {
		t.Fatal(err)
	}
	return books.Account(a.Peer)
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
	before := cpu(b)
	for b.Loop() {
		if _, err := audit.Log(b.Context(), seller.Self(), network, s, a); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/note")
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(b.N*n), "cpu-ns/note")
}

// cpu is the processor time that this process has used: on a busy machine it
// says more than the clock.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
