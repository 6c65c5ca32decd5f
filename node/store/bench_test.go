package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"caravela/market"
	"caravela/node/store"
	"caravela/node/store/storetest"
)

// launch is what a supplier saves when it grants a metered lease.
func launch(i int) []market.Save {
	sold := storetest.Sold(i)
	unit := sold.Lease.Unit()
	peer := i % 50
	entry := sold.Lease.Entry()
	entry.Peer, entry.Index = storetest.Peer(peer), uint64(i/50+1)
	return []market.Save{
		{Record: sold},
		{Record: &market.Meter{Unit: unit, Lease: unit, Sold: true}},
		{Record: &entry},
		{Record: &market.Account{Peer: storetest.Peer(peer), Entries: uint64(i/50 + 1)}},
	}
}

func opened(b *testing.B) (*store.Bolt, string) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s, path
}

// BenchmarkCommit makes launches durable that share a commit, into a store of
// 10,000 others. "fsync" is what the disk alone allows.
func BenchmarkCommit(b *testing.B) {
	const others = 10_000
	launches := make([][]market.Save, others+4096)
	for i := range launches {
		launches[i] = launch(i)
	}
	for _, batch := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("launches=%d", batch), func(b *testing.B) {
			s, _ := opened(b)
			var saves []market.Save
			for _, l := range launches[:others] {
				saves = append(saves, l...)
			}
			if err := s.Commit(saves); err != nil {
				b.Fatal(err)
			}
			next, n := others, 0
			for b.Loop() {
				saves = saves[:0]
				for range batch {
					saves = append(saves, launches[next]...)
					if next++; next == len(launches) {
						next = others
					}
				}
				if err := s.Commit(saves); err != nil {
					b.Fatal(err)
				}
				n += batch
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "launches/s")
		})
	}
	b.Run("fsync", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		page := make([]byte, 4096)
		for b.Loop() {
			if _, err := f.WriteAt(page, 0); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkStart opens and loads a store of 10,000 leases with 50,000 entries
// of logs.
func BenchmarkStart(b *testing.B) {
	const leases = 10_000
	s, path := opened(b)
	var saves []market.Save
	for i := range leases {
		r := storetest.Every(i)
		saves = append(saves, market.Save{Record: r[0]}, market.Save{Record: r[3]})
	}
	if err := s.Commit(saves); err != nil {
		b.Fatal(err)
	}
	filler := make([]byte, 700)
	saves = saves[:0]
	for i := range 5 * leases {
		saves = append(saves, market.Save{Record: &market.Entry{Peer: storetest.Peer(i % 50), Index: uint64(i/50 + 1), Kind: market.EntryUsage, First: filler}})
	}
	for i := range 50 {
		saves = append(saves, market.Save{Record: &market.Account{Peer: storetest.Peer(i), Entries: 5 * leases / 50}})
	}
	if err := s.Commit(saves); err != nil {
		b.Fatal(err)
	}
	s.Close()
	for b.Loop() {
		s, err := store.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		records, err := s.Load()
		if err != nil || len(records) != 2*leases+50 {
			b.Fatal(len(records), err)
		}
		s.Close()
	}
}
