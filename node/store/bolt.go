package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"caravela/market"
)

// schema is the version of the file's layout: a bucket "meta" with this
// number, and one bucket a table, named by its number.
const schema = 1

const (
	metaBucket = "meta"
	schemaKey  = "schema"
)

// Bolt is a Store in one file. A Commit is one transaction and one fsync.
type Bolt struct {
	db     *bbolt.DB
	failed error
}

var _ Store = (*Bolt)(nil)

// Open opens the store at path and makes it when there is none.
func Open(path string) (*Bolt, error) {
	var db *bbolt.DB
	err := guard(func() (err error) {
		if err := whole(path); err != nil {
			return err
		}
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, FreelistType: bbolt.FreelistMapType})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, kindOf(err))
	}
	b := &Bolt{db: db}
	if err := guard(b.prepare); err != nil {
		_ = db.Close() // the first error is the one to tell
		return nil, fmt.Errorf("open %s: %w", path, kindOf(err))
	}
	return b, nil
}

// prepare checks the schema and makes what a new file lacks.
func (b *Bolt) prepare() error {
	return b.db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists([]byte(metaBucket))
		if err != nil {
			return err
		}
		switch v := meta.Get([]byte(schemaKey)); {
		case v == nil:
			if err := meta.Put([]byte(schemaKey), binary.BigEndian.AppendUint32(nil, schema)); err != nil {
				return err
			}
		case len(v) != 4:
			return ErrBroken
		case binary.BigEndian.Uint32(v) > schema:
			return ErrNewer
		}
		for _, t := range tables() {
			if _, err := tx.CreateBucketIfNotExists(bucket(t)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Load implements Store.
func (b *Bolt) Load() (out []market.Record, err error) {
	err = guard(func() error {
		return b.db.View(func(tx *bbolt.Tx) error {
			for _, t := range tables() {
				err := tx.Bucket(bucket(t)).ForEach(func(k, v []byte) error {
					r, err := decode(t, k, v)
					if err != nil {
						return err
					}
					out = append(out, r)
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load records: %w", kindOf(err))
	}
	return out, nil
}

// Commit implements Store.
func (b *Bolt) Commit(saves []market.Save) error {
	if b.failed != nil {
		return b.failed
	}
	if len(saves) == 0 {
		return nil
	}
	err := guard(func() error {
		return b.db.Update(func(tx *bbolt.Tx) error {
			for _, s := range saves {
				if err := put(tx, s); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		b.failed = fmt.Errorf("%w: after %w", ErrClosed, kindOf(err))
		return fmt.Errorf("commit %d records: %w", len(saves), kindOf(err))
	}
	return nil
}

func put(tx *bbolt.Tx, s market.Save) error {
	table, key := s.Record.Key()
	b := tx.Bucket(bucket(table))
	if s.Delete {
		return b.Delete(key[:])
	}
	return b.Put(key[:], market.EncodeRecord(s.Record))
}

// Close implements Store.
func (b *Bolt) Close() error {
	b.failed = ErrClosed
	return b.db.Close()
}

func tables() []market.Table {
	return []market.Table{market.SoldTable, market.BoughtTable, market.SeqTable}
}

func bucket(t market.Table) []byte { return []byte{'t', byte(t)} }

// decode copies, since the file's pages do not outlive the transaction.
func decode(t market.Table, key, value []byte) (market.Record, error) {
	r, err := market.DecodeRecord(t, append([]byte(nil), value...))
	if err != nil {
		return nil, fmt.Errorf("%w: record %x of table %d: %w", ErrBroken, key, t, err)
	}
	if _, k := r.Key(); string(k[:]) != string(key) {
		return nil, fmt.Errorf("%w: record %x of table %d has another key", ErrBroken, key, t)
	}
	return r, nil
}

// guard turns a panic of bbolt, which is how it meets a damaged page, into
// ErrBroken. The file is mapped: where it was cut off, reading it faults.
func guard(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w (%v)", ErrBroken, p)
		}
	}()
	return f()
}

// kindOf wraps err by the sentinel that tells a user what to do.
func kindOf(err error) error {
	for _, row := range []struct{ is, kind error }{
		{syscall.ENOSPC, ErrFull},
		{syscall.EDQUOT, ErrFull},
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
