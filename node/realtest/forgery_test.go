package realtest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/remote"
)

func clock() market.Wall { return market.Wall(time.Now().UnixMilli()) }

// stage is a small market with a puppet in it.
type stage struct {
	w              *nodetest.World
	cedar, birch   *nodetest.Host // sell
	buyer          *nodetest.Host
	puppet         *puppet
	offer          *market.SignedOffer // cedar's, as a trader heard it
	unit           market.LeaseID      // that the buyer has at cedar
	untouchedAfter func(what string)   // checks that nothing has changed
}

// newStage opens a market of two sellers and a buyer, who has a container at
// the first of them; all three keep offers.
func newStage(t *testing.T, params func(market.NetworkID) market.Params) *stage {
	t.Helper()
	var s stage
	var offers sync.Map // the newest of each supplier
	net := &wires{heard: func(_, from market.PeerID, m market.Message) {
		if c, ok := m.(*market.CreateOffer); ok && c.Offer.Supplier == from {
			offers.Store(from, c.Offer)
		}
	}}
	s.w = nodetest.NewWith(t, net, params)
	t.Cleanup(s.w.Close)
	s.cedar, s.birch = s.w.Host("cedar"), s.w.Host("birch")
	s.cedar.Start()
	s.birch.Start()
	s.buyer = buyer(s.w, "buyer")
	s.w.Until("two offers", func() bool { return len(search(t, s.buyer)) == 2 })
	for _, h := range []*nodetest.Host{s.cedar, s.birch, s.buyer} {
		s.w.Until(h.Name+" keeps the others' offers", func() bool { return holds(t, h) >= 1 })
	}
	told, _ := offers.Load(s.cedar.ID)
	s.offer = told.(*market.SignedOffer)
	req := nodetest.Request("sleep")
	req.Policy.Node = "cedar"
	ref := s.buyer.MustRun(req)
	var err error
	if s.unit, err = market.ParseLeaseID(string(ref)); err != nil {
		t.Fatal(err)
	}
	s.puppet = newPuppet(t, s.w, keyOf("puppet"))
	s.untouchedAfter = func(what string) {
		t.Helper()
		if n := len(search(t, s.buyer)); n != 2 {
			t.Errorf("%s: %d offers", what, n)
		}
		if u := s.cedar.Units(); len(u) != 1 || u[0].Lease != s.unit || s.buyer.State(ref) != "running" {
			t.Errorf("%s: %d containers at cedar, and the buyer's is %s", what, len(u), s.buyer.State(ref))
		}
	}
	return &s
}

// TestForgeries sends what bears no good signature of whom it names. It does
// not get past the receiver's transport.
func TestForgeries(t *testing.T) {
	s := newStage(t, market.DefaultParams)
	p, root := s.puppet, market.RootRegion(s.offer.Platform)
	bent := *p.offer(&s.offer.Offer, 64000, 9)
	bent.Envelope = append([]byte(nil), bent.Envelope...)
	bent.Envelope[len(bent.Envelope)-1] ^= 1
	others := s.offer.Offer
	others.Seq, others.Free = others.Seq+100, market.Resources{}
	launch := p.lease(s.cedar.ID, func(l *market.Lease) { l.Buyer = s.buyer.ID })
	granted := p.lease(p.id, func(l *market.Lease) { l.Buyer, l.Supplier = s.buyer.ID, s.cedar.ID })
	for what, m := range map[string]market.Message{
		"an offer with one bit changed":             &market.CreateOffer{Offer: &bent, At: p.ref(), Region: root},
		"an offer in another's name":                &market.UpdateOffer{Offer: p.ring.Offer(others), At: p.ref(), Region: root},
		"an answer with an offer in another's name": &market.RefreshAck{Offer: p.ring.Offer(others), At: p.ref(), Region: root},
		"a lease in another's name":                 launch,
		"a grant without the two signatures":        &market.Grant{Lease: p.ring.Countersign(granted.Lease)},
	} {
		if err := p.send(s.cedar.ID, m); !errors.Is(err, remote.ErrMalformed) {
			t.Errorf("%s: %v, want it to be malformed", what, err)
		}
		s.untouchedAfter(what)
	}
}

// TestWordsAboutOthers sends what is well signed, and nobody may say about
// somebody else.
func TestWordsAboutOthers(t *testing.T) {
	s := newStage(t, market.DefaultParams)
	p, root := s.puppet, market.RootRegion(s.offer.Platform)
	below := market.Summary{Region: root.Child(s.birch.ID), Offers: 1000, Peaks: []market.Point{{Free: s.offer.Total}}}
	status := p.ring.Status(market.Status{Lease: s.unit, Seq: 1 << 40, State: market.Ended, Reason: market.RemovedByOwner, At: clock()})
	for what, m := range map[string]market.Message{
		"a removal of an offer that is not its own": &market.RemoveOffer{Seq: 1 << 40, Region: root},
		"an answer for another supplier":            &market.RefreshAck{Offer: s.offer, Region: root},
		"an answer that there is no offer":          &market.RefreshAck{Region: root},
		"an advertisement of a third party":         &market.AdvertiseOffersNeighbor{Summary: below, At: market.Ref{Peer: s.birch.ID}},
		"a stop of another's container":             &market.StopContainer{Unit: s.unit, Op: market.OpRemove, Ref: 1},
		"a status of another's container":           &market.StatusUpdate{Status: status},
		"a confirmation of a status for another":    &market.StatusAck{Unit: s.unit, Seq: 1 << 40},
		"an answer that nobody asked for":           &market.Offers{Ref: 1, Region: root, Trader: true},
		"a refusal of another's lease":              &market.Refusal{Lease: s.unit, Reason: market.NoCapacity},
		"a goodbye, although it has sold nothing":   &market.Goodbye{},
	} {
		for _, h := range []*nodetest.Host{s.cedar, s.birch, s.buyer} {
			if err := p.send(h.ID, m); err != nil {
				t.Errorf("%s to %s: %v", what, h.Name, err)
			}
		}
		s.untouchedAfter(what)
	}
	for h, want := range map[*nodetest.Host]float64{
		s.cedar: 2, // the advertisement, the stop of its container
		s.birch: 1, // the advertisement
		s.buyer: 2, // the advertisement, the status of its container
	} {
		if n := badMessages(t, h); n != want {
			t.Errorf("%s has counted %v bad messages, want %v", h.Name, n, want)
		}
	}
	for _, h := range []*nodetest.Host{s.cedar, s.birch, s.buyer} { // nor did anybody believe the advertisement
		ask := &market.GetOffers{Ref: uint64(h.ID[0]), Region: root, Want: market.Want{Need: s.offer.Total}, Max: 1, Relay: true}
		if err := p.send(h.ID, ask); err != nil {
			t.Fatal(err)
		}
		a := await(s.w, p, "an answer of "+h.Name, func(a *market.Offers) bool { return a.Ref == ask.Ref })
		if len(a.Hints) > 0 {
			t.Errorf("%s sends buyers elsewhere: %+v", h.Name, a.Hints)
		}
	}
	await(s.w, p, "who may stop what", func(a *market.StopAck) bool { return a.Unit == s.unit && a.Reason == market.NotOwner })
}

// TestReplays says again what was true once.
func TestReplays(t *testing.T) {
	s := newStage(t, market.DefaultParams)
	p := s.puppet
	launch := p.lease(s.birch.ID, nil)
	id := launch.Lease.ID
	for range 3 { // the same lease thrice is one container
		if err := p.send(s.birch.ID, launch); err != nil {
			t.Fatal(err)
		}
	}
	await(s.w, p, "a grant", func(g *market.Grant) bool { return g.Lease.ID == id })
	s.w.Until("the container runs", func() bool { return len(s.birch.Units()) == 1 })
	if err := p.send(s.birch.ID, &market.StopContainer{Unit: id, Op: market.OpRemove, Ref: 1}); err != nil {
		t.Fatal(err)
	}
	await(s.w, p, "it is removed", func(a *market.StopAck) bool { return a.Unit == id && a.Reason == market.NoReason })
	for _, again := range []func(){func() {}, s.birch.Restart} { // a launch that comes late, or to another life
		again()
		before := len(said[*market.Refusal](p))
		if err := p.send(s.birch.ID, launch); err != nil {
			t.Fatal(err)
		}
		s.w.Until("a refusal", func() bool { return len(said[*market.Refusal](p)) > before })
		if r := said[*market.Refusal](p)[before]; r.Lease != id || r.Reason != market.Superseded {
			t.Errorf("the launch again: refused for %v", r.Reason)
		}
		if n := len(s.birch.Units()); n != 0 {
			t.Errorf("%d containers", n)
		}
	}

	s.w.Until("two offers, whichever traders are asked", func() bool { // of which one has just started again
		for range 10 {
			if len(search(t, s.buyer)) != 2 {
				return false
			}
		}
		return true
	})
	old := &market.CreateOffer{Offer: s.offer, At: p.ref(), Region: market.RootRegion(s.offer.Platform)}
	if err := p.send(s.birch.ID, old); err != nil {
		t.Fatal(err)
	}
	if got := search(t, s.buyer); len(got) != 2 || got[0].Offer.Seq < s.offer.Seq || got[1].Offer.Seq < 1 {
		t.Errorf("after an old offer again: %+v", got)
	}
	s.cedar.Stop() // and takes its offer back
	s.w.Until("one offer", func() bool { return len(search(t, s.buyer)) == 1 })
	for _, h := range []*nodetest.Host{s.birch, s.buyer} {
		if err := p.send(h.ID, old); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(search(t, s.buyer)); n != 1 {
		t.Errorf("%d offers after a withdrawn one was said again", n)
	}
}

// TestClocksThatDiffer asks for leases by a clock that is three minutes off.
func TestClocksThatDiffer(t *testing.T) {
	s := newStage(t, market.DefaultParams)
	for i, off := range []time.Duration{3 * time.Minute, -3 * time.Minute} {
		launch := s.puppet.lease(s.cedar.ID, func(l *market.Lease) {
			l.Start, l.End, l.Nonce = l.Start.Add(off), l.End.Add(off), uint64(i)
		})
		if err := s.puppet.send(s.cedar.ID, launch); err != nil {
			t.Fatal(err)
		}
		await(s.w, s.puppet, "a refusal", func(r *market.Refusal) bool {
			return r.Lease == launch.Lease.ID && r.Reason == market.ClockSkew
		})
	}
	s.untouchedAfter("leases of another time")
}

// TestStrangersBuyNothingInAnothersName replays a launch that its buyer has
// really signed, to a supplier that it was not meant for, and from a peer that
// is not the buyer.
func TestStrangersBuyNothingInAnothersName(t *testing.T) {
	s := newStage(t, market.DefaultParams)
	p := s.puppet
	p.tell(p.offer(&s.offer.Offer, 64000, 1), s.cedar, s.birch, s.buyer)
	req := nodetest.Request("sleep")
	req.Policy.Node = api.NodeRef(p.id.String())
	go func() { _, _, _ = s.buyer.Run(t.Context(), req) }() // the puppet never answers
	launch := await(s.w, p, "the buyer's launch", func(*market.LaunchContainer) bool { return true })
	if err := p.send(s.birch.ID, launch); err != nil {
		t.Fatal(err)
	}
	await(s.w, p, "a refusal", func(r *market.Refusal) bool {
		return r.Lease == launch.Lease.ID && r.Reason == market.BadLease
	})
	if n := len(s.birch.Units()); n != 0 {
		t.Errorf("%d containers at birch", n)
	}
}

// badMessages is how many a node has counted, as its metrics tell.
func badMessages(t *testing.T, h *nodetest.Host) (n float64) {
	t.Helper()
	r := prometheus.NewRegistry()
	if err := r.Register(h.Node); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "caravela_market_facts_total" && m.GetLabel()[0].GetValue() == market.NoteBadMessage.String() {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
