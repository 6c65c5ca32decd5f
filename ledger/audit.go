package ledger

import (
	"fmt"
	"iter"

	"caravela/market"
)

// BadEntry is the first entry of a log at which something is wrong.
type BadEntry struct {
	Peer  market.PeerID // the counterparty
	Index uint64        // 0 = the log as a whole
	Why   string
}

// Error implements error.
func (b *BadEntry) Error() string {
	if b.Index == 0 {
		return fmt.Sprintf("ledger: log of %s: %s", b.Peer.Short(), b.Why)
	}
	return fmt.Sprintf("ledger: entry %d of the log of %s: %s", b.Index, b.Peer.Short(), b.Why)
}

// Report is what an Audit has found in a log in which nothing is wrong.
type Report struct {
	Peer        market.PeerID
	Entries     uint64
	Leases      int
	Notes       int    // acknowledged
	Thinned     uint64 // entries that are not kept any more; see Thinner
	Receipts    int    // signed by both
	Settlements int
	Balances    []market.Balance
}

// Item is an entry and what its envelopes hold, or why they hold nothing. To
// open one is all of an audit that takes time, and it depends on nothing but
// the entry: a driver may do it in several goroutines.
type Item struct {
	Entry  *market.Entry
	Hash   [32]byte
	Opened market.Opened
	Err    error
}

// Open verifies the signatures of an entry.
func Open(e *market.Entry) Item {
	o, err := market.OpenEntry(e)
	return Item{Entry: e, Hash: market.EntryHash(e), Opened: o, Err: err}
}

// Audit replays the log of one counterparty. It checks that
//
//   - the entries follow each other, each by the hash of the one before;
//   - every envelope is signed by whom it must be, and nothing is of others;
//   - every note, end and receipt is of a lease that both have signed before;
//   - notes grow, follow each other, and state what the lease's price makes of
//     their usage; none follows the last;
//   - a receipt repeats the last acknowledged note, and is the end;
//   - nothing is settled twice, nor more than was due;
//   - the account says what this adds up to.
//
// What was billed and never acknowledged is nobody's word but the biller's: it
// is added up like all else, but proves nothing.
type Audit struct {
	account *market.Account
	network market.NetworkID
	book    book
	index   uint64
	head    [32]byte
	sums    []market.Balance
	report  Report
}

// NewAudit begins the audit of the log that self keeps of an account's peer.
func NewAudit(self market.PeerID, network market.NetworkID, account *market.Account) *Audit {
	return &Audit{
		account: account, network: network,
		book: newBook(self, account.Peer), report: Report{Peer: account.Peer},
	}
}

// Add takes the next entry. An error is a *BadEntry, and the audit's end.
func (a *Audit) Add(i Item) error {
	if err := a.add(i); err != nil {
		return &BadEntry{Peer: a.account.Peer, Index: a.index + 1, Why: err.Error()}
	}
	a.index += i.Entry.Span()
	a.head = i.Hash
	return nil
}

func (a *Audit) add(i Item) error {
	e := i.Entry
	switch {
	case e.Peer != a.account.Peer:
		return fmt.Errorf("is of the log of %s", e.Peer.Short())
	case e.Index != a.index+1:
		return fmt.Errorf("is missing; entry %d stands there", e.Index)
	case e.Prev != a.head:
		return fmt.Errorf("does not follow the entry before it: one of the two was changed")
	case i.Err != nil:
		return i.Err
	case e.Kind == market.EntryThinned:
		a.report.Thinned += e.Span()
		return nil
	}
	c, err := a.book.enter(i.Opened, len(e.Second) > 0)
	if err != nil {
		return err
	}
	if s := i.Opened.Settlement; s != nil {
		if err := a.settles(s); err != nil {
			return err
		}
	}
	if l := i.Opened.Lease; l != nil && l.Network != a.network {
		return fmt.Errorf("is of another network, %s", l.Network.Short())
	}
	a.sums = added(a.sums, c)
	a.tally(i)
	return nil
}

// settles refuses a settlement of another network, or of what was not due.
func (a *Audit) settles(s *market.SignedSettlement) error {
	if s.Network != a.network {
		return fmt.Errorf("is of another network, %s", s.Network.Short())
	}
	b := BalanceOf(&market.Account{Balances: a.sums}, s.Unit)
	due := b.Receivable()
	if s.Debtor == a.book.self {
		due = b.Payable()
	}
	if s.Amount > due {
		return fmt.Errorf("settles %v %s; %v were due", s.Amount, s.Unit, due)
	}
	return nil
}

func (a *Audit) tally(i Item) {
	switch e := i.Entry; {
	case e.Kind == market.EntryLease:
		a.report.Leases++
	case e.Kind == market.EntryUsage && len(e.Second) > 0:
		a.report.Notes++
	case e.Kind == market.EntryReceipt && len(e.Second) > 0:
		a.report.Receipts++
	case e.Kind == market.EntrySettlement:
		a.report.Settlements++
	}
}

// Finish compares the log with the account. An error is a *BadEntry.
func (a *Audit) Finish() (Report, error) {
	bad := func(format string, args ...any) (Report, error) {
		return a.report, &BadEntry{Peer: a.account.Peer, Why: fmt.Sprintf(format, args...)}
	}
	a.report.Entries, a.report.Balances = a.index, a.sums
	switch {
	case a.index != a.account.Entries:
		return bad("it has %d entries; the account counts %d", a.index, a.account.Entries)
	case a.head != a.account.Head:
		return bad("its last entry is not the one that the account names")
	case len(a.sums) != len(a.account.Balances):
		return bad("it adds up to %d balances; the account has %d", len(a.sums), len(a.account.Balances))
	}
	for _, got := range a.account.Balances {
		if want := BalanceOf(&market.Account{Balances: a.sums}, got.Unit); got != want {
			return bad("the account says %s; the log adds up to %s", inWords(got), inWords(want))
		}
	}
	return a.report, nil
}

func inWords(b market.Balance) string {
	return fmt.Sprintf("earned %v, spent %v, settled %v in and %v out, lost %v %s", b.Earned, b.Spent, b.SettledIn, b.SettledOut, b.Unconfirmed, b.Unit)
}

// Verify audits a whole log in one go.
func Verify(self market.PeerID, network market.NetworkID, account *market.Account, entries iter.Seq2[*market.Entry, error]) (Report, error) {
	a := NewAudit(self, network, account)
	for e, err := range entries {
		if err == nil {
			err = a.Add(Open(e))
		}
		if err != nil {
			return a.report, err
		}
	}
	return a.Finish()
}
