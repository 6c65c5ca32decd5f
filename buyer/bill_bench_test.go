package buyer_test

import (
	"testing"
	"time"

	"caravela/market"
)

// terms ask 36 micro-units an hour of a core: one in 100 seconds.
func terms() *market.Terms {
	return &market.Terms{
		Price:    market.Price{Unit: "credit", Core: 36, Parked: 18, Start: 5},
		Interval: time.Minute, Bear: 3, Grace: 5 * time.Minute, Notice: 10 * time.Minute,
	}
}

// at is an offer with terms.
func (b *bench) at(i byte, cpu market.MilliCPU, t *market.Terms) market.OfferAt {
	o := b.offer(i, cpu)
	offer := o.Offer.Offer
	offer.Terms = t
	o.Offer = keys(i).Offer(offer)
	return o
}

// metered brings a metered container up at supplier 1.
func (b *bench) metered(change func(*market.Wanted)) *account {
	b.t.Helper()
	l := launched(b.t, b.choose(change, b.at(1, 4000, terms())))[0].Lease
	b.grant(1, l)
	b.status(1, l.ID, 1, market.Running, market.NoReason)
	return &account{bench: b, lease: l}
}

// account is what supplier 1 says of a lease.
type account struct {
	*bench
	lease *market.SignedLease
	last  *market.SignedUsage
}

// note signs the next note of the chain.
func (a *account) note(running uint64, change func(*market.UsageNote)) *market.SignedUsage {
	n := market.UsageNote{Lease: a.lease.ID, Seq: 1, Usage: market.Usage{Running: running}, At: a.now.Wall}
	if a.last != nil {
		n.Seq, n.Prev = a.last.Seq+1, a.last.Hash
	}
	n.Amount = a.lease.Due(n.Usage)
	if change != nil {
		change(&n)
	}
	return keys(1).Usage(n)
}

// bill reports the next note; it is the last of the chain if it is signed.
func (a *account) bill(running uint64, change func(*market.UsageNote)) (*market.AckUsage, *market.Outbox) {
	a.t.Helper()
	n := a.note(running, change)
	out := a.receive(seller(1), &market.ReportUsage{Note: n})
	acks := sent[*market.AckUsage](out)
	if len(acks) != 1 {
		return nil, out
	}
	if acks[0].Note != nil {
		a.last = n
	}
	return acks[0], out
}

// runs lets a container run and be billed each minute.
func (a *account) runs(minutes int) {
	a.t.Helper()
	from := uint64(0)
	if a.last != nil {
		from = a.last.Usage.Running
	}
	for i := range minutes {
		a.advance(time.Minute)
		if ack, _ := a.bill(from+60*uint64(i+1), nil); ack == nil || ack.Note == nil {
			a.t.Fatalf("minute %d is not acknowledged: %+v", i, ack)
		}
	}
}

// renewed grants the renewal that is asked for within d.
func (a *account) renewed(d time.Duration) *account {
	a.t.Helper()
	l := launched(a.t, a.advance(d))[0].Lease
	a.grant(1, l)
	return &account{bench: a.bench, lease: l}
}

// receipt is what closes the lease after its last note.
func (a *account) receipt(change func(*market.Receipt)) *market.SignedReceipt {
	r := market.Receipt{Lease: a.lease.ID, Price: market.PriceOf(a.lease.Terms), Start: a.lease.Start, End: a.now.Wall,
		EndedBy: keys(1).Self(), Reason: market.Expired}
	if n := a.last; n != nil {
		r.Note, r.NoteSeq, r.Usage, r.Amount = n.Hash, n.Seq, n.Usage, n.Amount
	}
	if change != nil {
		change(&r)
	}
	return keys(1).Receipt(r)
}

func (a *account) issue(r *market.SignedReceipt) (*market.SignReceipt, *market.Outbox) {
	a.t.Helper()
	out := a.receive(seller(1), &market.IssueReceipt{Receipt: r})
	signed := sent[*market.SignReceipt](out)
	if len(signed) != 1 {
		return nil, out
	}
	return signed[0], out
}

// spent is what this peer owes supplier 1.
func (b *bench) spent() market.Micro {
	for _, x := range b.books.Account(keys(1).Self()).Balances {
		if x.Unit == "credit" {
			return x.Payable()
		}
	}
	return 0
}

// logged counts the entries of a kind.
func (b *bench) logged(k market.EntryKind) (n int) {
	for _, e := range b.log {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// noted lists what is told in notes of a kind.
func noted(out *market.Outbox, k market.NoteKind) (list []string) {
	for _, n := range out.Notes {
		if n.Kind == k {
			list = append(list, n.Text)
		}
	}
	return list
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
