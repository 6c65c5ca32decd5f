package supplier_test

import (
	"time"

	"caravela/market"
)

// customer is an owner of units who answers at once, or not at all.
type customer struct {
	key      byte
	usage    bool // acknowledges notes
	receipts bool // signs receipts
	notices  bool // confirms notices
	statuses bool // confirms statuses
	dispute  market.Reason
}

// honest answers everything.
func honest(key byte) *customer {
	return &customer{key: key, usage: true, receipts: true, notices: true, statuses: true}
}

// answer lets the owner answer what it was sent.
func (b *bench) answer(out *market.Outbox) {
	c := b.owner
	if c == nil {
		return
	}
	k := keys(c.key)
	for _, s := range out.Sends {
		if s.To.Peer != k.Self() {
			continue
		}
		switch m := s.Msg.(type) {
		case *market.ReportUsage:
			switch {
			case c.dispute != market.NoReason:
				b.receive(s.To, &market.AckUsage{Lease: m.Note.Lease, Seq: m.Note.Seq, Reason: c.dispute, Detail: "no"})
			case c.usage:
				b.receive(s.To, &market.AckUsage{Lease: m.Note.Lease, Seq: m.Note.Seq, Note: k.AckUsage(m.Note)})
			}
		case *market.IssueReceipt:
			if c.receipts {
				b.receive(s.To, &market.SignReceipt{Lease: m.Receipt.Lease, Receipt: k.SignReceipt(m.Receipt)})
			}
		case *market.GiveNotice:
			if c.notices {
				b.receive(s.To, &market.AckNotice{Unit: m.Notice.Unit, Seq: m.Notice.Seq})
			}
		case *market.StatusUpdate:
			if c.statuses {
				b.receive(s.To, &market.StatusAck{Unit: m.Status.Lease, Seq: m.Status.Seq})
			}
		}
	}
}

// A core costs a thousand micro-credits a second here, a start 500, a parked
// second 100.
func priced(s *market.Stock) {
	s.Terms = &market.Terms{Price: market.Price{Unit: "credit", Core: 3_600_000, Parked: 360_000, Start: 500},
		Interval: time.Minute, Bear: 3, Grace: 2 * time.Minute, Notice: 5 * time.Minute}
}

// balance is what the supplier's books say of a buyer.
func (b *bench) balance(i byte) market.Balance {
	for _, x := range b.books.Account(keys(i).Self()).Balances {
		if x.Unit == "credit" {
			return x
		}
	}
	return market.Balance{}
}

// allow gives a buyer a limit.
func (b *bench) allow(i byte, limit market.Micro) {
	b.account(i, func(a *market.Account) { a.Limit = market.Limit{Set: true, Amount: limit, Unit: "credit"} })
}

// account changes what the books say of a buyer.
func (b *bench) account(i byte, change func(*market.Account)) {
	a := *b.books.Account(keys(i).Self())
	change(&a)
	var out market.Outbox
	b.books.Step(b.now, market.Boot{Records: []market.Record{&a}}, &out)
	out.Save(&a)
	b.save(&out)
}

// meter is what the disk holds of a unit's billing.
func (b *bench) meter(unit market.LeaseID) *market.Meter {
	b.t.Helper()
	m := b.billing(unit)
	if m == nil {
		b.t.Fatal("no meter on disk")
	}
	return m
}

func (b *bench) billing(unit market.LeaseID) *market.Meter {
	m, _ := b.disk[[33]byte(append(append([]byte{}, unit[:]...), byte(market.SoldMeterTable)))].(*market.Meter)
	return m
}

// entries lists the kinds of what the log of a buyer holds.
func (b *bench) entries(i byte) (kinds map[market.EntryKind]int) {
	kinds = map[market.EntryKind]int{}
	for _, r := range b.disk {
		if e, ok := r.(*market.Entry); ok && e.Peer == keys(i).Self() {
			kinds[e.Kind]++
		}
	}
	return kinds
}

// last is the newest message of a type.
func last[M market.Message](b *bench, out *market.Outbox) (m M) {
	b.t.Helper()
	list := sent[M](out)
	if len(list) == 0 {
		b.t.Fatalf("no %T is sent", m)
		return m
	}
	return list[len(list)-1]
}
