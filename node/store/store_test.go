package store_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"caravela/market"
	"caravela/node/store"
	"caravela/node/store/storetest"
)

type file struct {
	path string
	last store.Store
}

func (f *file) Open(t *testing.T) store.Store {
	if f.last != nil {
		f.last.Close()
	}
	s, err := store.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f.last = s
	return s
}

type memory struct{ last *store.Memory }

func (m *memory) Open(*testing.T) store.Store {
	m.last = m.last.Reopen()
	return m.last
}

func TestBolt(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Disk { return &file{path: filepath.Join(t.TempDir(), "leases.db")} })
}

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Disk { return &memory{store.NewMemory()} })
}

func TestBadFiles(t *testing.T) {
	garbage := make([]byte, 64<<10)
	for i := range garbage {
		garbage[i] = byte(i * 7)
	}
	for name, c := range map[string]struct {
		make func(t *testing.T, path string)
		want error
	}{
		"garbage":   {func(t *testing.T, path string) { write(t, path, garbage) }, store.ErrBroken},
		"truncated": {func(t *testing.T, path string) { fill(t, path); truncate(t, path) }, store.ErrBroken},
		"newer":     {func(t *testing.T, path string) { fill(t, path); edit(t, path, "meta", "schema", []byte{0, 0, 0, 9}) }, store.ErrNewer},
		"no schema": {func(t *testing.T, path string) { fill(t, path); edit(t, path, "meta", "schema", []byte{1}) }, store.ErrBroken},
		"record": {func(t *testing.T, path string) {
			fill(t, path)
			edit(t, path, "t\x01", string(make([]byte, 32)), []byte("nonsense"))
		}, store.ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leases.db")
			c.make(t, path)
			s, err := store.Open(path)
			if err == nil {
				defer s.Close()
				_, err = s.Load()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTwoProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := store.Open(path); !errors.Is(err, store.ErrInUse) {
		t.Errorf("second open: %v", err)
	}
}

func TestFault(t *testing.T) {
	m := store.NewMemory()
	m.FailAfter(1, syscall.ENOSPC)
	save := []market.Save{{Record: &market.Seq{Seq: 1}}}
	if err := m.Commit(save); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(save); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("commit on a full disk: %v", err)
	}
	if err := m.Commit(save); !errors.Is(err, store.ErrClosed) {
		t.Errorf("commit after a failed one: %v", err)
	}
}

func fill(t *testing.T, path string) {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit([]market.Save{{Record: storetest.Sold(1)}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func edit(t *testing.T, path, bucket, key string, value []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), value) }); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Both meta pages stay; the pages that they point to are gone.
	write(t, path, b[:2*int(binary.LittleEndian.Uint32(b[24:28]))])
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
