package supplier_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"caravela/market"
)

func (b *bench) traders() (peers []market.PeerID, acked int) {
	_, _, ts := b.Published()
	for _, x := range ts {
		peers = append(peers, x.Peer.Peer)
		if x.Acked {
			acked++
		}
	}
	return peers, acked
}

func TestPublish(t *testing.T) {
	b := newBench(t, nil)
	out := b.begin()
	if len(out.Lookups) != 1 || out.Lookups[0].Key != root.Key(network) {
		t.Fatalf("looks up %+v", out.Lookups)
	}
	b.step(market.Found{Ref: out.Lookups[0].Ref + 1, Peers: []market.Ref{ref(9)}}) // somebody else's
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2), ref(3), ref(4)}})
	creates := sent[*market.CreateOffer](out)
	if len(creates) != 3 || len(creates[0].Replicas) != 3 || creates[0].At.Addrs == nil || creates[0].Region != root {
		t.Fatalf("creates %+v", creates)
	}
	b.receive(ref(1), &market.OfferAck{Seq: 99, Region: root}) // of an offer that never was
	b.receive(ref(9), &market.OfferAck{Seq: 1, Region: root})  // of a stranger
	if _, acked := b.traders(); acked != 0 {
		t.Error("believes what cannot be")
	}
	if out := b.receive(ref(1), &market.OfferAck{Seq: 1, Region: root}); noted(out, market.NotePublished) != 0 {
		t.Error("one trader is enough")
	}
	if out := b.receive(ref(2), &market.OfferAck{Seq: 1, Region: root}); noted(out, market.NotePublished) != 1 {
		t.Error("two traders are not enough")
	}
	b.receive(ref(3), &market.OfferAck{Seq: 1, Region: root})
	b.sell(1, nil)
	updates := sent[*market.UpdateOffer](b.advance(time.Second))
	if len(updates) != 3 || updates[0].Offer.Free.CPU != 3000 || updates[0].Offer.Seq != 2 {
		t.Errorf("updates %+v", updates)
	}
	b.step(market.Supply{Stock: &market.Stock{}})
	out = b.advance(time.Second)
	if n := len(sent[*market.RemoveOffer](out)); n != 3 || noted(out, market.NoteUnpublished) != 1 {
		t.Errorf("withdraws at %d traders", n)
	}
	if out := b.advance(50 * time.Minute); len(out.Sends) != len(sent[*market.StatusUpdate](out)) || len(out.Lookups) != 0 {
		t.Error("publishes although it sells nothing")
	}
}

// Traders are told where the lookup said that they can be dialled, and a buyer
// of this peer's own, and its next life, find them there.
func TestTradersAreDialled(t *testing.T) {
	b := newBench(t, nil)
	near, far := ref(1), ref(2)
	near.Addrs = []string{"/ip4/192.0.2.7"}
	out := b.begin()
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{near, far}})
	b.store(out)
	update := b.sell(1, nil)
	out.Sends = append(out.Sends, b.advance(time.Second).Sends...)
	for _, s := range out.Sends {
		if s.To.Peer == near.Peer && !slices.Equal(s.To.Addrs, near.Addrs) || s.To.Peer == far.Peer && s.To.Addrs != nil {
			t.Errorf("sends %T to %+v", s.Msg, s.To)
		}
	}
	if update == nil || len(sent[*market.UpdateOffer](out)) != 2 {
		t.Errorf("sends %+v", out.Sends)
	}
	if region, refs := b.Home(); region != root || !reflect.DeepEqual(refs, []market.Ref{near, far}) {
		t.Errorf("at home in %v at %+v", region, refs)
	}
	b.step(market.Gone{Peer: far.Peer})
	if _, refs := b.Home(); len(refs) != 1 {
		t.Errorf("at home at %+v, of which one is gone", refs)
	}
	out = b.restart()
	out.Sends = append(out.Sends, b.advance(time.Second).Sends...)
	if i := slices.IndexFunc(out.Sends, func(s market.Send) bool { return s.To.Peer == near.Peer }); i < 0 || !slices.Equal(out.Sends[i].To.Addrs, near.Addrs) {
		t.Errorf("the next life sends %+v", out.Sends)
	}
}

// A stock belongs to everybody who sells it: it stays as it was given, and the
// offers point into it.
func TestStockIsShared(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	st := new(b.stock)
	b.step(market.Supply{Selling: true, Stock: st})
	b.advance(time.Second)
	if o := b.Offer(); o.Wares != &st.Wares {
		t.Error("the offer copies its wares")
	}
	st = new(b.stock)
	st.Terms = &market.Terms{} // which ask for nothing
	b.step(market.Supply{Selling: true, Stock: st})
	b.advance(time.Second)
	if o := b.Offer(); o.Terms != nil || st.Terms == nil {
		t.Errorf("terms %v are offered, and %v are given", o.Terms, st.Terms)
	}
}

// Whoever comes back tells the traders of its earlier life at once, and looks
// meanwhile who they are now.
func TestComesHome(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	b.boot()
	b.step(market.EngineChanged{Up: true})
	stock := market.Stock{Wares: market.Wares{Total: market.Resources{CPU: 4000, Memory: 4 * market.GiB}, Platform: linux}}
	b.step(market.Supply{Selling: true, Stock: new(stock)})
	out := b.advance(time.Second)
	if n := len(sent[*market.CreateOffer](out)); n != 3 {
		t.Errorf("tells %d traders", n)
	}
	if len(out.Lookups) != 1 || out.Lookups[0].Key != root.Key(network) {
		t.Fatalf("looks up %+v", out.Lookups)
	}
	b.store(out)
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2), ref(4)}})
	if n := len(sent[*market.CreateOffer](out)); n != 1 || len(sent[*market.RemoveOffer](out)) != 1 {
		t.Errorf("tells %d new traders: %+v", n, out.Sends)
	}
	b.store(out)
	if peers, acked := b.traders(); acked != 3 || !slices.Contains(peers, ref(4).Peer) {
		t.Errorf("%v have the offer, %d of them acknowledged", peers, acked)
	}

	b.boot() // as another platform: the region of then is none of its own
	b.step(market.EngineChanged{Up: true})
	stock.Platform.Arch = "arm64"
	b.step(market.Supply{Selling: true, Stock: new(stock)})
	out = b.advance(time.Second)
	if len(out.Lookups) != 1 || out.Lookups[0].Key == root.Key(network) || len(sent[*market.CreateOffer](out)) != 0 {
		t.Errorf("looks up %+v and sends %+v", out.Lookups, out.Sends)
	}
}

// A region of an earlier life in which the offer does not belong, as of a version
// with another tree, is none to begin in.
func TestComesHomeElsewhere(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	home := &market.Home{Region: root.Child(b.keys.Self()), Traders: []market.Ref{ref(1), ref(2), ref(3)}}
	home.Region.Shard ^= 1
	table, id := home.Key()
	b.disk[[33]byte(append(id[:], byte(table)))] = home
	b.restart()
	if out := b.advance(time.Second); len(out.Lookups) != 1 || len(sent[*market.CreateOffer](out)) != 0 {
		t.Errorf("looks up %+v and sends %+v", out.Lookups, out.Sends)
	}
}

// A trader that alone would send the offer elsewhere has it still, and hears
// what changes.
func TestOutvotedTraderHears(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	b.receive(ref(1), &market.RefreshOffer{Seq: 1, Region: root, Code: market.AckSplit, Depth: 1})
	b.sell(1, nil)
	updates := sent[*market.UpdateOffer](b.advance(time.Second))
	if len(updates) != 3 {
		t.Fatalf("%d traders hear what changes", len(updates))
	}
	b.receive(ref(1), &market.OfferAck{Seq: updates[0].Offer.Seq, Region: root, Code: market.AckSplit, Depth: 1}) // it lost the offer
	b.sell(2, nil)
	if n := len(sent[*market.UpdateOffer](b.advance(time.Second))); n != 2 {
		t.Errorf("%d traders hear what changes, one of which has nothing", n)
	}
}

// A trader that does not answer is asked three times, then replaced.
func TestSilentTrader(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	b.receive(ref(1), &market.Goodbye{})
	b.step(market.Gone{Peer: ref(2).Peer})
	out := b.advance(time.Minute)
	if n := len(sent[*market.CreateOffer](out)); n < 2 {
		t.Errorf("%d offers to one whose connection broke", n)
	}
	if peers, _ := b.traders(); len(peers) != 1 || len(out.Lookups) == 0 {
		t.Fatalf("keeps %d traders after %d lookups", len(peers), len(out.Lookups))
	}
	last := out.Lookups[len(out.Lookups)-1].Ref
	out = b.step(market.Found{Ref: last, Peers: []market.Ref{ref(1), ref(2), ref(3), ref(4), ref(5)}})
	if n := len(sent[*market.CreateOffer](out)); n != 2 {
		t.Errorf("takes %d new traders", n)
	}
	b.store(out)
	if _, acked := b.traders(); acked != 3 {
		t.Errorf("%d traders confirm", acked)
	}
	own, _, _ := b.Published()
	other := *own
	other.Supplier = ref(9).Peer
	if out = b.step(market.Undelivered{To: ref(4).Peer, Msg: &market.CreateOffer{Offer: &other}}); len(out.Sends) != 0 {
		t.Error("takes the loss of another one's offer, which the trader here had handed over, for that of its own")
	}
	out = b.step(market.Undelivered{To: ref(4).Peer, Msg: &market.CreateOffer{Offer: own}}) // answered since: once more does no harm
	if n := len(sent[*market.CreateOffer](out)); n != 1 {
		t.Errorf("%d offers to one that may have lost it", n)
	}
}

// Lookups that find too few become rare; one that is back is welcome.
func TestTooFewTraders(t *testing.T) {
	b := newBench(t, nil)
	out := b.advance(time.Second)
	b.step(market.Found{Ref: out.Lookups[0].Ref, Failed: true})
	if n := len(b.advance(4 * time.Hour).Lookups); n < 5 || n > 20 {
		t.Errorf("%d lookups in 4 hours", n)
	}
	b = newBench(t, nil)
	b.publish(ref(1))
	b.step(market.Near{Peer: ref(1)})
	out = b.step(market.Near{Peer: ref(2)})
	if n := len(sent[*market.CreateOffer](out)); n != 1 {
		t.Errorf("%d offers to a peer that came near", n)
	}
	b.store(out)
	b.receive(ref(2), &market.Goodbye{})
	if peers, _ := b.traders(); len(peers) != 1 {
		t.Fatal("one that said goodbye is kept")
	}
	b.store(b.step(market.Near{Peer: ref(2)}))
	if peers, acked := b.traders(); len(peers) != 2 || acked != 2 {
		t.Error("one that came back is not welcome")
	}
}

// Only nearer peers push a trader out; it is told to forget the offer.
func TestNearer(t *testing.T) {
	b := newBench(t, nil)
	key := root.Key(network)
	near, far := -1, -1
	set := []market.Ref{ref(1), ref(2), ref(3)}
	for i := 4; near < 0 || far < 0; i++ {
		nearer := 0
		for _, r := range set {
			if market.Nearer(ref(i).Peer, r.Peer, key) {
				nearer++
			}
		}
		switch nearer {
		case 3:
			near = i
		case 0:
			far = i
		}
	}
	b.publish(set...)
	if out := b.step(market.Near{Peer: ref(far)}); len(out.Sends) != 0 {
		t.Error("a peer that is far away becomes a trader")
	}
	out := b.receive(ref(far), &market.RefreshOffer{Seq: 1, Region: root})
	if a := sent[*market.RefreshAck](out); len(a) != 1 || a[0].Offer != nil {
		t.Error("a peer that is far away keeps the offer")
	}
	out = b.step(market.Near{Peer: ref(near)})
	if len(sent[*market.CreateOffer](out)) != 1 || len(sent[*market.RemoveOffer](out)) != 1 {
		t.Errorf("a nearer peer: %+v", out.Sends)
	}
}

func TestRefreshOffer(t *testing.T) {
	b := newBench(t, nil)
	ask := func(from market.Ref, r market.Region) *market.SignedOffer {
		return sent[*market.RefreshAck](b.receive(from, &market.RefreshOffer{Seq: 1, Region: r}))[0].Offer
	}
	if ask(ref(1), root) != nil {
		t.Error("shows an offer before there is one")
	}
	b.publish(ref(1), ref(2))
	if o := ask(ref(1), root); o == nil || o.Seq != 1 {
		t.Errorf("shows %+v", o)
	}
	if ask(ref(1), root.Child(ref(1).Peer)) != nil {
		t.Error("shows the offer in a region where it is not")
	}
	if ask(ref(3), root) == nil {
		t.Error("a third trader is not welcome")
	}
	b.pass(6 * time.Minute)
	if o := ask(ref(1), root); o.Seq != 2 || o.ValidUntil != b.now.Wall.Add(b.params.OfferTTL) {
		t.Errorf("an offer that grows old is shown as %+v", o.Offer)
	}
	// Traders that ask no more have to take the offer again.
	if n := len(sent[*market.CreateOffer](b.advance(11 * time.Minute))); n < 3 {
		t.Errorf("%d offers to traders that are silent", n)
	}
}

func TestStale(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	if out := b.receive(ref(1), &market.OfferAck{Seq: 50, Region: root, Code: market.AckStale}); len(out.Sends) != 0 {
		t.Error("answers what it did not ask")
	}
	b.sell(1, nil)
	b.advance(time.Second) // updates are under way
	out := b.receive(ref(1), &market.OfferAck{Seq: 50, Region: root, Code: market.AckStale})
	if u := sent[*market.UpdateOffer](out); len(u) != 3 || u[0].Offer.Seq != 51 {
		t.Fatalf("continues with %+v", u)
	}
	for seq := uint64(60); seq < 100; seq += 10 {
		b.receive(ref(1), &market.OfferAck{Seq: seq, Region: root, Code: market.AckStale})
	}
	if peers, _ := b.traders(); len(peers) != 2 {
		t.Error("a trader that is never content is kept")
	}
	b.receive(ref(2), &market.OfferAck{Seq: 1 << 63, Region: root, Code: market.AckStale})
	if peers, _ := b.traders(); len(peers) != 1 {
		t.Error("a trader that would use all numbers up is kept")
	}
	if o, _, _ := b.Published(); o.Seq > 200 {
		t.Errorf("the number is %d now", o.Seq)
	}
}

// Two traders move an offer, one does not. The old region keeps it for a
// while.
func TestSplitAndMerge(t *testing.T) {
	b := newBench(t, nil)
	out := b.begin()
	peers := []market.Ref{ref(1), ref(2), ref(3)}
	b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: peers})
	b.receive(ref(1), &market.OfferAck{Seq: 1, Region: root})
	out = b.receive(ref(2), &market.OfferAck{Seq: 1, Region: root, Code: market.AckSplit})
	if len(out.Lookups)+len(out.Sends) != 0 {
		t.Fatal("one trader moves the offer")
	}
	out = b.receive(ref(3), &market.OfferAck{Seq: 1, Region: root, Code: market.AckSplit})
	child := root.Child(b.keys.Self())
	if len(out.Lookups) != 1 || out.Lookups[0].Key != child.Key(network) {
		t.Fatalf("looks up %+v", out.Lookups)
	}
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(4), ref(5), ref(6)}})
	if c := sent[*market.CreateOffer](out); len(c) != 3 || c[0].Region != child || len(c[0].Above) != 3 || c[0].Offer.Seq != 2 {
		t.Fatalf("creates %+v", c)
	}
	b.store(out)
	if a := sent[*market.RefreshAck](b.receive(ref(1), &market.RefreshOffer{Seq: 1, Region: root})); a[0].Offer == nil {
		t.Error("the old region loses the offer at once")
	}
	if r := sent[*market.RemoveOffer](b.advance(13 * time.Second)); len(r) != 1 || r[0].Region != root || r[0].Seq != 2 {
		t.Errorf("removes %+v", r)
	}
	// A lease shrinks it, and it stays.
	b.sell(1, nil)
	out = b.advance(time.Second)
	if u := sent[*market.UpdateOffer](out); len(u) != 3 || len(out.Lookups) != 0 || u[0].Region != child {
		t.Errorf("updates %+v", u)
	}
	b.receive(ref(4), &market.RefreshOffer{Seq: 5, Region: child, Code: market.AckMerge})
	b.receive(ref(5), &market.RefreshOffer{Seq: 5, Region: child, Code: market.AckMerge})
	if o, r, _ := b.Published(); r != root || o == nil {
		t.Errorf("is in %v", r)
	}
	b.step(market.Leave{})
	out = b.advance(time.Second)
	if len(sent[*market.Goodbye](out)) == 0 || len(sent[*market.RemoveOffer](out)) < 3 {
		t.Errorf("leaves with %+v", out.Sends)
	}
}

// A trader that refuses is replaced; a platform that changes moves the offer.
func TestRefused(t *testing.T) {
	b := newBench(t, nil)
	out := b.begin()
	b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2), ref(3)}})
	b.receive(ref(1), &market.OfferAck{Seq: 1, Region: root, Code: market.AckRefused})
	b.receive(ref(2), &market.OfferAck{Seq: 1, Region: root, Code: market.AckFull})
	if peers, _ := b.traders(); len(peers) != 1 {
		t.Errorf("keeps %d traders", len(peers))
	}
	out = b.advance(time.Second)
	if len(out.Lookups) != 1 {
		t.Fatalf("%d lookups", len(out.Lookups))
	}
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2)}})
	if peers, _ := b.traders(); len(peers) != 1 || len(out.Sends) != 0 {
		t.Errorf("keeps %d traders, sends %+v", len(peers), out.Sends)
	}
	arm := market.Platform{OS: "linux", Arch: "arm64"}
	b.step(market.Supply{Selling: true, Stock: &market.Stock{Wares: market.Wares{Total: market.Resources{CPU: 1000, Memory: market.GiB}, Platform: arm}}})
	if out := b.advance(time.Second); len(out.Lookups) != 1 || out.Lookups[0].Key != market.RootRegion(arm).At(1, b.keys.Self()).Key(network) {
		t.Errorf("looks up %+v", out.Lookups)
	}
}

// An army of refusing traders fills no memory.
func TestShunnedAreBounded(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(0))
	for i := 1; i < 100; i++ {
		b.step(market.Near{Peer: ref(i)})
		b.receive(ref(i), &market.Goodbye{})
	}
	if peers, _ := b.traders(); len(peers) > 3 {
		t.Errorf("keeps %d traders", len(peers))
	}
}

func TestIdleTick(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	b.sell(1, nil)
	b.store(b.advance(time.Second))
	var out market.Outbox
	if n := testing.AllocsPerRun(100, func() { b.Step(b.now, market.Tick{}, &out); b.Deadline() }); n > 0 {
		t.Errorf("an idle tick allocates %v times", n)
	}
}

// A split region says how deep the tree is: the offer goes there at once, as
// far as the more modest of two traders says.
func TestDeep(t *testing.T) {
	b := newBench(t, nil)
	out := b.begin()
	b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2), ref(3)}})
	b.receive(ref(1), &market.OfferAck{Seq: 1, Region: root, Code: market.AckSplit, Depth: 8})
	out = b.receive(ref(2), &market.OfferAck{Seq: 1, Region: root, Code: market.AckSplit, Depth: 3})
	if len(out.Lookups) != 1 || out.Lookups[0].Key != root.At(3, b.keys.Self()).Key(network) {
		t.Fatalf("looks up %+v", out.Lookups)
	}
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(4), ref(5)}})
	if c := sent[*market.CreateOffer](out); len(c) != 2 || len(c[0].Above) != 0 {
		t.Errorf("creates %+v", c)
	}
}

// What the overlay knows of its size tells where to look first; without that it is
// where most markets are.
func TestCrowd(t *testing.T) {
	for _, c := range []struct {
		members uint64
		depth   uint8
	}{{0, 1}, {1, 0}, {9000, 0}, {10_000, 1}, {294_000, 1}, {296_000, 2}, {1 << 63, 6}} {
		b := newBench(t, nil)
		b.step(market.Joined{Members: c.members})
		out := b.advance(time.Second)
		if len(out.Lookups) != 1 || out.Lookups[0].Key != root.At(c.depth, b.keys.Self()).Key(network) {
			t.Errorf("%d members: looks up %+v", c.members, out.Lookups)
		}
	}
}

// Where peers lie densely the offer begins deep in the tree; the lookup that
// told so finds its traders as well.
func TestLargeNetwork(t *testing.T) {
	b := newBench(t, nil)
	b.params.SplitAt = 4
	out := b.advance(time.Second)
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: near(root.At(1, b.keys.Self()).Key(network), 6)})
	if c := sent[*market.CreateOffer](out); len(c) != 3 || c[0].Region != root.At(1, b.keys.Self()) {
		t.Errorf("creates %+v", c)
	}
}

// near is the n of some hundred peers that are nearest to a key.
func near(key market.Key, n int) []market.Ref {
	var all []market.Ref
	for i := range 400 {
		all = append(all, ref(i))
	}
	slices.SortFunc(all, func(x, y market.Ref) int {
		if market.Nearer(x.Peer, y.Peer, key) {
			return -1
		}
		return 1
	})
	return all[:n]
}

// A trader that has no time is told again without end: it is there, and no
// other one is wanted in its place.
func TestBusyTrader(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	b.sell(1, nil)
	u := sent[*market.UpdateOffer](b.advance(time.Second))
	out := b.step(market.Undelivered{To: ref(1).Peer, Msg: u[0], Busy: true})
	for i := range 10 {
		c := sent[*market.CreateOffer](out)
		if len(c) != 1 || len(out.Lookups) != 0 {
			t.Fatalf("try %d: %d offers, %d lookups", i, len(c), len(out.Lookups))
		}
		b.step(market.Undelivered{To: ref(1).Peer, Msg: c[0], Busy: true})
		out = b.advance(4 * time.Second)
	}
	if peers, _ := b.traders(); len(peers) != 3 {
		t.Errorf("%d traders are left", len(peers))
	}
}

// An update that is lost makes the trader take the whole offer again.
func TestLostUpdate(t *testing.T) {
	b := newBench(t, nil)
	b.publish(ref(1), ref(2), ref(3))
	b.sell(1, nil)
	u := sent[*market.UpdateOffer](b.advance(time.Second))
	if len(u) != 3 {
		t.Fatalf("%d updates", len(u))
	}
	if out := b.advance(time.Minute); len(sent[*market.UpdateOffer](out)) != 0 {
		t.Error("updates are repeated though nothing was lost")
	}
	if c := sent[*market.CreateOffer](b.step(market.Undelivered{To: ref(1).Peer, Msg: u[0]})); len(c) != 1 || c[0].Offer.Seq != u[0].Offer.Seq {
		t.Errorf("creates %+v", c)
	}
}
