package ledger

import "caravela/market"

// Cover finds the receipts that a settlement pays. It reads a log from its
// beginning on. What was paid before counts for the receipts that it names, and
// where it names none for the oldest.
type Cover struct {
	debtor, creditor market.PeerID
	unit             string
	leases           map[market.LeaseID]int // by which the debtor owes the creditor: the place in open, -1 without a receipt
	open             []debt                 // receipts in the order of the log
	paid             market.Micro           // by settlements that name no receipt
	named            map[market.LeaseID]bool
}

type debt struct {
	lease  market.LeaseID
	amount market.Micro
}

// NewCover begins a log; the settlement is between these two and in this unit.
func NewCover(debtor, creditor market.PeerID, unit string) *Cover {
	return &Cover{
		debtor: debtor, creditor: creditor, unit: unit,
		leases: map[market.LeaseID]int{}, named: map[market.LeaseID]bool{},
	}
}

// Take reads the next entry.
func (c *Cover) Take(o market.Opened) {
	switch {
	case o.Lease != nil:
		if l := o.Lease; l.Buyer == c.debtor && l.Supplier == c.creditor && market.PriceOf(l.Terms).Unit == c.unit {
			c.leases[l.ID] = -1
		}
	case o.Receipt != nil:
		r := o.Receipt
		switch i, known := c.leases[r.Lease]; {
		case !known:
		case i >= 0:
			c.open[i].amount = r.Amount // once more, with the second signature
		default:
			c.leases[r.Lease] = len(c.open)
			c.open = append(c.open, debt{r.Lease, r.Amount})
		}
	case o.Settlement != nil:
		c.Paid(&o.Settlement.Settlement)
	}
}

// Paid counts a settlement, signed by both or under way.
func (c *Cover) Paid(s *market.Settlement) {
	switch {
	case s.Debtor != c.debtor || s.Creditor != c.creditor || s.Unit != c.unit:
	case len(s.Receipts) == 0:
		c.paid += s.Amount
	default:
		for _, l := range s.Receipts {
			c.named[l] = true
		}
	}
}

// Leases are those whose receipts are the oldest that are open and add up to
// amount; nil where no receipts do, or more than a settlement can name.
func (c *Cover) Leases(amount market.Micro) (list []market.LeaseID) {
	paid := c.paid
	for _, d := range c.open {
		if c.named[d.lease] {
			continue
		}
		part := min(paid, d.amount)
		if paid -= part; part == d.amount {
			continue
		}
		if len(list) == market.MaxReceipts {
			return nil
		}
		list = append(list, d.lease)
		if amount -= d.amount - part; amount <= 0 {
			break
		}
	}
	if amount != 0 {
		return nil
	}
	return list
}
