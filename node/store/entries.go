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
		out, err = read(a, from, limit, tx.Bucket(bucket(market.EntryTable)).Cursor())
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

// cursor goes over entries by key; *bbolt.Cursor is one. A nil key says that
// there is none.
type cursor interface {
	Seek(key []byte) (k, v []byte)
	Next() (k, v []byte)
	Prev() (k, v []byte)
	Last() (k, v []byte)
}

// read returns entries of a's log from index from on, at most limit, and
// checks that none is missing.
func read(a *market.Account, from uint64, limit int, c cursor) (out []*market.Entry, err error) {
	if from = max(from, 1); from > a.Entries || limit == 0 {
		return nil, nil
	}
	at := entryKey(a.Peer, from)
	k, v := c.Seek(at[:])
	if string(k) != string(at[:]) { // one before it may stand for it
		if k == nil {
			k, v = c.Last()
		} else {
			k, v = c.Prev()
		}
		e, err := entry(a, k, v)
		if err != nil || e.Index >= from || e.Index+e.Span() <= from {
			return nil, broken("entry %d of %d is missing", from, a.Entries)
		}
		from = e.Index + e.Span()
		k, v = c.Next()
	}
	for ; from <= a.Entries && len(out) < limit; k, v = c.Next() {
		e, err := entry(a, k, v)
		if err != nil {
			return nil, err
		}
		if e.Index != from {
			return nil, broken("entry %d of %d is missing", from, a.Entries)
		}
		out = append(out, e)
		from += e.Span()
	}
	return out, nil
}

func entryKey(p market.PeerID, index uint64) [32]byte {
	_, key := (&market.Entry{Peer: p, Index: index}).Key()
	return key
}

// entry reads an entry of a's log.
func entry(a *market.Account, k, v []byte) (*market.Entry, error) {
	if k == nil {
		return nil, broken("the log of %d entries ends early", a.Entries)
	}
	r, err := decode(market.EntryTable, k, v)
	if err != nil {
		return nil, err
	}
	e := r.(*market.Entry)
	if e.Peer != a.Peer {
		return nil, broken("the log of %d entries ends early", a.Entries)
	}
	return e, nil
}
