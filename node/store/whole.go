package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// whole checks that the file at path is as long as it says. bbolt maps the
// file and would be killed by the kernel on touching a page that is cut off.
// A file that does not exist yet is whole.
func whole(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	need, err := claimed(f)
	if err != nil {
		return err
	}
	if info.Size() < need {
		return fmt.Errorf("%w (cut off at %d of %d bytes)", ErrBroken, info.Size(), need)
	}
	return nil
}

// Where bbolt's meta pages, 0 and 1, keep what claimed reads. All numbers are
// little-endian on the machines that we run on.
const (
	metaSize   = 80
	magicAt    = 16
	pageSizeAt = 24
	pagesAt    = 56
	txAt       = 64
	boltMagic  = 0xED0CDAED
)

// claimed returns the length in bytes that the newer of the two meta pages
// asks for; 0 where neither can be read, which bbolt then says itself.
func claimed(r io.ReaderAt) (int64, error) {
	var size, newest uint64
	page := uint64(os.Getpagesize())
	for i := range uint64(2) {
		var b [metaSize]byte
		if _, err := r.ReadAt(b[:], int64(i*page)); err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if binary.LittleEndian.Uint32(b[magicAt:]) != boltMagic {
			continue
		}
		page = uint64(binary.LittleEndian.Uint32(b[pageSizeAt:]))
		if tx := binary.LittleEndian.Uint64(b[txAt:]); size == 0 || tx > newest {
			newest, size = tx, binary.LittleEndian.Uint64(b[pagesAt:])*page
		}
	}
	return int64(size), nil
}
