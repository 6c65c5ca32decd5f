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

// One trader alone is not believed for long: a node that was new when it asked
// the overlay may have been told of one that knows nothing, or says so.
func TestOneTraderAlone(t *testing.T) {
	b := newBench(t)
	alone := []market.Ref{ref(1)}
	nothing := func(out *market.Outbox) []market.Ref {
		t.Helper()
		var to []market.Ref
		for i, m := range sent[*market.GetOffers](out) {
			to = append(to, out.Sends[i].To)
			b.receive(out.Sends[i].To, &market.Offers{Ref: m.Ref, Region: root, Trader: true})
		}
		return to
	}
	out := b.step(wanted(dry))
	if to := nothing(b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: alone})); len(to) != 1 {
		t.Fatalf("asks %v", to)
	}
	if out = b.step(wanted(dry)); len(out.Lookups) != 0 || len(nothing(out)) != 1 {
		t.Fatal("asks for others at once")
	}
	b.advance(11 * time.Second)
	if out = b.step(wanted(dry)); len(out.Lookups) != 1 || len(out.Sends) != 0 {
		t.Fatalf("emits %+v", out)
	}
	if to := nothing(b.step(market.Found{Ref: out.Lookups[0].Ref, Failed: true})); len(to) != 1 {
		t.Errorf("does not ask whom it knows: %v", to)
	}
	out = b.step(wanted(dry))
	if to := nothing(b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2)}})); len(to) != 2 {
		t.Errorf("asks %v", to)
	}
	b.advance(11 * time.Second)
	if out = b.step(wanted(dry)); len(out.Lookups) != 0 || len(nothing(out)) != 2 {
		t.Error("asks for others though it knows two")
	}
}

// A lookup that finds nobody ends the search; one that fails is tried again
// for some seconds.
func TestNobodyFound(t *testing.T) {
	b := newBench(t)
	out := b.step(wanted(nil))
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Failed: true})
	began, lookups := b.now.Mono, 0
	for ; len(told(out, market.GaveUp)) == 0; lookups++ {
		if out = b.advance(b.Deadline() - b.now.Mono); len(out.Lookups) != 1 {
			t.Fatalf("looks up %d times", len(out.Lookups))
		}
		out = b.step(market.Found{Ref: out.Lookups[0].Ref, Failed: true})
	}
	if took := b.now.Mono - began; took < 5*time.Second || took > 15*time.Second || lookups > 16 {
		t.Errorf("%d lookups in %v", lookups, took)
	}

	b = newBench(t)
	out = b.step(wanted(nil))
	out = b.step(market.Found{Ref: out.Lookups[0].Ref})
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.NoCapacity || g[0].Tally == nil || g[0].Cover.Silent != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// A trader that has no time is there: it is not looked for, nor are others at
// first, but asked again.
func TestBusyTrader(t *testing.T) {
	b := newBench(t)
	asked := b.search(dry, ref(1))
	for range 3 {
		out := b.step(market.Undelivered{To: ref(1).Peer, Msg: asked[0], Busy: true})
		if len(out.Lookups)+len(out.Sends)+len(out.Outcomes) > 0 {
			t.Fatalf("emits %+v", out)
		}
		asked = b.untilAsked()
	}
	out := b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
	if s := told(out, market.Searched); len(s) != 1 || len(s[0].Offers) != 1 || s[0].Cover != (market.Coverage{Questions: 4}) {
		t.Errorf("tells %+v", out.Outcomes)
	}

	asked = b.search(dry, ref(1))
	b.step(market.Undelivered{To: ref(1).Peer, Msg: asked[0], Busy: true})
	b.pass(time.Second)
	asked = b.untilAsked()
	if out = b.step(market.Undelivered{To: ref(1).Peer, Msg: asked[0], Busy: true}); len(out.Lookups) != 1 {
		t.Error("looks for nobody else, however long the trader has no time")
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
			return b.receive(r, &market.Offers{Ref: m.Ref, Region: market.Region{Platform: linux, Depth: 1, Shard: 3}, Trader: true})
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

// Where all known traders fail the overlay is asked. If others know nothing
// they are asked again, for suppliers are about to tell them; in the end the
// search says that it has not heard from those who knew.
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
	for rounds := 0; ; rounds++ {
		out = b.receive(ref(2), &market.Offers{Ref: asked[0].Ref, Region: root})
		if s := told(out, market.Searched); len(s) == 1 {
			if len(s[0].Offers) != 0 || s[0].Tally.Regions != 1 || s[0].Cover.Silent != 1 || rounds < 3 || rounds > 16 {
				t.Errorf("after %d rounds it tells %+v", rounds, s)
			}
			break
		}
		if out = b.advance(b.Deadline() - b.now.Mono); len(out.Lookups) != 1 {
			t.Fatalf("%d lookups", len(out.Lookups))
		}
		asked = sent[*market.GetOffers](b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(2)}}))
	}
	b.pass(time.Minute)
	out = b.step(wanted(dry))
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(2)}})
	out = b.receive(ref(2), &market.Offers{Ref: sent[*market.GetOffers](out)[0].Ref, Region: root})
	if s := told(out, market.Searched); len(s) != 1 || s[0].Cover.Silent != 0 {
		t.Errorf("a minute later it tells %+v", out.Outcomes)
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
	b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
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

func hint(r market.Region, traders ...int) market.Hint {
	h := market.Hint{Summary: market.Summary{Region: r, Offers: 5, Peaks: []market.Point{{Free: market.Resources{CPU: 4000, Memory: 4 * market.GiB}, Class: 4}}}}
	for _, i := range traders {
		h.Traders = append(h.Traders, ref(i))
	}
	return h
}

func shard(depth uint8, n uint32) market.Region {
	return market.Region{Platform: linux, Depth: depth, Shard: n}
}

// Hints are followed, a few regions at a time, small ones first, until there
// is enough; those that lead nowhere or up again are not.
func TestHints(t *testing.T) {
	b := newBench(t)
	small := hint(shard(1, 2), 50)
	small.Summary.Peaks[0].Free.CPU = 500
	windows := hint(shard(1, 4), 51)
	windows.Summary.Region.Platform.OS = "windows"
	hints := []market.Hint{small, windows, hint(root, 52)}
	for n := range uint32(7) {
		hints = append(hints, hint(shard(1, 5+n), 105+int(n)))
	}
	hints = append(hints, hint(shard(2, 1), 99))
	asked := b.search(nil, ref(1))
	out := b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Hints: hints})
	m := sent[*market.GetOffers](out)
	if len(m) != 3 || m[0].Region != shard(2, 1) || m[0].Relay || !m[0].Buy || m[1].Region.Depth != 1 {
		t.Fatalf("asks %+v", m)
	}
	from := out.Sends[1].To
	out = b.receive(from, &market.Offers{Ref: m[1].Ref, Region: m[1].Region, Trader: true,
		Hints: []market.Hint{hint(shard(1, 15), 60), hint(shard(2, m[1].Region.Shard<<market.ShardBits|3), 61)}})
	next := sent[*market.GetOffers](out)
	if len(next) != 1 || next[0].Region != shard(2, m[1].Region.Shard<<market.ShardBits|3) {
		t.Fatalf("from a region below it goes on to %+v", next)
	}
	b.receive(ref(61), &market.Offers{Ref: next[0].Ref, Region: next[0].Region, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
	if out = b.advance(2 * time.Second); len(sent[*market.LaunchContainer](out)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// Where the first of a hint's traders does not answer the next is asked.
func TestHintsTraders(t *testing.T) {
	b := newBench(t)
	asked := b.search(nil, ref(1))
	out := b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Hints: []market.Hint{hint(shard(1, 1), 2, 3)}})
	for range 2 {
		m := sent[*market.GetOffers](out)
		if len(m) != 1 {
			t.Fatalf("asks %+v", m)
		}
		out = b.step(market.Undelivered{To: out.Sends[0].To.Peer, Msg: m[0]})
	}
	if len(out.Lookups) != 0 || len(told(out, market.Searched)) != 1 {
		t.Errorf("emits %+v", out)
	}
}

// A seller begins at the traders of its own offer. Where they say that there
// is nothing, they are asked again a little later: their view may be old.
func TestHome(t *testing.T) {
	b := newBench(t)
	home := shard(2, 7)
	b.Home(b.now, home, []market.Ref{ref(1), ref(2)})
	out := b.step(wanted(nil))
	for round := range 2 {
		m := sent[*market.GetOffers](out)
		if len(m) != 1 || m[0].Region != home || !m[0].Relay {
			t.Fatalf("round %d: asks %+v", round, m)
		}
		if out = b.receive(out.Sends[0].To, &market.Offers{Ref: m[0].Ref, Region: home, Trader: true}); round < 1 {
			out = b.advance(time.Second)
		}
	}
	if len(told(out, market.GaveUp)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// A region above that holds offers itself is asked before the small ones beside
// the own one.
func TestAboveFirst(t *testing.T) {
	b := newBench(t)
	home := shard(1, 7)
	b.Home(b.now, home, []market.Ref{ref(1)})
	m := sent[*market.GetOffers](b.step(wanted(nil)))
	out := b.receive(ref(1), &market.Offers{Ref: m[0].Ref, Region: home, Trader: true,
		Hints: []market.Hint{hint(shard(1, 1), 2), hint(shard(1, 2), 3), hint(shard(1, 3), 4), hint(root, 5)}})
	m = sent[*market.GetOffers](out)
	if len(m) != 3 || m[0].Region != root || out.Sends[0].To.Peer != ref(5).Peer || m[0].Relay {
		t.Fatalf("asks %+v", m)
	}
	b.receive(ref(5), &market.Offers{Ref: m[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(1, 2000)}})
	if out := b.advance(time.Second); len(sent[*market.LaunchContainer](out)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}

// A search that ended early, for an offer that is gone, goes on where it was
// pointed to; only then does another one begin.
func TestSearchGoesOn(t *testing.T) {
	b := newBench(t)
	home := shard(1, 7)
	b.Home(b.now, home, []market.Ref{ref(1)})
	m := sent[*market.GetOffers](b.step(wanted(nil)))[0]
	far := []market.Hint{hint(shard(1, 2), 2), hint(shard(1, 3), 3), hint(shard(1, 4), 4), hint(shard(1, 5), 5)}
	for i := range far {
		far[i].Summary.Peaks[0].Free = market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes}
	}
	led := b.receive(ref(1), &market.Offers{Ref: m.Ref, Region: home, Trader: true, Hints: far})
	asked := sent[*market.GetOffers](led)
	if len(asked) != 3 {
		t.Fatalf("asks %+v", asked)
	}
	out := b.receive(led.Sends[0].To, &market.Offers{Ref: asked[0].Ref, Region: asked[0].Region, Trader: true, Offers: []market.OfferAt{b.offer(1, 1000)}})
	for i := range asked[1:] {
		out = b.receive(led.Sends[i+1].To, &market.Offers{Ref: asked[i+1].Ref, Region: asked[i+1].Region, Trader: true})
	}
	l := launched(t, out)[0]
	out = b.receive(seller(1), &market.Refusal{Lease: l.Lease.ID, Reason: market.NoCapacity})
	last := sent[*market.GetOffers](out)
	if len(last) != 1 || last[0].Relay || last[0].Region == asked[0].Region {
		t.Fatalf("after a refusal it asks %+v", out.Sends)
	}
	out = b.receive(out.Sends[len(out.Sends)-1].To, &market.Offers{Ref: last[0].Ref, Region: last[0].Region, Trader: true})
	if len(sent[*market.GetOffers](out)) != 0 || len(told(out, market.GaveUp)) != 0 {
		t.Errorf("then it does %+v", out)
	}
	if again := b.untilAsked(); len(again) != 1 || !again[0].Relay {
		t.Errorf("the second search asks %+v", again)
	}
}

// Where the offers at hand are as many as are wanted, but one of them has a
// replica already, a refusal ends the search instead of going in circles.
func TestSearchForAGroupEnds(t *testing.T) {
	b := newBench(t)
	b.Home(b.now, shard(1, 7), []market.Ref{ref(1)})
	m := sent[*market.GetOffers](b.step(wanted(func(w *market.Wanted) { w.Replicas, w.Apart = 2, true })))[0]
	far := []market.Hint{hint(shard(1, 2), 2), hint(shard(1, 3), 3), hint(shard(1, 4), 4), hint(shard(1, 5), 5)}
	led := b.receive(ref(1), &market.Offers{Ref: m.Ref, Region: m.Region, Trader: true, Hints: far})
	asked := sent[*market.GetOffers](led)
	b.receive(led.Sends[0].To, &market.Offers{Ref: asked[0].Ref, Region: asked[0].Region, Trader: true,
		Offers: []market.OfferAt{b.offer(1, 1000), b.offer(2, 1000)}})
	out := b.advance(time.Second) // the others are not waited for
	l := launched(t, out)
	if len(l) != 2 {
		t.Fatalf("launches %d", len(l))
	}
	of := func(i byte) *market.SignedLease {
		if l[0].Lease.Supplier == keys(i).Self() {
			return l[0].Lease
		}
		return l[1].Lease
	}
	b.grant(1, of(1))
	out = b.receive(seller(2), &market.Refusal{Lease: of(2).ID, Reason: market.NoCapacity})
	if len(sent[*market.LaunchContainer](out)) != 0 {
		t.Errorf("launches %+v", out.Sends)
	}
	if again := b.untilAsked(); len(again) != 1 || !again[0].Relay {
		t.Errorf("the second search asks %+v", again)
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
		for n := range uint32(32) {
			r := shard(min(m.Region.Depth+1, market.MaxDepth), m.Region.Shard<<market.ShardBits|n)
			h := hint(r, 1)
			h.Summary.Peaks[0].Free = market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes}
			a.Hints = append(a.Hints, h)
		}
		out := b.receive(ref(1), a)
		queue = append(queue, sent[*market.GetOffers](out)...)
	}
	if total != 11 {
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
		b.Learn(b.now, market.Region{Platform: linux, Depth: 1, Shard: 3}, []market.Ref{{Peer: ref(i).Peer, Addrs: []string{"/ip4/192.0.2.7"}}})
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
