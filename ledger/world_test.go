package ledger_test

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// noon is 2026-01-02 12:00:00 UTC.
const noon market.Wall = 1767355200000

func keys(first byte) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

var (
	seller   = keys(0)
	buyer    = keys(32)
	stranger = keys(64)
	network  = market.NetworkID{0xaa}
	price    = market.Price{Unit: "credit", Core: 20_000, Memory: 5_000, Start: 10_000}
)

// side is one peer's books, and what they have saved.
type side struct {
	t     *testing.T
	keys  *market.Keyring
	books ledger.Books
	now   market.Time
	out   market.Outbox
	disk  map[[33]byte]market.Record
}

func newSide(t *testing.T, k *market.Keyring) *side {
	s := &side{t: t, keys: k, disk: map[[33]byte]market.Record{}, now: market.Time{Wall: noon}}
	s.start()
	return s
}

// start is what a restart does: new books from what was saved.
func (s *side) start() {
	s.books = ledger.New(&market.Party{Self: s.keys.Self(), Params: &market.Params{Network: network}, Seal: s.keys})
	var records []market.Record
	for _, r := range s.disk {
		if _, ok := r.(*market.Entry); ok {
			continue
		}
		table, _ := r.Key()
		again, err := market.DecodeRecord(table, market.EncodeRecord(r))
		if err != nil {
			s.t.Fatal(err)
		}
		records = append(records, again)
	}
	s.step(market.Boot{Records: records})
}

// step takes an event and saves.
func (s *side) step(ev market.Event) {
	s.out.Reset()
	s.books.Step(s.now, ev, &s.out)
	s.save()
}

func (s *side) save() {
	for _, sv := range s.out.Saves {
		table, key := sv.Record.Key()
		at := [33]byte(append([]byte{byte(table)}, key[:]...))
		if sv.Delete {
			delete(s.disk, at)
		} else {
			s.disk[at] = sv.Record
		}
	}
}

func (s *side) append(e market.Entry, c ledger.Change) {
	s.out.Reset()
	s.books.Append(s.now, s.other(), e, c, &s.out)
	s.save()
}

func (s *side) other() market.PeerID {
	if s.keys == seller {
		return buyer.Self()
	}
	return seller.Self()
}

func (s *side) account() *market.Account { return s.books.Account(s.other()) }

func (s *side) log() (list []*market.Entry) {
	for _, r := range s.disk {
		if e, ok := r.(*market.Entry); ok {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *market.Entry) int { return int(a.Index) - int(b.Index) })
	return list
}

func (s *side) verify() (ledger.Report, error) {
	return ledger.Verify(s.keys.Self(), network, s.account(), all(s.log()))
}

func all(list []*market.Entry) func(func(*market.Entry, error) bool) {
	return func(yield func(*market.Entry, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// deal is a seller's and a buyer's books, in which a lease runs.
type deal struct {
	sell, buy *side
	lease     *market.SignedLease
	note      *market.SignedUsage
}

func newDeal(t *testing.T) *deal {
	d := &deal{sell: newSide(t, seller), buy: newSide(t, buyer)}
	d.grant(testLease())
	return d
}

func testLease() market.Lease {
	return market.Lease{
		Network: network, Buyer: buyer.Self(), Supplier: seller.Self(), Nonce: 1,
		Resources: market.Resources{CPU: 2000, Memory: 4 * market.GiB}, Image: "registry.test/web:1",
		Start: noon, End: noon.Add(24 * time.Hour),
		Terms: &market.Terms{Price: price, Interval: time.Minute, Bear: 5, Grace: 5 * time.Minute, Notice: time.Minute},
	}
}

// grant signs a lease and enters it on both sides.
func (d *deal) grant(l market.Lease) {
	d.lease, d.note = seller.Countersign(buyer.Lease(l)), nil
	d.both(d.lease.Entry(), 0)
}

// both enters the same on both sides; due is added to what the buyer owes.
func (d *deal) both(e market.Entry, due market.Micro) {
	d.sell.append(e, ledger.Change{Unit: "credit", Earned: due})
	d.buy.append(e, ledger.Change{Unit: "credit", Spent: due})
}

// next is the note after the newest one, of so many more seconds.
func (d *deal) next(more uint64, change func(*market.UsageNote)) *market.SignedUsage {
	n := market.UsageNote{Lease: d.lease.ID, Seq: 1, At: noon}
	if d.note != nil {
		n.Seq, n.Usage, n.Prev = d.note.Seq+1, d.note.Usage, d.note.Hash
	}
	n.Usage.Running += more
	n.Amount = d.lease.Due(n.Usage)
	if change != nil {
		change(&n)
	}
	return seller.Usage(n)
}

// bill is one more acknowledged note.
func (d *deal) bill(more uint64, change func(*market.UsageNote)) {
	n := buyer.AckUsage(d.next(more, change))
	due := n.Amount
	if d.note != nil {
		due -= d.note.Amount
	}
	d.note = n
	d.both(n.Entry(), due)
}

// receipt is what closes the lease.
func (d *deal) receipt(change func(*market.Receipt)) *market.SignedReceipt {
	r := market.Receipt{Lease: d.lease.ID, Price: price, Start: d.lease.Start, End: d.lease.End, EndedBy: buyer.Self(), Reason: market.RemovedByOwner}
	if n := d.note; n != nil {
		r.Note, r.NoteSeq, r.Usage, r.Amount = n.Hash, n.Seq, n.Usage, n.Amount
	}
	if change != nil {
		change(&r)
	}
	return seller.Receipt(r)
}

// close enters the receipt: first with the supplier's signature, then with both.
func (d *deal) close() {
	r := d.receipt(nil)
	d.sell.append(r.Entry(), ledger.Change{})
	r = buyer.SignReceipt(r)
	d.both(r.Entry(), 0)
}

// status is one link of the unit's chain.
func (d *deal) status(seq uint64, s market.State, prev *market.SignedStatus) *market.SignedStatus {
	st := market.Status{Lease: d.lease.Unit(), Seq: seq, State: s, At: noon}
	if prev != nil {
		st.Prev = prev.Hash
	}
	if s == market.Ended {
		st.Reason = market.RemovedByOwner
	}
	return seller.Status(st)
}

// life is a whole lease with a renewal, a notice, and a settlement.
func life(t *testing.T) *deal {
	d := newDeal(t)
	for range 5 {
		d.bill(60, nil)
	}
	notice := seller.Notice(market.Notice{Lease: d.lease.ID, Unit: d.lease.Unit(), Seq: 1, Kind: market.NoticeReclaim, At: noon, Deadline: noon.Add(time.Hour), Detail: "=SUM(A1)"})
	d.both(notice.Entry(), 0)
	d.bill(60, func(n *market.UsageNote) { n.Last = true })
	first := d.lease
	d.close()
	l := testLease()
	l.First, l.Prev, l.Start, l.End = first.ID, first.ID, first.End, first.End.Add(time.Hour)
	d.grant(l)
	d.bill(120, nil)
	d.bill(60, nil)
	d.both(d.status(9, market.Ended, nil).Entry(), 0)
	d.close()
	s := seller.Settlement(market.Settlement{
		Network: network, Debtor: buyer.Self(), Creditor: seller.Self(), Amount: 10_500, Unit: "credit", Reference: "invoice 12",
		Receipts: []market.LeaseID{first.ID}, At: noon,
	})
	s = buyer.SignSettlement(s)
	d.sell.append(s.Entry(), ledger.Change{Unit: "credit", SettledIn: s.Amount})
	d.buy.append(s.Entry(), ledger.Change{Unit: "credit", SettledOut: s.Amount})
	return d
}
