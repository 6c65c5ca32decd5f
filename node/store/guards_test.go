package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"caravela/market"
	"caravela/node/store"
	"caravela/node/store/storetest"
)

// Damage that leaves a file which bbolt finds in order.
func TestDamageThatLooksRight(t *testing.T) {
	seq := []byte("t\x03")
	sold := []byte("t\x01")
	meta := []byte("meta")
	key := make([]byte, 32)
	first := func(b *bbolt.Bucket) []byte { k, _ := b.Cursor().First(); return bytes.Clone(k) }
	for name, damage := range map[string]func(tx *bbolt.Tx) error{
		"a record gone":       func(tx *bbolt.Tx) error { b := tx.Bucket(sold); return b.Delete(first(b)) },
		"a record twice":      func(tx *bbolt.Tx) error { b := tx.Bucket(sold); return b.Put(key, b.Get(first(b))) },
		"a record of before":  func(tx *bbolt.Tx) error { return tx.Bucket(seq).Put(key, earlier(t)) },
		"a record cut short":  func(tx *bbolt.Tx) error { return tx.Bucket(seq).Put(key, []byte{1, 2, 3}) },
		"a short key":         func(tx *bbolt.Tx) error { return tx.Bucket(seq).Put(key[:5], earlier(t)) },
		"all of a table gone": func(tx *bbolt.Tx) error { return again(tx, sold) },
		"a table gone":        func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("t\x08")) },
		"a table more":        func(tx *bbolt.Tx) error { return within(tx, []byte("t\x20"), key, earlier(t)) },
		"an odd table":        func(tx *bbolt.Tx) error { return within(tx, []byte("what"), key, earlier(t)) },
		"a table in a table":  func(tx *bbolt.Tx) error { _, err := tx.Bucket(sold).CreateBucket([]byte("x")); return err },
		"no version":          func(tx *bbolt.Tx) error { return tx.Bucket(meta).Delete([]byte("schema")) },
		"version 0":           func(tx *bbolt.Tx) error { return tx.Bucket(meta).Put([]byte("schema"), make([]byte, 4)) },
		"half a version": func(tx *bbolt.Tx) error {
			return tx.Bucket(meta).Put([]byte("schema"), []byte{0, 0, 0, 3, 0xff, 0xff, 0xff, 0xfd})
		},
		"version 1 of 2":   func(tx *bbolt.Tx) error { return tx.Bucket(meta).Put([]byte("schema"), []byte{0, 0, 0, 1}) },
		"no statement":     func(tx *bbolt.Tx) error { return tx.Bucket(meta).Delete(sold) },
		"a statement more": func(tx *bbolt.Tx) error { return tx.Bucket(meta).Put([]byte("t\x20"), make([]byte, 16)) },
		"no statements":    func(tx *bbolt.Tx) error { return tx.DeleteBucket(meta) },
		"nothing": func(tx *bbolt.Tx) error {
			return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error { return tx.DeleteBucket(bytes.Clone(name)) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leases.db")
			s, err := store.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []market.Record{storetest.Sold(1), storetest.Sold(2), &market.Seq{Seq: 1}, &market.Seq{Seq: 2}} {
				if err := s.Commit([]market.Save{{Record: r}}); err != nil {
					t.Fatal(err)
				}
			}
			s.Close()
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			err = db.Update(damage)
			db.Close()
			if err != nil {
				t.Fatal(err)
			}
			if s, err = store.Open(path); !errors.Is(err, store.ErrBroken) {
				t.Errorf("opened, %v", err)
			}
			if err == nil {
				s.Close()
			}
		})
	}
}

// earlier is a value that once was right: Seq 1 with its sum.
func earlier(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "earlier.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit([]market.Save{{Record: &market.Seq{Seq: 1}}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var v []byte
	if err := db.View(func(tx *bbolt.Tx) error {
		v = bytes.Clone(tx.Bucket([]byte("t\x03")).Get(make([]byte, 32)))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return v
}

func again(tx *bbolt.Tx, name []byte) error {
	if err := tx.DeleteBucket(name); err != nil {
		return err
	}
	_, err := tx.CreateBucket(name)
	return err
}

func within(tx *bbolt.Tx, name, key, value []byte) error {
	b, err := tx.CreateBucket(name)
	if err != nil {
		return err
	}
	return b.Put(key, value)
}

// Where a page that is in use counts as free, the next commit would write over
// it; where a tree points elsewhere, it would lose what it pointed to.
func TestDamagedPages(t *testing.T) {
	file, _ := busy(t)
	u16, u64 := binary.LittleEndian.Uint16, binary.LittleEndian.Uint64
	page := int(binary.LittleEndian.Uint32(file[24:28]))
	meta := 16
	if u64(file[page+64:]) > u64(file[64:]) {
		meta = page + 16
	}
	root, free := int(u64(file[meta+16:])), int(u64(file[meta+32:]))
	at := func(id int) int { return id * page }
	if u16(file[at(root)+8:]) == 1 { // a branch: its first child
		root = int(u64(file[at(root)+16+8:]))
	}
	if u16(file[at(free)+10:]) < 2 || u16(file[at(root)+8:]) != 2 {
		t.Fatalf("%d free pages on page %d, root %d of kind %d", u16(file[at(free)+10:]), free, root, u16(file[at(root)+8:]))
	}
	list := at(free) + 16
	for name, damage := range map[string]func(b []byte){
		"a root that is free":        func(b []byte) { copy(b[list:], word(root)) },
		"a list that is free":        func(b []byte) { copy(b[list:], word(free)) },
		"a head that is free":        func(b []byte) { copy(b[list:], word(1)) },
		"a page free twice":          func(b []byte) { copy(b[list:], b[list+8:list+16]) },
		"a free page far away":       func(b []byte) { copy(b[list:], word(1<<40)) },
		"more free than fits":        func(b []byte) { binary.LittleEndian.PutUint16(b[at(free)+10:], 0xfffe) },
		"very many free":             func(b []byte) { binary.LittleEndian.PutUint16(b[at(free)+10:], 0xffff); copy(b[list:], word(-1)) },
		"a list of another kind":     func(b []byte) { b[at(free)+8] = 2 },
		"a root of another kind":     func(b []byte) { b[at(root)+8] = 0x10 },
		"a root with another name":   func(b []byte) { b[at(root)]++ },
		"a root that is too long":    func(b []byte) { b[at(root)+14] = 1 },
		"a root that is empty":       func(b []byte) { b[at(root)+10], b[at(root)+11] = 0, 0 },
		"a root of too many":         func(b []byte) { b[at(root)+11] = 0x7f },
		"an element far away":        func(b []byte) { b[at(root)+16+6] = 0xff },
		"an element on the head":     func(b []byte) { copy(b[at(root)+16+4:], []byte{0, 0, 0, 0}) },
		"an element with a long end": func(b []byte) { copy(b[at(root)+16+12:], []byte{0xff, 0xff, 0xff, 0xff}) },
		"an element without a key":   func(b []byte) { copy(b[at(root)+16+8:], []byte{0, 0, 0, 0}) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "leases.db")
			bad := bytes.Clone(file)
			damage(bad)
			write(t, path, bad)
			s, err := store.Open(path)
			if !errors.Is(err, store.ErrBroken) || bytes.Equal(bad, file) {
				t.Errorf("opened, %v", err)
			}
			if err == nil {
				s.Close()
			}
		})
	}
}

func word(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// A tree whose branches are damaged is refused: pages of the largest table are
// pointed to twice, or by keys that are not theirs.
func TestDamagedBranches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leases.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var saves []market.Save
	for i := range 400 {
		saves = append(saves, market.Save{Record: &market.Tomb{Lease: market.LeaseID{byte(i >> 4), byte(i << 4)}, Buyer: storetest.Peer(1)}})
	}
	if err := s.Commit(saves); err != nil {
		t.Fatal(err)
	}
	s.Close()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := int(binary.LittleEndian.Uint32(file[24:28]))
	branch := 0
	for p := 2 * page; p < inUse(file); p += page {
		if file[p+8] == 1 && file[p+10] >= 4 {
			branch = p
		}
	}
	if branch == 0 {
		t.Fatal("no branch page")
	}
	element := func(i int) int { return branch + 16 + 16*i }
	keyOf := func(i int) int { return element(i) + int(binary.LittleEndian.Uint32(file[element(i):])) }
	for name, damage := range map[string]func(b []byte){
		"a child twice": func(b []byte) { copy(b[element(2)+8:], b[element(1)+8:element(1)+16]) },
		"children swapped": func(b []byte) {
			c := bytes.Clone(b[element(1)+8 : element(1)+16])
			copy(b[element(1)+8:], b[element(2)+8:element(2)+16])
			copy(b[element(2)+8:], c)
		},
		"itself for a child":   func(b []byte) { copy(b[element(1)+8:], word(branch/page)) },
		"a child far away":     func(b []byte) { copy(b[element(1)+8:], word(1<<50)) },
		"a child less":         func(b []byte) { b[branch+10]-- },
		"no child":             func(b []byte) { b[branch+10] = 0 },
		"very many children":   func(b []byte) { b[branch+11] = 0xff },
		"a key that is lower":  func(b []byte) { b[keyOf(2)] = 0 },
		"a key that is higher": func(b []byte) { b[keyOf(1)] = 0xff },
		"the first key higher": func(b []byte) { b[keyOf(0)]++ },
		"a key far away":       func(b []byte) { b[element(1)+3] = 0xff },
	} {
		t.Run(name, func(t *testing.T) {
			bad := bytes.Clone(file)
			damage(bad)
			write(t, path, bad)
			s, err := store.Open(path)
			if !errors.Is(err, store.ErrBroken) || bytes.Equal(bad, file) {
				t.Errorf("opened, %v", err)
			}
			if err == nil {
				s.Close()
			}
		})
	}
}
