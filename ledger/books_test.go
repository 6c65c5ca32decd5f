package ledger_test

import (
	"fmt"
	"strings"
	"testing"

	"caravela/ledger"
	"caravela/market"
)

func TestSetPeer(t *testing.T) {
	s := newSide(t, seller)
	yes, limit, remark := true, market.Limit{Set: true, Amount: 5_000_000, Unit: "credit"}, "met at the harbour"
	for _, c := range []struct {
		ev   market.SetPeer
		note string
	}{
		{market.SetPeer{Remark: &remark}, "as any peer"},
		{market.SetPeer{Trusted: &yes}, "trusted"},
		{market.SetPeer{Limit: &limit}, "5 credit"},
		{market.SetPeer{Blocked: &yes}, "blocked"},
	} {
		c.ev.Ref, c.ev.Peer = 3, buyer.Self()
		s.step(c.ev)
		if o := s.out.Outcomes; len(o) != 1 || o[0].Ref != 3 || o[0].Reason != market.NoReason {
			t.Errorf("%+v", o)
		}
		if !noted(s, market.NoteAccount, c.note) {
			t.Errorf("%+v, want %q", s.out.Notes, c.note)
		}
	}
	s.start()
	want := market.Account{Peer: buyer.Self(), Limit: limit, Blocked: true, Trusted: true, Remark: remark}
	if got := s.account(); fmt.Sprint(*got) != fmt.Sprint(want) {
		t.Errorf("%+v, want %+v", *got, want)
	}
	if !s.books.Blocked(buyer.Self()) || s.books.Blocked(stranger.Self()) || len(s.books.Accounts()) != 1 {
		t.Error("the denied are others")
	}
	long := strings.Repeat("x", market.MaxReference+1)
	for name, ev := range map[string]market.SetPeer{
		"nobody":           {Trusted: &yes},
		"itself":           {Peer: seller.Self(), Trusted: &yes},
		"a long remark":    {Peer: buyer.Self(), Remark: &long},
		"a debt for limit": {Peer: buyer.Self(), Limit: &market.Limit{Set: true, Amount: -1, Unit: "credit"}},
		"a limit of none":  {Peer: buyer.Self(), Limit: &market.Limit{Set: true, Amount: 1}},
	} {
		s.step(ev)
		if o := s.out.Outcomes[0]; o.Reason == market.NoReason || o.Detail == "" || len(s.out.Saves) != 0 {
			t.Errorf("%s: %+v", name, o)
		}
	}
	s.step(market.SetPeer{Peer: buyer.Self(), Limit: &market.Limit{}})
	if s.account().Limit.Set {
		t.Error("the limit is still set")
	}
}

// An account has a bounded number of units, and sums that cannot overflow.
func TestBalancesAreBounded(t *testing.T) {
	s := newSide(t, seller)
	for i := range market.MaxBalances {
		unit := fmt.Sprintf("u%c", 'a'+i)
		if !ledger.Takes(s.account(), unit) {
			t.Fatalf("unit %d is refused", i)
		}
		s.append(market.Entry{Kind: market.EntryUsage, First: []byte("x")}, ledger.Change{Unit: unit, Earned: 1})
	}
	if ledger.Takes(s.account(), "more") || !ledger.Takes(s.account(), "ua") {
		t.Error("one more unit is taken, or an old one is not")
	}
	s.append(market.Entry{Kind: market.EntryUsage, First: []byte("x")}, ledger.Change{Unit: "more", Earned: 1})
	if len(s.account().Balances) != market.MaxBalances || !noted(s, market.NoteDisputed, "too many units") {
		t.Errorf("%d balances, %+v", len(s.account().Balances), s.out.Notes)
	}
	for range 5 {
		s.append(market.Entry{Kind: market.EntryUsage, First: []byte("x")}, ledger.Change{Unit: "ua", Earned: 1 << 61, Spent: 1})
	}
	if b := ledger.BalanceOf(s.account(), "ua"); b.Earned != 1<<61 || b.Spent != 5 {
		t.Errorf("%+v", b)
	}
	s.start() // and the store can read it again
	if b := ledger.BalanceOf(s.account(), "none"); b != (market.Balance{Unit: "none"}) {
		t.Errorf("%+v", b)
	}
}
