package trader_test

import (
	"testing"
	"time"

	"caravela/market"
)

func TestAccept(t *testing.T) {
	k, other := seller(1), market.Ref{Peer: seller(2).Self()}
	self := market.Ref{Peer: k.Self()}
	small := func(p *market.Params) { p.SplitAt = 2 }
	for _, c := range []struct {
		name   string
		params func(*market.Params)
		before func(*bench)
		from   market.Ref
		change func(*market.Offer)
		region market.Region
		want   market.AckCode
		silent bool
	}{
		{name: "new", from: self, region: root},
		{name: "handed over", from: other, region: root},
		{name: "in a region below", from: self, region: root.At(3, k.Self())},
		{name: "not a trader", before: func(b *bench) { b.Enable(false) }, from: self, region: root, want: market.AckRefused},
		{name: "of another network", change: func(o *market.Offer) { o.Network[0]++ }, from: self, region: root, want: market.AckRefused},
		{name: "in another's region", from: self, region: root.At(8, seller(3).Self()), want: market.AckRefused},
		{name: "of another platform", from: self, region: market.RootRegion(market.Platform{OS: "plan9", Arch: "arm"}), want: market.AckRefused},
		{name: "lapsed", change: func(o *market.Offer) { o.ValidUntil = noon.Add(-3 * time.Minute) }, from: self, region: root, want: market.AckRefused},
		{name: "just lapsed, by its clock", change: func(o *market.Offer) { o.ValidUntil = noon.Add(-time.Minute) }, from: self, region: root},
		{name: "just lapsed, of somebody else", change: func(o *market.Offer) { o.ValidUntil = noon }, from: other, region: root, silent: true},
		{name: "valid for too long", change: func(o *market.Offer) { o.ValidUntil = noon.Add(time.Hour) }, from: self, region: root, want: market.AckRefused},
		{name: "older than what is held", before: func(b *bench) { b.create(k, 9, 1000) }, from: self, region: root, want: market.AckStale},
		{name: "withdrawn", before: func(b *bench) { b.receive(self, &market.RemoveOffer{Seq: 5, Region: root}) }, from: self, region: root, want: market.AckStale},
		{name: "newer than what was withdrawn", before: func(b *bench) { b.receive(self, &market.RemoveOffer{Seq: 4, Region: root}) }, from: self, region: root},
		{name: "one too many", params: small, before: func(b *bench) { b.create(seller(8), 1, 1000); b.create(seller(9), 1, 1000) },
			from: self, region: root, want: market.AckSplit},
		{name: "into a region that is split", params: small, before: func(b *bench) {
			b.create(seller(7), 1, 1000)
			b.create(seller(8), 1, 1000)
			b.create(seller(9), 1, 1000)
		}, from: self, region: root, want: market.AckSplit},
		{name: "an update in a region that is split", params: small, before: func(b *bench) {
			b.create(k, 1, 1000)
			b.create(seller(8), 1, 1000)
			b.create(seller(9), 1, 1000)
		}, from: self, region: root},
		{name: "to a peer that is full", params: small, before: func(b *bench) {
			for i := range byte(8) {
				b.createIn(root.At(8, seller(10+i).Self()), seller(10+i), 1, 1000)
			}
		}, from: self, region: root, want: market.AckFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, c.params)
			if c.before != nil {
				c.before(b)
			}
			o := b.offer(k, 5, 1000).Offer
			o.Free.Memory = 512 * market.MiB
			if c.change != nil {
				c.change(&o)
			}
			acks := sent[*market.OfferAck](b.receive(c.from, &market.CreateOffer{Offer: k.Offer(o), Region: c.region}))
			if c.silent {
				if len(acks) != 0 {
					t.Errorf("answered %v", acks[0].Code)
				}
				return
			}
			if len(acks) != 1 || acks[0].Code != c.want {
				t.Errorf("answered %+v, want code %v", acks, c.want)
			}
		})
	}
}

// A peer trades in a bounded number of regions.
func TestPlacesAreBounded(t *testing.T) {
	b := newBench(t, nil)
	full := 0
	for i := range byte(200) {
		k := seller(i)
		if b.createIn(root.At(8, k.Self()), k, 1, 1000) == market.AckFull {
			full++
		}
	}
	regions := map[market.Region]bool{}
	for _, h := range b.Held() {
		regions[h.Region] = true
	}
	if len(regions) != 64 || full == 0 {
		t.Errorf("trades in %d regions, %d offers refused", len(regions), full)
	}
}

func TestRefresh(t *testing.T) {
	k := seller(1)
	self := market.Ref{Peer: k.Self()}
	b := newBench(t, nil)
	b.create(k, 1, 1000)
	if asked := b.untilAsked(); asked.Seq != 1 || asked.Region != root || b.now.Mono > time.Hour+b.params.Refresh {
		t.Fatalf("asked %v at %v", asked, b.now.Mono)
	}
	b.receive(self, &market.RefreshAck{Region: root, Offer: b.offer(k, 2, 500)})
	if h := b.Held(); len(h) != 1 || h[0].Offer.Seq != 2 || h[0].Offer.Free.CPU != 500 || h[0].LastSeen != b.now.Mono {
		t.Errorf("holds %+v", h)
	}
	if asked := sent[*market.RefreshOffer](b.advance(b.params.Refresh - time.Second)); len(asked) != 0 {
		t.Errorf("asked again after less than an interval")
	}
	b.untilAsked()
	b.receive(self, &market.RefreshAck{Region: root, Offer: b.offer(k, 1, 900)}) // older: no answer
	if h := b.Held(); len(h) != 1 || h[0].Offer.Seq != 2 {
		t.Errorf("an older offer changed %+v", h)
	}
	if out := b.advance(time.Minute); noted(out, market.NoteOfferExpired) != 1 || len(b.Held()) != 0 {
		t.Errorf("a supplier that shows old offers only is kept")
	}
	if out := b.receive(self, &market.RefreshAck{Region: root}); len(out.Notes)+len(out.Sends) != 0 {
		t.Errorf("an answer that nobody waits for did something")
	}
}

func TestRefreshRefused(t *testing.T) {
	k := seller(1)
	for name, ack := range map[string]func(*bench) *market.RefreshAck{
		"gone": func(*bench) *market.RefreshAck { return &market.RefreshAck{Region: root} },
		"another's": func(b *bench) *market.RefreshAck {
			return &market.RefreshAck{Region: root, Offer: b.offer(seller(2), 9, 1)}
		},
		"of another net": func(b *bench) *market.RefreshAck {
			o := b.offer(k, 9, 1).Offer
			o.Network[3]++
			return &market.RefreshAck{Region: root, Offer: k.Offer(o)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.create(k, 1, 1000)
			b.receive(market.Ref{Peer: k.Self()}, ack(b))
			if len(b.Held()) != 0 {
				t.Error("the offer is kept")
			}
		})
	}
}

// Three questions without an answer, and the offer is dropped; a broken
// connection, a goodbye or a question that was not delivered bring them on.
func TestSilentSupplier(t *testing.T) {
	k := seller(1)
	for name, ev := range map[string]market.Event{
		"gone":    market.Gone{Peer: k.Self()},
		"goodbye": market.Received{From: market.Ref{Peer: k.Self()}, Msg: &market.Goodbye{}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.create(k, 1, 1000)
			b.step(ev)
			out := b.advance(2 * time.Second)
			asked := sent[*market.RefreshOffer](out)
			if len(asked) != 1 {
				t.Fatalf("asked %d times", len(asked))
			}
			b.step(market.Undelivered{To: k.Self(), Msg: asked[0]})
			if out := b.advance(time.Minute); len(sent[*market.RefreshOffer](out)) != 2 || noted(out, market.NoteOfferExpired) != 1 {
				t.Errorf("%d more questions, %d offers", len(sent[*market.RefreshOffer](out)), len(b.Held()))
			}
		})
	}
}

// A supplier that has no time for questions is there: they do not count.
func TestBusySupplier(t *testing.T) {
	b := newBench(t, nil)
	b.params.OfferTTL = time.Hour
	k := seller(1)
	b.create(k, 1, 1000)
	b.step(market.Gone{Peer: k.Self()})
	for i := range 10 {
		asked := sent[*market.RefreshOffer](b.advance(5 * time.Second))
		if len(asked) != 1 {
			t.Fatalf("question %d: asks %d times", i, len(asked))
		}
		b.step(market.Undelivered{To: k.Self(), Msg: asked[0], Busy: true})
	}
	if len(b.Held()) != 1 {
		t.Error("the offer is dropped")
	}
}

// An offer lapses, also while its supplier is being asked, and is not shown
// to anybody after that.
func TestHandedOverOfferLapses(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	o := b.offer(k, 1, 1000).Offer
	o.ValidUntil = noon.Add(time.Second)
	b.receive(ref(5), &market.CreateOffer{Offer: k.Offer(o), Region: root})
	if asked := sent[*market.RefreshOffer](b.advance(0)); len(asked) != 1 {
		t.Errorf("the supplier of an offer that was handed over is asked %d times at once", len(asked))
	}
	b.now.Mono += 3 * time.Minute
	if a := b.Answer(b.now, ref(1).Peer, &market.GetOffers{Region: root, Want: market.Want{Platform: linux}, Max: 5}); len(a.Offers) != 0 || !a.Trader {
		t.Errorf("answers %+v", a)
	}
	if out := b.advance(0); noted(out, market.NoteOfferExpired) != 1 {
		t.Error("the offer is kept")
	}
}

// Nobody can talk others' tombstones away.
func TestTombsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	k, evil := seller(1), seller(2)
	b.create(k, 1, 1000)
	b.receive(market.Ref{Peer: k.Self()}, &market.RemoveOffer{Seq: 1, Region: root})
	for shard := range uint32(1280) {
		r := market.Region{Platform: linux, Depth: 6, Shard: shard}
		b.receive(market.Ref{Peer: evil.Self()}, &market.RemoveOffer{Seq: 1, Region: r})
	}
	if code := b.create(k, 1, 1000); code != market.AckStale {
		t.Errorf("a withdrawn offer is answered with %v", code)
	}
	for i := range 2000 { // an army of them can, and gains nothing else
		b.receive(ref(1000+i), &market.RemoveOffer{Seq: 1, Region: root})
	}
	b.receive(market.Ref{Peer: k.Self()}, &market.RemoveOffer{Seq: 3, Region: root})
	b.receive(market.Ref{Peer: k.Self()}, &market.RemoveOffer{Seq: 2, Region: root})
	if code := b.create(k, 3, 1000); code != market.AckStale {
		t.Errorf("a lower withdrawal took back a higher one: %v", code)
	}
	b.Enable(false)
	b.receive(market.Ref{Peer: k.Self()}, &market.RemoveOffer{Seq: 9, Region: root})
	b.Enable(true)
	if code := b.create(k, 1, 1000); code != market.AckStored {
		t.Errorf("a peer that was no trader remembers: %v", code)
	}
}

func TestLeave(t *testing.T) {
	b := newBench(t, nil)
	for i := range byte(3) {
		b.create(seller(i), 1, 1000)
	}
	b.createIn(root.Child(seller(0).Self()), seller(0), 1, 1000)
	if out := b.step(market.Leave{}); len(out.Sends) != 3 || len(sent[*market.Goodbye](out)) != 3 {
		t.Errorf("%d messages on leaving, want one a supplier", len(out.Sends))
	}
	if b.Deadline() != market.Never || len(b.Held()) != 0 {
		t.Error("it still trades")
	}
}

// Of offers of which many are better than others a buyer gets the best, and some
// by chance; who only looks gets the best.
func TestSomeByChance(t *testing.T) {
	b := newBench(t, nil)
	for n := range byte(60) {
		cpu := market.MilliCPU(2000) // the tighter the better
		if n < 20 {
			cpu = 1000
		}
		b.create(seller(n), 1, cpu)
	}
	for _, buys := range []bool{true, false} {
		m := &market.GetOffers{Region: root, Max: 9, Buy: buys, Want: market.Want{Platform: linux, Need: market.Resources{CPU: 1000}}}
		tight, times := 0, 50
		for range times {
			a := b.Answer(b.now, ref(1).Peer, m)
			seen := map[market.PeerID]bool{}
			for _, o := range a.Offers {
				if seen[o.Offer.Supplier] = true; o.Offer.Free.CPU == 1000 {
					tight++
				}
			}
			if len(seen) != 9 || len(a.Offers) != 9 {
				t.Fatalf("%d offers of %d suppliers", len(a.Offers), len(seen))
			}
		}
		if all := 9 * times; buys && (tight < 6*times || tight > 8*times) || !buys && tight != all {
			t.Errorf("buys %v: %d of %d are among the best", buys, tight, all)
		}
	}
}
