package ledger_test

import (
	"slices"
	"testing"

	"caravela/ledger"
	"caravela/market"
)

// coverLog writes a log by hand: what a settlement covers depends on who, how
// much, and the order, and on no signature.
type coverLog struct{ *ledger.Cover }

func newCoverLog() coverLog {
	return coverLog{ledger.NewCover(buyer.Self(), seller.Self(), "credit")}
}

func (l coverLog) lease(id byte, by, from *market.Keyring, unit string) {
	s := &market.SignedLease{ID: market.LeaseID{id}}
	s.Buyer, s.Supplier, s.Terms = by.Self(), from.Self(), &market.Terms{Price: market.Price{Unit: unit, Core: 1}}
	l.Take(market.Opened{Lease: s})
}

func (l coverLog) receipt(id byte, amount market.Micro) {
	l.Take(market.Opened{Receipt: &market.SignedReceipt{Receipt: market.Receipt{Lease: market.LeaseID{id}, Amount: amount}}})
}

func (l coverLog) settled(amount market.Micro, ids ...byte) {
	s := &market.SignedSettlement{Settlement: market.Settlement{Debtor: buyer.Self(), Creditor: seller.Self(), Unit: "credit", Amount: amount}}
	for _, id := range ids {
		s.Receipts = append(s.Receipts, market.LeaseID{id})
	}
	l.Take(market.Opened{Settlement: s})
}

// want fails unless an amount covers just these.
func (l coverLog) want(t *testing.T, amount market.Micro, ids ...byte) {
	t.Helper()
	var want []market.LeaseID
	for _, id := range ids {
		want = append(want, market.LeaseID{id})
	}
	if got := l.Leases(amount); !slices.Equal(got, want) {
		t.Errorf("%d covers %v, want %v", amount, got, want)
	}
}

// A settlement covers the oldest receipts that are open, if it is exactly of
// their sum.
func TestCover(t *testing.T) {
	l := newCoverLog()
	l.want(t, 5)
	for id := range byte(4) {
		l.lease(id, buyer, seller, "credit")
	}
	l.lease(8, seller, buyer, "credit") // the other way round
	l.lease(9, buyer, seller, "EUR")
	l.receipt(8, 10)
	l.receipt(9, 10)
	l.receipt(2, 10)
	l.receipt(1, 20)
	l.receipt(0, 0) // nothing to pay
	l.receipt(2, 10)
	l.receipt(3, 30) // number 2 has both signatures now, and counts once
	l.want(t, 10, 2)
	l.want(t, 30, 2, 1)
	l.want(t, 60, 2, 1, 3)
	l.want(t, 11)
	l.want(t, 20) // of the second alone, while the first is open
	l.want(t, 61)

	l.settled(20, 1)
	l.want(t, 10, 2)
	l.want(t, 40, 2, 3)
	l.settled(4) // of the oldest
	l.want(t, 6, 2)
	l.want(t, 36, 2, 3)
	l.settled(6)
	l.want(t, 30, 3)
	l.Paid(&market.Settlement{Debtor: seller.Self(), Creditor: buyer.Self(), Unit: "credit", Amount: 30})
	l.Paid(&market.Settlement{Debtor: buyer.Self(), Creditor: seller.Self(), Unit: "EUR", Amount: 30})
	l.want(t, 30, 3)
	l.settled(50)
	l.want(t, 30)
}

// A settlement names a bounded number of receipts.
func TestCoverIsBounded(t *testing.T) {
	l := newCoverLog()
	for i := range market.MaxReceipts + 1 {
		s := &market.SignedLease{ID: market.LeaseID{1, byte(i), byte(i >> 8)}}
		s.Buyer, s.Supplier, s.Terms = buyer.Self(), seller.Self(), &market.Terms{Price: market.Price{Unit: "credit", Core: 1}}
		l.Take(market.Opened{Lease: s})
		l.Take(market.Opened{Receipt: &market.SignedReceipt{Receipt: market.Receipt{Lease: s.ID, Amount: 1}}})
	}
	if got := len(l.Leases(market.MaxReceipts)); got != market.MaxReceipts {
		t.Errorf("%d receipts are named", got)
	}
	if got := l.Leases(market.MaxReceipts + 1); got != nil {
		t.Errorf("%d receipts are named", len(got))
	}
}
