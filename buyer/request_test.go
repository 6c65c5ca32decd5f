package buyer_test

import (
	"slices"
	"testing"
	"time"

	"caravela/market"
)

// From a request to a running container.
func TestBuy(t *testing.T) {
	b := newBench(t)
	b.step(market.Supply{Stock: &market.Stock{Addrs: []string{"/ip4/192.0.2.5"}}})
	out := b.choose(nil, b.offer(1, 2000))
	m := launched(t, out)[0]
	if len(out.Saves) != 1 || m.Auth != "secret" || m.Spec == nil || len(m.At.Addrs) != 1 || m.Lease.Term() != b.params.Term || len(told(out, market.Asking)) != 1 {
		t.Fatalf("emits %+v", out)
	}
	l := m.Lease
	b.receive(seller(2), &market.Grant{Lease: keys(1).Countersign(l)}) // a stranger brings it
	if b.Bought()[0].Lease.BySupplier != "" {
		t.Fatal("believes a stranger's grant")
	}
	if out = b.grant(1, l); len(told(out, market.Leased)) != 1 || told(out, market.Leased)[0].Offer == nil {
		t.Fatalf("tells %+v", out.Outcomes)
	}
	if out = b.grant(1, l); len(out.Outcomes)+len(out.Saves) != 0 {
		t.Error("a repeated grant does something")
	}
	out = b.status(1, l.ID, 1, market.Pulling, market.NoReason)
	if a := sent[*market.StatusAck](out); len(a) != 1 || a[0].Seq != 1 || len(told(out, market.Progress)) != 1 {
		t.Errorf("emits %+v", out)
	}
	out = b.status(1, l.ID, 3, market.Running, market.NoReason)
	if len(told(out, market.Done)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
	out = b.status(1, l.ID, 2, market.Starting, market.NoReason)
	if len(sent[*market.StatusAck](out)) != 1 || b.Bought()[0].Status.State != market.Running {
		t.Error("an older status replaces a newer one, or is not confirmed")
	}
	if b.disk[l.ID].Status.Seq != 3 || b.disk[l.ID].Lease.BySupplier == "" {
		t.Error("the disk does not know it")
	}
}

func TestStatusOfAnother(t *testing.T) {
	b := newBench(t)
	l := b.buy(1, nil)
	st := keys(2).Status(market.Status{Lease: l.ID, Seq: 9, State: market.Failed})
	if out := b.receive(seller(2), &market.StatusUpdate{Status: st}); len(out.Sends) != 0 || len(out.Notes) != 1 {
		t.Error("believes another's status")
	}
	st = keys(1).Status(market.Status{Lease: l.ID, Seq: 9, State: market.Failed})
	if out := b.receive(seller(2), &market.StatusUpdate{Status: st}); len(out.Sends) != 0 {
		t.Error("takes a status from a stranger")
	}
}

// What this peer knows nothing of is ended, wherever it comes from.
func TestUnknownUnits(t *testing.T) {
	b := newBench(t)
	l := keys(0).Lease(market.Lease{Buyer: keys(0).Self(), Supplier: keys(1).Self(), Nonce: 5})
	if s := sent[*market.StopContainer](b.grant(1, l)); len(s) != 1 || s[0].Op != market.OpRemove {
		t.Error("a grant that nobody asked for is kept")
	}
	if s := sent[*market.StopContainer](b.status(1, l.ID, 3, market.Running, 0)); len(s) != 1 || s[0].Unit != l.ID {
		t.Error("a unit that nobody asked for is kept")
	}
	if a := sent[*market.StatusAck](b.status(1, l.ID, 4, market.Ended, 0)); len(a) != 1 {
		t.Error("its end is not confirmed")
	}
	b.receive(seller(1), &market.StopAck{Unit: l.ID})
	b.receive(seller(1), &market.Refusal{Lease: l.ID})
	b.step(market.Undelivered{To: keys(1).Self(), Msg: &market.StopContainer{Unit: l.ID}})
}

// The kinds of failure after which the next supplier is asked.
func TestNextOffer(t *testing.T) {
	for name, fail := range map[string]func(*bench, byte, *market.LaunchContainer) *market.Outbox{
		"refused": func(b *bench, i byte, m *market.LaunchContainer) *market.Outbox {
			return b.receive(seller(i), &market.Refusal{Lease: m.Lease.ID, Reason: market.ImageRefused, Detail: "no"})
		},
		"no room": func(b *bench, i byte, m *market.LaunchContainer) *market.Outbox {
			return b.receive(seller(i), &market.Refusal{Lease: m.Lease.ID, Reason: market.NoCapacity})
		},
		"lost": func(b *bench, i byte, m *market.LaunchContainer) *market.Outbox {
			return b.step(market.Undelivered{To: keys(i).Self(), Msg: m})
		},
		"silent": func(b *bench, _ byte, _ *market.LaunchContainer) *market.Outbox { return b.advance(6 * time.Second) },
		"no image": func(b *bench, i byte, m *market.LaunchContainer) *market.Outbox {
			b.grant(i, m.Lease)
			return b.status(i, m.Lease.ID, 1, market.Failed, market.ImageMissing)
		},
		"ended before the grant came": func(b *bench, i byte, m *market.LaunchContainer) *market.Outbox {
			b.status(i, m.Lease.ID, 1, market.Ended, market.PullFailed)
			return b.grant(i, m.Lease)
		},
		"never started": func(b *bench, i byte, m *market.LaunchContainer) *market.Outbox {
			b.grant(i, m.Lease)
			return b.advance(time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.params.OfferTTL = 3 * time.Hour
			m := launched(t, b.choose(nil, b.offer(1, 1000), b.offer(2, 3000)))[0] // binpack: the first
			if m.Lease.Supplier != keys(1).Self() {
				t.Fatal("another supplier is better")
			}
			out := fail(b, 1, m)
			if r := told(out, market.Refused); len(r) != 1 || r[0].Offer == nil {
				t.Errorf("tells %+v", out.Outcomes)
			}
			next := launched(t, out)[0]
			if next.Lease.Supplier != keys(2).Self() {
				t.Error("the same supplier is asked again")
			}
			b.receive(seller(2), &market.Refusal{Lease: next.Lease.ID, Reason: market.ImageRefused})
		})
	}
}

// What is the container's own fault is not tried elsewhere.
func TestGivesUp(t *testing.T) {
	for _, why := range []market.Reason{market.OutOfMemory, market.Exited} {
		b := newBench(t)
		m := launched(t, b.choose(nil, b.offer(1, 1000), b.offer(2, 3000)))[0]
		b.grant(1, m.Lease)
		out := b.status(1, m.Lease.ID, 1, market.Failed, why)
		g := told(out, market.GaveUp)
		if len(g) != 1 || g[0].Reason != why || len(g[0].Tally.Misses) != 1 {
			t.Errorf("%v: tells %+v", why, out.Outcomes)
		}
		if s := sent[*market.StopContainer](out); len(s) != 1 || !b.disk[m.Lease.ID].Undo {
			t.Errorf("%v: what failed is not removed", why)
		}
	}
}

// A start that fails may be the supplier's fault: two more are tried. Once the
// container runs it is known whose fault it was.
func TestStartFails(t *testing.T) {
	for _, runs := range []bool{true, false} {
		b := newBench(t)
		b.params.OfferTTL = 3 * time.Hour
		out := b.choose(nil, b.offer(1, 1000), b.offer(2, 2000), b.offer(3, 3000), b.offer(4, 4000))
		for i := range byte(3) {
			m := launched(t, out)[0]
			if m.Lease.Supplier != keys(i+1).Self() {
				t.Fatalf("launch %d goes to %v", i, m.Lease.Supplier)
			}
			b.grant(i+1, m.Lease)
			if runs && i == 2 {
				b.status(i+1, m.Lease.ID, 1, market.Running, market.NoReason)
			} else {
				out = b.status(i+1, m.Lease.ID, 1, market.Failed, market.StartFailed)
			}
		}
		if g := told(out, market.GaveUp); !runs && (len(g) != 1 || g[0].Reason != market.StartFailed || len(sent[*market.LaunchContainer](out)) > 0) {
			t.Errorf("after three of them: %+v", out.Outcomes)
		}
		again := launched(t, b.choose(nil, b.offer(1, 1000), b.offer(2, 2000), b.offer(3, 1000)))[0]
		if blamed := again.Lease.Supplier == keys(3).Self(); blamed != runs {
			t.Errorf("runs %v: the next container goes to %v", runs, again.Lease.Supplier)
		}
	}
}

// Who has no room, but says that there is, is not asked again.
func TestContradiction(t *testing.T) {
	b := newBench(t)
	m := launched(t, b.choose(nil, b.offer(1, 1000)))[0]
	b.receive(seller(1), &market.Refusal{Lease: m.Lease.ID, Reason: market.NoCapacity, Free: market.Resources{CPU: 4000, Memory: market.GiB}})
	asked := sent[*market.GetOffers](b.advance(time.Second))
	if len(asked) == 0 || !slices.Contains(asked[0].Want.Exclude, keys(1).Self()) {
		t.Errorf("asks %d times, and for it, too", len(asked))
	}
}

// All replicas or none.
func TestReplicas(t *testing.T) {
	b := newBench(t)
	three := func(w *market.Wanted) { w.Replicas, w.Apart = 3, true }
	out := b.choose(three, b.offer(1, 4000), b.offer(2, 4000))
	if len(sent[*market.LaunchContainer](out)) != 2 || len(told(out, market.GaveUp)) != 0 {
		t.Fatalf("emits %+v", out)
	}
	m := launched(t, out)
	first, second := byte(1), byte(2)
	if m[0].Lease.Supplier != keys(1).Self() {
		first, second = second, first
	}
	b.grant(first, m[0].Lease)
	out = b.grant(second, m[1].Lease)
	if len(told(out, market.GaveUp)) != 1 || len(sent[*market.StopContainer](out)) != 2 {
		t.Errorf("tells %+v, sends %+v", out.Outcomes, out.Sends)
	}
	if b.advance(time.Hour); len(b.Bought()) != 2 {
		t.Error("a cancellation is forgotten before it is confirmed")
	}
}

// A group that found places for some of its replicas only is told why not for
// the others.
func TestCrowded(t *testing.T) {
	b := newBench(t)
	w := wanted(nil).Want
	offers := []market.OfferAt{b.offer(1, 1700), b.offer(2, 1900), b.offer(3, 500)}
	asked := b.search(func(w *market.Wanted) { w.Replicas = 3 }, ref(1))
	answer := &market.Offers{Ref: asked[0].Ref, Region: asked[0].Region, Trader: true, Offers: offers[:2]}
	for _, o := range offers {
		answer.Tally.Look(&w, &o.Offer.Offer)
	}
	m := launched(t, b.receive(ref(1), answer))
	if len(m) != 2 {
		t.Fatalf("launches %d", len(m))
	}
	by := map[market.PeerID]byte{keys(1).Self(): 1, keys(2).Self(): 2}
	b.grant(by[m[0].Lease.Supplier], m[0].Lease)
	end := told(b.grant(by[m[1].Lease.Supplier], m[1].Lease), market.GaveUp)
	if len(end) != 1 {
		t.Fatal("does not give up")
	}
	if got := end[0].Tally; got.Offers != 3 || got.Fit != 0 || len(got.Misses) != 1 || got.Misses[0] != (market.Miss{Kind: market.MissCPU, Count: 3, Best: 900}) {
		t.Errorf("tells %+v", got)
	}
}

// Together: one refusal moves all.
func TestTogether(t *testing.T) {
	b := newBench(t)
	two := func(w *market.Wanted) { w.Replicas, w.Together = 2, true }
	m := launched(t, b.choose(two, b.offer(1, 2000), b.offer(2, 4000), b.offer(3, 1000)))
	if len(m) != 2 || m[0].Lease.Supplier != keys(1).Self() || m[1].Lease.Supplier != keys(1).Self() {
		t.Fatalf("launches %d", len(m))
	}
	b.grant(1, m[0].Lease)
	out := b.receive(seller(1), &market.Refusal{Lease: m[1].Lease.ID, Reason: market.NoCapacity})
	moved := launched(t, out)
	if len(moved) != 2 || moved[0].Lease.Supplier != keys(2).Self() || len(sent[*market.StopContainer](out)) != 1 {
		t.Errorf("sends %+v", out.Sends)
	}
}

// Together is stronger than spread.
func TestTogetherSpread(t *testing.T) {
	b := newBench(t)
	m := launched(t, b.choose(func(w *market.Wanted) { w.Replicas, w.Together, w.Want.Strategy = 3, true, market.Spread },
		b.offer(1, 4000), b.offer(2, 3900)))
	if len(m) != 3 || m[0].Lease.Supplier != m[1].Lease.Supplier || m[1].Lease.Supplier != m[2].Lease.Supplier {
		t.Error("placed apart")
	}
}

// A named node is asked itself, and the traders where it does not answer.
func TestOn(t *testing.T) {
	b := newBench(t)
	b.Learn(b.now, root, []market.Ref{ref(1), ref(2)})
	on := func(w *market.Wanted) { w.Want.On = keys(5).Self() }
	out := b.step(wanted(on))
	asked := sent[*market.GetOffers](out)
	if len(asked) != 1 || out.Sends[0].To.Peer != keys(5).Self() {
		t.Fatalf("asks %+v", out.Sends)
	}
	out = b.receive(seller(5), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.offer(5, 1000)}})
	if m := launched(t, out); m[0].Lease.Supplier != keys(5).Self() {
		t.Error("launches elsewhere")
	}
	b.step(market.Abandon{Ref: 77})
	out = b.step(wanted(on))
	out = b.step(market.Undelivered{To: keys(5).Self(), Msg: out.Sends[0].Msg})
	if n := len(sent[*market.GetOffers](out)); n != 2 || out.Sends[0].To.Peer == keys(5).Self() {
		t.Errorf("asks %d traders", n)
	}
}

// Where all that fits is promised to others, who may not take it, those who said so
// are asked once more than usual, and nobody else.
func TestAskWhereSomethingIsPromised(t *testing.T) {
	b := newBench(t)
	shard := market.Region{Platform: linux, Depth: 1, Shard: 3}
	below := market.Hint{Summary: market.Summary{Region: shard, Offers: 9, Peaks: []market.Point{{Free: market.Resources{CPU: 4000, Memory: market.GiB}}}}, Traders: []market.Ref{ref(2)}}
	nothing := func(promised bool) func(m *market.GetOffers) *market.Outbox {
		return func(m *market.GetOffers) *market.Outbox {
			a := &market.Offers{Ref: m.Ref, Region: m.Region, Trader: true}
			if m.Region == root {
				a.Hints = []market.Hint{below}
				return b.receive(ref(1), a)
			}
			if promised {
				a.Tally.Promised()
			}
			return b.receive(ref(2), a)
		}
	}
	for _, c := range []struct {
		promised bool
		regions  []market.Region
	}{{false, []market.Region{root, shard, root, shard}}, {true, []market.Region{root, shard, root, shard, shard}}} {
		answer := nothing(c.promised)
		asked := b.search(nil, ref(1))
		var regions []market.Region
		for {
			regions = append(regions, asked[0].Region)
			out := answer(asked[0])
			if len(told(out, market.GaveUp)) == 1 {
				break
			}
			if asked = sent[*market.GetOffers](out); len(asked) == 0 {
				asked = b.untilAsked()
			}
		}
		if !slices.Equal(regions, c.regions) {
			t.Errorf("promised %v: asks in %v", c.promised, regions)
		}
	}

	asked := b.search(nil, ref(1))
	for range 4 {
		out := nothing(true)(asked[0])
		if asked = sent[*market.GetOffers](out); len(asked) == 0 {
			asked = b.untilAsked()
		}
	}
	launched(t, b.receive(ref(2), &market.Offers{Ref: asked[0].Ref, Region: shard, Trader: true, Offers: []market.OfferAt{b.offer(1, 1000)}}))
}

// Refusals for want of room lead to another search, a few times; other
// reasons exclude the supplier from it.
func TestSearchAgain(t *testing.T) {
	b := newBench(t)
	out := b.choose(nil, b.offer(1, 1000))
	rounds := 1
	for {
		m := launched(t, out)[0]
		out = b.receive(seller(1), &market.Refusal{Lease: m.Lease.ID, Reason: market.Busy, Detail: "later"})
		if g := told(out, market.GaveUp); len(g) == 1 {
			if g[0].Reason != market.Busy || g[0].Detail != "later" {
				t.Errorf("tells %+v", g)
			}
			break
		}
		asked := b.untilAsked()
		out = b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Offers: []market.OfferAt{b.offer(1, 1000)}, Trader: true})
		rounds++
	}
	if rounds != 2 {
		t.Errorf("%d rounds", rounds)
	}
}

func TestExclude(t *testing.T) {
	b := newBench(t)
	m := launched(t, b.choose(func(w *market.Wanted) { w.Wait = time.Minute }, b.offer(1, 1000)))[0]
	b.receive(seller(1), &market.Refusal{Lease: m.Lease.ID, Reason: market.LabelRefused})
	asked := b.untilAsked()
	if len(asked) != 1 || len(asked[0].Want.Exclude) != 1 || asked[0].Want.Exclude[0] != keys(1).Self() {
		t.Errorf("asks %+v", asked)
	}
}

// Whoever waits gets the first offer that appears; whoever does not wait any
// more gets nothing, and leaves nothing.
func TestWaitAndAbandon(t *testing.T) {
	b := newBench(t)
	wait := func(w *market.Wanted) { w.Wait = 20 * time.Second }
	out := b.choose(wait)
	asked := b.untilAsked()
	if len(told(out, market.GaveUp)) != 0 || len(asked) != 1 {
		t.Fatalf("does not wait: %+v", out.Outcomes)
	}
	out = b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Offers: []market.OfferAt{b.offer(1, 1000)}, Trader: true})
	m := launched(t, out)[0]
	b.step(market.Abandon{Ref: 5}) // another request
	out = b.step(market.Abandon{Ref: 77})
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.StoppedByOwner {
		t.Errorf("tells %+v", out.Outcomes)
	}
	if s := sent[*market.StopContainer](out); len(s) != 1 || s[0].Unit != m.Lease.ID {
		t.Error("leaves a lease")
	}
	out = b.choose(wait)
	for range 10 {
		for _, l := range out.Lookups { // for others than the one it knows
			out = b.step(market.Found{Ref: l.Ref, Peers: []market.Ref{ref(1)}})
		}
		for _, m := range sent[*market.GetOffers](out) {
			b.receive(ref(1), &market.Offers{Ref: m.Ref, Region: root, Trader: true})
		}
		out = b.advance(3 * time.Second)
	}
	b.advance(time.Minute)
	if out := b.step(market.Abandon{Ref: 77}); len(out.Outcomes) != 0 {
		t.Error("waits beyond its time")
	}
}

// Suppliers that treated us badly come last, for a while.
func TestBlame(t *testing.T) {
	b := newBench(t)
	for i := range 300 { // an army of refusing suppliers
		m := launched(t, b.choose(nil, b.offer(byte(i), 1000)))[0]
		b.receive(seller(byte(i)), &market.Refusal{Lease: m.Lease.ID, Reason: market.ImageRefused})
	}
	m := launched(t, b.choose(nil, b.offer(43, 1000), b.offer(200, 1000), b.offer(1, 1050)))[0]
	if m.Lease.Supplier == keys(43).Self() { // refused twice
		t.Error("the worst supplier comes first")
	}
}

// Near-best offers are chosen by chance.
func TestNoHerd(t *testing.T) {
	first := map[market.PeerID]bool{}
	b := newBench(t)
	for range 64 {
		m := launched(t, b.choose(nil, b.offer(1, 2000), b.offer(2, 2010), b.offer(3, 2020), b.offer(4, 3900)))[0]
		first[m.Lease.Supplier] = true
		b.step(market.Abandon{Ref: 77})
	}
	if len(first) != 3 {
		t.Errorf("chooses among %d suppliers, want the 3 that are nearly equal", len(first))
	}
}

// A supplier that has no time is not to blame, nor avoided: the market is
// searched again.
func TestBusyLaunch(t *testing.T) {
	b := newBench(t)
	l := launched(t, b.choose(nil, b.offer(1, 4000)))[0]
	out := b.step(market.Undelivered{To: seller(1).Peer, Msg: l, Busy: true})
	if r := told(out, market.Refused); len(r) != 1 || r[0].Reason != market.Busy {
		t.Fatalf("tells %+v", out.Outcomes)
	}
	asked := b.untilAsked()
	out = b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Offers: []market.OfferAt{b.offer(1, 4000)}, Trader: true})
	if len(sent[*market.LaunchContainer](out)) != 1 {
		t.Errorf("tells %+v", out.Outcomes)
	}
}
