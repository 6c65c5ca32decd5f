package ledger_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"caravela/ledger"
	"caravela/market"
)

// Both sides' logs of the same life hold, and say the same of what is owed.
func TestVerify(t *testing.T) {
	d := life(t)
	sold, err := d.sell.verify()
	if err != nil {
		t.Fatal(err)
	}
	bought, err := d.buy.verify()
	if err != nil {
		t.Fatal(err)
	}
	if sold.Leases != 2 || sold.Notes != 8 || sold.Receipts != 2 || sold.Settlements != 1 || sold.Entries != 17 {
		t.Errorf("%+v", sold)
	}
	s, b := sold.Balances[0], bought.Balances[0]
	if s.Receivable() != b.Payable() || s.Earned != b.Spent || s.Earned == 0 || s.SettledIn != 10_500 {
		t.Errorf("the seller says %+v, the buyer %+v", s, b)
	}
	if want := ledger.BalanceOf(d.sell.account(), "credit"); want != s {
		t.Errorf("account %+v, report %+v", want, s)
	}
}

// A log of which the account was lost or changed is refused as a whole.
func TestVerifyAccount(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*market.Account)
		why    string
	}{
		"longer":       {func(a *market.Account) { a.Entries++ }, "the account counts 18"},
		"shorter":      {func(a *market.Account) { a.Entries-- }, "the account counts 16"},
		"other head":   {func(a *market.Account) { a.Head[3] ^= 1 }, "last entry"},
		"more earned":  {func(a *market.Account) { a.Balances[0].Earned++ }, "adds up to"},
		"less settled": {func(a *market.Account) { a.Balances[0].SettledIn-- }, "adds up to"},
		"other unit":   {func(a *market.Account) { a.Balances[0].Unit = "EUR" }, "adds up to"},
		"one more":     {func(a *market.Account) { a.Balances = append(a.Balances, market.Balance{Unit: "EUR"}) }, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			d := life(t)
			a := *d.sell.account()
			a.Balances = slices.Clone(a.Balances)
			c.change(&a)
			_, err := ledger.Verify(seller.Self(), network, &a, all(d.sell.log()))
			refused(t, err, 0, c.why)
		})
	}
}

func refused(t *testing.T, err error, index uint64, why string) {
	t.Helper()
	var bad *ledger.BadEntry
	if !errors.As(err, &bad) || bad.Index != index || !strings.Contains(bad.Why, why) {
		t.Errorf("got %v; want entry %d, %q", err, index, why)
	}
	if bad != nil && !strings.Contains(bad.Error(), "ledger: ") {
		t.Errorf("error %q", bad.Error())
	}
}

// A changed log is refused at the entry that was changed.
func TestVerifyChangedLog(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]*market.Entry) []*market.Entry
		index  uint64
		why    string
	}{
		"one missing":  {func(l []*market.Entry) []*market.Entry { return slices.Delete(l, 3, 4) }, 4, "missing"},
		"two swapped":  {func(l []*market.Entry) []*market.Entry { l[3], l[4] = l[4], l[3]; return l }, 4, "missing"},
		"first gone":   {func(l []*market.Entry) []*market.Entry { return l[1:] }, 1, "missing"},
		"other date":   {func(l []*market.Entry) []*market.Entry { l[3].At++; return l }, 5, "does not follow"},
		"other peer":   {func(l []*market.Entry) []*market.Entry { l[3].Peer = stranger.Self(); return l }, 4, "log of"},
		"other kind":   {func(l []*market.Entry) []*market.Entry { l[3].Kind = market.EntryReceipt; return l }, 4, "kind"},
		"unknown kind": {func(l []*market.Entry) []*market.Entry { l[3].Kind = 99; return l }, 4, "kind 99"},
		"last changed": {func(l []*market.Entry) []*market.Entry { l[16].At++; return l }, 0, "last entry"},
		"a byte": {func(l []*market.Entry) []*market.Entry {
			l[3].First = bytes.Clone(l[3].First)
			l[3].First[60] ^= 1
			return l
		}, 4, ""},
		"a signature less": {func(l []*market.Entry) []*market.Entry { l[0].Second = nil; return l }, 1, "second signature"},
	} {
		t.Run(name, func(t *testing.T) {
			d := life(t)
			log := d.sell.log()
			for i, e := range log {
				copied := *e
				log[i] = &copied
			}
			_, err := ledger.Verify(seller.Self(), network, d.sell.account(), all(c.change(log)))
			refused(t, err, c.index, c.why)
		})
	}
}

func TestVerifyReadError(t *testing.T) {
	broken := errors.New("the disk is gone")
	_, err := ledger.Verify(seller.Self(), network, &market.Account{}, func(yield func(*market.Entry, error) bool) { yield(nil, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// What is signed and wrong is refused although the log itself is whole: each
// case enters one bad thing after two good notes (entries 1 to 3).
func TestVerifyRules(t *testing.T) {
	usage := func(d *deal, n *market.SignedUsage) {
		n = buyer.AckUsage(n)
		d.sell.append(n.Entry(), ledger.Change{})
	}
	receipt := func(d *deal, change func(*market.Receipt)) {
		r := d.receipt(change)
		d.sell.append(r.Entry(), ledger.Change{})
	}
	settle := func(d *deal, by, other *market.Keyring, change func(*market.Settlement)) {
		s := market.Settlement{Network: network, Debtor: buyer.Self(), Creditor: seller.Self(), Amount: 1, Unit: "credit", At: noon}
		change(&s)
		signed := by.Settlement(s)
		if other != nil {
			signed = other.SignSettlement(signed)
		}
		d.sell.append(signed.Entry(), ledger.Change{})
	}
	grant := func(d *deal, change func(*market.Lease)) {
		l := testLease()
		l.Nonce = 2
		change(&l)
		signed := seller.Countersign(buyer.Lease(l))
		d.sell.append(signed.Entry(), ledger.Change{})
	}
	for name, c := range map[string]struct {
		enter func(d *deal)
		index uint64
		why   string
	}{
		"too dear":        {func(d *deal) { usage(d, d.next(60, func(n *market.UsageNote) { n.Amount++ })) }, 4, "by the lease it is"},
		"too cheap":       {func(d *deal) { usage(d, d.next(60, func(n *market.UsageNote) { n.Amount-- })) }, 4, "by the lease it is"},
		"same number":     {func(d *deal) { usage(d, d.next(60, func(n *market.UsageNote) { n.Seq-- })) }, 4, "after note 2"},
		"other chain":     {func(d *deal) { usage(d, d.next(60, func(n *market.UsageNote) { n.Prev[0] ^= 1 })) }, 4, "does not follow note 2"},
		"less time":       {func(d *deal) { usage(d, shrunk(d)) }, 4, "counts less"},
		"a note replayed": {func(d *deal) { usage(d, d.note) }, 4, "after note 2"},
		"another's lease": {func(d *deal) { usage(d, d.next(60, func(n *market.UsageNote) { n.Lease[0] ^= 1 })) }, 4, "not in this log"},
		"signed by the buyer": {func(d *deal) {
			n := buyer.Usage(d.next(60, nil).UsageNote)
			usage(d, n)
		}, 4, "not by the supplier"},
		"acknowledged by a stranger": {func(d *deal) {
			n := stranger.AckUsage(d.next(60, nil))
			d.sell.append(n.Entry(), ledger.Change{})
		}, 4, "not by the buyer"},
		"after the last":    {func(d *deal) { d.bill(60, func(n *market.UsageNote) { n.Last = true }); usage(d, d.next(60, nil)) }, 5, "after the last"},
		"after the receipt": {func(d *deal) { d.close(); usage(d, d.next(60, nil)) }, 6, "after the lease's receipt"},
		"over the most":     {func(d *deal) { costly(d) }, 5, "may cost"},
		"a lease twice": {func(d *deal) {
			d.sell.append(d.lease.Entry(), ledger.Change{})
		}, 4, "twice"},
		"a lease of others":          {func(d *deal) { othersLease(d) }, 4, "between"},
		"a lease of another network": {func(d *deal) { grant(d, func(l *market.Lease) { l.Network[0]++ }) }, 4, "another network"},
		"another's renewal": {func(d *deal) {
			grant(d, func(l *market.Lease) { l.Prev, l.First = d.lease.ID, market.LeaseID{9} })
		}, 4, "another container"},
		"a notice of a strange lease": {func(d *deal) { notice(d, seller, market.LeaseID{1}, d.lease.ID) }, 4, "not in this log"},
		"a notice by the buyer":       {func(d *deal) { notice(d, buyer, d.lease.ID, d.lease.ID) }, 4, "not by the supplier"},
		"a notice of two":             {func(d *deal) { notice(d, seller, d.lease.ID, market.LeaseID{1}) }, 4, "another's container"},
		"an end by the buyer": {func(d *deal) {
			d.sell.append(buyer.Status(market.Status{Lease: d.lease.ID, Seq: 1, State: market.Ended, Reason: market.Expired}).Entry(), ledger.Change{})
		}, 4, "not by the supplier"},
		"an end of a strange lease": {func(d *deal) {
			d.sell.append(seller.Status(market.Status{Lease: market.LeaseID{1}, Seq: 1, State: market.Ended, Reason: market.Expired}).Entry(), ledger.Change{})
		}, 4, "not in this log"},
		"an end that is none": {func(d *deal) {
			d.sell.append(d.status(1, market.Running, nil).Entry(), ledger.Change{})
		}, 4, "not that it ended"},
		"a receipt of more":          {func(d *deal) { receipt(d, func(r *market.Receipt) { r.Amount++ }) }, 4, "last acknowledged note is 2"},
		"a receipt of longer":        {func(d *deal) { receipt(d, func(r *market.Receipt) { r.Usage.Running++ }) }, 4, "last acknowledged note is 2"},
		"a receipt by an older note": {func(d *deal) { receipt(d, func(r *market.Receipt) { r.NoteSeq-- }) }, 4, "last acknowledged note is 2"},
		"a receipt by no note": {func(d *deal) {
			receipt(d, func(r *market.Receipt) { r.Note, r.NoteSeq, r.Usage, r.Amount = [32]byte{}, 0, market.Usage{}, 0 })
		}, 4, "last acknowledged note is 2"},
		"a receipt at another price": {func(d *deal) { receipt(d, func(r *market.Receipt) { r.Price.Core++ }) }, 4, "another price"},
		"a receipt of another start": {func(d *deal) { receipt(d, func(r *market.Receipt) { r.Start++ }) }, 4, "another start"},
		"a receipt ended by another": {func(d *deal) { receipt(d, func(r *market.Receipt) { r.EndedBy = stranger.Self() }) }, 4, "has ended"},
		"a receipt of another lease": {func(d *deal) { receipt(d, func(r *market.Receipt) { r.Lease[0] ^= 1 }) }, 4, "not in this log"},
		"a receipt by the buyer": {func(d *deal) {
			r := buyer.Receipt(d.receipt(nil).Receipt)
			d.sell.append(r.Entry(), ledger.Change{})
		}, 4, "not by the supplier"},
		"a receipt agreed by another": {func(d *deal) {
			r := stranger.SignReceipt(d.receipt(nil))
			d.sell.append(r.Entry(), ledger.Change{})
		}, 4, "not by the buyer"},
		"a second receipt":         {func(d *deal) { d.close(); receipt(d, nil) }, 6, "after the lease's receipt"},
		"a settlement alone":       {func(d *deal) { settle(d, seller, nil, func(*market.Settlement) {}) }, 4, "second signature"},
		"a settlement of too much": {func(d *deal) { settle(d, seller, buyer, func(s *market.Settlement) { s.Amount = 1 << 30 }) }, 4, "were due"},
		"a settlement the other way": {func(d *deal) {
			settle(d, seller, buyer, func(s *market.Settlement) { s.Debtor, s.Creditor = s.Creditor, s.Debtor })
		}, 4, "were due"},
		"a settlement of another network": {func(d *deal) { settle(d, seller, buyer, func(s *market.Settlement) { s.Network[0]++ }) }, 4, "another network"},
		"a settlement twice": {func(d *deal) {
			settle(d, seller, buyer, func(*market.Settlement) {})
			settle(d, seller, buyer, func(*market.Settlement) {})
		}, 5, "twice"},
		"a settlement of others": {func(d *deal) {
			settle(d, buyer, stranger, func(s *market.Settlement) { s.Creditor = stranger.Self() })
		}, 4, "between"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeal(t)
			d.bill(60, nil)
			d.bill(60, nil)
			c.enter(d)
			_, err := d.sell.verify()
			refused(t, err, c.index, c.why)
		})
	}
}

// shrunk is a note with less time and the right price for it.
func shrunk(d *deal) *market.SignedUsage {
	return d.next(0, func(n *market.UsageNote) { n.Usage.Running -= 30; n.Amount = d.lease.Due(n.Usage) })
}

// costly enters a lease that may cost little, and a note of more.
func costly(d *deal) {
	l := testLease()
	l.Nonce, l.MaxCost = 3, 10_001
	d.grant(l)
	d.bill(3600, nil)
}

func othersLease(d *deal) {
	l := testLease()
	l.Buyer = stranger.Self()
	signed := seller.Countersign(stranger.Lease(l))
	d.sell.append(signed.Entry(), ledger.Change{})
}

func notice(d *deal, by *market.Keyring, lease, unit market.LeaseID) {
	n := by.Notice(market.Notice{Lease: lease, Unit: unit, Seq: 1, At: noon, Deadline: noon.Add(1)})
	d.sell.append(n.Entry(), ledger.Change{})
}

// What was billed and never acknowledged is lost, and may be acknowledged late.
func TestVerifyLostNotes(t *testing.T) {
	d := newDeal(t)
	d.bill(60, nil)
	n := d.next(60, nil)
	lost := n.Amount - d.note.Amount
	d.sell.append(n.Entry(), ledger.Change{Unit: "credit", Unconfirmed: lost})
	d.sell.append(d.receipt(nil).Entry(), ledger.Change{})
	if r, err := d.sell.verify(); err != nil || r.Balances[0].Unconfirmed != lost || r.Notes != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	n = buyer.AckUsage(n)
	d.sell.append(n.Entry(), ledger.Change{Unit: "credit", Earned: lost})
	d.note = n
	d.close()
	if r, err := d.sell.verify(); err != nil || r.Notes != 2 || r.Receipts != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Numbers may be missing: a lost note costs nothing.
func TestVerifyGaps(t *testing.T) {
	d := newDeal(t)
	d.bill(60, func(n *market.UsageNote) { n.Seq, n.Prev = 3, [32]byte{1} })
	d.bill(600, func(n *market.UsageNote) { n.Seq, n.Prev = 9, [32]byte{2} })
	d.close()
	if _, err := d.sell.verify(); err != nil {
		t.Error(err)
	}
}
