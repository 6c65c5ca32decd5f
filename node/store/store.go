package store

import (
	"errors"

	"caravela/market"
)

// Store is a table of records by table and key. Commit and Load are called
// from one goroutine at a time.
type Store interface {
	// Load returns every record, ordered by table and key. A record that
	// cannot be read is ErrBroken: a node must not forget a lease silently.
	Load() ([]market.Record, error)

	// Commit makes all saves durable, or none. After an error the store
	// refuses further commits: what is on the disk is not known.
	Commit(saves []market.Save) error

	// Close frees the store; Commit afterwards is ErrClosed.
	Close() error
}

var (
	// ErrFull says that the disk under the data directory has no room.
	ErrFull = errors.New("store: no space left on the disk of the data directory; free some and start the node again: nothing is lost")
	// ErrNewer says that a later version of caravela wrote the file.
	ErrNewer = errors.New("store: written by a newer version of caravela; use that version")
	// ErrBroken says that the file is not, or no longer, a store.
	ErrBroken = errors.New("store: damaged; restore the data directory from a backup, or move the file away to begin without leases")
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("store: in use by another process")
	// ErrClosed is returned after Close and after a failed Commit.
	ErrClosed = errors.New("store: closed")
)
