package node

import (
	"sync"

	"caravela/api"
	"caravela/market"
)

// entryPage is how many entries of a log are in memory at once.
const entryPage = 1024

// chains is what was acknowledged of each lease of the units that this node
// knows. A meter tells of the lease in force; what those before it have cost
// is in the logs, which are read once and followed from there on.
type chains struct {
	mu    sync.Mutex
	peers map[market.PeerID]*chain
}

// chain is what the log of one counterparty says, as far as it was read.
type chain struct {
	next   uint64 // the first entry that was not read yet
	leases map[market.LeaseID]*due
	units  map[market.LeaseID][]*due
}

// due is what was acknowledged of one lease.
type due struct {
	lease  *market.SignedLease
	usage  market.Usage
	amount market.Micro
}

func newChain() *chain {
	return &chain{next: 1, leases: map[market.LeaseID]*due{}, units: map[market.LeaseID][]*due{}}
}

// billed fills in what a unit has cost so far: all leases of its chain, in the
// money of the one in force.
func (n *Node) billed(c *api.Container, l *market.SignedLease, m *market.Meter) {
	b := billOf(m)
	c.AmountMicro, c.RunningS, c.ParkedS = b.AmountMicro, b.RunningS, b.ParkedS
	if l.Prev.IsZero() {
		return
	}
	peer := l.Supplier
	if peer == n.self {
		peer = l.Buyer
	}
	n.chains.mu.Lock()
	defer n.chains.mu.Unlock()
	for _, d := range n.follow(peer).units[l.Unit()] {
		if d.lease.ID == l.ID || market.PriceOf(d.lease.Terms).Unit != market.PriceOf(l.Terms).Unit {
			continue
		}
		c.AmountMicro += int64(d.amount)
		c.RunningS += d.usage.Running
		c.ParkedS += d.usage.Parked
	}
}

// follow reads what is new in the log of a counterparty. What cannot be read
// is tried again the next time, and missing until then.
func (n *Node) follow(peer market.PeerID) *chain {
	if n.chains.peers == nil {
		n.chains.peers = map[market.PeerID]*chain{}
	}
	c := n.chains.peers[peer]
	if c == nil {
		c = newChain()
		n.chains.peers[peer] = c
	}
	n.logs.RLock()
	defer n.logs.RUnlock()
	from, end := c.next, n.board.account(peer).Entries
	for c.next <= end {
		list, err := n.cfg.Store.Entries(peer, c.next, int(min(entryPage, end-c.next+1)))
		if err != nil || len(list) == 0 {
			n.log.Warn("what former leases cost is not known", "peer", peer.Short(), "entry", c.next, "error", err)
			n.chains.peers[peer] = newChain() // from the start, in case the log is another one
			return c
		}
		for _, e := range list {
			c.take(e, n.board.knows)
		}
		last := list[len(list)-1]
		c.next = last.Index + last.Span()
	}
	if c.next > from {
		c.forget(n.board.knows)
	}
	return c
}

// take reads one entry. The store is this node's own.
func (c *chain) take(e *market.Entry, known func(unit market.LeaseID) bool) {
	switch e.Kind {
	case market.EntryLease, market.EntryUsage, market.EntryReceipt:
	default:
		return
	}
	o, err := market.ReadEntry(e)
	switch {
	case err != nil: // the store's checks have let it pass: ledger verify says why
	case o.Lease != nil:
		if l := o.Lease; c.leases[l.ID] == nil && known(l.Unit()) {
			d := &due{lease: l}
			c.leases[l.ID] = d
			c.units[l.Unit()] = append(c.units[l.Unit()], d)
		}
	case o.Usage != nil:
		if d := c.leases[o.Usage.Lease]; d != nil && o.Usage.ByBuyer != "" {
			d.usage, d.amount = o.Usage.Usage, o.Usage.Amount
		}
	case o.Receipt != nil:
		if d := c.leases[o.Receipt.Lease]; d != nil {
			d.usage, d.amount = o.Receipt.Usage, o.Receipt.Amount
		}
	}
}

// forget drops the units that are not known any more.
func (c *chain) forget(known func(unit market.LeaseID) bool) {
	for unit, list := range c.units {
		if known(unit) {
			continue
		}
		delete(c.units, unit)
		for _, d := range list {
			delete(c.leases, d.lease.ID)
		}
	}
}
