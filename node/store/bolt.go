package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"caravela/market"
)

// Bolt is a Store in one file. A Commit is one transaction: the pages, an
// fsync, the root, an fsync.
type Bolt struct {
	db     *bbolt.DB
	sums   totals
	failed error
}

var _ Store = (*Bolt)(nil)

// Load implements Store.
func (b *Bolt) Load() ([]market.Record, error) {
	var out []market.Record
	err := b.view(func(tx *bbolt.Tx) error {
		for _, t := range tables() {
			if t == market.EntryTable {
				continue
			}
			err := tx.Bucket(bucket(t)).ForEach(func(k, v []byte) error {
				r, err := decode(t, k, v)
				out = append(out, r)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load records: %w", err)
	}
	return out, nil
}

// view reads, and tells what a damaged page does as ErrBroken.
func (b *Bolt) view(f func(tx *bbolt.Tx) error) error {
	return kindOf(guard(func() error { return b.db.View(f) }))
}

// Commit implements Store.
func (b *Bolt) Commit(saves []market.Save) error {
	if b.failed != nil {
		return b.failed
	}
	if len(saves) == 0 {
		return nil
	}
	sums := b.sums
	err := guard(func() error {
		return b.db.Update(func(tx *bbolt.Tx) error {
			for _, s := range newestOf(saves) {
				if err := put(tx, s, &sums); err != nil {
					return err
				}
			}
			return state(tx, &b.sums, &sums)
		})
	})
	if err != nil {
		b.failed = fmt.Errorf("%w: after %w", ErrClosed, kindOf(err))
		return fmt.Errorf("commit %d records: %w", len(saves), kindOf(err))
	}
	b.sums = sums
	return nil
}

// newestOf leaves out what a later save of the same batch replaces: a busy
// account is saved by every step.
func newestOf(saves []market.Save) []market.Save {
	if len(saves) == 1 {
		return saves
	}
	last := make(map[slot]int, len(saves))
	for i, s := range saves {
		last[slotOf(s.Record)] = i
	}
	out := make([]market.Save, 0, len(last))
	for i, s := range saves {
		if last[slotOf(s.Record)] == i {
			out = append(out, s)
		}
	}
	return out
}

// slot is where a record is kept.
type slot struct {
	table market.Table
	key   [32]byte
}

func slotOf(r market.Record) slot {
	t, k := r.Key()
	return slot{t, k}
}

func put(tx *bbolt.Tx, s market.Save, sums *totals) error {
	at := slotOf(s.Record)
	b := tx.Bucket(bucket(at.table))
	if old := b.Get(at.key[:]); old != nil {
		_, sum, err := unwrap(at.table, at.key[:], old)
		if err != nil {
			return err
		}
		sums[at.table].drop(sum)
	}
	if s.Delete {
		return b.Delete(at.key[:])
	}
	value, sum := wrap(at.table, at.key[:], market.EncodeRecord(s.Record))
	sums[at.table].add(sum)
	return b.Put(at.key[:], value)
}

// state writes the totals that have changed.
func state(tx *bbolt.Tx, was, is *totals) error {
	meta := tx.Bucket([]byte(metaBucket))
	for _, t := range tables() {
		if was[t] == is[t] {
			continue
		}
		if err := meta.Put(bucket(t), is[t].bytes()); err != nil {
			return err
		}
	}
	return nil
}

// Close implements Store.
func (b *Bolt) Close() error {
	b.failed = ErrClosed
	return b.db.Close()
}

// decode reads a value, which it does not keep: the file's pages do not
// outlive the transaction.
func decode(t market.Table, key, value []byte) (market.Record, error) {
	record, _, err := unwrap(t, key, value)
	if err != nil {
		return nil, err
	}
	r, err := market.DecodeTrusted(t, append([]byte(nil), record...)) // as the sum holds
	return r, fits(t, key, r, err)
}

// sound refuses a record that cannot be read, or that has another key.
func sound(t market.Table, key, record []byte) error {
	r, err := market.DecodeRecord(t, record)
	return fits(t, key, r, err)
}

func fits(t market.Table, key []byte, r market.Record, err error) error {
	if err != nil {
		return fmt.Errorf("%w: record %x of table %d: %w", ErrBroken, key, t, err)
	}
	if _, k := r.Key(); string(k[:]) != string(key) {
		return broken("record %x of table %d has another key", key, t)
	}
	return nil
}

// guard turns a panic of bbolt, which is how it meets a damaged page, into
// ErrBroken. The file is mapped: where it was cut off, reading it faults.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = broken("%v", p)
		}
	}()
	return f()
}

// kindOf wraps err by the sentinel that tells a user what to do.
func kindOf(err error) error {
	for _, row := range []struct{ is, kind error }{
		{syscall.ENOSPC, ErrFull},
		{syscall.EDQUOT, ErrFull},
		{syscall.EROFS, ErrReadOnly},
		{syscall.EIO, ErrDisk},
		{bolterrors.ErrTimeout, ErrInUse},
		{bolterrors.ErrInvalid, ErrBroken},
		{bolterrors.ErrVersionMismatch, ErrBroken},
		{bolterrors.ErrChecksum, ErrBroken},
	} {
		if errors.Is(err, row.is) && !errors.Is(err, row.kind) {
			return fmt.Errorf("%w (%w)", row.kind, err)
		}
	}
	var at *fs.PathError
	if errors.As(err, &at) && os.IsPermission(at) {
		return fmt.Errorf("%w: start the node as the user who owns it", err)
	}
	return err
}
