package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"go.etcd.io/bbolt"

	"caravela/market"
)

// Open opens the store at path, and makes it when there is none. Every byte
// that is in use is checked before. A file of an older version is brought up
// to date, and one that is mostly free pages is written anew.
func Open(path string) (*Bolt, error) {
	b, err := open(path, false)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, kindOf(err))
	}
	return b, nil
}

// OpenReadOnly opens the store at path to look at it. While a node has it
// open, it is ErrInUse; of an older version it is ErrOlder.
func OpenReadOnly(path string) (*Bolt, error) {
	b, err := open(path, true)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, kindOf(err))
	}
	return b, nil
}

func open(path string, readOnly bool) (*Bolt, error) {
	sums, err := prepare(path, readOnly)
	if err != nil {
		return nil, err
	}
	b := &Bolt{sums: sums}
	err = guard(func() (err error) {
		b.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: patience, FreelistType: bbolt.FreelistMapType, ReadOnly: readOnly})
		if err != nil {
			return err
		}
		return b.db.View(hasTables)
	})
	if err != nil && b.db != nil {
		_ = b.db.Close() // the first error is the one to tell
	}
	return b, err
}

// hasTables refuses a file in which the name of an empty table is damaged.
func hasTables(tx *bbolt.Tx) error {
	for _, t := range tables() {
		if tx.Bucket(bucket(t)) == nil {
			return broken("table %d is missing", t)
		}
	}
	return nil
}

// prepare leaves a file of the newest schema at path, and returns what is in it.
func prepare(path string, readOnly bool) (totals, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && !readOnly {
		return totals{}, create(path)
	}
	if err != nil {
		return totals{}, err
	}
	defer file.Close() // which unlocks it
	if err := lock(file, readOnly); err != nil {
		return totals{}, err
	}
	info, err := file.Stat()
	if err != nil {
		return totals{}, err
	}
	c, im, err := survey(file, info.Size(), nil)
	if err != nil {
		return totals{}, err
	}
	switch {
	case c.schema < schema && readOnly:
		return totals{}, ErrOlder
	case c.schema < schema:
		return migrate(path, file, info.Size())
	case !readOnly && info.Size() > worthwhile && im.inUse < im.pages/2:
		_ = compact(path, file, info.Size()) // without room for a second file the first one does
	}
	return c.found, nil
}

// survey walks a whole file, and calls each for every record of it. An error
// that does not wrap ErrBroken or ErrNewer is of the disk.
func survey(file *os.File, size int64, each func(t market.Table, key, record []byte) error) (*census, *image, error) {
	c := &census{stated: map[string][]byte{}, each: each}
	im, err := inspect(file, size, c.take)
	if err != nil {
		return nil, nil, err
	}
	return c, im, c.agree()
}

// patience is how long a process that is about to end may keep the file.
const patience = time.Second

// lock takes the lock that bbolt takes, too.
func lock(file *os.File, shared bool) error {
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	for end := time.Now().Add(patience); ; time.Sleep(patience / 20) {
		err := syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return fmt.Errorf("lock: %w", err)
		case time.Now().After(end):
			return ErrInUse
		}
	}
}
