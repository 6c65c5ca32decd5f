package simulator

import (
	"time"

	"caravela/market"
)

// till is what a partition sees of money: whatever its peers save, they stand by.
type till struct {
	lossMax, boundMax  market.Micro
	shareMax           market.Micro // of a lease's bound, what was lost, in parts of a million
	disputed, receipts int
	over, owed         map[uint32]struct{} // nodes that lost too much, or are owed too much
	credit             map[uint64]market.Micro
	ran                map[market.LeaseID]*spell  // units that really ran here
	charged            map[market.LeaseID]*charge // units that buyers here have acknowledged bills of
}

func newTill() till {
	return till{
		over: map[uint32]struct{}{}, owed: map[uint32]struct{}{}, credit: map[uint64]market.Micro{},
		ran: map[market.LeaseID]*spell{}, charged: map[market.LeaseID]*charge{},
	}
}

// spell is how long a unit ran.
type spell struct{ before, since time.Duration } // since <0 = it does not run now

func (r *spell) upTo(now time.Duration) time.Duration {
	switch {
	case r == nil:
		return 0
	case r.since < 0:
		return r.before
	}
	return r.before + now - r.since
}

// charge is what a buyer has acknowledged of a unit.
type charge struct {
	buyer   uint32
	lease   *market.SignedLease // one of them: they differ in nothing that matters here
	seconds map[market.LeaseID]uint64
}

// lost is what was acknowledged and not had.
func (c *charge) lost(ran *spell, now time.Duration) market.Micro {
	sum := uint64(0)
	for _, s := range c.seconds { // in any order: a sum
		sum += s
	}
	had := uint64(ran.upTo(now) / time.Second)
	price := c.lease.Terms.Price
	if had > 0 { // so the start was had, too
		price.Start = 0
	}
	return price.Amount(c.lease.Resources, market.Usage{Running: sum - min(sum, had)})
}

// bound is what a buyer may lose by a unit: its start, the interval that runs,
// and the two that a bill may be ahead of its clock.
func (c *charge) bound() market.Micro {
	t := c.lease.Terms
	return t.Price.Amount(c.lease.Resources, market.Usage{Running: 3 * uint64(max(t.Interval, 3*time.Second)/time.Second)})
}

// count looks at what a step of an honest node has saved and noted.
func (p *part) count(n *node, ev market.Event) {
	if p.s.prices == nil || n.fault.cheats() {
		return
	}
	for i := range p.out.Saves {
		if p.out.Saves[i].Delete {
			continue
		}
		switch r := p.out.Saves[i].Record.(type) {
		case *market.Sold:
			p.countCredit(n, r.Lease)
		case *market.Meter:
			if r.Sold {
				p.countSold(n, r)
			} else {
				p.countBought(n, r)
			}
		}
	}
	if r, ok := ev.(market.Received); ok {
		p.countAnswer(r.Msg)
	}
}

// countAnswer counts what becomes of a bill, or of a receipt.
func (p *part) countAnswer(m market.Message) {
	_, bill := m.(*market.ReportUsage)
	_, receipt := m.(*market.IssueReceipt)
	for i := range p.out.Notes {
		switch k := p.out.Notes[i].Kind; {
		case receipt && k == market.NoteReceipt:
			p.till.receipts++
		case (bill || receipt) && k == market.NoteDisputed:
			p.till.disputed++
		}
	}
}

// countSold holds what runs unacknowledged against what may: it is most when a
// note was just written.
func (p *part) countSold(n *node, m *market.Meter) {
	sold := soldBy(n, m.Unit)
	if sold == nil || m.Note == nil {
		return
	}
	loss, bound := m.Note.Amount, sold.Lease.Terms.Exposure(sold.Lease.Resources)
	if m.Acked != nil {
		loss -= m.Acked.Amount
	}
	t := &p.till
	t.lossMax, t.boundMax = max(t.lossMax, loss), max(t.boundMax, bound)
	if bound > 0 {
		t.shareMax = max(t.shareMax, loss*million/bound)
	}
	if loss > bound {
		t.over[n.index] = struct{}{}
	}
	p.countCredit(n, sold.Lease)
}

func soldBy(n *node, unit market.LeaseID) *market.Sold {
	peer, ok := n.machine.(inspectable)
	if !ok {
		return nil
	}
	for _, s := range peer.Sold() {
		if s.Lease.Unit() == unit {
			return s
		}
	}
	return nil
}

// countCredit holds what a buyer owes against the credit that it was given
// since it owed nothing: that of a lease that is over counts, too.
func (p *part) countCredit(n *node, l *market.SignedLease) {
	peer, ok := n.machine.(accountant)
	if !ok || !l.Terms.Metered() {
		return
	}
	t := &p.till
	c, pair := peer.Credit(l.Buyer, l.Terms.Price.Unit), uint64(n.index)<<32|uint64(indexOf(l.Buyer))
	owes := c.Owes + c.Pending
	given := max(t.credit[pair], c.Limit)
	if t.credit[pair] = given; owes == 0 {
		t.credit[pair] = c.Limit
	}
	if c.Bounded && owes > given {
		t.owed[n.index] = struct{}{}
	}
}

// countBought notes what a buyer has acknowledged.
func (p *part) countBought(n *node, m *market.Meter) {
	if m.Acked == nil {
		return
	}
	c := p.till.charged[m.Unit]
	if c == nil {
		peer, ok := n.machine.(inspectable)
		if !ok {
			return
		}
		for _, b := range peer.Bought() {
			if b.Lease.Unit() == m.Unit {
				c = &charge{buyer: n.index, lease: b.Lease, seconds: map[market.LeaseID]uint64{}}
				p.till.charged[m.Unit] = c
			}
		}
		if c == nil {
			return
		}
	}
	c.seconds[m.Lease] = m.Acked.Usage.Running
}

// clock notes what really runs.
func (p *part) clock(n *node, ev *market.UnitChanged, at time.Duration) {
	if p.s.prices == nil || n.fault == noShow {
		return
	}
	r := p.till.ran[ev.Unit]
	switch {
	case ev.State == market.Running && r == nil:
		p.till.ran[ev.Unit] = &spell{since: at}
	case ev.State == market.Running && r.since < 0:
		r.since = at
	case ev.State == market.Ended && r != nil && r.since >= 0:
		r.before, r.since = r.before+at-r.since, -1
	}
}
