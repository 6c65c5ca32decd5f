package store

import (
	"errors"

	"caravela/market"
)

// Store is a table of records by table and key. Commit and Load are called
// from one goroutine at a time; Entries and Accounts from any.
type Store interface {
	// Load returns every record but the logs' entries, ordered by table and
	// key. A record that cannot be read is ErrBroken: a node must not forget
	// a lease silently.
	Load() ([]market.Record, error)

	// Accounts returns the account of every counterparty, by peer: what Load
	// has of them.
	Accounts() ([]*market.Account, error)

	// Entries returns at most limit, and at most MostEntries, entries of the
	// log of a counterparty, from an index on (1 is the first); none when
	// the log is shorter. Indices may jump where one entry stands for
	// others: go on after the last one's. An entry that is missing is
	// ErrBroken.
	Entries(p market.PeerID, from uint64, limit int) ([]*market.Entry, error)

	// Commit makes all saves durable, or none. After an error the store
	// refuses further commits: what is on the disk is not known.
	Commit(saves []market.Save) error

	// Close frees the store; Commit afterwards is ErrClosed.
	Close() error
}

var (
	// ErrFull says that the disk under the data directory has no room.
	ErrFull = errors.New("store: no space left on the disk of the data directory; free some and start the node again: nothing is lost")
	// ErrReadOnly says that the disk takes no writes.
	ErrReadOnly = errors.New("store: the disk of the data directory is mounted read-only; mount it for writing and start the node again")
	// ErrDisk says that the disk itself reported an error.
	ErrDisk = errors.New("store: the disk of the data directory does not work; look at the system's log")
	// ErrOlder says that the file must be brought up to date before it is read.
	ErrOlder = errors.New("store: written by an older version of caravela; start the node once, which brings it up to date")
	// ErrNewer says that a later version of caravela wrote the file.
	ErrNewer = errors.New("store: written by a newer version of caravela; use that version")
	// ErrBroken says that the file is not, or no longer, a store.
	ErrBroken = errors.New("store: damaged; restore the data directory from a backup, or move the file away to begin without leases")
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("store: in use by another process; stop the node that has it open")
	// ErrClosed is returned after Close and after a failed Commit.
	ErrClosed = errors.New("store: closed")
)
