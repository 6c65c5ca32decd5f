package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// bbolt trusts its file: a page number that points past the end faults, a
// lowered count hides records, a damaged list of free pages lets the next
// commit write over live ones, and a broken newer meta page makes it go on
// from the older one, so that the last commit is gone without a word. So the
// file is read here first, with no bbolt at all, and every page that is in
// use is checked: the tree, the order of its keys, the free pages. What the
// records say is checked on the same way (sums.go).

// Where bbolt keeps what is read here. All numbers are little-endian on the
// machines that we run on.
const (
	pageHeader  = 16 // id u64, flags u16, count u16, overflow u32
	element     = 16 // branch: pos u32, ksize u32, page u64. leaf: flags u32, pos u32, ksize u32, vsize u32
	metaSize    = 64 // magic, version, page size, flags u32; root page, sequence, free list, pages, transaction, checksum u64
	bucketHead  = 16 // root page u64, sequence u64; a small bucket's only page follows
	flagBranch  = 0x01
	flagLeaf    = 0x02
	flagFree    = 0x10
	isBucket    = 0x01
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	noFreeList  = 1<<64 - 1
	manyFree    = 0xFFFF // a count that does not fit: it stands before the list
	deepest     = 64     // levels of a tree; a file that a disk can hold has fewer
)

// meta is one of a file's two roots. bbolt writes them in turns.
type meta struct {
	pageSize, root, free, pages, tx uint64
}

// image is a file under inspection.
type image struct {
	file io.ReaderAt
	meta
	used  []uint64 // bitmap: pages that something points to
	inUse uint64   // of them, those that are not free
	spare [][]byte // memory of pages that were read and are done with
}

// visit is called for every record of every bucket, in order. What it is given
// is valid until it returns.
type visit func(bucket, key, value []byte) error

// inspect walks a whole file of size bytes. Every error wraps ErrBroken,
// unless reading itself failed.
func inspect(file io.ReaderAt, size int64, f visit) (*image, error) {
	m, err := newest(file)
	if err != nil {
		return nil, err
	}
	if m.pages > uint64(size)/m.pageSize {
		return nil, broken("cut off at %d of %d bytes", size, m.pages*m.pageSize)
	}
	im := &image{file: file, meta: m, used: make([]uint64, m.pages/64+1), inUse: 2}
	err = im.tree(m.root, nil, nil, deepest, func(name, v []byte, flags uint32) error {
		if flags != isBucket {
			return broken("a record beside the tables")
		}
		return im.bucket(name, v, f)
	})
	if err != nil {
		return nil, err
	}
	return im, im.freeList()
}

// newest returns the meta page of the last commit. Both must be whole and one
// commit apart. A write of one is never torn, since it fits into a sector: one
// that does not hold was damaged later.
func newest(file io.ReaderAt) (meta, error) {
	a, err := readMeta(file, 0)
	if err != nil {
		return meta{}, err
	}
	b, err := readMeta(file, int64(a.pageSize))
	switch {
	case err != nil:
		return meta{}, err
	case a.pageSize != b.pageSize:
		return meta{}, broken("two page sizes")
	case a.tx == b.tx+1:
		return a, nil
	case b.tx == a.tx+1:
		return b, nil
	}
	return meta{}, broken("its two roots are %d and %d", a.tx, b.tx)
}

func readMeta(file io.ReaderAt, at int64) (m meta, err error) {
	var b [metaSize]byte
	if _, err := file.ReadAt(b[:], at+pageHeader); err != nil {
		if errors.Is(err, io.EOF) {
			err = broken("cut off in its head")
		}
		return m, err
	}
	u32, u64 := binary.LittleEndian.Uint32, binary.LittleEndian.Uint64
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	m = meta{pageSize: uint64(u32(b[8:])), root: u64(b[16:]), free: u64(b[32:]), pages: u64(b[40:]), tx: u64(b[48:])}
	switch {
	case u32(b[:]) != boltMagic || u32(b[4:]) != boltVersion:
		return m, broken("not a store's head at byte %d", at)
	case u64(b[metaSize-8:]) != sum.Sum64():
		return m, broken("the root at byte %d does not hold", at)
	case m.pageSize < 1<<10 || m.pageSize > 1<<16 || m.pages < 4:
		return m, broken("%d pages of %d bytes", m.pages, m.pageSize)
	}
	return m, nil
}

// bucket walks one table. A small one lives inside of the value that names it.
func (im *image) bucket(name, v []byte, f visit) error {
	if len(v) < bucketHead {
		return broken("table %x without a head", name)
	}
	each := func(key, value []byte, flags uint32) error {
		if flags != 0 {
			return broken("a table inside of table %x", name)
		}
		return f(name, key, value)
	}
	if root := binary.LittleEndian.Uint64(v); root != 0 {
		return im.tree(root, nil, nil, deepest, each)
	}
	if len(v) < bucketHead+pageHeader {
		return broken("table %x without a page", name)
	}
	return leaf(v[bucketHead:], nil, nil, each)
}

// tree walks the pages below page id, whose keys are in [low, high); nil is no
// bound.
func (im *image) tree(id uint64, low, high []byte, levels int, f func(key, value []byte, flags uint32) error) error {
	p, err := im.page(id)
	if err != nil {
		return err
	}
	defer func() { im.spare = append(im.spare, p) }()
	switch kind := binary.LittleEndian.Uint16(p[8:]); {
	case kind == flagLeaf:
		return leaf(p, low, high, f)
	case kind != flagBranch || levels == 0:
		return broken("page %d of kind %d in a tree", id, kind)
	}
	count := int(binary.LittleEndian.Uint16(p[10:]))
	if count == 0 {
		return broken("page %d branches nowhere", id)
	}
	from, child, err := branch(p, 0)
	if err != nil {
		return err
	}
	for i := range count {
		to, next := high, uint64(0)
		if i+1 < count {
			if to, next, err = branch(p, i+1); err != nil {
				return err
			}
		}
		if low != nil && bytes.Compare(from, low) < 0 || to != nil && bytes.Compare(from, to) >= 0 {
			return broken("keys of page %d out of order", id)
		}
		if err := im.tree(child, from, to, levels-1, f); err != nil {
			return err
		}
		from, child = to, next
	}
	return nil
}

// branch returns element i of a branch page: the first key of a child.
func branch(p []byte, i int) (key []byte, child uint64, err error) {
	at := pageHeader + i*element
	if at+element > len(p) {
		return nil, 0, broken("elements beyond their page")
	}
	e := p[at:]
	key, err = part(p, at, binary.LittleEndian.Uint32(e), binary.LittleEndian.Uint32(e[4:]))
	return key, binary.LittleEndian.Uint64(e[8:]), err
}

// leaf walks one leaf page.
func leaf(p, low, high []byte, f func(key, value []byte, flags uint32) error) error {
	if kind := binary.LittleEndian.Uint16(p[8:]); kind != flagLeaf {
		return broken("page of kind %d among leaves", kind)
	}
	last := low
	for i := range int(binary.LittleEndian.Uint16(p[10:])) {
		at := pageHeader + i*element
		if at+element > len(p) {
			return broken("elements beyond their page")
		}
		e := p[at:]
		u32 := binary.LittleEndian.Uint32
		pos, ksize, vsize := u32(e[4:]), u32(e[8:]), u32(e[12:])
		key, err := part(p, at, pos, ksize)
		if err != nil {
			return err
		}
		value, err := part(p, at, pos+ksize, vsize)
		if err != nil {
			return err
		}
		order := 1
		if last != nil {
			order = bytes.Compare(key, last)
		}
		if len(key) == 0 || order < 0 || order == 0 && i > 0 || high != nil && bytes.Compare(key, high) >= 0 {
			return broken("keys out of order")
		}
		if err := f(key, value, u32(e)); err != nil {
			return err
		}
		last = key
	}
	return nil
}

// part is size bytes of page p, pos after its element at.
func part(p []byte, at int, pos, size uint32) ([]byte, error) {
	from := uint64(at) + uint64(pos)
	if to := from + uint64(size); pos < element || to > uint64(len(p)) {
		return nil, broken("an element beyond its page")
	}
	return p[from : from+uint64(size)], nil
}

// page reads page id with what belongs to it, and notes that it is in use.
func (im *image) page(id uint64) ([]byte, error) {
	var head [pageHeader]byte
	if id < 2 || id >= im.pages {
		return nil, broken("page %d of %d", id, im.pages)
	}
	if _, err := im.file.ReadAt(head[:], int64(id*im.pageSize)); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	more := uint64(binary.LittleEndian.Uint32(head[12:]))
	if self := binary.LittleEndian.Uint64(head[:]); self != id || more >= im.pages-id {
		return nil, broken("page %d says that it is page %d and %d more", id, self, more)
	}
	for i := range more + 1 {
		if !im.mark(id + i) {
			return nil, broken("page %d belongs to two", id+i)
		}
	}
	im.inUse += more + 1
	p := im.room((more + 1) * im.pageSize)
	if _, err := im.file.ReadAt(p, int64(id*im.pageSize)); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	return p, nil
}

// room is memory for n bytes.
func (im *image) room(n uint64) []byte {
	if last := len(im.spare) - 1; last >= 0 && uint64(cap(im.spare[last])) >= n {
		p := im.spare[last][:n]
		im.spare = im.spare[:last]
		return p
	}
	return make([]byte, n)
}

// mark reports whether nothing pointed to the page so far.
func (im *image) mark(id uint64) bool {
	bit := uint64(1) << (id % 64)
	was := im.used[id/64]
	im.used[id/64] |= bit
	return was&bit == 0
}

// freeList checks that no page is both free and in use, or free twice.
func (im *image) freeList() error {
	if im.free == noFreeList {
		return nil
	}
	p, err := im.page(im.free)
	if err != nil {
		return err
	}
	count, from := uint64(binary.LittleEndian.Uint16(p[10:])), uint64(pageHeader)
	if kind := binary.LittleEndian.Uint16(p[8:]); kind != flagFree {
		return broken("page %d of kind %d for the free pages", im.free, kind)
	}
	if count == manyFree {
		count, from = binary.LittleEndian.Uint64(p[from:]), from+8
	}
	if count > (uint64(len(p))-from)/8 {
		return broken("%d free pages on one page", count)
	}
	for i := range count {
		id := binary.LittleEndian.Uint64(p[from+8*i:])
		if id < 2 || id >= im.pages || !im.mark(id) {
			return broken("page %d is free and in use", id)
		}
	}
	return nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w (%s)", ErrBroken, fmt.Sprintf(format, args...))
}
