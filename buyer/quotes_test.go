package buyer_test

import (
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func asked(t *testing.T, out *market.Outbox) []*market.RequestHold {
	t.Helper()
	list := sent[*market.RequestHold](out)
	if len(list) == 0 {
		t.Fatalf("asks for no hold: %+v", out)
	}
	return list
}

// holdFor is what a supplier signs for a question.
func (b *bench) holdFor(i byte, m *market.RequestHold) *market.SignedHold {
	return keys(i).Hold(market.Hold{Network: network, Supplier: keys(i).Self(), Buyer: keys(0).Self(), OfferSeq: m.OfferSeq, Nonce: m.Ref,
		Resources: m.Resources, Pids: m.Pids, Ports: m.Ports, Terms: m.Terms, Hourly: market.PriceOf(m.Terms).Hourly(m.Resources),
		At: b.now.Wall, Until: b.now.Wall.Add(m.For)})
}

func (b *bench) grantHold(i byte, m *market.RequestHold) *market.Outbox {
	return b.receive(seller(i), &market.GrantHold{Ref: m.Ref, Hold: b.holdFor(i, m)})
}

func quote(w *market.Wanted) { w.DryRun, w.Quote = true, true }

// quoted makes a request that is quoted by supplier 1.
func (b *bench) quoted() *market.SignedHold {
	b.t.Helper()
	out := b.grantHold(1, asked(b.t, b.choose(quote, b.at(1, 2000, terms())))[0])
	h := told(out, market.Holding)
	if len(h) != 1 || len(h[0].Holds) != 1 || len(h[0].Offers) != 1 || h[0].Offers[0].Offer.Supplier != keys(1).Self() {
		b.t.Fatalf("tells %+v", out.Outcomes)
	}
	if d := told(out, market.Done); len(d) != 1 || len(out.Saves) != 0 {
		b.t.Fatalf("tells %+v", out.Outcomes)
	}
	return h[0].Holds[0]
}

// A quote has the best offer held, and leases nothing; a run leases by that
// hold, by the price that was quoted.
func TestQuote(t *testing.T) {
	b := newBench(t)
	out := b.choose(quote, b.at(1, 2000, terms()), b.at(2, 4000, terms()))
	m := asked(t, out)
	if len(m) != 1 || m[0].Resources.CPU != 1000 || m[0].For != market.HoldTime || m[0].Term != b.params.Term || !m[0].Terms.Equal(terms()) || m[0].Image != "web" {
		t.Fatalf("asks %+v", m)
	}
	h := told(b.grantHold(1, m[0]), market.Holding)[0].Holds[0]
	out = b.step(wanted(func(w *market.Wanted) { w.Hold = h.ID }))
	l := launched(t, out)[0].Lease
	if l.Hold != h.ID || !l.Terms.Equal(terms()) || l.Supplier != h.Supplier || len(sent[*market.GetOffers](out)) != 0 {
		t.Errorf("launches %+v", l.Lease)
	}
	b.grant(1, l)
	if d := told(b.status(1, l.ID, 1, market.Running, 0), market.Done); len(d) != 1 {
		t.Error("does not end")
	}
	if g := told(b.step(wanted(func(w *market.Wanted) { w.Hold = h.ID })), market.GaveUp); len(g) != 1 || g[0].Reason != market.NoSuchHold {
		t.Errorf("the hold serves twice: %+v", g)
	}
}

// A hold that does not serve the request is not used, and stays.
func TestHoldMisfits(t *testing.T) {
	for name, change := range map[string]func(*market.Wanted){
		"another":  func(w *market.Wanted) { w.Hold[0]++ },
		"larger":   func(w *market.Wanted) { s := *w.Spec; s.Limits.CPU++; w.Spec = &s },
		"ports":    func(w *market.Wanted) { s := *w.Spec; s.Ports = []market.Port{{Container: 80}}; w.Spec = &s },
		"replicas": func(w *market.Wanted) { w.Replicas = 2 },
		"dear":     func(w *market.Wanted) { w.Want.MaxPrice, w.Want.MaxPriceSet = 40, true },
		"unit":     func(w *market.Wanted) { w.Want.Unit = "EUR" },
	} {
		b := newBench(t)
		h := b.quoted()
		out := b.step(wanted(func(w *market.Wanted) { w.Hold = h.ID; change(w) }))
		if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.NoSuchHold || g[0].Detail == "" || len(out.Sends) != 0 {
			t.Errorf("%s: tells %+v", name, out)
		}
		launched(t, b.step(wanted(func(w *market.Wanted) { w.Hold = h.ID })))
	}
	b := newBench(t)
	h := b.quoted()
	b.advance(61 * time.Second)
	if g := told(b.step(wanted(func(w *market.Wanted) { w.Hold = h.ID })), market.GaveUp); len(g) != 1 {
		t.Error("a hold that is over is used")
	}
}

// By a hold means by no other offer.
func TestHoldRefused(t *testing.T) {
	for _, why := range []market.Reason{market.NoSuchHold, market.Busy, market.PriceChanged} {
		b := newBench(t)
		h := b.quoted()
		l := launched(t, b.step(wanted(func(w *market.Wanted) { w.Hold, w.Wait = h.ID, time.Hour })))[0].Lease
		out := b.receive(seller(1), &market.Refusal{Lease: l.ID, Reason: why, Detail: "no", Offer: b.at(1, 4000, terms()).Offer})
		if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != why || g[0].Detail != "no" || len(out.Sends) != 0 {
			t.Errorf("%v: %+v", why, out)
		}
	}
}

// What was quoted is given back when nobody waits for it any more, before and
// after the answer; what is in use is not.
func TestQuoteAbandoned(t *testing.T) {
	b := newBench(t)
	h := b.quoted()
	out := b.step(market.Abandon{Ref: 77})
	if r := sent[*market.ReleaseHold](out); len(r) != 1 || r[0].Hold != h.ID {
		t.Errorf("sends %+v", out.Sends)
	}
	m := asked(t, b.choose(quote, b.at(1, 2000, terms())))[0]
	b.step(market.Abandon{Ref: 77})
	if r := sent[*market.ReleaseHold](b.grantHold(1, m)); len(r) != 1 {
		t.Error("a late hold is kept")
	}
	m = asked(t, b.choose(quote, b.at(1, 2000, terms())))[0]
	b.grantHold(1, m)
	if out := b.grantHold(1, m); len(out.Sends) != 0 {
		t.Error("a hold that came twice is given back")
	}
	foreign := keys(1).Hold(market.Hold{Network: network, Supplier: keys(1).Self(), Buyer: keys(2).Self(), Resources: m.Resources, At: noon, Until: noon + 1})
	if out := b.receive(seller(1), &market.GrantHold{Ref: m.Ref, Hold: foreign}); len(noted(out, market.NoteBadMessage)) != 1 || len(out.Sends) != 0 {
		t.Errorf("%+v", out)
	}
}

// Quotes are remembered up to a number; the oldest is given back.
func TestQuotesAreBounded(t *testing.T) {
	b := newBench(t)
	released := 0
	for i := range 70 {
		ref := uint64(1000 + i)
		out := b.choose(func(w *market.Wanted) { quote(w); w.Ref = ref }, b.at(1, 2000, terms()))
		released += len(sent[*market.ReleaseHold](b.grantHold(1, asked(t, out)[0])))
	}
	want(t, "given back", released, 6)
}

// A supplier that refuses, is silent or gone, or holds something else makes
// the next one be asked; with none left the request is given up with the
// reason.
func TestHoldNextOffer(t *testing.T) {
	for name, fail := range map[string]func(*bench, *market.RequestHold) *market.Outbox{
		"refused": func(b *bench, m *market.RequestHold) *market.Outbox {
			return b.receive(seller(1), &market.Refusal{Ref: m.Ref, Reason: market.OverCredit})
		},
		"lost": func(b *bench, m *market.RequestHold) *market.Outbox {
			return b.step(market.Undelivered{To: keys(1).Self(), Msg: m})
		},
		"silent": func(b *bench, _ *market.RequestHold) *market.Outbox { return b.advance(6 * time.Second) },
		"less": func(b *bench, m *market.RequestHold) *market.Outbox {
			less := *m
			less.Resources.CPU--
			return b.grantHold(1, &less)
		},
		"dearer": func(b *bench, m *market.RequestHold) *market.Outbox {
			dear := *m
			dear.Terms = dearTerms()
			return b.grantHold(1, &dear)
		},
	} {
		b := newBench(t)
		m := asked(t, b.choose(quote, b.at(1, 2000, terms()), b.at(2, 4000, terms())))[0]
		if out := b.receive(seller(2), &market.Refusal{Ref: m.Ref}); len(out.Outcomes) != 0 {
			t.Errorf("%s: a stranger refuses", name)
		}
		out := fail(b, m)
		next := asked(t, out)
		if out.Sends[len(out.Sends)-1].To.Peer != keys(2).Self() || len(told(out, market.Refused)) != 1 {
			t.Errorf("%s: sends %+v", name, out.Sends)
		}
		out = b.receive(seller(2), &market.Refusal{Ref: next[0].Ref, Reason: market.Blocked})
		if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.Blocked {
			t.Errorf("%s: tells %+v", name, out.Outcomes)
		}
	}
}

// A group leases nothing before every supplier holds its part, if money is at
// stake; a free one leases at once.
func TestGroupByHolds(t *testing.T) {
	apart := func(w *market.Wanted) { w.Replicas, w.Apart = 2, true }
	b := newBench(t)
	out := b.choose(apart, b.at(1, 2000, terms()), b.at(2, 2000, nil))
	m := asked(t, out)
	if len(m) != 2 || len(sent[*market.LaunchContainer](out)) != 0 || len(out.Saves) != 0 {
		t.Fatalf("sends %+v", out.Sends)
	}
	if out.Sends[0].To.Peer != keys(1).Self() {
		m[0], m[1] = m[1], m[0]
	}
	if out = b.grantHold(1, m[0]); len(out.Sends) != 0 {
		t.Fatalf("leases with half the holds: %+v", out.Sends)
	}
	l := launched(t, b.grantHold(2, m[1]))
	if len(l) != 2 || l[0].Lease.Hold.IsZero() || l[1].Lease.Hold.IsZero() || l[0].Lease.Hold == l[1].Lease.Hold {
		t.Errorf("launches %+v", l)
	}

	b = newBench(t)
	if out = b.choose(apart, b.at(1, 2000, nil), b.at(2, 2000, nil)); len(sent[*market.RequestHold](out)) != 0 {
		t.Error("a free group asks for holds")
	}
}

// All or nothing: what is held is given back when the rest cannot be placed.
func TestGroupGivesHoldsBack(t *testing.T) {
	b := newBench(t)
	out := b.choose(func(w *market.Wanted) { w.Replicas, w.Apart = 2, true }, b.at(1, 2000, terms()), b.at(2, 2000, terms()))
	held := map[market.PeerID]*market.RequestHold{}
	for _, s := range out.Sends {
		held[s.To.Peer] = s.Msg.(*market.RequestHold)
	}
	b.grantHold(1, held[keys(1).Self()])
	out = b.receive(seller(2), &market.Refusal{Ref: held[keys(2).Self()].Ref, Reason: market.ImageRefused, Detail: "no"})
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.ImageRefused || len(sent[*market.ReleaseHold](out)) != 1 || len(b.disk) != 0 {
		t.Errorf("%+v", out)
	}
}

// Together, one refusal moves all of them: holds are given back.
func TestGroupTogetherMoves(t *testing.T) {
	b := newBench(t)
	m := asked(t, b.choose(func(w *market.Wanted) { w.Replicas, w.Together = 2, true }, b.at(1, 2000, terms()), b.at(2, 4000, terms())))
	b.grantHold(1, m[0])
	out := b.receive(seller(1), &market.Refusal{Ref: m[1].Ref, Reason: market.ImageRefused})
	next := asked(t, out)
	if len(next) != 2 || len(sent[*market.ReleaseHold](out)) != 1 {
		t.Fatalf("sends %+v", out.Sends)
	}
	b.grantHold(2, next[0])
	if l := launched(t, b.grantHold(2, next[1])); len(l) != 2 {
		t.Errorf("launches %d", len(l))
	}
}

// A hold that lapses while the rest of the group is looked for is asked for
// again, and never relied on.
func TestHoldLapses(t *testing.T) {
	b := newBench(t)
	b.params.Grant = time.Minute
	out := b.choose(func(w *market.Wanted) { w.Replicas, w.Apart = 2, true }, b.at(1, 2000, terms()), b.at(2, 2000, terms()))
	held := map[market.PeerID]*market.RequestHold{}
	for _, s := range out.Sends {
		held[s.To.Peer] = s.Msg.(*market.RequestHold)
	}
	b.grantHold(1, held[keys(1).Self()])
	again := asked(t, b.advance(55*time.Second))
	if len(again) != 1 {
		t.Fatalf("asks %d times", len(again))
	}
	if out = b.grantHold(2, held[keys(2).Self()]); len(sent[*market.LaunchContainer](out)) != 0 {
		t.Error("leases by a hold that has lapsed")
	}
	if l := launched(t, b.grantHold(1, again[0])); len(l) != 2 {
		t.Errorf("launches %d", len(l))
	}
}

// Offers of blocked suppliers are not taken, blocked traders not asked, and a
// request for a blocked node ends at once; the user is told why.
func TestBlocked(t *testing.T) {
	b := newBench(t)
	yes := true
	b.block(keys(1).Self(), &yes)
	out := b.choose(nil, b.offer(1, 1000), b.offer(2, 4000))
	if l := launched(t, out); len(l) != 1 || l[0].Lease.Supplier != keys(2).Self() {
		t.Error("a blocked supplier is asked")
	}
	out = b.receive(seller(2), &market.Refusal{Lease: launched(t, out)[0].Lease.ID, Reason: market.ImageRefused})
	if g := told(out, market.GaveUp); len(g) != 1 || len(g[0].Tally.Misses) != 2 {
		t.Errorf("tells %+v", out.Outcomes)
	}
	out = b.step(wanted(func(w *market.Wanted) { w.Want.On = keys(1).Self() }))
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.Blocked || len(out.Sends) != 0 {
		t.Errorf("tells %+v", out)
	}
	b.block(ref(1).Peer, &yes)
	b.Learn(b.now, root, []market.Ref{ref(1), ref(2)})
	out = b.step(wanted(nil))
	for _, s := range out.Sends {
		if s.To.Peer == ref(1).Peer {
			t.Error("a blocked trader is asked")
		}
	}
	if g := told(b.choose(nil, b.offer(1, 1000)), market.GaveUp); len(g) == 1 && !strings.Contains(g[0].Detail, "blocked") {
		t.Errorf("tells %+v", g)
	}
}
