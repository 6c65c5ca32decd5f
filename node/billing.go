package node

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"caravela/market"
)

// billing is the part of the board that is about money: meters, accounts,
// holds and settlements under way. It is guarded by the board's lock.
type billing struct {
	sold     map[market.LeaseID]*market.Meter // by unit
	bought   map[market.LeaseID]*market.Meter // by lease
	accounts map[market.PeerID]*market.Account
	holds    map[market.HoldID]*market.SignedHold
	proposed map[[32]byte]*market.SignedSettlement
	// settled is what the meters that are gone have said last, for leases that
	// are listed as over; order has the oldest first.
	settled map[market.LeaseID]*market.Meter
	order   []market.LeaseID
}

func newBilling() billing {
	return billing{
		sold: make(map[market.LeaseID]*market.Meter), bought: make(map[market.LeaseID]*market.Meter),
		accounts: make(map[market.PeerID]*market.Account), holds: make(map[market.HoldID]*market.SignedHold),
		proposed: make(map[[32]byte]*market.SignedSettlement), settled: make(map[market.LeaseID]*market.Meter),
	}
}

// apply takes one record that has become durable, or is deleted.
func (b *billing) apply(r market.Record, gone bool) {
	switch r := r.(type) {
	case *market.Meter:
		b.applyMeter(r, gone)
	case *market.Account:
		keep(b.accounts, r.Peer, r, gone)
	case *market.Reserved:
		keep(b.holds, r.Hold.ID, r.Hold, gone)
	case *market.Proposed:
		keep(b.proposed, r.Settlement.ID, r.Settlement, gone)
	}
}

func (b *billing) applyMeter(r *market.Meter, gone bool) {
	_, key := r.Key()
	meters := b.bought
	if r.Sold {
		meters = b.sold
	}
	if gone {
		b.remember(r) // which may say more than what was saved last
	}
	keep(meters, key, r, gone)
}

func (b *billing) remember(m *market.Meter) {
	if b.settled[m.Lease] == nil {
		b.order = append(b.order, m.Lease)
	}
	b.settled[m.Lease] = m
	if len(b.order) > 2*maxEnded {
		delete(b.settled, b.order[0])
		b.order = slices.Delete(b.order, 0, 1)
	}
}

func keep[K comparable, V any](m map[K]V, k K, v V, gone bool) {
	if gone {
		delete(m, k)
		return
	}
	m[k] = v
}

// soldMeter is the billing of a lease that was sold; nil where it is not
// metered, or the unit goes by another lease already.
func (b *board) soldMeter(l *market.SignedLease) *market.Meter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.billing.sold[l.Unit()]; m != nil && m.Lease == l.ID {
		return m
	}
	return b.billing.settled[l.ID]
}

// unsettled counts the units sold and over whose receipts wait for a signature.
func (b *board) unsettled() (k int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for unit, m := range b.billing.sold {
		s := b.sold[unit]
		over := s == nil || s.Ending != market.NoReason || s.Status != nil && s.Status.State == market.Ended
		if over && (m.Receipt == nil || m.Receipt.ByBuyer == "") {
			k++
		}
	}
	return k
}

// boughtMeter is the billing of a lease that was bought; nil where it is not
// metered.
func (b *board) boughtMeter(lease market.LeaseID) *market.Meter {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range []*market.Meter{b.billing.bought[lease], b.billing.settled[lease]} {
		if m != nil {
			return m
		}
	}
	return nil
}

// replaced are the meters of bought leases that were renewed, or whose unit is
// forgotten, newest first.
func (b *board) replaced() []*market.Meter {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*market.Meter
	for _, m := range b.billing.bought {
		if m.Past != nil {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(x, y *market.Meter) int {
		return cmp.Or(cmp.Compare(y.Past.Start, x.Past.Start), x.Lease.Compare(y.Lease))
	})
	return out
}

// account is what is known of a counterparty; never nil.
func (b *board) account(p market.PeerID) *market.Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.billing.accounts[p]; a != nil {
		return a
	}
	return &market.Account{Peer: p}
}

// allAccounts lists the counterparties, by peer.
func (b *board) allAccounts() []*market.Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.billing.accounts), func(x, y *market.Account) int { return x.Peer.Compare(y.Peer) })
}

// allHolds lists the holds that this node gave, by the time of their end.
func (b *board) allHolds() []*market.SignedHold {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.billing.holds), func(x, y *market.SignedHold) int {
		return cmp.Or(cmp.Compare(x.Until, y.Until), x.ID.Compare(y.ID))
	})
}

// open lists the settlements that wait for somebody's agreement, oldest first.
func (b *board) open() []*market.SignedSettlement {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := slices.SortedFunc(maps.Values(b.billing.proposed), func(x, y *market.SignedSettlement) int {
		return cmp.Or(cmp.Compare(x.At, y.At), bytes.Compare(x.ID[:], y.ID[:]))
	})
	return slices.DeleteFunc(all, func(s *market.SignedSettlement) bool { return s.Answer != nil })
}
