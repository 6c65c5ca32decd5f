package node

import (
	"cmp"
	"slices"
	"sync"

	"caravela/market"
)

// Bounds of what the board remembers of the past.
const (
	maxEnded   = 256 // units that were removed, on either side
	maxHistory = 32  // statuses of one unit
)

// board is a copy of the durable records for those who read: the API, the
// streams and the janitor. Records are never mutated.
type board struct {
	mu      sync.Mutex
	sold    map[market.LeaseID]*market.Sold
	bought  map[market.LeaseID]*market.Bought
	ended   []*market.Bought // removed, for those who still wait; oldest first
	history map[market.LeaseID][]market.Status
	leases  map[market.LeaseID][]market.LeaseID // the chain of a bought unit
	gone    []*market.Sold                      // sold and forgotten since the start, for display; oldest first
	billing billing
	changed chan struct{} // closed and replaced with each change
}

func newBoard() *board {
	return &board{
		sold: make(map[market.LeaseID]*market.Sold), bought: make(map[market.LeaseID]*market.Bought),
		history: make(map[market.LeaseID][]market.Status), leases: make(map[market.LeaseID][]market.LeaseID),
		billing: newBilling(), changed: make(chan struct{}),
	}
}

// fill takes what was loaded at the start.
func (b *board) fill(records []market.Record) {
	saves := make([]market.Save, len(records))
	for i, r := range records {
		saves[i].Record = r
	}
	b.apply(saves, func(market.LeaseID, market.Status, bool) {})
}

// apply takes what has become durable, and tells of each new status.
func (b *board) apply(saves []market.Save, news func(unit market.LeaseID, s market.Status, bought bool)) {
	if len(saves) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range saves {
		switch r := s.Record.(type) {
		case *market.Sold:
			b.applySold(r, s.Delete, news)
		case *market.Bought:
			b.applyBought(r, s.Delete, news)
		default:
			b.billing.apply(r, s.Delete)
		}
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) applySold(r *market.Sold, gone bool, news func(market.LeaseID, market.Status, bool)) {
	unit := r.Lease.Unit()
	if gone {
		delete(b.sold, unit)
		b.gone = append(b.gone, r)
		if len(b.gone) > maxEnded {
			b.gone = slices.Delete(b.gone, 0, 1)
		}
		return
	}
	old := b.sold[unit]
	b.sold[unit] = r
	if r.Status != nil && (old == nil || old.Status == nil || old.Status.Seq < r.Status.Seq) {
		news(unit, r.Status.Status, false)
	}
}

func (b *board) applyBought(r *market.Bought, gone bool, news func(market.LeaseID, market.Status, bool)) {
	unit := r.Lease.Unit()
	if r.Status != nil {
		h := b.history[unit]
		if len(h) == 0 || h[len(h)-1].Seq < r.Status.Seq {
			b.history[unit] = append(h[max(0, len(h)-maxHistory+1):], r.Status.Status)
			news(unit, r.Status.Status, true)
		}
	}
	if ids := b.leases[unit]; len(ids) == 0 || ids[len(ids)-1] != r.Lease.ID {
		b.leases[unit] = append(ids, r.Lease.ID)
	}
	if !gone {
		b.bought[unit] = r
		return
	}
	delete(b.bought, unit)
	if r.Status == nil { // it never was: nobody would look for it
		b.forget(unit)
		return
	}
	b.ended = append(b.ended, r)
	if len(b.ended) > maxEnded {
		b.forget(b.ended[0].Lease.Unit())
		b.ended = slices.Delete(b.ended, 0, 1)
	}
}

func (b *board) forget(unit market.LeaseID) {
	delete(b.history, unit)
	delete(b.leases, unit)
}

// knows reports whether a unit is listed here, on either side.
func (b *board) knows(unit market.LeaseID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sold[unit] != nil || len(b.leases[unit]) > 0
}

// soldUnit returns what was sold under this name; nil = nothing.
func (b *board) soldUnit(unit market.LeaseID) *market.Sold {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sold[unit]
}

// boughtUnit returns the newest record of a bought unit, whether it was
// removed since, and a channel that is closed when the board changes.
func (b *board) boughtUnit(unit market.LeaseID) (r *market.Bought, over bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.bought[unit]; r != nil {
		return r, false, b.changed
	}
	for _, r := range b.ended {
		if r.Lease.Unit() == unit {
			return r, true, b.changed
		}
	}
	return nil, true, b.changed
}

// past returns a unit's statuses and the IDs of its leases, oldest first.
func (b *board) past(unit market.LeaseID) ([]market.Status, []market.LeaseID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.history[unit]), slices.Clone(b.leases[unit])
}

// allSold returns the sold units, ordered by name.
func (b *board) allSold() []*market.Sold {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*market.Sold, 0, len(b.sold))
	for _, r := range b.sold {
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y *market.Sold) int { return x.Lease.Unit().Compare(y.Lease.Unit()) })
	return out
}

// allBought returns the bought units, newest lease first. Units that were
// removed are not among them.
func (b *board) allBought() []*market.Bought {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*market.Bought, 0, len(b.bought))
	for _, r := range b.bought {
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y *market.Bought) int {
		if x.Lease.Start != y.Lease.Start {
			return cmp.Compare(y.Lease.Start, x.Lease.Start)
		}
		return x.Lease.Unit().Compare(y.Lease.Unit())
	})
	return out
}

// endedBought returns the bought units that were removed, newest first.
func (b *board) endedBought() []*market.Bought {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.ended)
	slices.Reverse(out)
	return out
}

// goneSold returns the sold units that were forgotten, newest first.
func (b *board) goneSold() []*market.Sold {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.gone)
	slices.Reverse(out)
	return out
}

// wait returns a channel that is closed at the next change.
func (b *board) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}
