package ledger_test

import (
	"strings"
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// pair is two sides between which messages travel when they are carried.
type pair struct {
	*deal
	t *testing.T
}

// owing is a pair in which the buyer owes something.
func owing(t *testing.T) *pair {
	p := &pair{newDeal(t), t}
	p.bill(3600, nil)
	return p
}

func (p *pair) owed() market.Micro    { return ledger.BalanceOf(p.sell.account(), "credit").Receivable() }
func (p *pair) payable() market.Micro { return ledger.BalanceOf(p.buy.account(), "credit").Payable() }

// settle lets the user of one side settle, and returns what it is told.
func (p *pair) settle(s *side, owed bool, amount market.Micro) market.Outcome {
	p.t.Helper()
	s.step(market.Settle{Ref: 7, Peer: s.other(), Amount: amount, Unit: "credit", Owed: owed, Reference: "invoice 12"})
	if len(s.out.Outcomes) != 1 || s.out.Outcomes[0].Ref != 7 || s.out.Outcomes[0].Kind != market.Done {
		p.t.Fatalf("%+v", s.out.Outcomes)
	}
	return s.out.Outcomes[0]
}

// carry brings what a side has just sent to the other, as the network would.
func (p *pair) carry(from, to *side) (n int) {
	p.t.Helper()
	for _, send := range append([]market.Send(nil), from.out.Sends...) {
		b, err := market.EncodeMessage(send.Msg)
		if err != nil {
			p.t.Fatal(err)
		}
		m, err := market.DecodeMessage(b)
		if err != nil {
			p.t.Fatal(err)
		}
		to.step(market.Received{From: market.Ref{Peer: from.keys.Self(), Addrs: []string{"/ip4/192.0.2.1/tcp/1"}}, Msg: m})
		n++
	}
	return n
}

// agree fails unless both books hold and say the same.
func (p *pair) agree(owed market.Micro) {
	p.t.Helper()
	if p.owed() != owed || p.payable() != owed {
		p.t.Errorf("the seller is owed %v, the buyer owes %v; want %v", p.owed(), p.payable(), owed)
	}
	for _, s := range []*side{p.sell, p.buy} {
		if _, err := s.verify(); err != nil {
			p.t.Error(err)
		}
	}
}

func noted(s *side, k market.NoteKind, text string) bool {
	for _, n := range s.out.Notes {
		if n.Kind == k && strings.Contains(n.Text, text) {
			return true
		}
	}
	return false
}

// A creditor's word that it was paid settles without the debtor's user.
func TestCreditorSettles(t *testing.T) {
	p := owing(t)
	due := p.owed()
	o := p.settle(p.sell, true, due-5)
	if o.Reason != market.NoReason || o.Settled == nil || o.Settled.Answer != nil {
		t.Fatalf("%+v", o)
	}
	p.agree(due) // nothing counts before both have signed
	p.carry(p.sell, p.buy)
	if !noted(p.buy, market.NoteSettled, "invoice 12") {
		t.Errorf("%+v", p.buy.out.Notes)
	}
	p.carry(p.buy, p.sell)
	if !noted(p.sell, market.NoteSettled, "invoice 12") {
		t.Errorf("%+v", p.sell.out.Notes)
	}
	p.agree(5)
	if open := p.sell.books.Proposals(); len(open) != 0 {
		t.Errorf("%d are still open", len(open))
	}
}

// A debtor's word waits for the creditor's user, over a restart of either.
func TestDebtorSettles(t *testing.T) {
	p := owing(t)
	due := p.owed()
	o := p.settle(p.buy, false, due)
	p.carry(p.buy, p.sell)
	if !noted(p.sell, market.NoteProposed, market.LeaseID(o.Settled.ID).Short()) || len(p.sell.out.Sends) != 0 {
		t.Fatalf("%+v", p.sell.out)
	}
	p.agree(due)
	p.sell.start()
	p.buy.start()
	for _, s := range []*side{p.sell, p.buy} {
		if open := s.books.Proposals(); len(open) != 1 || open[0].ID != o.Settled.ID {
			t.Fatalf("%d are open after a restart", len(open))
		}
	}
	p.sell.step(market.Settle{Ref: 8, Accept: o.Settled.ID})
	if got := p.sell.out.Outcomes[0]; got.Reason != market.NoReason || got.Settled == nil || got.Settled.Answer == nil {
		t.Fatalf("%+v", got)
	}
	p.carry(p.sell, p.buy)
	p.agree(0)
	p.sell.step(market.Settle{Ref: 9, Accept: o.Settled.ID}) // twice is once
	if got := p.sell.out.Outcomes[0]; got.Reason != market.NoReason || got.Settled == nil {
		t.Errorf("%+v", got)
	}
	p.agree(0)
}

// Lost, late and repeated messages settle once.
func TestSettlesOnce(t *testing.T) {
	p := owing(t)
	due := p.owed()
	p.settle(p.sell, true, due-1)
	p.sell.now.Mono += 9 * time.Second
	p.sell.step(market.Tick{})
	if len(p.sell.out.Sends) != 0 {
		t.Error("repeated after nine seconds")
	}
	for range 3 { // the answers are lost
		p.sell.now.Mono = p.sell.books.Deadline()
		p.sell.step(market.Tick{})
		if p.carry(p.sell, p.buy) != 1 {
			t.Fatal("not repeated")
		}
		p.buy.start()
	}
	answer := append([]market.Send(nil), p.buy.out.Sends...)
	p.sell.now.Mono = p.sell.books.Deadline()
	p.sell.step(market.Tick{})
	p.carry(p.sell, p.buy)
	p.carry(p.buy, p.sell)
	p.agree(1)
	for _, s := range append(answer, p.buy.out.Sends...) {
		p.sell.step(market.Received{From: market.Ref{Peer: buyer.Self()}, Msg: s.Msg})
	}
	p.agree(1)
	if due := p.sell.books.Deadline(); due != market.Never {
		t.Errorf("the seller still waits for %v", due)
	}
}

// A peer that comes back is asked at once.
func TestSettlesWhenBack(t *testing.T) {
	p := owing(t)
	p.settle(p.sell, true, 1)
	for range 5 {
		p.sell.now.Mono = p.sell.books.Deadline()
		p.sell.step(market.Tick{})
	}
	back := market.Ref{Peer: buyer.Self(), Addrs: []string{"/ip4/192.0.2.2/tcp/2"}}
	p.sell.step(market.Near{Peer: market.Ref{Peer: stranger.Self()}})
	if len(p.sell.out.Sends) != 0 {
		t.Error("asked a stranger")
	}
	p.sell.step(market.Near{Peer: back})
	if len(p.sell.out.Sends) != 1 || len(p.sell.out.Sends[0].To.Addrs) != 1 {
		t.Fatalf("%+v", p.sell.out.Sends)
	}
	p.carry(p.sell, p.buy)
	p.carry(p.buy, p.sell)
	p.agree(p.owed())
}

// Nobody settles more than is due, nor the same debt twice.
func TestSettlesNoMore(t *testing.T) {
	p := owing(t)
	due := p.owed()
	for name, o := range map[string]market.Outcome{
		"more than is owed": p.settle(p.sell, true, due+1),
		"the other way":     p.settle(p.sell, false, 1),
		"nothing":           p.settle(p.sell, true, 0),
		"less than nothing": p.settle(p.sell, true, -1),
	} {
		if o.Reason == market.NoReason || o.Detail == "" || o.Settled != nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
	p.sell.step(market.Settle{Peer: seller.Self(), Amount: 1, Unit: "credit", Owed: true})
	if p.sell.out.Outcomes[0].Reason == market.NoReason {
		t.Error("settled with itself")
	}
	p.sell.step(market.Settle{Accept: [32]byte{1}})
	if p.sell.out.Outcomes[0].Reason == market.NoReason {
		t.Error("agreed to nothing")
	}
	if o := p.settle(p.sell, true, due); o.Reason != market.NoReason {
		t.Fatalf("%+v", o)
	}
	if o := p.settle(p.sell, true, 1); o.Reason == market.NoReason {
		t.Error("settles again what is about to be settled")
	}
	own := p.sell.books.Proposals()[0].ID
	p.sell.step(market.Settle{Accept: own})
	if p.sell.out.Outcomes[0].Reason == market.NoReason {
		t.Error("agreed to its own proposal")
	}
}

// A creditor whose books are wrong is declined, and its user told why.
func TestDeclined(t *testing.T) {
	p := owing(t)
	due := p.owed()
	for range 2 { // the seller's books count twice what the buyer's do
		p.sell.append(p.note.Entry(), ledger.Change{Unit: "credit", Earned: due})
	}
	p.settle(p.sell, true, due+1)
	p.carry(p.sell, p.buy)
	p.carry(p.buy, p.sell)
	if !noted(p.sell, market.NoteDisputed, "less than") || len(p.sell.books.Proposals()) != 0 {
		t.Errorf("%+v", p.sell.out.Notes)
	}
	if p.payable() != due {
		t.Errorf("the buyer owes %v, not %v", p.payable(), due)
	}
}

// A proposal that was valid when it came may be of too much when it is agreed to.
func TestAgreedTooLate(t *testing.T) {
	p := owing(t)
	due := p.owed()
	o := p.settle(p.buy, false, due)
	p.carry(p.buy, p.sell)
	p.settle(p.sell, true, due) // meanwhile its creditor says the same
	p.carry(p.sell, p.buy)
	p.carry(p.buy, p.sell) // which the debtor declines: one is under way
	p.sell.step(market.Settle{Accept: o.Settled.ID})
	p.carry(p.sell, p.buy)
	p.agree(0)
}

// What is on its way to be settled is not settled once more by agreeing.
func TestAgreesToNoMore(t *testing.T) {
	p := owing(t)
	due := p.owed()
	o := p.settle(p.buy, false, due)
	p.carry(p.buy, p.sell)
	p.settle(p.sell, true, 1)
	p.sell.step(market.Settle{Accept: o.Settled.ID})
	if got := p.sell.out.Outcomes[0]; got.Reason == market.NoReason || !strings.Contains(got.Detail, "less than") {
		t.Errorf("%+v", got)
	}
	p.agree(due)
}

// Hostile messages change nothing.
func TestSettlementMessages(t *testing.T) {
	base := market.Settlement{Network: network, Debtor: buyer.Self(), Creditor: seller.Self(), Amount: 1, Unit: "credit", At: noon}
	with := func(change func(*market.Settlement)) market.Settlement {
		s := base
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		from market.PeerID
		msg  market.Message
		bad  bool // a word to the user, else an answer or silence
	}{
		"in another's name":   {stranger.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(base)}, true},
		"of two others":       {buyer.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(with(func(s *market.Settlement) { s.Creditor = stranger.Self() }))}, true},
		"of another network":  {buyer.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(with(func(s *market.Settlement) { s.Network[0]++ }))}, true},
		"of last year":        {buyer.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(with(func(s *market.Settlement) { s.At -= 90 * 24 * 3600e3 }))}, false},
		"of tomorrow":         {buyer.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(with(func(s *market.Settlement) { s.At += 24 * 3600e3 }))}, false},
		"of too much":         {buyer.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(with(func(s *market.Settlement) { s.Amount = 1 << 40 }))}, false},
		"of another unit":     {buyer.Self(), &market.ProposeSettlement{Settlement: buyer.Settlement(with(func(s *market.Settlement) { s.Unit = "EUR" }))}, false},
		"a stranger's":        {stranger.Self(), &market.ProposeSettlement{Settlement: stranger.Settlement(with(func(s *market.Settlement) { s.Debtor = stranger.Self() }))}, false},
		"an answer to nobody": {buyer.Self(), &market.AnswerSettlement{ID: [32]byte{1}, Reason: market.Disputed}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := owing(t)
			due := p.owed()
			p.sell.step(market.Received{From: market.Ref{Peer: c.from}, Msg: c.msg})
			if got := noted(p.sell, market.NoteBadMessage, ""); got != c.bad {
				t.Errorf("%+v", p.sell.out.Notes)
			}
			if len(p.sell.out.Saves) != 0 || len(p.sell.books.Proposals()) != 0 {
				t.Errorf("saved %+v", p.sell.out.Saves)
			}
			p.agree(due)
		})
	}
}

// An answer must be the other's, and to the very question.
func TestSettlementAnswers(t *testing.T) {
	for name, answer := range map[string]func(*market.SignedSettlement) (market.PeerID, *market.AnswerSettlement){
		"a stranger's": func(s *market.SignedSettlement) (market.PeerID, *market.AnswerSettlement) {
			return stranger.Self(), &market.AnswerSettlement{ID: s.ID, Reason: market.Disputed}
		},
		"of another settlement": func(s *market.SignedSettlement) (market.PeerID, *market.AnswerSettlement) {
			other := s.Settlement
			other.Amount++
			return buyer.Self(), &market.AnswerSettlement{ID: s.ID, Settlement: buyer.SignSettlement(seller.Settlement(other))}
		},
		"without a signature": func(s *market.SignedSettlement) (market.PeerID, *market.AnswerSettlement) {
			return buyer.Self(), &market.AnswerSettlement{ID: s.ID, Settlement: s}
		},
		"later": func(s *market.SignedSettlement) (market.PeerID, *market.AnswerSettlement) {
			return buyer.Self(), &market.AnswerSettlement{ID: s.ID, Reason: market.Busy}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := owing(t)
			due := p.owed()
			o := p.settle(p.sell, true, 1)
			from, m := answer(o.Settled)
			p.sell.step(market.Received{From: market.Ref{Peer: from}, Msg: m})
			if len(p.sell.books.Proposals()) != 1 || len(p.sell.out.Saves) != 0 {
				t.Error("the proposal is gone")
			}
			p.agree(due)
		})
	}
}

// A proposal that nobody agrees to is forgotten after a month, and so is one
// that was agreed to: its repetition then is too old.
func TestProposalsAreForgotten(t *testing.T) {
	p := owing(t)
	due := p.owed()
	o := p.settle(p.buy, false, 2)
	p.carry(p.buy, p.sell)
	p.settle(p.sell, true, 1)
	sends := append([]market.Send(nil), p.sell.out.Sends...)
	p.carry(p.sell, p.buy)
	for _, s := range []*side{p.sell, p.buy} {
		s.now.Wall = noon.Add(31 * 24 * time.Hour)
		s.now.Mono += 31 * 24 * time.Hour
		s.step(market.Tick{})
		if len(s.books.Proposals()) != 0 || s.books.Deadline() != market.Never {
			t.Errorf("%d are kept, until %v", len(s.books.Proposals()), s.books.Deadline())
		}
	}
	if !noted(p.buy, market.NoteDisputed, "for a month") {
		t.Errorf("%+v", p.buy.out.Notes)
	}
	p.buy.step(market.Received{From: market.Ref{Peer: seller.Self()}, Msg: sends[0].Msg})
	if p.payable() != due-1 {
		t.Errorf("the buyer owes %v: a replay was counted", p.payable())
	}
	p.sell.step(market.Settle{Accept: o.Settled.ID})
	if p.sell.out.Outcomes[0].Reason == market.NoReason {
		t.Error("a forgotten proposal was agreed to")
	}
}

// What one counterparty may have kept is bounded.
func TestProposalsAreBounded(t *testing.T) {
	p := owing(t)
	for i := range 300 {
		s := buyer.Settlement(market.Settlement{Network: network, Debtor: buyer.Self(), Creditor: seller.Self(), Amount: 1, Unit: "credit", Nonce: uint64(i), At: noon})
		p.sell.step(market.Received{From: market.Ref{Peer: buyer.Self()}, Msg: &market.ProposeSettlement{Settlement: s}})
	}
	if n := len(p.sell.books.Proposals()); n != 256 {
		t.Errorf("%d proposals are kept", n)
	}
	if a := p.sell.out.Sends[0].Msg.(*market.AnswerSettlement); a.Reason != market.Busy {
		t.Errorf("%+v", a)
	}
	if o := p.settle(p.sell, true, 1); o.Reason == market.NoReason {
		t.Error("one more of one's own")
	}
}
