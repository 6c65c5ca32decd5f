package ledger

import (
	"errors"
	"fmt"

	"caravela/market"
)

// book is what two peers have signed with each other so far: the rules that
// hold for a log and for an exported lease alike.
type book struct {
	self, peer market.PeerID
	leases     map[market.LeaseID]*bill
	units      map[market.LeaseID]market.PeerID // supplier of each
	settled    map[[32]byte]bool
}

// bill is one lease and what is due for it.
type bill struct {
	lease   *market.SignedLease
	last    *market.SignedUsage // the newest note, acknowledged or not
	acked   *market.SignedUsage
	lost    market.Micro          // billed and not acknowledged, so far
	receipt *market.SignedReceipt // the newest
}

func newBook(self, peer market.PeerID) book {
	return book{
		self: self, peer: peer, leases: map[market.LeaseID]*bill{},
		units: map[market.LeaseID]market.PeerID{}, settled: map[[32]byte]bool{},
	}
}

var (
	errStranger = errors.New("is of a lease that is not in this log before it")
	errAlone    = errors.New("lacks the second signature")
	errClosed   = errors.New("comes after the lease's receipt")
)

// enter takes what one entry holds, and returns what it changes. both says
// that there were two envelopes.
func (b *book) enter(o market.Opened, both bool) (Change, error) {
	switch {
	case o.Lease != nil:
		return Change{}, b.onLease(o.Lease)
	case o.Usage != nil:
		return b.onUsage(o.Usage, both)
	case o.Notice != nil:
		return Change{}, b.onNotice(o.Notice)
	case o.Receipt != nil:
		return Change{}, b.onReceipt(o.Receipt, both)
	case o.Settlement != nil:
		return b.onSettlement(o.Settlement, both)
	case o.End != nil:
		return Change{}, b.onEnd(o.End)
	}
	return Change{}, errors.New("is empty")
}

// between reports whether two peers are the two of this book.
func (b *book) between(p, q market.PeerID) bool {
	return p == b.self && q == b.peer || p == b.peer && q == b.self
}

func (b *book) onLease(l *market.SignedLease) error {
	switch {
	case !b.between(l.Buyer, l.Supplier):
		return fmt.Errorf("is between %s and %s", l.Buyer.Short(), l.Supplier.Short())
	case l.BySupplier == "":
		return errAlone
	case b.leases[l.ID] != nil:
		return fmt.Errorf("lease %s stands twice", l.ID.Short())
	}
	if p := b.leases[l.Prev]; p != nil && (p.lease.Unit() != l.Unit() || p.lease.Buyer != l.Buyer || p.lease.Network != l.Network) {
		return fmt.Errorf("renews lease %s, which is of another container", l.Prev.Short())
	}
	b.leases[l.ID] = &bill{lease: l}
	b.units[l.Unit()] = l.Supplier
	return nil
}

func (b *book) onUsage(n *market.SignedUsage, both bool) (Change, error) {
	l := b.leases[n.Lease]
	if l == nil {
		return Change{}, errStranger
	}
	if err := l.fits(n, both); err != nil {
		return Change{}, err
	}
	l.last = n
	var due market.Micro
	if l.acked != nil {
		due = l.acked.Amount
	}
	unit := market.PriceOf(l.lease.Terms).Unit
	if !both {
		lost := n.Amount - due - l.lost
		l.lost += lost
		return Change{Unit: unit, Unconfirmed: lost}, nil
	}
	l.acked = n
	if l.lease.Supplier == b.self {
		return Change{Unit: unit, Earned: n.Amount - due}, nil
	}
	return Change{Unit: unit, Spent: n.Amount - due}, nil
}

// fits checks one note against its lease and the note before it.
func (l *bill) fits(n *market.SignedUsage, both bool) error {
	due := l.lease.Due(n.Usage)
	switch {
	case n.By != l.lease.Supplier:
		return fmt.Errorf("note %d is signed by %s, not by the supplier", n.Seq, n.By.Short())
	case both && n.Buyer != l.lease.Buyer:
		return fmt.Errorf("note %d is acknowledged by %s, not by the buyer", n.Seq, n.Buyer.Short())
	case l.receipt != nil && l.receipt.ByBuyer != "":
		return errClosed
	case n.Amount != due:
		return fmt.Errorf("note %d bills %v for %d s; by the lease it is %v", n.Seq, n.Amount, n.Usage.Running+n.Usage.Parked, due)
	case l.lease.MaxCost > 0 && n.Amount > l.lease.MaxCost:
		return fmt.Errorf("note %d bills %v; the lease may cost %v", n.Seq, n.Amount, l.lease.MaxCost)
	}
	return l.follows(n, both)
}

// follows checks one note against the one before it. The acknowledgement of a
// note that stands here without one is the same note once more; and who did not
// acknowledge that one may still have acknowledged one before it.
func (l *bill) follows(n *market.SignedUsage, both bool) error {
	p := l.last
	if both && p != nil && p.ByBuyer == "" && n.Seq < p.Seq {
		p = l.acked
	}
	switch {
	case p == nil && n.Seq == 1 && n.Prev != [32]byte{}:
		return errors.New("note 1 names one before it")
	case p == nil || both && p.ByBuyer == "" && n.Hash == p.Hash:
		return nil
	case n.Seq <= p.Seq:
		return fmt.Errorf("note %d comes after note %d", n.Seq, p.Seq)
	case p.Last:
		return fmt.Errorf("note %d comes after the last", n.Seq)
	case n.Seq == p.Seq+1 && n.Prev != p.Hash:
		return fmt.Errorf("note %d does not follow note %d", n.Seq, p.Seq)
	case n.Usage.Running < p.Usage.Running || n.Usage.Parked < p.Usage.Parked:
		return fmt.Errorf("note %d counts less than note %d", n.Seq, p.Seq)
	}
	return nil
}

func (b *book) onNotice(n *market.SignedNotice) error {
	l := b.leases[n.Lease]
	switch {
	case l == nil:
		return errStranger
	case n.By != l.lease.Supplier:
		return fmt.Errorf("notice by %s, not by the supplier", n.By.Short())
	case n.Unit != l.lease.Unit():
		return errors.New("notice of a lease and another's container")
	}
	return nil
}

func (b *book) onEnd(s *market.SignedStatus) error {
	switch supplier, known := b.units[s.Lease]; {
	case !known:
		return errStranger
	case s.By != supplier:
		return fmt.Errorf("status by %s, not by the supplier", s.By.Short())
	case s.State != market.Ended:
		return fmt.Errorf("says that the container is %v, not that it ended", s.State)
	}
	return nil
}

func (b *book) onReceipt(r *market.SignedReceipt, both bool) error {
	l := b.leases[r.Lease]
	if l == nil {
		return errStranger
	}
	switch {
	case r.By != l.lease.Supplier:
		return fmt.Errorf("receipt by %s, not by the supplier", r.By.Short())
	case both && r.Buyer != l.lease.Buyer:
		return fmt.Errorf("receipt agreed to by %s, not by the buyer", r.Buyer.Short())
	case l.receipt != nil && l.receipt.ByBuyer != "":
		return errClosed
	case r.Price != market.PriceOf(l.lease.Terms):
		return errors.New("receipt at another price than the lease's")
	case r.Start != l.lease.Start:
		return errors.New("receipt with another start than the lease's")
	case r.EndedBy != l.lease.Buyer && r.EndedBy != l.lease.Supplier:
		return fmt.Errorf("receipt of a lease that %s has ended", r.EndedBy.Short())
	}
	if err := l.totals(r); err != nil {
		return err
	}
	l.receipt = r
	return nil
}

// totals compares a receipt with the last acknowledged note.
func (l *bill) totals(r *market.SignedReceipt) error {
	var want market.SignedUsage
	if l.acked != nil {
		want = *l.acked
	}
	if r.Note == want.Hash && r.NoteSeq == want.Seq && r.Usage == want.Usage && r.Amount == want.Amount {
		return nil
	}
	return fmt.Errorf("receipt of %v by note %d; the last acknowledged note is %d, of %v", r.Amount, r.NoteSeq, want.Seq, want.Amount)
}

func (b *book) onSettlement(s *market.SignedSettlement, both bool) (Change, error) {
	switch {
	case !b.between(s.Debtor, s.Creditor):
		return Change{}, fmt.Errorf("is between %s and %s", s.Debtor.Short(), s.Creditor.Short())
	case !both:
		return Change{}, errAlone
	case b.settled[s.ID]:
		return Change{}, errors.New("stands twice")
	}
	b.settled[s.ID] = true
	if s.Debtor == b.self {
		return Change{Unit: s.Unit, SettledOut: s.Amount}, nil
	}
	return Change{Unit: s.Unit, SettledIn: s.Amount}, nil
}
