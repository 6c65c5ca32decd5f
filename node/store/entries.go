package store

import (
	"fmt"

	"go.etcd.io/bbolt"

	"caravela/market"
)

// MostEntries bounds what Entries returns at once.
const MostEntries = 1024

// Entries implements Store.
func (b *Bolt) Entries(p market.PeerID, from uint64, limit int) (out []*market.Entry, err error) {
	limit = max(0, min(limit, MostEntries))
	err = b.view(func(tx *bbolt.Tx) error {
		a, err := account(tx, p)
		if err != nil {
			return err
		}
		out, err = read(a, from, limit, bucketReader(tx.Bucket(bucket(market.EntryTable))))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", p.Short(), err)
	}
	return out, nil
}

// Accounts implements Store.
func (b *Bolt) Accounts() (out []*market.Account, err error) {
	err = b.view(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucket(market.AccountTable)).ForEach(func(k, v []byte) error {
			r, err := decode(market.AccountTable, k, v)
			if err == nil {
				out = append(out, r.(*market.Account))
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	return out, nil
}

func account(tx *bbolt.Tx, p market.PeerID) (*market.Account, error) {
	v := tx.Bucket(bucket(market.AccountTable)).Get(p[:])
	if v == nil {
		return &market.Account{Peer: p}, nil
	}
	r, err := decode(market.AccountTable, p[:], v)
	if err != nil {
		return nil, err
	}
	return r.(*market.Account), nil
}

// bucketReader returns one entry after the other, by key.
func bucketReader(b *bbolt.Bucket) func(key []byte) ([]byte, []byte) {
	c, began := b.Cursor(), false
	return func(key []byte) ([]byte, []byte) {
		if began {
			return c.Next()
		}
		began = true
		return c.Seek(key)
	}
}

// read returns entries of a's log from index from on, at most limit, and
// checks that none is missing. next returns the first one at or after a key,
// and later the one after the last.
func read(a *market.Account, from uint64, limit int, next func(key []byte) (k, v []byte)) (out []*market.Entry, err error) {
	from = max(from, 1)
	for i := from; i <= a.Entries && len(out) < limit; i++ {
		_, want := (&market.Entry{Peer: a.Peer, Index: i}).Key()
		k, v := next(want[:])
		if string(k) != string(want[:]) {
			return nil, broken("entry %d of %d is missing", i, a.Entries)
		}
		r, err := decode(market.EntryTable, k, v)
		if err != nil {
			return nil, err
		}
		e := r.(*market.Entry)
		if e.Peer != a.Peer {
			return nil, broken("entry %d is of another peer's log", i)
		}
		out = append(out, e)
	}
	return out, nil
}
