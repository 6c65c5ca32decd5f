package simulator

import (
	"slices"
	"time"

	"caravela/discovery"
	"caravela/ledger"
	"caravela/market"
)

// Money is what suppliers ask for, and how debts are paid. The zero value is a
// market in which everything is free.
type Money struct {
	Terms  *market.Terms // of the dearest supplier; nil = nothing costs anything
	Spread int           // parts of a million: by how much the cheapest supplier is cheaper
	Credit time.Duration // of its leases' price, that a supplier gives; 0 = the market's default
	Settle time.Duration // honest buyers pay what they owe, and suppliers confirm it, this often; 0 = never
}

// priceLevels is how many prices there are between the cheapest and the dearest.
const priceLevels = 16

// accountant is a peer with books, which every peer of the market's own is.
type accountant interface {
	Books() *ledger.Books
	Credit(peer market.PeerID, label string) discovery.Credit
}

// prices are the terms of suppliers, from the cheapest to the dearest.
func (m *Money) prices() (list []*market.Terms) {
	if m.Terms == nil {
		return nil
	}
	for i := range priceLevels {
		t := *m.Terms
		share := market.Micro(million - m.Spread*(priceLevels-1-i)/(priceLevels-1))
		for _, rate := range []*market.Micro{&t.Price.Core, &t.Price.Memory, &t.Price.Disk, &t.Price.Parked, &t.Price.Start} {
			*rate = *rate * share / million
		}
		list = append(list, &t)
	}
	return list
}

// terms are what a node asks for; nil = nothing.
func (s *Sim) terms(n *node) *market.Terms {
	if s.prices == nil {
		return nil
	}
	return s.prices[mix(uint64(n.index), s.c.Seed, 9)%priceLevels]
}

// payday has every honest supplier confirm what was paid to it: a supplier
// each at a time of its own within the period. It runs between windows.
func (s *Sim) payday(now time.Duration) {
	every := s.c.Money.Settle
	if every == 0 || s.prices == nil {
		return
	}
	for ; s.paid < now; s.paid += payTick {
		slots := uint64(max(1, every/payTick))
		slot := uint64(s.paid/payTick) % slots
		for i := slot; i < uint64(len(s.nodes)); i += slots {
			s.collect(&s.nodes[i], now)
		}
	}
}

// payTick is how often somebody is paid.
const payTick = time.Minute

// collect has a supplier say that its honest debtors have paid.
func (s *Sim) collect(n *node, now time.Duration) {
	peer, ok := n.machine.(accountant)
	if !ok || !n.up || n.fault.cheats() {
		return
	}
	for _, a := range peer.Books().Accounts() {
		if s.nodes[indexOf(a.Peer)].fault.cheats() {
			continue
		}
		for _, b := range a.Balances {
			due := b.Receivable()
			for _, p := range peer.Books().Proposals() {
				if p.Debtor == a.Peer && p.Unit == b.Unit {
					due -= p.Amount
				}
			}
			if due > 0 {
				s.load.give(n.index, now, market.Settle{Peer: a.Peer, Amount: due, Unit: b.Unit, Owed: true})
			}
		}
	}
}

// Accounts are what a run found out about money. Amounts are micro-units of
// the suppliers' money, and of honest suppliers and buyers alone.
type Accounts struct {
	Earned        market.Micro // what suppliers have billed
	Acked         market.Micro // of it, what buyers have acknowledged
	Unpaid        market.Micro // of that, what those owe who never pay
	LossMax       market.Micro // the most of one lease that ran unacknowledged
	BoundMax      market.Micro // the most that may
	LossShare     market.Micro // parts of a million of what may run unacknowledged: the most that did, of one lease
	OverbilledMax market.Micro // the most of one container that its buyer acknowledged and did not get
	OverBound     int          // nodes that lost more by a lease than they may
	OverCredit    int          // nodes that somebody owed more than the credit given
	Disputed      int          // bills and receipts that buyers did not agree with, as far as their users were told
	Receipts      int          // that buyers have signed
	Disagreeing   int          // pairs of a supplier and a buyer whose ledgers do not say the same
}

// audit adds up what the partitions have seen, and compares ledgers.
func (s *Sim) audit() *Accounts {
	if s.prices == nil {
		return nil
	}
	var a Accounts
	over, owed := map[uint32]bool{}, map[uint32]bool{}
	truth := map[market.LeaseID]*spell{}
	for _, p := range s.parts {
		for unit, r := range p.till.ran { // in any order: units are different
			truth[unit] = r
		}
	}
	for _, p := range s.parts {
		t := &p.till
		a.LossMax, a.BoundMax, a.LossShare = max(a.LossMax, t.lossMax), max(a.BoundMax, t.boundMax), max(a.LossShare, t.shareMax)
		a.Disputed, a.Receipts = a.Disputed+t.disputed, a.Receipts+t.receipts
		for i := range t.over { // in any order: a set
			over[i] = true
		}
		for i := range t.owed { // likewise
			owed[i] = true
		}
		for unit, c := range t.charged { // in any order: sums, sets and the largest
			lost := c.lost(truth[unit], s.now)
			a.OverbilledMax = max(a.OverbilledMax, lost)
			if lost > c.bound() {
				over[c.buyer] = true
			}
		}
	}
	a.OverBound, a.OverCredit = len(over), len(owed)
	s.balance(&a)
	return &a
}

// balance adds up the books of honest suppliers, and holds each against the
// buyer's.
func (s *Sim) balance(a *Accounts) {
	for i := range s.nodes {
		n := &s.nodes[i]
		peer, ok := n.machine.(accountant)
		if !ok || n.fault.cheats() {
			continue
		}
		for _, of := range peer.Books().Accounts() {
			buyer := &s.nodes[indexOf(of.Peer)]
			for _, b := range of.Balances {
				a.Acked += b.Earned
				a.Earned += b.Earned + b.Unconfirmed
				if buyer.fault.cheats() {
					a.Unpaid += b.Receivable()
				} else if theirs, ok := buyer.machine.(accountant); ok && s.settledDown(n) && s.settledDown(buyer) {
					their := ledger.BalanceOf(theirs.Books().Account(s.c.Overlay.id(n.index)), b.Unit)
					if !s.agree(pairOf(n, buyer), b, their) {
						a.Disagreeing++
					}
				}
			}
		}
	}
}

// settledDown reports whether a node was up for long enough to have heard all.
func (s *Sim) settledDown(n *node) bool { return n.up && n.since <= s.end()-2*onItsWay }

// pairOf is a supplier and a buyer.
func pairOf(supplier, buyer *node) uint64 { return uint64(supplier.index)<<32 | uint64(buyer.index) }

// agree reports whether two balances say the same. What a buyer has signed, or
// settled, may be on its way; a quarter of an hour later it must be there.
func (s *Sim) agree(pair uint64, supplier, buyer market.Balance) bool {
	before := s.former[pair]
	return supplier.Earned <= buyer.Spent && supplier.Earned >= before.Spent &&
		supplier.SettledIn <= buyer.SettledOut && supplier.SettledIn >= before.SettledOut
}

// onItsWay is how long before the end of a run the ledgers are looked at, for
// what may be on its way at the end.
const onItsWay = 15 * time.Minute

// remember notes what buyers have signed.
func (s *Sim) remember(now time.Duration) {
	if s.prices == nil || s.former != nil || now < s.end()-onItsWay {
		return
	}
	s.former = map[uint64]market.Balance{}
	for i := range s.nodes {
		n := &s.nodes[i]
		peer, ok := n.machine.(accountant)
		if !ok {
			continue
		}
		for _, of := range peer.Books().Accounts() {
			k := slices.IndexFunc(of.Balances, func(b market.Balance) bool { return b.Spent > 0 })
			if k >= 0 {
				s.former[pairOf(&s.nodes[indexOf(of.Peer)], n)] = of.Balances[k]
			}
		}
	}
}
