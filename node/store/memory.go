package store

import (
	"bytes"
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
	m.disk.left, m.disk.fault = n, err
	if err == nil {
		m.disk.left = -1
	}
}

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
		return fmt.Errorf("commit %d records: %w", len(saves), m.disk.fault)
	case m.disk.left > 0:
		m.disk.left--
	}
	m.disk.commits++
	for _, s := range saves {
		table, key := s.Record.Key()
		if s.Delete {
			delete(m.disk.records, slot{table, key})
			continue
		}
		m.disk.records[slot{table, key}] = market.EncodeRecord(s.Record)
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	m.closed = true
	return nil
}
