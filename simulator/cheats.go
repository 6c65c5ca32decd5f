package simulator

import (
	"time"

	"caravela/market"
)

// lie is what a cheat has billed for a lease, instead of the truth.
type lie struct {
	truth, told *market.SignedUsage
	first       *market.SignedUsage
}

// cheat reports whether a node that is dishonest about money does not send a
// message; a bill it may change.
func (p *part) cheat(n *node, s *market.Send) bool {
	switch n.fault {
	case overbiller, mispricer:
		if m, ok := s.Msg.(*market.ReportUsage); ok {
			s.Msg = &market.ReportUsage{Note: p.forge(n, m.Note)}
		}
	case noShow: // says that it is still starting, and bills
		m, ok := s.Msg.(*market.StatusUpdate)
		return ok && m.Status.State.Live()
	case replayer:
		if m, ok := s.Msg.(*market.ReportUsage); ok {
			s.Msg = &market.ReportUsage{Note: p.replayed(n, m.Note)}
		}
	case deadbeat, quitter:
		if n.fault == quitter && p.at < p.s.quits(n) {
			return false
		}
		switch s.Msg.(type) {
		case *market.AckUsage, *market.SignReceipt:
			return true
		}
	}
	return false
}

// quits is when a node stops to be honest.
func (s *Sim) quits(n *node) time.Duration {
	return time.Duration(mix(uint64(n.index), s.c.Seed, 10) % uint64(s.c.Duration))
}

// forge bills more than is true. Half of the overbilled leases are billed
// within what a buyer's clock must bear, the others twice.
func (p *part) forge(n *node, truth *market.SignedUsage) *market.SignedUsage {
	sold := soldBy(n, unitOf(n, truth.Lease))
	if sold == nil {
		return truth
	}
	l := p.lies[truth.Lease]
	if l == nil {
		l = &lie{}
		p.lies[truth.Lease] = l
	}
	if l.truth != nil && l.truth.Hash == truth.Hash {
		return l.told
	}
	note := truth.UsageNote
	switch interval := uint64(sold.Lease.Terms.Interval / time.Second); {
	case n.fault == mispricer:
		note.Amount += note.Amount/10 + 1
	case truth.Lease[23]%2 == 0:
		note.Usage.Running += interval + interval/2
		note.Amount = sold.Lease.Due(note.Usage)
	default:
		note.Usage.Running *= 2
		note.Amount = sold.Lease.Due(note.Usage)
	}
	if l.told != nil && l.told.Seq == note.Seq-1 {
		note.Prev = l.told.Hash
	}
	l.truth, l.told = truth, newSealer(truth.By).Usage(note)
	return l.told
}

// unitOf is the unit that a lease is about; the lease itself when it is over.
func unitOf(n *node, lease market.LeaseID) market.LeaseID {
	if peer, ok := n.machine.(inspectable); ok {
		for _, s := range peer.Sold() {
			if s.Lease.ID == lease {
				return s.Lease.Unit()
			}
		}
	}
	return lease
}

// deceived is what a cheat's own peer gets to see: it is told that the truth
// was acknowledged where the lie was.
func (p *part) deceived(n *node, m market.Message) market.Message {
	a, ok := m.(*market.AckUsage)
	if !ok || a.Note == nil || n.fault != overbiller && n.fault != mispricer {
		return m
	}
	l := p.lies[a.Lease]
	if l == nil || l.told.Hash != a.Note.Hash {
		return m
	}
	again := *a
	again.Note = newSealer(a.Note.Buyer).AckUsage(l.truth)
	return &again
}

// replayed is now and then the first bill of a lease instead of the newest, or
// the newest of the lease that was billed before.
func (p *part) replayed(n *node, note *market.SignedUsage) *market.SignedUsage {
	mine := market.LeaseID(p.s.c.Overlay.id(n.index)) // what this node billed last, whatever the lease
	l, last := p.lies[note.Lease], p.lies[mine]
	if l == nil {
		l = &lie{first: note}
		p.lies[note.Lease] = l
	}
	p.lies[mine] = &lie{truth: note}
	switch mix(uint64(n.index), uint64(n.counter), 11) % 4 {
	case 0:
		return l.first
	case 1:
		if last != nil {
			return last.truth
		}
	}
	return note
}
