//go:build real && linux

package realtest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"caravela/market"
	"caravela/node/store"
)

// TestFullDisk fills a real file system under a store, in the middle of its
// work, and frees it again: whatever was committed is there, the commit that
// failed is not, and the error says what to do. It needs root for the mount.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("mount a small file system, as root: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	file := filepath.Join(dir, "leases.db")
	open := func() *store.Bolt {
		s, err := store.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	save := func(n byte) error {
		need := market.Resources{CPU: 500, Memory: 64 * market.MiB}
		spec := &market.Spec{Image: "full", Limits: need, Env: []string{"V=" + string(bytes.Repeat([]byte{'a' + n}, 8<<10))}}
		key := keyOf(string(n))
		ring := market.NewKeyring(key)
		l := ring.Lease(market.Lease{Buyer: ring.Self(), Supplier: market.NewKeyring(keyOf("other")).Self(), Nonce: uint64(n),
			Resources: need, Image: spec.Image, SpecHash: market.HashSpec(spec), Start: 1, End: 1000})
		return s.Commit([]market.Save{{Record: &market.Bought{Lease: l, Spec: spec, Supplier: market.Ref{Peer: l.Supplier}}}})
	}
	for n := range byte(3) {
		if err := save(n); err != nil {
			t.Fatal(err)
		}
	}
	filler := filepath.Join(dir, "filler")
	_ = os.WriteFile(filler, make([]byte, 1<<20), 0o600) // as much as there is room for
	good := 3
	var err error
	for n := byte(3); err == nil && n < 200; n++ {
		if err = save(n); err == nil {
			good++
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("the disk was full after %d commits, and the store said %v", good, err)
	}
	if err := save(250); err == nil {
		t.Error("a commit after one that failed")
	}
	s.Close()
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	s = open()
	defer s.Close()
	records, err := s.Load()
	if err != nil || len(records) != good {
		t.Errorf("%d records after %d commits, %v", len(records), good, err)
	}
	if err := save(251); err != nil {
		t.Errorf("a commit once there is room: %v", err)
	}
}
