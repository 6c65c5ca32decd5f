package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"caravela/market"
	"caravela/node/store"
	"caravela/node/store/storetest"
)

// contents is all that a store can tell.
func contents(s store.Store) (string, error) {
	records, err := s.Load()
	if err != nil {
		return "", err
	}
	accounts, err := s.Accounts()
	if err != nil {
		return "", err
	}
	for _, a := range accounts {
		for i := uint64(1); i <= a.Entries; i += store.MostEntries {
			entries, err := s.Entries(a.Peer, i, store.MostEntries)
			if err != nil {
				return "", err
			}
			for _, e := range entries {
				records = append(records, e)
			}
		}
	}
	var b bytes.Buffer
	for _, r := range records {
		t, k := r.Key()
		fmt.Fprintf(&b, "%d %x %x\n", t, k, market.EncodeRecord(r))
	}
	return b.String(), nil
}

// busy is a file with a few hundred records in all tables, of which many were
// replaced and some deleted, so that old pages lie about that look right.
func busy(t *testing.T) (file []byte, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 8 {
		var saves []market.Save
		for _, r := range storetest.Every(i) {
			saves = append(saves, market.Save{Record: r})
		}
		for _, r := range storetest.Log(i%3, 4*i+4) {
			saves = append(saves, market.Save{Record: r})
		}
		if i > 4 {
			saves = append(saves, market.Save{Record: storetest.Sold(i - 4), Delete: true})
		}
		if err := s.Commit(saves); err != nil {
			t.Fatal(err)
		}
	}
	if want, err = contents(s); err != nil {
		t.Fatal(err)
	}
	if file, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return file[:inUse(file)], want
}

// inUse is the length of a file without the room that bbolt keeps at its end.
func inUse(file []byte) int {
	page := int(binary.LittleEndian.Uint32(file[24:28]))
	return page * int(max(binary.LittleEndian.Uint64(file[56:]), binary.LittleEndian.Uint64(file[page+56:])))
}

// One changed byte, wherever it is, is refused, or changes nothing: neither
// what is read nor what is read after one more commit.
func TestEveryByte(t *testing.T) {
	file, want := busy(t)
	path := filepath.Join(t.TempDir(), "leases.db")
	refused, harmless := 0, 0
	for _, at := range positions(file) {
		flip := byte(1) << (at % 8)
		if at%3 == 0 {
			flip = 0xff
		}
		file[at] ^= flip
		write(t, path, file)
		file[at] ^= flip
		got, err := reopened(path, harmless%64 == 0)
		switch {
		case err == nil && got != want:
			t.Fatalf("byte %d: other contents, and no word", at)
		case err == nil:
			harmless++
		case errors.Is(err, store.ErrBroken):
			refused++
		default:
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	t.Logf("%d changed bytes of %d refused, %d not in use", refused, len(file), harmless)
	if refused < harmless/10 {
		t.Errorf("only %d changed bytes were refused", refused)
	}
}

// positions are all bytes of the heads of all pages, and a sample of the rest.
func positions(file []byte) (at []int) {
	page := int(binary.LittleEndian.Uint32(file[24:28]))
	for i := range file {
		if off := i % page; off < 112 || i%97 == 0 {
			at = append(at, i)
		}
	}
	return at
}

// reopened reads a file as a node does that starts, and, if it shall go on
// from there, as one that starts once more after a commit.
func reopened(path string, goOn bool) (string, error) {
	s, err := store.Open(path)
	if err != nil {
		return "", err
	}
	defer s.Close()
	got, err := contents(s)
	if err != nil || !goOn {
		return got, err
	}
	if err := s.Commit([]market.Save{{Record: storetest.Sold(99)}, {Record: storetest.Sold(99), Delete: true}}); err != nil {
		return "", err
	}
	s.Close()
	return reopened(path, false)
}

// Where the root of the last commit is damaged, the one before it would do,
// and the last commit be forgotten.
func TestNoCommitIsForgotten(t *testing.T) {
	file, _ := busy(t)
	page := int(binary.LittleEndian.Uint32(file[24:28]))
	for root := range 2 {
		for name, damage := range map[string]func(head []byte){
			"zeroed": func(head []byte) { clear(head[:80]) },
			"older":  func(head []byte) { copy(head[16:80], file[(1-root)*page+16:]) },
		} {
			t.Run(fmt.Sprintf("root %d %s", root, name), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "leases.db")
				bad := bytes.Clone(file)
				damage(bad[root*page:])
				write(t, path, bad)
				if _, err := store.Open(path); !errors.Is(err, store.ErrBroken) {
					t.Errorf("open: %v", err)
				}
			})
		}
	}
}

// Roots that are more than one commit apart were not written by this file's
// last two commits.
func TestStaleRoot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var files [][]byte
	for i := range 5 {
		if err := s.Commit([]market.Save{{Record: storetest.Sold(i)}}); err != nil {
			t.Fatal(err)
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file[:inUse(file)])
	}
	s.Close()
	for last := 3; last < 5; last++ { // the roots are written in turns
		bad := bytes.Clone(files[last])
		page := int(binary.LittleEndian.Uint32(bad[24:28]))
		older := 0
		if binary.LittleEndian.Uint64(bad[64:]) > binary.LittleEndian.Uint64(bad[page+64:]) {
			older = page
		}
		copy(bad[older:], files[last-3][older:older+page])
		write(t, path, bad)
		if _, err := store.Open(path); bytes.Equal(bad, files[last]) || !errors.Is(err, store.ErrBroken) {
			t.Errorf("after commit %d: %v", last, err)
		}
	}
}

// A file of any length but the right one is refused, and the empty one, too.
func TestCutFiles(t *testing.T) {
	file, _ := busy(t)
	path := filepath.Join(t.TempDir(), "leases.db")
	page := int(binary.LittleEndian.Uint32(file[24:28]))
	used := len(file)
	for _, n := range []int{0, 1, 79, 80, page, page + 79, 2 * page, 3*page + 1, used - page, used - 1} {
		write(t, path, file[:n])
		if _, err := store.Open(path); !errors.Is(err, store.ErrBroken) {
			t.Errorf("%d bytes of %d: %v", n, used, err)
		}
	}
	write(t, path, file[:used])
	if s, err := store.Open(path); err != nil {
		t.Errorf("whole: %v", err)
	} else {
		s.Close()
	}
}

// FuzzDamage changes a stretch of a file.
func FuzzDamage(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "leases.db")
	s, err := store.Open(path)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 4 {
		for _, r := range append(storetest.Every(i), storetest.Log(i, 9)...) {
			if err := s.Commit([]market.Save{{Record: r}}); err != nil {
				f.Fatal(err)
			}
		}
	}
	want, err := contents(s)
	if err != nil {
		f.Fatal(err)
	}
	s.Close()
	file, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(4096), []byte{1, 0, 0, 0})
	f.Add(uint32(16), []byte{0xff})
	f.Add(uint32(2*4096+8), []byte{0x10, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, at uint32, change []byte) {
		bad := bytes.Clone(file)
		for i, b := range change[:min(len(change), 16)] {
			bad[(int(at)+i)%len(bad)] ^= b
		}
		path := filepath.Join(t.TempDir(), "leases.db")
		write(t, path, bad)
		got, err := reopened(path, true)
		if err == nil && got != want || err != nil && !errors.Is(err, store.ErrBroken) && !errors.Is(err, store.ErrNewer) {
			t.Fatalf("%x at %d: %v", change, at, err)
		}
	})
}
