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

type slot struct {
	table market.Table
	key   [32]byte
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
	slots := make([]slot, 0, len(m.disk.records))
	for s := range m.disk.records {
		slots = append(slots, s)
	}
	slices.SortFunc(slots, func(a, b slot) int {
		if a.table != b.table {
			return int(a.table) - int(b.table)
		}
		return bytes.Compare(a.key[:], b.key[:])
	})
	var out []market.Record
	for _, s := range slots {
		r, err := decode(s.table, s.key[:], m.disk.records[s])
		if err != nil {
			return nil, fmt.Errorf("load records: %w", err)
		}
		out = append(out, r)
	}
	return out, nil
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
		table, key := s.Record.Key()
		if s.Delete {
			delete(d.records, slot{table, key})
			continue
		}
		d.records[slot{table, key}] = market.EncodeRecord(s.Record)
	}
}

// Close implements Store.
func (m *Memory) Close() error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.closed = true
	return nil
}
