package trader_test

import (
	"slices"
	"testing"
	"time"

	"caravela/market"
)

func shard(n uint32) market.Region { return market.Region{Platform: linux, Depth: 1, Shard: n} }

func advert(from market.Ref, r market.Region, offers uint32) *market.AdvertiseOffersNeighbor {
	return &market.AdvertiseOffersNeighbor{At: from, Summary: market.Summary{Region: r, Offers: offers,
		Peaks: []market.Point{{Free: market.Resources{CPU: 4000 * market.MilliCPU(min(offers, 1)), Memory: market.GiB}}}}}
}

func (b *bench) advertise(i int, r market.Region, offers uint32) *market.Outbox {
	return b.receive(ref(i), advert(ref(i), r, offers))
}

func (b *bench) hints() []market.Hint {
	m := &market.GetOffers{Region: root, Relay: true, Max: market.MaxOffers, Want: market.Want{Platform: linux, Need: market.Resources{CPU: 1000}}}
	return b.Answer(b.now, ref(1).Peer, m).Hints
}

func TestAnswer(t *testing.T) {
	b := newBench(t, nil)
	for i, cpu := range []market.MilliCPU{4000, 1000, 2000, 500} {
		b.create(seller(byte(i)), 1, cpu)
	}
	ask := func(s market.Strategy, most int) *market.Offers {
		out := b.receive(ref(1), &market.GetOffers{Ref: 42, Region: root, Max: most,
			Want: market.Want{Platform: linux, Need: market.Resources{CPU: 1000}, Strategy: s}})
		return sent[*market.Offers](out)[0]
	}
	cpus := func(a *market.Offers) (list []market.MilliCPU) {
		for _, o := range a.Offers {
			list = append(list, o.Offer.Free.CPU)
		}
		return list
	}
	a := ask(market.Binpack, 8)
	if got := cpus(a); !slices.Equal(got, []market.MilliCPU{1000, 2000, 4000}) || a.Ref != 42 || !a.Trader {
		t.Errorf("binpack answers %v", got)
	}
	if a.Tally.Offers != 4 || a.Tally.Fit != 3 || len(a.Tally.Misses) != 1 || a.Tally.Misses[0].Kind != market.MissCPU {
		t.Errorf("tally %+v", a.Tally)
	}
	if got := cpus(ask(market.Spread, 1)); !slices.Equal(got, []market.MilliCPU{4000}) {
		t.Errorf("spread answers %v", got)
	}
	other := sent[*market.Offers](b.receive(ref(1), &market.GetOffers{Ref: 1, Region: shard(2)}))[0]
	if other.Trader || len(other.Offers) != 0 {
		t.Errorf("answers %+v about a region that it does not trade in", other)
	}
}

// Equal offers stand in another order from answer to answer.
func TestAnswersVary(t *testing.T) {
	b := newBench(t, nil)
	for i := range byte(8) {
		b.create(seller(i), 1, 1000)
	}
	first := map[market.PeerID]bool{}
	for range 64 {
		a := b.Answer(b.now, ref(1).Peer, &market.GetOffers{Region: root, Max: 1, Want: market.Want{Platform: linux}})
		first[a.Offers[0].Offer.Supplier] = true
	}
	if len(first) < 6 {
		t.Errorf("64 answers name only %d of 8 equal suppliers", len(first))
	}
}

func TestHints(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 1000)
	b.advertise(1, shard(3), 7)
	b.advertise(2, shard(3), 9)
	b.advertise(3, shard(4), 2)
	b.advertise(3, shard(5), 0)
	hints := b.hints()
	slices.SortFunc(hints, func(x, y market.Hint) int { return x.Summary.Region.Compare(y.Summary.Region) })
	if len(hints) != 2 || len(hints[0].Traders) != 2 || hints[0].Summary.Region != shard(3) || len(hints[1].Traders) != 1 {
		t.Fatalf("hints %+v", hints)
	}
	b.advertise(3, shard(4), 0)
	if n := len(b.hints()); n != 1 {
		t.Errorf("%d hints after one region was emptied", n)
	}
	b.pass(time.Hour)
	if n := len(b.hints()); n != 0 {
		t.Errorf("%d hints that are an hour old", n)
	}
}

func TestAdvertsRefused(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 1000)
	if out := b.receive(ref(1), advert(ref(2), shard(3), 5)); noted(out, market.NoteBadMessage) != 1 {
		t.Error("an advertisement of a third party is no bad message")
	}
	b.Enable(false)
	b.Enable(true)
	if n := len(b.hints()); n != 0 {
		t.Errorf("%d hints", n)
	}
}

// Of many that claim to trade in a region those nearest to its key are
// believed, and the memory of them is bounded.
func TestHintsAreBounded(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 1000)
	key := shard(3).Key(network)
	var all []market.PeerID
	for i := range 100 {
		b.advertise(1+i, shard(3), 1)
		all = append(all, ref(1+i).Peer)
	}
	slices.SortFunc(all, func(x, y market.PeerID) int {
		if market.Nearer(x, y, key) {
			return -1
		}
		return 1
	})
	hints := b.hints()
	if len(hints) != 1 || len(hints[0].Traders) != 3 {
		t.Fatalf("hints %+v", hints)
	}
	for _, r := range hints[0].Traders {
		if !slices.Contains(all[:3], r.Peer) {
			t.Errorf("believes %v, who is not among the nearest", r.Peer.Short())
		}
	}
}

// Who has been silent for longer than a trader may gives way to one that
// speaks, however near it was: it may be dead.
func TestSilentChildrenGiveWay(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 1000)
	key := shard(3).Key(network)
	peers := make([]int, 7)
	for i := range peers {
		peers[i] = 1 + i
	}
	slices.SortFunc(peers, func(x, y int) int {
		if market.Nearer(ref(x).Peer, ref(y).Peer, key) {
			return -1
		}
		return 1
	})
	for _, i := range peers[:6] {
		b.advertise(i, shard(3), 40)
	}
	far := peers[6]
	b.advertise(far, shard(3), 40)
	b.pass(4 * time.Minute)
	for _, i := range peers[1:6] {
		b.advertise(i, shard(3), 40)
	}
	b.pass(4 * time.Minute)
	if h := b.hints(); len(h) != 1 || len(h[0].Traders) != 3 || slices.ContainsFunc(h[0].Traders, func(r market.Ref) bool { return r.Peer == ref(peers[0]).Peer }) {
		t.Errorf("hints %+v name one that is silent", h)
	}
	b.advertise(far, shard(3), 200)
	if h := b.hints(); len(h) != 1 || h[0].Summary.Offers != 200 {
		t.Errorf("hints %+v do not know of the one that speaks", h)
	}
}

// A peer that is new among the traders of a split region hears of it through
// the children, sends newcomers on, and keeps few regions on hearsay alone.
func TestParentThroughChildren(t *testing.T) {
	b := newBench(t, nil)
	b.advertise(1, shard(3), 3000)
	if code := b.create(seller(1), 1, 1000); code != market.AckSplit {
		t.Errorf("a newcomer is answered with %v", code)
	}
	for s := range uint32(144) {
		b.advertise(1, market.Region{Platform: linux, Depth: 3, Shard: s << market.ShardBits}, 1)
	}
	if code := b.createIn(root.At(2, seller(2).Self()), seller(2), 1, 1000); code == market.AckFull {
		t.Error("hearsay has used up all places")
	}
	if n := len(b.advance(3 * time.Hour).Lookups); n > 100 || b.Deadline() != market.Never {
		t.Errorf("%d lookups, and nothing forgotten", n)
	}
}

// The children of a region that has room again are told so, once the region
// is known for long enough; their traders then send the suppliers back.
func TestMerge(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 1000)
	if out := b.advertise(1, shard(3), 5); len(out.Sends) != 0 {
		t.Error("a place that is new judges")
	}
	b.receive(market.Ref{Peer: seller(1).Self()}, &market.RefreshAck{Region: root, Offer: b.offer(seller(1), 2, 1000)})
	b.now.Mono += 13 * time.Minute
	b.now.Wall = b.now.Wall.Add(13 * time.Minute)
	back := sent[*market.AdvertiseOffersNeighbor](b.advertise(1, shard(3), 5))
	if len(back) != 1 || back[0].Summary.Offers != 6 || back[0].Summary.Region != root {
		t.Fatalf("answers %+v", back)
	}

	child := newBench(t, nil)
	k := seller(1)
	child.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: child.offer(k, 1, 2000), Region: root.Child(k.Self()), Above: []market.Ref{ref(5)}})
	child.advertise(6, root, 6) // nobody whom it knows above
	child.advertise(5, root, 6)
	if asked := child.untilAsked(); asked.Code != market.AckMerge {
		t.Errorf("asks %+v", asked)
	}
	child.advertise(5, root, 5000)
	if asked := child.untilAsked(); asked.Code != market.AckStored {
		t.Errorf("asks %+v", asked)
	}
}

// Whoever trades in a region and above it knows of it without a message.
func TestOwnParent(t *testing.T) {
	b := newBench(t, nil)
	b.step(market.Supply{Stock: &market.Stock{Addrs: []string{"/ip4/192.0.2.1"}}})
	k := seller(1)
	b.create(seller(2), 1, 1000)
	b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 2000), Region: root.Child(k.Self()), Above: []market.Ref{ref(0)}})
	b.advance(3 * time.Second)
	hints := b.hints()
	if len(hints) != 1 || hints[0].Traders[0].Peer != ref(0).Peer || len(hints[0].Traders[0].Addrs) != 1 {
		t.Errorf("hints %+v", hints)
	}
}

func TestLookAbove(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	b.createIn(root.Child(k.Self()), k, 1, 2000)
	out := b.advance(2 * time.Second)
	if len(out.Lookups) != 2 || out.Lookups[0].Key != root.Key(network) || out.Lookups[1].Key != root.Child(k.Self()).Key(network) {
		t.Fatalf("looks up %+v", out.Lookups)
	}
	b.step(market.Found{Ref: out.Lookups[0].Ref + 100, Peers: []market.Ref{ref(9)}}) // somebody else's
	b.step(market.Found{Ref: out.Lookups[1].Ref, Peers: []market.Ref{ref(0)}})
	b.step(market.Found{Ref: out.Lookups[0].Ref, Failed: true})
	out = b.advance(4 * time.Second)
	if len(out.Lookups) != 1 {
		t.Fatalf("%d lookups after a failure", len(out.Lookups))
	}
	b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2), ref(3), ref(4)}})
	out = b.advance(2 * time.Second)
	ads := sent[*market.AdvertiseOffersNeighbor](out)
	if len(ads) != 3 || ads[0].Summary.Offers != 1 || ads[0].Summary.Region != root.Child(k.Self()) {
		t.Fatalf("tells %d peers: %+v", len(ads), ads)
	}
	for i := range 2 { // it may be there all the same, and is told again
		out = b.step(market.Undelivered{To: ref(2).Peer, Msg: ads[0]})
		if again := sent[*market.AdvertiseOffersNeighbor](out); len(again) != 1 || again[0].Summary.Offers != 1 {
			t.Errorf("loss %d: tells again %+v", i, again)
		}
		if out = b.step(market.Undelivered{To: ref(2).Peer, Msg: ads[0]}); len(out.Sends) != 0 {
			t.Errorf("loss %d: tells twice", i)
		}
		if out = b.advance(4 * time.Second); len(out.Lookups) != 0 {
			t.Errorf("loss %d: %d lookups", i, len(out.Lookups))
		}
	}
	b.step(market.Undelivered{To: ref(2).Peer, Msg: ads[0]})
	b.step(market.Undelivered{To: ref(2).Peer, Msg: advert(ref(0), shard(4), 1)}) // of a place that is forgotten
	if out = b.advance(4 * time.Second); len(out.Lookups) != 1 {
		t.Errorf("%d lookups after a trader above was lost", len(out.Lookups))
	}
}

// Dead peers that the overlay still names are not told, nor looked for,
// again and again; nor are they forgotten for ever.
func TestDeadAbove(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	b.createIn(root.Child(k.Self()), k, 1, 2000)
	dead := map[market.PeerID]bool{}
	for i := range 20 {
		dead[ref(i).Peer] = i != 4
	}
	lookups, lost := 0, 0
	for range 120 { // two minutes
		out := b.advance(time.Second)
		for _, l := range out.Lookups {
			lookups++
			var found []market.Ref
			for i := 1; i <= l.N && i < 20; i++ {
				found = append(found, ref(i))
			}
			b.step(market.Found{Ref: l.Ref, Peers: found})
		}
		for _, s := range out.Sends {
			if dead[s.To.Peer] {
				lost++
				b.step(market.Undelivered{To: s.To.Peer, Msg: s.Msg})
			}
		}
	}
	if lookups > 12 || lost > 60 {
		t.Errorf("%d lookups and %d lost messages in two minutes", lookups, lost)
	}
	back := ref(1) // the nearest of the dead
	for i := range 20 {
		if dead[ref(i).Peer] && i > 0 && market.Nearer(ref(i).Peer, back.Peer, root.Key(network)) {
			back = ref(i)
		}
	}
	b.step(market.Near{Peer: back})
	told := false
	for _, s := range b.advance(2 * time.Second).Sends {
		told = told || s.To.Peer == back.Peer
	}
	if !told {
		t.Error("one that is back is not told")
	}
}

func TestNear(t *testing.T) {
	b := newBench(t, nil)
	for i := range byte(2) {
		k := seller(i)
		b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 1000), Region: root, Replicas: []market.PeerID{ref(0).Peer}})
	}
	if out := b.step(market.Near{Peer: ref(0)}); len(out.Sends) != 0 {
		t.Error("hands over to itself")
	}
	out := b.step(market.Near{Peer: ref(1)})
	if got := sent[*market.CreateOffer](out); len(got) != 2 || noted(out, market.NoteHandedOver) != 1 {
		t.Fatalf("hands %d offers over", len(got))
	}
	// A nearer peer among the replicas is the one to do it.
	key := root.Key(network)
	for i := range 100 {
		if market.Nearer(ref(i).Peer, ref(0).Peer, key) {
			b.advertise(i, root, 2)
			break
		}
	}
	if out := b.step(market.Near{Peer: ref(200)}); len(sent[*market.CreateOffer](out)) != 0 {
		t.Error("two replicas hand over")
	}
	// Where two suppliers do not name it any more, the next one is.
	far := 250
	for market.Nearer(ref(far).Peer, ref(0).Peer, key) {
		far++
	}
	for i := range byte(2) {
		k := seller(i)
		b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 2, 1000), Region: root, Replicas: []market.PeerID{ref(0).Peer, ref(far).Peer}})
	}
	new := 400
	for !market.Nearer(ref(new).Peer, ref(far).Peer, key) {
		new++
	}
	if out := b.step(market.Near{Peer: ref(new)}); len(sent[*market.CreateOffer](out)) != 2 {
		t.Error("nobody hands over for one that is gone")
	}
}

// A replica that holds much less, or is back after suppliers have missed it, is
// given what is here, by the nearest of those that have it, and not all the time.
func TestGive(t *testing.T) {
	const offers = market.MaxOffers + 1
	var near, far int // from the region's key, of this peer
	for i, key := 1, root.Key(network); near == 0 || far == 0; i++ {
		if market.Nearer(ref(i).Peer, ref(0).Peer, key) {
			near = i
		} else {
			far = i
		}
	}
	full := func(n int, names ...market.PeerID) *bench {
		b := newBench(t, nil)
		for i := range n {
			k := seller(byte(i))
			b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 1000), Region: root, Replicas: names})
		}
		return b
	}
	all := []market.PeerID{ref(near).Peer, ref(0).Peer, ref(far).Peer}
	given := func(out *market.Outbox) int { return len(sent[*market.CreateOffer](out)) }

	b := full(offers, all...)
	if n := given(b.advertise(near, root, offers)) + given(b.advertise(far, root, 5)); n != 0 {
		t.Errorf("gives %d offers, which the nearest one does", n)
	}
	if n := given(b.advertise(near, root, 5)); n != offers {
		t.Errorf("gives %d offers", n)
	}
	if n := given(b.advertise(near, root, 6)); n != 0 {
		t.Errorf("gives %d offers again at once", n)
	}
	b.now.Mono += b.params.Refresh
	if n := given(b.advertise(near, root, 6)); n != offers {
		t.Errorf("gives %d offers later", n)
	}
	if n := given(full(offers-1, all...).advertise(near, root, 5)); n != 0 {
		t.Errorf("gives %d offers that one question fetches", n)
	}

	b = full(offers, all...)
	if n := given(b.step(market.Near{Peer: ref(near)})); n != 0 {
		t.Errorf("gives %d offers to one that nobody missed", n)
	}
	for i := range byte(2) {
		k := seller(i)
		b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 2, 1000), Region: root, Replicas: all[1:]})
	}
	if n := given(b.step(market.Near{Peer: ref(near)})); n != offers {
		t.Errorf("gives %d offers to one that is back", n)
	}
}

// A replica that is there, but that a supplier does not name, is told of its offer: by
// the nearest of those that it names, and as long as nobody takes it for dead.
func TestPassOn(t *testing.T) {
	key := root.Key(network)
	var near, far []market.PeerID // than this peer
	for i := 1; len(near) < 2 || len(far) < 3; i++ {
		if market.Nearer(ref(i).Peer, ref(0).Peer, key) {
			near = append(near, ref(i).Peer)
		} else {
			far = append(far, ref(i).Peer)
		}
	}
	slices.SortFunc(far, func(a, b market.PeerID) int {
		if market.Nearer(a, b, key) {
			return -1
		}
		return 1
	})
	self := ref(0).Peer
	for _, c := range []struct {
		name    string
		replica market.PeerID // that has spoken
		named   []market.PeerID
		told    bool
	}{
		{"the nearest is not named", near[0], []market.PeerID{self, far[0], far[1]}, true},
		{"it is", near[0], []market.PeerID{near[0], self, far[0]}, false},
		{"a nearer one tells it", near[0], []market.PeerID{near[1], self, far[0]}, false},
		{"this one is not named, either", near[0], []market.PeerID{far[0], far[1], far[2]}, false},
		{"one between", far[0], []market.PeerID{self, far[1], far[2]}, true},
		{"one too many", far[2], []market.PeerID{self, far[0], far[1]}, false},
		{"there is room", far[2], []market.PeerID{self, far[0]}, true},
	} {
		b := newBench(t, nil)
		say := func(k *market.Keyring, seq uint64) []*market.CreateOffer {
			return sent[*market.CreateOffer](b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, seq, 1000), Region: root, Replicas: c.named}))
		}
		b.receive(market.Ref{Peer: seller(3).Self()}, &market.CreateOffer{Offer: b.offer(seller(3), 1, 1000), Region: root, Replicas: []market.PeerID{self}})
		b.receive(market.Ref{Peer: c.replica}, advert(market.Ref{Peer: c.replica}, root, 1))
		if n := len(say(seller(1), 1)); n > 1 || (n == 1) != c.told {
			t.Errorf("%s: tells %d", c.name, n)
		}
		if say(seller(2), 1); len(say(seller(1), 2)) != 0 {
			t.Errorf("%s: tells one that two suppliers do not name", c.name)
		}
	}
}

// A child's trader tells a peer that comes near the parent's key.
func TestNearAbove(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 2000), Region: root.Child(k.Self()), Above: []market.Ref{ref(1)}})
	b.advance(5 * time.Second)
	b.step(market.Near{Peer: ref(2)})
	out := b.advance(2 * time.Second)
	if ads := sent[*market.AdvertiseOffersNeighbor](out); len(ads) != 2 {
		t.Errorf("tells %d traders above", len(ads))
	}
}

// What a replica has and this peer has not is fetched, once, and its supplier
// asked before long.
func TestSync(t *testing.T) {
	b := newBench(t, nil)
	k, missing := seller(1), seller(2)
	b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 1000), Region: root,
		Replicas: []market.PeerID{ref(0).Peer, ref(1).Peer}})
	if out := b.advertise(1, root, 1); len(out.Sends) != 0 {
		t.Error("fetches what it has")
	}
	asked := sent[*market.GetOffers](b.advertise(1, root, 2))
	if len(asked) != 1 {
		t.Fatalf("asks %d times", len(asked))
	}
	answer := &market.Offers{Ref: asked[0].Ref, Region: root, Trader: true,
		Offers: []market.OfferAt{{Offer: b.offer(k, 1, 1000)}, {Offer: b.offer(missing, 1, 1000), Addrs: []string{"/ip4/192.0.2.2"}}}}
	b.receive(ref(2), answer)
	wrong := *answer
	wrong.Ref++
	b.receive(ref(1), &wrong)
	if len(b.Held()) != 1 {
		t.Error("takes offers that it did not ask for")
	}
	b.receive(ref(1), answer)
	h := b.Held()
	if len(h) != 2 {
		t.Fatalf("holds %d offers", len(h))
	}
	out := b.advance(0)
	if asked := sent[*market.RefreshOffer](out); len(asked) != 1 || out.Sends[0].To.Peer != missing.Self() || len(out.Sends[0].To.Addrs) != 1 {
		t.Errorf("asks %+v", out.Sends)
	}
}

// A region is told of when its last offer has gone, and then forgotten.
func TestEmptyPlace(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	self := market.Ref{Peer: k.Self()}
	b.receive(self, &market.CreateOffer{Offer: b.offer(k, 1, 2000), Region: root.Child(k.Self()), Above: []market.Ref{ref(1)}})
	b.advance(3 * time.Second)
	b.receive(self, &market.RemoveOffer{Seq: 1, Region: root.Child(k.Self())})
	ads := sent[*market.AdvertiseOffersNeighbor](b.advance(2 * time.Second))
	if len(ads) == 0 || ads[len(ads)-1].Summary.Offers != 0 {
		t.Errorf("tells %+v", ads)
	}
	if b.Deadline() != market.Never {
		t.Errorf("waits for %v", b.Deadline()-b.now.Mono)
	}
}

// An idle Tick costs no memory.
func TestIdleTick(t *testing.T) {
	b := newBench(t, nil)
	for i := range byte(20) {
		b.create(seller(i), 1, 1000)
	}
	var out market.Outbox
	if n := testing.AllocsPerRun(100, func() { b.Step(b.now, market.Tick{}, &out); b.Deadline() }); n > 0 {
		t.Errorf("an idle tick allocates %v times", n)
	}
}

// view is a bench that trades in one region below the root, and its region.
func view(t *testing.T) (*bench, market.Region) {
	b := newBench(t, nil)
	k := seller(1)
	r := root.Child(k.Self())
	b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 1000), Region: r,
		Replicas: []market.PeerID{ref(0).Peer}, Above: []market.Ref{ref(5)}})
	return b, r
}

func question(r market.Region, cpu market.MilliCPU) *market.GetOffers {
	return &market.GetOffers{Ref: 77, Region: r, Relay: true, Buy: true, Max: 5, Want: market.Want{Platform: linux, Need: market.Resources{CPU: cpu}}}
}

// Where nothing fits the view from above is fetched, once for all who wait,
// and used while it is fresh.
func TestView(t *testing.T) {
	b, r := view(t)
	if out := b.receive(ref(8), question(r, 1000)); len(sent[*market.Offers](out)) != 1 || len(out.Sends) != 1 {
		t.Errorf("an offer that is here is answered with %+v", out.Sends)
	}
	pulls := sent[*market.GetOffers](b.receive(ref(8), question(r, 4000)))
	if len(pulls) != 1 || pulls[0].Region != root || pulls[0].Max != 0 {
		t.Fatalf("asks above %+v", pulls)
	}
	if out := b.receive(ref(9), question(r, 4000)); len(out.Sends) != 0 {
		t.Errorf("a second one that waits causes %+v", out.Sends)
	}
	hint := market.Hint{Summary: advert(ref(6), shard(r.Shard^1), 3).Summary, Traders: []market.Ref{ref(6)}}
	self := market.Hint{Summary: advert(ref(0), r, 3).Summary, Traders: []market.Ref{ref(0)}}
	above := &market.Offers{Ref: pulls[0].Ref, Region: root, Trader: true, Hints: []market.Hint{self, hint}}
	answers := sent[*market.Offers](b.receive(ref(5), above))
	if len(answers) != 2 || len(answers[0].Hints) != 1 || answers[0].Hints[0].Summary.Region != hint.Summary.Region {
		t.Fatalf("answers %+v", answers)
	}
	if out := b.receive(ref(8), question(r, 4000)); len(sent[*market.Offers](out)) != 1 {
		t.Error("a fresh view is fetched again")
	}
	b.pass(time.Second)
	if out := b.receive(ref(8), question(r, 4000)); len(sent[*market.GetOffers](out)) != 1 {
		t.Error("an old view is used")
	}
}

// A trader above that is dead or silent costs those who wait a moment only.
func TestViewUnanswered(t *testing.T) {
	b, r := view(t)
	pulls := sent[*market.GetOffers](b.receive(ref(8), question(r, 4000)))
	if out := b.step(market.Undelivered{To: ref(5).Peer, Msg: pulls[0]}); len(sent[*market.Offers](out)) != 1 {
		t.Error("whoever waits for a dead peer is not answered")
	}
	b.pass(time.Second)
	b.receive(ref(8), question(r, 4000))
	if out := b.advance(2 * time.Second); len(sent[*market.Offers](out)) != 1 {
		t.Error("whoever waits for a silent peer is not answered")
	}
}

// Below the top the nearest trader above is asked each time, and after it has
// not answered another one. At the top all of them are.
func TestViewFromTheNearest(t *testing.T) {
	key := root.At(1, seller(1).Self()).Key(network)
	above := []market.Ref{ref(5), ref(6), ref(7)}
	slices.SortFunc(above, func(x, y market.Ref) int {
		if market.Nearer(x.Peer, y.Peer, key) {
			return -1
		}
		return 1
	})
	for depth, asked := range map[uint8]int{1: 3, 2: 1} {
		b := newBench(t, nil)
		k := seller(1)
		r := root.At(depth, k.Self())
		b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 1000), Region: r, Above: []market.Ref{above[1], above[2], above[0]}})
		ask := func() market.PeerID {
			b.pass(time.Second)
			for _, s := range b.receive(ref(8), question(r, 4000)).Sends {
				if m, ok := s.Msg.(*market.GetOffers); ok {
					b.receive(s.To, &market.Offers{Ref: m.Ref, Region: m.Region, Trader: true})
					return s.To.Peer
				}
			}
			return market.PeerID{}
		}
		seen := map[market.PeerID]bool{}
		for range 40 {
			seen[ask()] = true
		}
		if len(seen) != asked || depth == 2 && !seen[above[0].Peer] {
			t.Errorf("depth %d: asks %d peers", depth, len(seen))
		}
		b.pass(time.Second)
		pull := sent[*market.GetOffers](b.receive(ref(8), question(r, 4000)))[0]
		b.step(market.Undelivered{To: above[0].Peer, Msg: pull})
		if next := ask(); depth == 2 && next != above[1].Peer {
			t.Error("asks the silent one again")
		}
	}
}

// Whoever trades in the parent as well has the view at hand.
func TestOwnView(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	r := root.Child(k.Self())
	b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 1000), Region: r, Above: []market.Ref{ref(0)}})
	b.advertise(6, shard(r.Shard^1), 2000)
	a := sent[*market.Offers](b.receive(ref(8), question(r, 4000)))
	if len(a) != 1 || len(a[0].Hints) != 1 || a[0].Hints[0].Traders[0].Peer != ref(6).Peer {
		t.Errorf("answers %+v", a)
	}
}

// Of the last offers that fit each is promised to one buyer for a moment: to
// another one they are not shown, to itself they are.
func TestPromise(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 1000)
	show := func(i int) *market.Offers { return sent[*market.Offers](b.receive(ref(i), question(root, 1000)))[0] }
	if a := show(1); len(a.Offers) != 1 {
		t.Fatalf("shows %d offers", len(a.Offers))
	}
	if waits := b.receive(ref(2), question(root, 1000)); len(waits.Sends) != 0 {
		t.Errorf("answers %+v, though it may soon know better", waits.Sends)
	}
	if a := show(3); len(a.Offers) != 0 || a.Tally.Fit != 0 || a.Tally.Misses[0].Kind != market.MissPromised {
		t.Errorf("shows a promised offer: %+v", a.Tally)
	}
	if a := show(1); len(a.Offers) != 1 {
		t.Error("does not show it to whom it was promised")
	}
	if late := b.advance(time.Second); len(sent[*market.Offers](late)) != 1 || late.Sends[0].To.Peer != ref(2).Peer || len(sent[*market.Offers](late)[0].Offers) != 1 {
		t.Errorf("who waited is told %+v", late.Sends)
	}
	b.pass(time.Second)
	if a := show(3); len(a.Offers) != 1 {
		t.Error("keeps a promise for ever")
	}
}

// Who waits for a promised offer is answered as soon as its supplier says what
// is left of it, or goes.
func TestWaitForAPromisedOffer(t *testing.T) {
	update := func(cpu market.MilliCPU) func(*bench) *market.Outbox {
		return func(b *bench) *market.Outbox {
			return b.receive(market.Ref{Peer: seller(1).Self()}, &market.UpdateOffer{Offer: b.offer(seller(1), 2, cpu), Region: root})
		}
	}
	for name, then := range map[string]struct {
		do   func(*bench) *market.Outbox
		left int
	}{
		"taken": {update(500), 0},
		"freed": {update(3000), 1},
		"gone": {func(b *bench) *market.Outbox {
			return b.receive(market.Ref{Peer: seller(1).Self()}, &market.RemoveOffer{Seq: 2, Region: root})
		}, 0},
	} {
		b := newBench(t, nil)
		b.create(seller(1), 1, 1000)
		b.receive(ref(1), question(root, 1000))
		b.receive(ref(2), question(root, 1000))
		out := then.do(b)
		told := sent[*market.Offers](out)
		if len(told) != 1 || out.Sends[len(out.Sends)-1].To.Peer != ref(2).Peer || len(told[0].Offers) != then.left {
			t.Errorf("%s: who waited is told %+v", name, out.Sends)
		}
		if late := b.advance(time.Second); len(sent[*market.Offers](late)) != 0 {
			t.Errorf("%s: who waited is told again", name)
		}
	}
}

// What is free is told above soon, by the first replica; what is gone again by
// then is not.
func TestNews(t *testing.T) {
	b, r := view(t)
	b.advance(20 * time.Second) // the first words
	k := seller(1)
	self := market.Ref{Peer: k.Self()}
	update := func(seq uint64, cpu market.MilliCPU) {
		b.receive(self, &market.UpdateOffer{Offer: b.offer(k, seq, cpu), Region: r, Replicas: []market.PeerID{ref(0).Peer}})
	}
	update(2, 3000)
	ads := sent[*market.AdvertiseOffersNeighbor](b.advance(time.Second))
	if len(ads) != 1 || len(ads[0].Summary.Peaks) != 1 || ads[0].Summary.Peaks[0].Free.CPU != 3000 {
		t.Fatalf("tells %+v", ads)
	}
	update(3, 4000)
	update(4, 3000)
	if ads := sent[*market.AdvertiseOffersNeighbor](b.advance(time.Second)); len(ads) != 0 {
		t.Errorf("tells %+v", ads[0].Summary)
	}
}

// From a large region, what is free at last is told at once, and what is gone
// within two seconds; its view from above may be a little older.
func TestNewsOfLargeRegions(t *testing.T) {
	b, r := view(t)
	below := market.Region{Platform: linux, Depth: 2, Shard: r.Shard << market.ShardBits}
	b.receive(market.Ref{Peer: seller(1).Self()}, &market.UpdateOffer{Offer: b.offer(seller(1), 2, 1000), Region: r, Replicas: []market.PeerID{ref(0).Peer}})
	empty := advert(ref(6), below, 1500)
	empty.Summary.Peaks = nil
	b.receive(ref(6), empty)
	b.advance(20 * time.Second) // the first words
	told := func(after time.Duration) []*market.AdvertiseOffersNeighbor {
		return sent[*market.AdvertiseOffersNeighbor](b.advance(after))
	}
	b.receive(ref(6), advert(ref(6), below, 1500))
	if ads := told(60 * time.Millisecond); len(ads) != 1 || ads[0].Summary.Peaks[0].Free.CPU != 4000 {
		t.Fatalf("tells %+v", ads)
	}
	b.receive(ref(6), empty)
	if ads := told(1900 * time.Millisecond); len(ads) != 0 {
		t.Errorf("what is gone is told at once: %+v", ads[0].Summary)
	}
	if ads := told(100 * time.Millisecond); len(ads) != 1 || ads[0].Summary.Peaks[0].Free.CPU != 1000 {
		t.Errorf("of what is gone tells %+v", ads)
	}

	pull := sent[*market.GetOffers](b.receive(ref(8), question(r, 8000)))
	b.receive(ref(5), &market.Offers{Ref: pull[0].Ref, Region: root, Trader: true})
	b.pass(240 * time.Millisecond)
	if out := b.receive(ref(8), question(r, 8000)); len(sent[*market.GetOffers](out)) != 0 {
		t.Error("a view of 240 ms is fetched again")
	}
	b.pass(20 * time.Millisecond)
	if out := b.receive(ref(8), question(r, 8000)); len(sent[*market.GetOffers](out)) != 1 {
		t.Error("a view of 260 ms is used")
	}
}

// Who asks for hints only, for others below, is told of the place itself if that
// holds offers; below, the traders that are known above stand for it.
func TestOffersAbove(t *testing.T) {
	b := newBench(t, nil)
	ask := &market.GetOffers{Region: root, Relay: true}
	if hints := b.Answer(b.now, ref(1).Peer, ask).Hints; len(hints) != 0 {
		t.Errorf("an empty place hints %+v", hints)
	}
	b.create(seller(1), 1, 1000)
	hints := b.Answer(b.now, ref(1).Peer, ask).Hints
	if len(hints) != 1 || hints[0].Summary.Region != root || hints[0].Traders[0].Peer != ref(0).Peer || hints[0].Summary.Peaks[0].Free.CPU != 1000 {
		t.Errorf("hints %+v", hints)
	}
	if hints := b.hints(); len(hints) != 0 {
		t.Errorf("who asks for offers is told %+v", hints)
	}

	below, r := view(t)
	pull := sent[*market.GetOffers](below.receive(ref(8), question(r, 4000)))
	above := market.Hint{Summary: advert(ref(5), root, 40).Summary, Traders: []market.Ref{ref(6)}}
	out := below.receive(ref(5), &market.Offers{Ref: pull[0].Ref, Region: root, Trader: true, Hints: []market.Hint{above}})
	answers := sent[*market.Offers](out)
	if len(answers) != 1 || len(answers[0].Hints) != 1 || answers[0].Hints[0].Summary.Region != root || answers[0].Hints[0].Traders[0].Peer != ref(5).Peer {
		t.Errorf("answers %+v", answers)
	}
}

// The trader that few suppliers know is not believed about its region.
func TestBelieved(t *testing.T) {
	b := newBench(t, nil)
	b.create(seller(1), 1, 500)
	b.advertise(1, shard(3), 40)
	b.pass(time.Second)
	few := advert(ref(2), shard(3), 1)
	few.Summary.Peaks = nil
	b.receive(ref(2), few)
	if hints := b.hints(); len(hints) != 1 || hints[0].Traders[0].Peer != ref(1).Peer {
		t.Errorf("hints %+v", hints)
	}
}

// The nearest trader tells news at once; another one that speaks right after
// it has not heard them yet. One that speaks much later knows more.
func TestBelievedAtOnce(t *testing.T) {
	first, second := 1, 2
	if market.Nearer(ref(2).Peer, ref(1).Peer, shard(3).Key(network)) {
		first, second = 2, 1
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{time.Millisecond, 1}, {12 * time.Second, 1}, {14 * time.Second, 0}} {
		b := newBench(t, nil)
		b.create(seller(1), 1, 500)
		b.advertise(first, shard(3), 40)
		b.pass(c.after)
		full := advert(ref(second), shard(3), 40)
		full.Summary.Peaks = nil
		b.receive(ref(second), full)
		if hints := b.hints(); len(hints) != c.want {
			t.Errorf("after %v: %d hints, want %d", c.after, len(hints), c.want)
		}
		b.advertise(first, shard(3), 40)
		if hints := b.hints(); len(hints) != 1 {
			t.Errorf("after %v the nearest trader's new word gives %d hints", c.after, len(hints))
		}
	}
}

// A trader that tells news as only the first does, time and again, does so for a
// nearest one that is gone; that one's next word counts again.
func TestBelievedWhoSpeaksFirst(t *testing.T) {
	first, second := 1, 2
	if market.Nearer(ref(2).Peer, ref(1).Peer, shard(3).Key(network)) {
		first, second = 2, 1
	}
	b := newBench(t, nil)
	b.create(seller(1), 1, 500)
	says := func(i int, free bool, want int) {
		t.Helper()
		b.pass(2 * time.Second)
		m := advert(ref(i), shard(3), 40)
		if !free {
			m.Summary.Peaks = nil
		}
		b.receive(ref(i), m)
		if hints := b.hints(); len(hints) != want {
			t.Errorf("%d hints, want %d", len(hints), want)
		}
	}
	says(second, true, 1)
	says(first, false, 0)
	says(second, true, 0)
	says(second, true, 1)
	says(first, false, 0)
	says(second, true, 0)
	b.pass(7 * time.Second)
	says(second, true, 0) // as late as a second one speaks
	says(first, false, 0)
	again := advert(ref(second), shard(3), 40)
	again.Said = b.now.Wall
	b.pass(time.Second)
	for range 3 { // it might have been lost
		b.receive(ref(second), again)
	}
	if len(b.hints()) != 0 {
		t.Error("takes one word that was repeated for several")
	}
	says(first, false, 0)
	b.pass(7 * time.Second)
	says(second, true, 0)
	b.pass(4 * time.Second)
	says(second, true, 1) // and longer than the first one's word lasts
}

// A trader that hears of its own region from another replica does not take
// itself for a trader of the region above.
func TestReplicaIsNoParent(t *testing.T) {
	b := newBench(t, nil)
	k := seller(1)
	r := root.Child(k.Self())
	b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, 1, 2000), Region: r, Above: []market.Ref{ref(5)}})
	b.advertise(1, r, 40)
	if a := b.Answer(b.now, ref(1).Peer, &market.GetOffers{Region: root}); a.Trader {
		t.Error("trades in the region above")
	}
	b.create(seller(2), 1, 1000)
	b.advertise(1, r, 40)
	if hints := b.hints(); len(hints) != 1 {
		t.Errorf("trades in both regions, and gives %d hints", len(hints))
	}
}

// A word that waits for a connection is overtaken by the next one.
func TestOvertakenNews(t *testing.T) {
	const noon = market.Wall(1_767_225_600_000)
	b := newBench(t, nil)
	b.advertise(1, shard(3), 3000) // by which the root is split
	for _, say := range []struct {
		offers uint32
		said   market.Wall
		fits   bool
		why    string
	}{
		{1, noon + 50, true, "the first word"},
		{0, noon, true, "what was said before"},
		{0, noon + 50, false, "the same time again, as in a repetition"},
		{1, noon + 51, true, "what is said later"},
		{0, 0, false, "a word without a time"},
		{1, noon, true, "a time after none"},
		{0, noon - market.Wall(time.Hour.Milliseconds()), false, "a clock that was set back"},
	} {
		ad := advert(ref(1), shard(3), 3000)
		ad.Summary.Peaks[0].Free.CPU, ad.Said = 4000*market.MilliCPU(say.offers), say.said
		b.receive(ref(1), ad)
		if got := len(b.hints()) > 0; got != say.fits {
			t.Errorf("after %s it has a hint: %v", say.why, got)
		}
	}
}

// What a trader says carries times that never go back, whatever its clock does.
func TestNewsHaveTimes(t *testing.T) {
	b := newBench(t, nil)
	var last market.Wall
	for i := range 3 {
		k := seller(byte(i + 1))
		region := root.Child(seller(1).Self())
		for n := byte(i + 2); root.Child(k.Self()) != region; n++ { // another one of the same region
			k = seller(n)
		}
		b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, uint64(i+1), 1000*market.MilliCPU(i+1)), Region: region, Above: []market.Ref{ref(5)}})
		ads := sent[*market.AdvertiseOffersNeighbor](b.advance(2 * time.Second))
		if len(ads) == 0 {
			t.Fatalf("round %d: nothing is said", i)
		}
		for _, ad := range ads {
			if ad.Said <= last {
				t.Errorf("round %d: says %d after %d", i, ad.Said, last)
			}
		}
		last = ads[0].Said
		b.now.Wall = b.now.Wall.Add(-10 * time.Second)
	}
}

// The second trader tells news some seconds late, for the first one does it at
// once; but not when two suppliers do not name the first one any more, until it
// speaks.
func TestSecondTellsForTheFirst(t *testing.T) {
	b := newBench(t, nil)
	first := seller(1)
	r := root.Child(first.Self())
	other := seller(2)
	for n := byte(3); root.Child(other.Self()) != r; n++ {
		other = seller(n)
	}
	self, key := ref(0).Peer, r.Key(network)
	near := 1
	for !market.Nearer(ref(near).Peer, self, key) {
		near++
	}
	far := near + 1
	for market.Nearer(ref(far).Peer, self, key) {
		far++
	}
	further := far + 1
	for market.Nearer(ref(further).Peer, ref(far).Peer, key) {
		further++
	}
	all := []market.PeerID{ref(near).Peer, self, ref(far).Peer}
	seq, cpu := uint64(0), market.MilliCPU(1000)
	tell := func(k *market.Keyring, names ...market.PeerID) (told int) {
		seq, cpu = seq+1, cpu+100
		b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, seq, cpu), Region: r, Replicas: names, Above: []market.Ref{ref(99)}})
		return len(sent[*market.AdvertiseOffersNeighbor](b.advance(time.Second)))
	}
	again := func(k *market.Keyring, names ...market.PeerID) int { // the first may be told, as it was quiet before
		b.advance(9 * time.Second)
		tell(k, names...)
		return tell(k, names...)
	}
	tell(first, all...)
	b.advance(20 * time.Second) // the first words
	if again(first, all...) != 0 {
		t.Error("tells as if it were the first")
	}
	if late := b.advance(8 * time.Second); len(sent[*market.AdvertiseOffersNeighbor](late)) != 1 {
		t.Errorf("says %+v late", late.Sends)
	}
	if again(first, self, ref(far).Peer) != 0 || again(other, ref(far).Peer, ref(further).Peer) != 0 {
		t.Error("takes one supplier's word for it that the first is gone")
	}
	if again(other, self, ref(far).Peer) != 1 {
		t.Error("does not tell for the first, which is gone")
	}
	b.receive(ref(near), advert(ref(near), r, 2))
	if again(first, all...) != 0 {
		t.Error("tells for the first, which has spoken")
	}
	again(first, self, ref(far).Peer)
	if again(other, self, ref(far).Peer) != 1 {
		t.Error("does not tell for the first, which is gone again")
	}
	if b.now.Mono += 11 * time.Minute; again(first, all...) != 0 {
		t.Error("takes the first for gone for ever")
	}

	b.receive(ref(near), advert(ref(near), r, 1)) // of two: it came a moment ago, say
	if again(first, all...) != 1 {
		t.Error("does not tell for the first, which few suppliers tell anything")
	}
	b.receive(ref(near), advert(ref(near), r, 2))
	if again(first, all...) != 0 {
		t.Error("tells for the first, which knows as much")
	}
}
