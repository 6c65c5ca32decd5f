package simulator

import (
	"bytes"
	"crypto/ed25519"
	"math"
	"testing"
	"time"

	"caravela/market"
)

// What messages about money are said to weigh is what their encoding weighs,
// with real signatures.
func TestSizesOfMoney(t *testing.T) {
	k := market.NewKeyring(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32)))
	id := [32]byte{1}
	note := k.Usage(market.UsageNote{Lease: id, Seq: 40, Usage: market.Usage{Running: 30000}, Amount: 200_000, At: Start, Prev: id})
	receipt := k.Receipt(market.Receipt{
		Lease: id, Note: id, NoteSeq: 40, Usage: note.Usage, Amount: note.Amount, Price: market.Price{Unit: "credit", Core: 10_000, Memory: 2000, Start: 1000},
		Start: Start, End: Start.Add(time.Hour), EndedBy: k.Self(), Reason: market.RemovedByOwner,
	})
	settled := k.Settlement(market.Settlement{Debtor: market.PeerID{1}, Creditor: k.Self(), Amount: note.Amount, Unit: "credit", Nonce: 3, At: Start})
	notice := k.Notice(market.Notice{Lease: id, Unit: id, Seq: 1, Kind: market.NoticeUnacked, At: Start, Deadline: Start,
		Detail: "5 usage notes in a row are not acknowledged; the lease ends unless one is"})
	for _, m := range []market.Message{
		&market.ReportUsage{Note: note}, &market.AckUsage{Lease: id, Seq: 40, Note: k.AckUsage(note)},
		&market.AckUsage{Lease: id, Seq: 40, Reason: market.Disputed, Detail: "30m are claimed, and 15m have passed"},
		&market.IssueReceipt{Receipt: receipt}, &market.SignReceipt{Lease: id, Receipt: k.SignReceipt(receipt)},
		&market.ProposeSettlement{Settlement: settled}, &market.AnswerSettlement{ID: id, Settlement: k.SignSettlement(settled)},
		&market.GiveNotice{Notice: notice}, &market.AckNotice{Unit: id, Seq: 1},
	} {
		b, err := market.EncodeMessage(m)
		if err != nil {
			t.Fatal(err)
		}
		if said, real := float64(size(m)), float64(len(b)+frame); math.Abs(said-real) > .15*real {
			t.Errorf("%T takes %.0f bytes, not %.0f", m, real, said)
		}
	}
}

// Prices lie between the cheapest and what was asked for.
func TestPrices(t *testing.T) {
	m := Money{Terms: &market.Terms{Price: market.Price{Unit: "credit", Core: 1000, Start: 160}, Interval: time.Minute}, Spread: million / 2}
	list := m.prices()
	if len(list) != priceLevels || list[0].Price.Core != 500 || list[0].Price.Start != 80 || *list[priceLevels-1] != *m.Terms {
		t.Errorf("from %+v to %+v", list[0], list[len(list)-1])
	}
	if (&Money{}).prices() != nil {
		t.Error("a market without money has prices")
	}
}
