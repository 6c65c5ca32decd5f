package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"caravela/market"
	"caravela/node/store"
	"caravela/node/store/storetest"
)

// old is a copy of a file that the first version wrote.
func old(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "leases.db")
	write(t, path, b)
	return path
}

func loaded(t *testing.T, path string) []market.Record {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	records, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestSchema1IsBroughtUpToDate(t *testing.T) {
	path := old(t)
	if _, err := store.OpenReadOnly(path); !errors.Is(err, store.ErrOlder) {
		t.Errorf("read-only: %v", err)
	}
	want := []market.Record{&market.Seq{Seq: 103}}
	for i := range 4 {
		want = append(want, storetest.Sold(i), storetest.Bought(10+i))
	}
	for range 2 { // once from schema 1, once from what that became
		storetest.Same(t, loaded(t, path), want...)
	}
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Commit([]market.Save{{Record: storetest.Sold(7)}}); err != nil {
		t.Fatal(err)
	}
	records, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, records, append(want, storetest.Sold(7))...)
}

// A changed byte of a file of schema 1 is never given a sum: what the old
// version would have refused still is, and what it would have lost, too.
func TestDamagedSchema1(t *testing.T) {
	want, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(want); at += 397 {
		path := old(t)
		bad := append([]byte(nil), want...)
		bad[at] ^= 0x55
		write(t, path, bad)
		s, err := store.Open(path)
		if err == nil {
			_, err = s.Load()
			s.Close()
		}
		if err != nil && !errors.Is(err, store.ErrBroken) && !errors.Is(err, store.ErrNewer) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}

// A crash while a file is written anew leaves the old one, and part of the
// new one beside it.
func TestCrashWhileRewriting(t *testing.T) {
	half, err := os.ReadFile("testdata/v1.db")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 5000, len(half) / 2, len(half)} {
		path := old(t)
		write(t, path+".new", half[:n])
		if got := loaded(t, path); len(got) != 9 {
			t.Errorf("with %d bytes left over: %d records", n, len(got))
		}
		if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("with %d bytes left over: they are still there (%v)", n, err)
		}
	}
}

func TestFreePagesAreGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	const many = 30_000
	entry := func(i int) market.Save {
		return market.Save{Record: &market.Entry{Peer: storetest.Peer(1), Index: uint64(i), Kind: market.EntryUsage, First: fmt.Appendf(nil, "%0700d", i)}}
	}
	var saves, drops []market.Save
	for i := range many {
		saves = append(saves, entry(i+1))
		drops = append(drops, market.Save{Record: saves[i].Record, Delete: true})
	}
	want := []market.Record{storetest.Sold(1), storetest.Bought(2)}
	var kept []market.Save
	for i := range 3000 {
		want = append(want, &market.Tomb{Lease: market.LeaseID{byte(i), byte(i >> 8), 1}, Buyer: storetest.Peer(1), Until: market.Wall(i)})
	}
	for _, r := range want {
		kept = append(kept, market.Save{Record: r})
	}
	for _, batch := range [][]market.Save{saves, kept, drops, {{Record: storetest.Sold(1)}}} {
		if err := s.Commit(batch); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	before := size(t, path)
	storetest.Same(t, loaded(t, path), want...)
	if after := size(t, path); before < 16<<20 || after > before/8 {
		t.Errorf("%d bytes, %d after a start", before, after)
	}
	storetest.Same(t, loaded(t, path), want...)
}

// TestRewriter is the process that TestKilledWhileRewriting kills; alone it
// does nothing.
func TestRewriter(t *testing.T) {
	path := os.Getenv("CARAVELA_TEST_STORE")
	if path == "" {
		return
	}
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// A process that is killed while it writes a file anew leaves a whole one.
func TestKilledWhileRewriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var keep, drop []market.Save
	var want []market.Record
	for i := range 3000 {
		want = append(want, storetest.Log(i, 1)[1])
		keep = append(keep, market.Save{Record: want[i]})
	}
	filler := make([]byte, 10_000)
	for i := range 2500 {
		drop = append(drop, market.Save{Record: &market.Entry{Peer: storetest.Peer(1), Index: uint64(i + 1), Kind: 1, First: filler}})
	}
	if err := s.Commit(append(drop, keep...)); err != nil {
		t.Fatal(err)
	}
	for i := range drop {
		drop[i].Delete = true
	}
	for _, batch := range [][]market.Save{drop, keep[:1], keep[1:2]} {
		if err := s.Commit(batch); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	killed, done := 0, 0
	for i := 0; i < 40 && done < 2; i++ {
		write(t, path, before)
		if rewritten(t, path, time.Duration(i)*4*time.Millisecond) {
			done++
		} else {
			killed++
		}
		if got := loaded(t, path); len(got) != len(want) {
			t.Fatalf("killed %d times: %d records of %d", killed, len(got), len(want))
		}
	}
	storetest.Same(t, loaded(t, path), want...)
	if killed == 0 {
		t.Error("it was never killed")
	}
}

// rewritten starts a process that opens the file, kills it after a while, and
// reports whether it was done before that.
func rewritten(t *testing.T, path string, after time.Duration) bool {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestRewriter$")
	child.Env = append(os.Environ(), "CARAVELA_TEST_STORE="+path)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { child.Process.Kill() })
	defer kill.Stop()
	return child.Wait() == nil
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.db")
	if _, err := store.OpenReadOnly(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	fill(t, path)
	a, err := store.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := store.OpenReadOnly(path) // two may look at once
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	if records, err := a.Load(); err != nil || len(records) != 1 {
		t.Errorf("%d records, %v", len(records), err)
	}
	if _, err := store.Open(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("open for writing: %v", err)
	}
	if err := a.Commit([]market.Save{{Record: &market.Seq{Seq: 1}}}); err == nil {
		t.Error("a commit passed")
	}
	a.Close()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := store.OpenReadOnly(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("read while it is written: %v", err)
	}
}
