package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"caravela/market"
)

// A file is never changed into another layout. A new one is written beside it
// and takes its name when it is whole and on the disk: so a crash leaves the
// old one, or the new one.

// worthwhile is the size in bytes from which on a file that is mostly free
// pages is written anew at start.
const worthwhile = 16 << 20

// chunk bounds what one transaction of a rewriting holds in memory, in bytes.
const chunk = 8 << 20

// successor is where a new file is written.
func successor(path string) string { return path + ".new" }

// create makes an empty store at path.
func create(path string) error {
	return replace(path, func(*writer) error { return nil })
}

// compact makes the store at path anew, without free pages.
func compact(path string, file *os.File, size int64) error {
	return replace(path, func(w *writer) error {
		_, _, err := survey(file, size, w.put)
		return err
	})
}

// migrate makes the store at path anew in the newest schema. A record of
// schema 1 has no sum: its signatures must hold instead.
func migrate(path string, file *os.File, size int64) (totals, error) {
	var sums totals
	err := replace(path, func(w *writer) error {
		_, _, err := survey(file, size, func(t market.Table, key, record []byte) error {
			if err := sound(t, key, record); err != nil {
				return err
			}
			return w.put(t, key, record)
		})
		sums = w.sums
		return err
	})
	if err != nil {
		return totals{}, fmt.Errorf("bring it up to date: %w", err)
	}
	return sums, nil
}

// replace writes a file with what fill puts into it, and gives it the name path.
func replace(path string, fill func(*writer) error) error {
	next := successor(path)
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := fillNew(next, fill); err != nil {
		_ = os.Remove(next) // half a file; the first error is the one to tell
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func fillNew(path string, fill func(*writer) error) (err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	w := &writer{db: db}
	if err := w.begin(); err != nil {
		return err
	}
	defer func() { _ = w.tx.Rollback() }() // of what was not committed
	if err := errors.Join(fill(w), w.end()); err != nil {
		return err
	}
	return db.Sync()
}

// writer fills a new file in order.
type writer struct {
	db   *bbolt.DB
	tx   *bbolt.Tx
	size int // of tx
	sums totals
}

func (w *writer) begin() (err error) {
	w.size = 0
	w.tx, err = w.db.Begin(true)
	return err
}

// put adds a record.
func (w *writer) put(t market.Table, key, record []byte) error {
	if w.size > chunk {
		if err := w.tx.Commit(); err != nil {
			return err
		}
		if err := w.begin(); err != nil {
			return err
		}
	}
	b, err := w.tx.CreateBucketIfNotExists(bucket(t))
	if err != nil {
		return err
	}
	b.FillPercent = 0.9 // they come in order
	value, sum := wrap(t, key, record)
	w.sums[t].add(sum)
	w.size += len(key) + len(value)
	return b.Put(key, value)
}

// end makes the tables that are empty, and states what there is.
func (w *writer) end() error {
	for _, t := range tables() {
		if _, err := w.tx.CreateBucketIfNotExists(bucket(t)); err != nil {
			return err
		}
	}
	b, err := w.tx.CreateBucket([]byte(metaBucket))
	if err != nil {
		return err
	}
	if err := b.Put([]byte(schemaKey), schemaValue(schema)); err != nil {
		return err
	}
	for _, t := range tables() {
		if err := b.Put(bucket(t), w.sums[t].bytes()); err != nil {
			return err
		}
	}
	return w.tx.Commit()
}

// syncDir makes a renaming durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
