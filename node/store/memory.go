package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"caravela/market"
)

// Memory is a Store for tests. Its contents outlive Close, as a disk does:
// Reopen is what a restarted node finds. All methods may be called
// concurrently.
type Memory struct {
	disk   *disk
	closed bool
}

var _ Store = (*Memory)(nil)

type disk struct {
	mu      sync.Mutex
	records map[slot][]byte
	left    int // commits until fault; -1 = none
	fault   error
	torn    bool // the faulty commit is durable all the same
	commits int
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{disk: &disk{records: make(map[slot][]byte), left: -1}}
}

// Reopen returns a new handle on what was committed, and closes m.
func (m *Memory) Reopen() *Memory {
	m.Close()
	return &Memory{disk: m.disk}
}

// FailAfter makes the commit after n more good ones fail with err, and all
// later ones; a nil err repairs the disk.
func (m *Memory) FailAfter(n int, err error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.disk.left, m.disk.fault, m.disk.torn = n, err, false
	if err == nil {
		m.disk.left = -1
	}
}

// CrashAfter makes the commit after n more good ones fail although it is
// durable: what happens when a process dies right after the fsync.
func (m *Memory) CrashAfter(n int) {
	m.FailAfter(n, ErrCrashed)
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.disk.torn = true
}

// ErrCrashed is the error of a commit after CrashAfter.
var ErrCrashed = errors.New("store: crashed after the commit")

// Commits returns how many commits there were.
func (m *Memory) Commits() int {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.commits
}

// Load implements Store.
func (m *Memory) Load() ([]market.Record, error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	var out []market.Record
	for _, t := range tables() {
		if t == market.EntryTable {
			continue
		}
		for _, s := range m.disk.slots(t) {
			r, err := decode(s.table, s.key[:], m.disk.records[s])
			if err != nil {
				return nil, fmt.Errorf("load records: %w", err)
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// Accounts implements Store.
func (m *Memory) Accounts() ([]*market.Account, error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	var out []*market.Account
	for _, s := range m.disk.slots(market.AccountTable) {
		a, err := m.disk.account(s.key)
		if err != nil {
			return nil, fmt.Errorf("read accounts: %w", err)
		}
		out = append(out, a)
	}
	return out, nil
}

// Entries implements Store.
func (m *Memory) Entries(p market.PeerID, from uint64, limit int) ([]*market.Entry, error) {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	a, err := m.disk.account(p)
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", p.Short(), err)
	}
	out, err := read(a, from, max(0, min(limit, MostEntries)), &diskCursor{m.disk, m.disk.slots(market.EntryTable), 0})
	if err != nil {
		return nil, fmt.Errorf("read the log of %s: %w", p.Short(), err)
	}
	return out, nil
}

// diskCursor is a cursor over slots in order.
type diskCursor struct {
	disk  *disk
	slots []slot
	at    int
}

func (c *diskCursor) here() (k, v []byte) {
	if c.at < 0 || c.at >= len(c.slots) {
		return nil, nil
	}
	s := c.slots[c.at]
	return s.key[:], c.disk.records[s]
}

func (c *diskCursor) Seek(key []byte) (k, v []byte) {
	c.at, _ = slices.BinarySearchFunc(c.slots, key, func(s slot, key []byte) int { return bytes.Compare(s.key[:], key) })
	return c.here()
}

func (c *diskCursor) Next() (k, v []byte) { c.at++; return c.here() }
func (c *diskCursor) Prev() (k, v []byte) { c.at--; return c.here() }
func (c *diskCursor) Last() (k, v []byte) { c.at = len(c.slots) - 1; return c.here() }

func (d *disk) account(p market.PeerID) (*market.Account, error) {
	v, ok := d.records[slot{market.AccountTable, p}]
	if !ok {
		return &market.Account{Peer: p}, nil
	}
	r, err := decode(market.AccountTable, p[:], v)
	if err != nil {
		return nil, err
	}
	return r.(*market.Account), nil
}

// slots lists what a table holds, by key.
func (d *disk) slots(t market.Table) []slot {
	var out []slot
	for s := range d.records {
		if s.table == t {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b slot) int { return bytes.Compare(a.key[:], b.key[:]) })
	return out
}

// Commit implements Store.
func (m *Memory) Commit(saves []market.Save) error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	switch {
	case m.closed:
		return ErrClosed
	case len(saves) == 0:
		return nil
	case m.disk.left == 0:
		m.closed = true
		if m.disk.torn {
			m.disk.put(saves)
		}
		return fmt.Errorf("commit %d records: %w", len(saves), m.disk.fault)
	case m.disk.left > 0:
		m.disk.left--
	}
	m.disk.put(saves)
	return nil
}

func (d *disk) put(saves []market.Save) {
	d.commits++
	for _, s := range saves {
		at := slotOf(s.Record)
		if s.Delete {
			delete(d.records, at)
			continue
		}
		d.records[at], _ = wrap(at.table, at.key[:], market.EncodeRecord(s.Record))
	}
}

// Close implements Store.
func (m *Memory) Close() error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.closed = true
	return nil
}
