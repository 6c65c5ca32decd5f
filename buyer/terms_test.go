package buyer_test

import (
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func dearTerms() *market.Terms {
	t := terms()
	t.Price.Core = 72
	return t
}

func cheapTerms() *market.Terms {
	t := terms()
	t.Price.Core = 18
	return t
}

// block makes the user think otherwise of a peer.
func (b *bench) block(p market.PeerID, blocked *bool) {
	var out market.Outbox
	b.books.Step(b.now, market.SetPeer{Peer: p, Blocked: blocked}, &out)
	if !b.books.Account(p).Blocked { // as long as the books do not take the event
		b.books.Step(b.now, market.Boot{Records: []market.Record{&market.Account{Peer: p, Blocked: true}}}, &out)
	}
}

// The lease repeats the offer's terms.
func TestLeaseHasTerms(t *testing.T) {
	b := newBench(t)
	if l := b.metered(nil).lease; !l.Terms.Equal(terms()) {
		t.Errorf("signs %+v", l.Terms)
	}
	b = newBench(t)
	if l := b.buy(1, nil); l.Terms != nil || l.MaxCost != 0 {
		t.Errorf("signs %+v", l.Lease)
	}
}

// The cheapest offer is taken, however much better others fit.
func TestCheapest(t *testing.T) {
	for range 20 {
		b := newBench(t)
		b.now.Mono += time.Duration(b.seq)
		l := launched(t, b.choose(func(w *market.Wanted) { w.Want.Strategy = market.Cheapest }, b.at(1, 1000, terms()), b.at(2, 4000, cheapTerms()), b.at(3, 1000, dearTerms())))[0]
		if l.Lease.Supplier != keys(2).Self() {
			t.Fatal("a dearer one is taken")
		}
	}
}

// Who lets us down is not asked first by the next request, however cheap it is.
// After a while it is given another chance.
func TestCheapestFails(t *testing.T) {
	b := newBench(t)
	b.params.OfferTTL = 3 * time.Hour
	asked := func() market.PeerID {
		t.Helper()
		return launched(t, b.choose(func(w *market.Wanted) { w.Want.Strategy = market.Cheapest }, b.at(1, 1000, terms()), b.at(2, 4000, cheapTerms())))[0].Lease.Supplier
	}
	if asked() != keys(2).Self() {
		t.Fatal("a dearer one is taken")
	}
	b.advance(b.params.Grant) // it does not answer
	if asked() != keys(1).Self() {
		t.Error("the next request begins with the one that failed")
	}
	b.step(market.Abandon{Ref: 77})
	b.advance(time.Hour)
	if asked() != keys(2).Self() {
		t.Error("one failure is held against it for ever")
	}
}

// What is too dear is not leased, whatever traders say; replicas that go
// together are held to the price of each.
func TestMaxPrice(t *testing.T) {
	limit := func(w *market.Wanted) { w.Want.MaxPrice, w.Want.MaxPriceSet = 41, true } // 36, and 5 to start
	b := newBench(t)
	if l := launched(t, b.choose(limit, b.at(1, 1000, dearTerms()), b.at(2, 4000, terms()))); l[0].Lease.Supplier != keys(2).Self() {
		t.Error("the dear one is taken")
	}
	b = newBench(t)
	if out := b.choose(limit, b.at(1, 1000, dearTerms())); len(sent[*market.LaunchContainer](out)) != 0 {
		t.Error("a dear one is taken")
	}
	b = newBench(t)
	together := func(w *market.Wanted) { limit(w); w.Replicas, w.Together = 3, true }
	if m := sent[*market.RequestHold](b.choose(together, b.at(1, 4000, terms()))); len(m) != 3 {
		t.Errorf("asks for %d", len(m))
	}
	b = newBench(t)
	fee := terms() // which weighs less on all than on each
	fee.Price.Core, fee.Price.Start = 20, 30
	for _, dear := range []*market.Terms{dearTerms(), fee} {
		if m := sent[*market.RequestHold](b.choose(together, b.at(1, 4000, dear))); len(m) != 0 {
			t.Errorf("asks for %d", len(m))
		}
	}
}

// Whoever could have it for more money is not told that there is no room.
func TestTooDear(t *testing.T) {
	for _, c := range []struct {
		miss market.MissKind
		want market.Reason
	}{{market.MissPrice, market.PriceTooHigh}, {market.MissCPU, market.NoCapacity}} {
		b := newBench(t)
		asked := b.search(func(w *market.Wanted) { w.Want.MaxPrice, w.Want.MaxPriceSet = 41, true }, ref(1))
		out := b.receive(ref(1), &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true,
			Tally: market.Tally{Offers: 3, Misses: []market.Miss{{Kind: c.miss, Count: 3}}}})
		if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != c.want {
			t.Errorf("%v: gives up with %+v", c.miss, g)
		}
	}
	b := newBench(t)
	fee := terms()
	fee.Price.Core, fee.Price.Start = 20, 30
	out := b.choose(func(w *market.Wanted) {
		w.Want.MaxPrice, w.Want.MaxPriceSet, w.Replicas, w.Together = 41, true, 3, true
	}, b.at(1, 4000, fee))
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.PriceTooHigh {
		t.Errorf("replicas of which each is too dear: %+v", g)
	}
}

// silent lets the supplier not answer what it asks for now.
func (b *bench) silent(out *market.Outbox) *market.Outbox {
	if len(sent[*market.GetOffers](out)) == 1 {
		return b.advance(1500 * time.Millisecond)
	}
	return out
}

// changed is a supplier's refusal of a lease by other terms than it has now.
func (b *bench) changed(i byte, id market.LeaseID, ref uint64, t *market.Terms) *market.Outbox {
	return b.receive(seller(i), &market.Refusal{Lease: id, Ref: ref, Reason: market.PriceChanged, Detail: "the price is another now", Offer: b.at(i, 4000, t).Offer})
}

// A supplier whose price changed is asked by its new one, if that still fits;
// once.
func TestPriceChanged(t *testing.T) {
	b := newBench(t)
	l := launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease
	out := b.changed(1, l.ID, 0, dearTerms())
	again := launched(t, out)[0].Lease
	if !again.Terms.Equal(dearTerms()) || again.Supplier != keys(1).Self() || len(told(out, market.Refused)) != 1 {
		t.Fatalf("signs %+v", again.Lease)
	}
	out = b.changed(1, again.ID, 0, terms())
	if g := told(out, market.GaveUp); len(g) != 1 || g[0].Reason != market.PriceChanged {
		t.Errorf("tells %+v", out.Outcomes)
	}

	b = newBench(t)
	limit := func(w *market.Wanted) { w.Want.MaxPrice, w.Want.MaxPriceSet = 50, true }
	l = launched(t, b.choose(limit, b.at(1, 2000, terms()), b.at(2, 4000, terms())))[0].Lease
	if next := launched(t, b.changed(1, l.ID, 0, dearTerms()))[0].Lease; next.Supplier != keys(2).Self() {
		t.Error("the dear one is taken")
	}

	b = newBench(t)
	m := asked(t, b.choose(quote, b.at(1, 4000, terms())))[0]
	if next := asked(t, b.changed(1, market.LeaseID{}, m.Ref, dearTerms()))[0]; !next.Terms.Equal(dearTerms()) {
		t.Errorf("asks %+v", next)
	}

	b = newBench(t) // another's offer, or none, is no new price
	for i := range 2 {
		l = launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease
		m := &market.Refusal{Lease: l.ID, Reason: market.PriceChanged}
		if i > 0 {
			m.Offer = b.at(2, 4000, terms()).Offer
		}
		out = b.receive(seller(1), m)
		if len(sent[*market.LaunchContainer](out)) != 0 {
			t.Error("launches again")
		}
	}
	l = launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease // nor is an older one
	old := b.at(1, 4000, terms()).Offer.Offer
	old.Seq = 1
	if out = b.receive(seller(1), &market.Refusal{Lease: l.ID, Reason: market.PriceChanged, Offer: keys(1).Offer(old)}); len(sent[*market.LaunchContainer](out)) != 0 {
		t.Error("launches again")
	}
}

// A renewal follows the supplier's price by itself if that is no higher; each
// renewal is bounded by its own price for the term.
func TestRenewalFollowsPrice(t *testing.T) {
	b := newBench(t)
	a := b.metered(hour)
	a.runs(1)
	l := launched(t, b.advance(41*time.Minute))[0].Lease
	if !l.Terms.Equal(terms()) || l.MaxCost != 36 { // no start
		t.Fatalf("signs %+v", l.Lease)
	}
	next := launched(t, b.changed(1, l.ID, 0, cheapTerms()))[0].Lease
	if !next.Terms.Equal(cheapTerms()) || next.MaxCost != 18 || next.Prev != a.lease.ID {
		t.Fatalf("signs %+v", next.Lease)
	}
	if out := b.changed(1, next.ID, 0, cheapTerms()); len(sent[*market.LaunchContainer](out)) != 0 {
		t.Error("asks as fast as it is refused")
	}
	next = launched(t, b.advance(63*time.Second))[0].Lease
	b.grant(1, next)
	want(t, "entries of leases", b.logged(market.EntryLease), 2)
	want(t, "bills", len(b.Meters()), 2)
	b.boot()
	want(t, "bills", len(b.Meters()), 2)
}

// A dearer renewal needs the user, who is told once; the old price is asked
// for again later.
func TestDearRenewal(t *testing.T) {
	for name, change := range map[string]func(*market.Terms){
		"hour": func(t *market.Terms) { t.Price.Core++ }, "start": func(t *market.Terms) { t.Price.Start++ },
		"parked": func(t *market.Terms) { t.Price.Parked++ }, "unit": func(t *market.Terms) { t.Price.Unit = "EUR" },
	} {
		b := newBench(t)
		a := b.metered(hour)
		dear := terms()
		change(dear)
		l := launched(t, b.advance(41*time.Minute))[0].Lease
		out := b.changed(1, l.ID, 0, dear)
		if n := noted(out, market.NoteNotice); len(n) != 1 || !strings.Contains(n[0], "caravela lease renew") || len(sent[*market.LaunchContainer](out)) != 0 {
			t.Fatalf("%s: tells %q", name, n)
		}
		l = launched(t, b.advance(11*time.Minute))[0].Lease
		if !l.Terms.Equal(terms()) {
			t.Errorf("%s: signs %+v", name, l.Terms)
		}
		if out = b.changed(1, l.ID, 0, dear); len(noted(out, market.NoteNotice)) != 0 {
			t.Errorf("%s: told twice", name)
		}
		out = b.silent(b.step(market.Renewal{Ref: 5, Unit: a.lease.ID}))
		first := launched(t, out)[0].Lease
		out = b.changed(1, first.ID, 0, dear)
		second := launched(t, out)[0].Lease
		if !second.Terms.Equal(dear) || len(out.Outcomes) != 0 {
			t.Fatalf("%s: signs %+v", name, second.Terms)
		}
		out = b.grant(1, second)
		if d := told(out, market.Done); len(d) != 1 || d[0].Ref != 5 || d[0].Reason != market.NoReason || d[0].Lease.ID != second.ID {
			t.Errorf("%s: tells %+v", name, out.Outcomes)
		}
	}
}

// Before it renews, a buyer asks the supplier what it wants now: a lower price
// is taken over by itself, a higher one if the user asked in person, and an
// answer that is none changes nothing.
func TestRenewalAsksForPrice(t *testing.T) {
	for name, c := range map[string]struct {
		by     byte
		terms  *market.Terms
		byHand bool
		want   *market.Terms
	}{
		"cheaper": {1, cheapTerms(), false, cheapTerms()}, "free": {1, nil, false, nil}, "dearer": {1, dearTerms(), false, terms()},
		"dearer, by hand": {1, dearTerms(), true, dearTerms()}, "another's": {2, cheapTerms(), true, terms()},
	} {
		b := newBench(t)
		a := b.metered(hour)
		var out *market.Outbox
		if c.byHand {
			out = b.step(market.Renewal{Ref: 5, Unit: a.lease.ID})
		} else {
			out = b.advance(40 * time.Minute)
		}
		m := sent[*market.GetOffers](out)
		if len(m) != 1 || m[0].Want.On != keys(1).Self() || len(sent[*market.LaunchContainer](out)) != 0 {
			t.Fatalf("%s: sends %+v", name, out.Sends)
		}
		answer := &market.Offers{Ref: m[0].Ref, Region: root, Trader: true, Offers: []market.OfferAt{b.at(c.by, 4000, c.terms)}}
		if out = b.receive(seller(2), answer); len(out.Sends) != 0 {
			t.Errorf("%s: a stranger answers", name)
		}
		l := launched(t, b.receive(seller(1), answer))
		if len(l) != 1 || !l[0].Lease.Terms.Equal(c.want) {
			t.Errorf("%s: signs %+v", name, l[0].Lease.Terms)
		}
		if out = b.receive(seller(1), answer); len(out.Sends) != 0 {
			t.Errorf("%s: an answer counts twice", name)
		}
	}
	b := newBench(t) // an old offer, by which it was leased at the latest
	b.metered(hour)
	m := sent[*market.GetOffers](b.advance(40 * time.Minute))[0]
	old := b.at(1, 4000, cheapTerms()).Offer.Offer
	old.Seq = 0
	l := launched(t, b.receive(seller(1), &market.Offers{Ref: m.Ref, Region: root, Offers: []market.OfferAt{{Offer: keys(1).Offer(old)}}}))
	want(t, "signs by an old offer", l[0].Lease.Terms.Price, terms().Price)
}

// The user's own limit stays; the default one follows the price.
func TestRenewalKeepsLimit(t *testing.T) {
	b := newBench(t)
	b.metered(func(w *market.Wanted) { w.Term, w.MaxCost = time.Hour, 30 })
	want(t, "limit", launched(t, b.advance(41*time.Minute))[0].Lease.MaxCost, 30)
}

// A renewal by hand: another term, once at a time, with every answer told.
func TestRenewByHand(t *testing.T) {
	renew := func(b *bench, ref uint64, unit market.LeaseID, term time.Duration) *market.Outbox {
		return b.silent(b.step(market.Renewal{Ref: ref, Unit: unit, Term: term}))
	}
	reason := func(out *market.Outbox) market.Reason {
		if d := told(out, market.Done); len(d) == 1 {
			return d[0].Reason
		}
		return 255
	}
	b := newBench(t)
	a := b.metered(func(w *market.Wanted) { w.Term, w.Renew = time.Hour, market.RenewNever })
	want(t, "unknown", reason(renew(b, 1, market.LeaseID{1}, 0)), market.NoSuchLease)
	want(t, "too long", reason(renew(b, 1, a.lease.ID, 400*24*time.Hour)), market.TooLong)
	l := launched(t, renew(b, 1, a.lease.ID, 3*time.Hour))[0].Lease
	if l.Term() != 3*time.Hour || l.Renew != market.RenewNever {
		t.Errorf("signs %+v", l.Lease)
	}
	want(t, "meanwhile", reason(renew(b, 2, a.lease.ID, 2*time.Hour)), market.Busy)
	want(t, "after a while", reason(b.advance(46*time.Second)), market.Unreachable)
	b.boot()
	if again := launched(t, b.advance(time.Second)); again[0].Lease.ID != l.ID {
		t.Error("a new life forgets what was asked for")
	}
	want(t, "another term", reason(renew(b, 3, a.lease.ID, 2*time.Hour)), market.Busy)
	if again := launched(t, renew(b, 4, a.lease.ID, 3*time.Hour)); again[0].Lease.ID != l.ID {
		t.Error("two renewals of one lease")
	}
	want(t, "not reached", reason(b.step(market.Undelivered{To: keys(1).Self(), Msg: &market.LaunchContainer{Lease: l}})), market.Unreachable)
	renew(b, 5, a.lease.ID, 3*time.Hour)
	out := b.receive(seller(1), &market.Refusal{Lease: l.ID, Reason: market.TooLong, Detail: "an hour is the longest"})
	want(t, "refused", reason(out), market.TooLong)
	if r := told(out, market.Refused); len(r) != 1 || r[0].Detail == "" {
		t.Errorf("tells %+v", out.Outcomes)
	}
	if out := b.advance(5 * time.Minute); len(out.Sends) != 0 {
		t.Error("goes on asking for what nobody wants")
	}
	l = launched(t, renew(b, 6, a.lease.ID, 0))[0].Lease
	want(t, "granted", reason(b.grant(1, l)), market.NoReason)
	l = launched(t, renew(b, 7, a.lease.ID, 0))[0].Lease
	if out = b.changed(1, l.ID, 0, dearTerms()); len(launched(t, out)) != 1 {
		t.Error("does not ask by the price of now")
	}
	l = launched(t, out)[0].Lease
	out = b.changed(1, l.ID, 0, dearTerms())
	want(t, "a price that changes each time", reason(out), market.PriceChanged)
	want(t, "offer", told(out, market.Refused)[0].Offer.Terms.Price, dearTerms().Price)

	renew(b, 8, a.lease.ID, 0)
	b.step(market.Ordered{Ref: 9, Cmd: market.StopContainer{Unit: a.lease.ID, Op: market.OpRemove}})
	want(t, "removed", told(b.status(1, a.lease.ID, 9, market.Ended, market.RemovedByOwner), market.Done)[1].Reason, market.Superseded)
	b = newBench(t)
	a = b.metered(nil)
	b.status(1, a.lease.ID, 2, market.Ended, market.Expired)
	want(t, "over", reason(renew(b, 1, a.lease.ID, 0)), market.Superseded)
}

// What a blocked supplier runs goes on to its end, and no longer.
func TestBlockedIsNotRenewed(t *testing.T) {
	b := newBench(t)
	a := b.metered(hour)
	yes := true
	b.block(keys(1).Self(), &yes)
	a.runs(3)
	out := b.advance(50 * time.Minute)
	if len(sent[*market.LaunchContainer](out)) != 0 || len(noted(out, market.NoteNotice)) != 1 {
		t.Errorf("%+v", out)
	}
	out = b.step(market.Renewal{Ref: 1, Unit: a.lease.ID})
	if d := told(out, market.Done); len(d) != 1 || d[0].Reason != market.Blocked {
		t.Errorf("tells %+v", d)
	}
}

// A renewal that was granted is billed even if the unit was to be removed
// meanwhile: it ran.
func TestRenewedWhileRemoved(t *testing.T) {
	b := newBench(t)
	a := b.metered(hour)
	a.runs(39)
	l := launched(t, b.advance(2*time.Minute))[0].Lease
	b.step(market.Ordered{Ref: 9, Cmd: market.StopContainer{Unit: a.lease.ID, Op: market.OpRemove}})
	if out := b.grant(1, l); len(sent[*market.StopContainer](out)) != 1 {
		t.Error("it is not wanted any more")
	}
	next := &account{bench: b, lease: l}
	if ack, _ := next.bill(1, func(n *market.UsageNote) { n.Last = true }); ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
}

// A renewal that is refused is asked for again only where somebody still wants
// it: not for a container that its owner removes, nor by a lease that is
// renewed by hand, whose user has not waited.
func TestRefusedRenewalUnwanted(t *testing.T) {
	for name, spoil := range map[string]func(*bench, market.LeaseID){
		"removed": func(b *bench, unit market.LeaseID) {
			b.step(market.Ordered{Ref: 6, Cmd: market.StopContainer{Unit: unit, Op: market.OpRemove}})
		},
		"by hand": func(b *bench, _ market.LeaseID) { b.boot() },
	} {
		for _, dear := range []*market.Terms{cheapTerms(), dearTerms(), nil} {
			b := newBench(t)
			a := b.metered(func(w *market.Wanted) {
				if w.Term = time.Hour; name == "by hand" {
					w.Renew = market.RenewNever
				}
			})
			asked := sent[*market.GetOffers](b.step(market.Renewal{Ref: 5, Unit: a.lease.ID}))[0]
			next := launched(t, b.receive(seller(1), &market.Offers{Ref: asked.Ref, Region: root}))[0].Lease
			spoil(b, a.lease.ID)
			out := b.changed(1, next.ID, 0, dear)
			later := b.advance(30 * time.Minute)
			if n := len(sent[*market.LaunchContainer](out)) + len(sent[*market.LaunchContainer](later)) + len(sent[*market.GetOffers](later)); n != 0 {
				t.Errorf("%s: asked for %d times more", name, n)
			}
		}
	}
}
