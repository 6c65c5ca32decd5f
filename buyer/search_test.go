package buyer_test

import (
	"testing"
	"time"

	"caravela/market"
)

func dry(w *market.Wanted) { w.DryRun = true }

// A search without known traders asks the overlay once, then two traders.
func TestSearchFromNothing(t *testing.T) {
	b := newBench(t)
	out := b.step(wanted(dry))
	if len(out.Lookups) != 1 || out.Lookups[0].Key != root.Key(network) || len(out.Sends) != 0 {
		t.Fatalf("emits %+v", out)
	}
	b.step(market.Found{Ref: out.Lookups[0].Ref + 1, Peers: []market.Ref{ref(8)}}) // somebody else's
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2), ref(3)}})
	asked := sent[*market.GetOffers](out)
	if len(asked) != 2 || !asked[0].Relay || asked[0].Region != root {
		t.Fatalf("asks %+v", asked)
	}
	first, second := out.Sends[0].To, out.Sends[1].To
	b.receive(ref(9), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true}) // whom nobody asked
	out = b.receive(first, &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
	if len(out.Outcomes) != 0 {
		t.Error("does not wait for the second answer")
	}
	out = b.receive(second, &market.Offers{Ref: asked[1].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 1500), b.offer(2, 2000)}})
	if s := told(out, market.Searched); len(s) != 1 || len(s[0].Offers) != 2 || s[0].Offers[0].Offer.Free.CPU != 1500 || len(told(out, market.Done)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
	if b.Deadline() != market.Never {
		t.Error("something is left")
	}
}

// A lookup that finds nobody ends the search.
func TestNobodyFound(t *testing.T) {
	b := newBench(t)
	out := b.step(wanted(nil))
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Failed: true})
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.NoCapacity || g[0].Tally == nil {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// A trader that is silent, unreachable, no trader any more, or answers about
// something else is replaced by the next.
func TestNextTrader(t *testing.T) {
	for name, fail := range map[string]func(*bench, market.Ref, *market.GetOffers) *market.Outbox{
		"silent": func(b *bench, _ market.Ref, _ *market.GetOffers) *market.Outbox { return b.advance(2 * time.Second) },
		"unreachable": func(b *bench, r market.Ref, m *market.GetOffers) *market.Outbox {
			return b.step(market.Undelivered{To: r.Peer, Msg: m})
		},
		"no trader": func(b *bench, r market.Ref, m *market.GetOffers) *market.Outbox {
			return b.receive(r, &market.Offers{Ref: m.Ref, Region: root})
		},
		"about another region": func(b *bench, r market.Ref, m *market.GetOffers) *market.Outbox {
			return b.receive(r, &market.Offers{Ref: m.Ref, Region: market.Region{Platform: linux, Rung: 3}, Trader: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.Learn(b.now, root, []market.Ref{ref(1), ref(2), ref(3)})
			out := b.step(wanted(dry))
			if len(out.Sends) != 2 {
				t.Fatalf("asks %d", len(out.Sends))
			}
			out = fail(b, out.Sends[0].To, out.Sends[0].Msg.(*market.GetOffers))
			if next := sent[*market.GetOffers](out); len(next) != 1 {
				t.Errorf("asks %d more", len(next))
			}
		})
	}
}

// Where all known traders fail the overlay is asked, and if that is of no use
// the search ends.
func TestAllTradersGone(t *testing.T) {
	b := newBench(t)
	asked := b.search(dry, ref(1))
	b.step(market.Undelivered{To: ref(2).Peer, Msg: asked[0]}) // whom it did not ask
	out := b.step(market.Undelivered{To: ref(1).Peer, Msg: asked[0]})
	if len(out.Lookups) != 1 {
		t.Fatalf("%d lookups", len(out.Lookups))
	}
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(2)}})
	asked = sent[*market.GetOffers](out)
	out = b.receive(ref(2), &market.Offers{Ref: asked[0].Ref, Region: root})
	if s := told(out, market.Searched); len(s) != 1 || len(s[0].Offers) != 0 || s[0].Tally.Regions != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// Traders that take long are asked no more, but where nobody else knows
// anything their answers still count: a busy machine is no empty market.
func TestLateAnswer(t *testing.T) {
	b := newBench(t)
	asked := b.search(dry, ref(1))
	out := b.advance(2 * time.Second)
	if len(out.Lookups) != 1 {
		t.Fatalf("%d lookups for other traders", len(out.Lookups))
	}
	if out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1)}}); len(out.Outcomes) != 0 {
		t.Fatalf("gives up before an answer: %+v", out.Outcomes)
	}
	out = b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
	if s := told(out, market.Searched); len(s) != 1 || len(s[0].Offers) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}

	b.search(dry, ref(1)) // and one that never comes is not waited for without end
	out = b.advance(2 * time.Second)
	b.step(market.Found{Ref: out.Lookups[0].Ref})
	if out = b.advance(10 * time.Second); len(told(out, market.Done)) != 1 || b.Deadline() != market.Never {
		t.Errorf("tells %+v, and wakes at %v", out.Outcomes, b.Deadline())
	}
}

// One good answer is enough, after a moment for the other trader.
func TestSecondAnswerIsNotAwaitedForLong(t *testing.T) {
	b := newBench(t)
	asked := b.search(dry, ref(1), ref(2))
	from := ref(1)
	if out := b.receive(from, &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}}); len(out.Outcomes) != 0 {
		from = ref(2)
	}
	b.receive(ref(2), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
	began := b.now.Mono
	for b.Deadline() != market.Never && b.now.Mono < began+time.Second {
		b.advance(b.Deadline() - b.now.Mono)
	}
	if took := b.now.Mono - began; took > 100*time.Millisecond {
		t.Errorf("waited %v", took)
	}
}

// What does not fit, has lapsed or is of another network is not believed.
func TestOffersAreChecked(t *testing.T) {
	b := newBench(t)
	foreign := b.offer(3, 4000).Offer.Offer
	foreign.Network[0]++
	lapsed := b.offer(4, 4000).Offer.Offer
	lapsed.ValidUntil = noon.Add(-5 * time.Minute)
	old := b.offer(5, 3000)
	asked := b.search(dry, ref(1))
	out := b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{
		b.offer(2, 500), {Offer: keys(3).Offer(foreign)}, {Offer: keys(4).Offer(lapsed)}, b.offer(5, 2000), old,
	}})
	s := told(out, market.Searched)[0]
	if len(s.Offers) != 1 || s.Offers[0].Offer.Supplier != keys(5).Self() || s.Offers[0].Offer.Free.CPU != 2000 {
		t.Errorf("believes %+v", s.Offers)
	}
}

// Hints are followed, a few regions at a time, until there is enough.
func TestHints(t *testing.T) {
	b := newBench(t)
	hint := func(r market.Region, i int) market.Hint {
		return market.Hint{Summary: market.Summary{Region: r, Offers: 5, Max: market.Resources{CPU: 4000, Memory: 4 * market.GiB}},
			Traders: []market.Ref{ref(i)}}
	}
	rung := func(n int8) market.Region { return market.Region{Platform: linux, Rung: n} }
	hints := []market.Hint{hint(rung(31), 50), hint(market.Region{Platform: linux, Rung: 2, Depth: 1}, 51), hint(root, 52)} // impossible ones
	for n := int8(8); n >= 2; n-- {
		hints = append(hints, hint(rung(n), 100+int(n)))
	}
	hints[len(hints)-1].Summary.Max.CPU = 500 // too small
	asked := b.search(nil, ref(1))
	out := b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Hints: hints})
	var regions []int8
	for _, m := range sent[*market.GetOffers](out) {
		regions = append(regions, m.Region.Rung)
	}
	if len(regions) != 4 || regions[0] != 3 || regions[3] != 6 {
		t.Fatalf("asks in rungs %v, want the four lowest that may fit", regions)
	}
	m := sent[*market.GetOffers](out)
	offers := []market.OfferAt{b.offer(1, 2000), b.offer(2, 2000), b.offer(3, 2000), b.offer(4, 2000)}
	for i := range 3 {
		if out = b.receive(ref(103+i), &market.Offers{Ref: m[i].Ref, Region: m[i].Region, Trader: true}); i == 0 && len(sent[*market.GetOffers](out)) != 1 {
			t.Errorf("an empty region is followed by %d others", len(sent[*market.GetOffers](out)))
		}
	}
	out = b.receive(ref(106), &market.Offers{Ref: m[3].Ref, Region: m[3].Region, Trader: true, Offers: offers})
	out = b.advance(2 * time.Second)
	if len(sent[*market.LaunchContainer](out)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
	b = newBench(t)
	asked = b.search(func(w *market.Wanted) { w.Want.Strategy = market.Spread }, ref(1))
	out = b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Hints: hints})
	if m := sent[*market.GetOffers](out); len(m) != 4 || m[0].Region.Rung != 8 {
		t.Errorf("spread asks in %+v", m)
	}
}

// A search asks a bounded number of traders, whatever the hints say.
func TestAsksAreBounded(t *testing.T) {
	b := newBench(t)
	asked := b.search(nil, ref(1))
	queue := asked
	total := 0
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		total++
		a := &market.Offers{Ref: m.Ref, Region: m.Region, Trader: true}
		for n := range 32 {
			r := market.Region{Platform: linux, Rung: int8(n)}
			if m.Region.Rung >= 0 {
				r = market.Region{Platform: linux, Rung: m.Region.Rung, Depth: m.Region.Depth + 1, Shard: m.Region.Shard*2 + uint32(n%2)}
			}
			a.Hints = append(a.Hints, market.Hint{Summary: market.Summary{Region: r, Offers: 1, Max: market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes}},
				Traders: []market.Ref{ref(1)}})
		}
		out := b.receive(ref(1), a)
		queue = append(queue, sent[*market.GetOffers](out)...)
	}
	if total > 24 {
		t.Errorf("%d questions", total)
	}
	b.advance(time.Minute)
	if b.Deadline() != market.Never {
		t.Error("the request has no end")
	}
}

// Traders are remembered for an hour, the newest of them.
func TestKnownTraders(t *testing.T) {
	b := newBench(t)
	b.Learn(b.now, root, []market.Ref{ref(1)})
	b.pass(time.Second)
	for i := range 300 {
		b.Learn(b.now, market.Region{Platform: linux, Rung: 3}, []market.Ref{{Peer: ref(i).Peer, Addrs: []string{"/ip4/192.0.2.7"}}})
	}
	if out := b.step(wanted(dry)); len(out.Lookups) != 1 {
		t.Error("the oldest of too many traders is remembered")
	}
	b = newBench(t)
	b.Learn(b.now, root, []market.Ref{ref(1)})
	b.pass(2 * time.Hour)
	if out := b.step(wanted(dry)); len(out.Lookups) != 1 {
		t.Error("a trader of two hours ago is remembered")
	}
}

func TestTooManyRequests(t *testing.T) {
	b := newBench(t)
	for range 1024 {
		b.step(wanted(nil))
	}
	out := b.step(wanted(nil))
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.Busy {
		t.Errorf("tells %+v", out.Outcomes)
	}
}
