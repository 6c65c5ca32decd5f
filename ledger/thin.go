package ledger

import (
	"caravela/market"
)

// Thinner finds what a log need not keep: usage notes of leases whose receipt
// both have signed, but the newest before each settlement and before the
// receipt. Each run of them becomes one entry that stands for them
// (market.Thin), so that the log still verifies, to the same balances.
//
// Give it a log from its beginning on, then ask for the Saves.
type Thinner struct {
	before market.Wall
	log    []step
	newest map[market.LeaseID]int // acknowledged note, as an index of log
	closed map[market.LeaseID]bool
}

// step is what is remembered of an entry.
type step struct {
	entry *market.Entry  // without envelopes
	hash  [32]byte       // of the whole entry
	lease market.LeaseID // of a note that is not the newest; zero = keep
	stood bool           // for others, already
}

// NewThinner returns one that leaves leases alone whose receipt was entered at
// a date or later.
func NewThinner(before market.Wall) *Thinner {
	return &Thinner{before: before, newest: map[market.LeaseID]int{}, closed: map[market.LeaseID]bool{}}
}

// Add takes the next entry. What it holds may be trusted: thinning removes
// nothing that an Audit would have refused.
func (t *Thinner) Add(i Item) {
	e, o := i.Entry, i.Opened
	bare := &market.Entry{Peer: e.Peer, Index: e.Index, At: e.At, Kind: e.Kind, Prev: e.Prev}
	s := step{entry: bare, hash: i.Hash, stood: e.Kind == market.EntryThinned}
	if s.stood {
		bare.First = e.First
	}
	switch {
	case i.Err != nil:
	case o.Usage != nil && o.Usage.ByBuyer != "":
		if old, ok := t.newest[o.Usage.Lease]; ok {
			t.log[old].lease = o.Usage.Lease
		}
		t.newest[o.Usage.Lease] = len(t.log)
	case o.Settlement != nil:
		clear(t.newest) // what was due then must still add up
	case o.Receipt != nil && o.Receipt.ByBuyer != "" && e.At < t.before:
		t.closed[o.Receipt.Lease] = true
	}
	t.log = append(t.log, s)
}

// Saves returns what to commit, in batches of which each leaves a log that
// verifies; none when nothing is to be gained.
func (t *Thinner) Saves() (batches [][]market.Save) {
	for from := 0; from < len(t.log); {
		to := from
		for to < len(t.log) && t.log[to].spare(t.closed) {
			to++
		}
		if to-from > 1 {
			batches = append(batches, run(t.log[from:to]))
		}
		from = max(to, from+1)
	}
	return batches
}

func (s *step) spare(closed map[market.LeaseID]bool) bool {
	return s.stood || !s.lease.IsZero() && closed[s.lease]
}

// run puts one entry in the place of several.
func run(list []step) (saves []market.Save) {
	for _, s := range list[1:] {
		saves = append(saves, market.Save{Record: s.entry, Delete: true})
	}
	last := list[len(list)-1]
	return append(saves, market.Save{Record: market.Thin(list[0].entry, last.entry, last.hash)})
}
