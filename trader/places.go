package trader

import (
	"slices"

	"caravela/market"
)

// placeIndex returns the index of a region's place, or -1.
func (t *Trader) placeIndex(r market.Region) int {
	return slices.IndexFunc(t.places, func(p place) bool { return p.region == r })
}

func (t *Trader) place(r market.Region) *place {
	if i := t.placeIndex(r); i >= 0 {
		return &t.places[i]
	}
	return nil
}

func (t *Trader) mustPlace(now market.Time, r market.Region) *place {
	if p := t.place(r); p != nil {
		return p
	}
	i, _ := slices.BinarySearchFunc(t.places, r, func(p place, r market.Region) int { return p.region.Compare(r) })
	t.places = slices.Insert(t.places, i, place{region: r, advertiseAt: now.Mono + t.rng.Jitter(2*firstWord)})
	return &t.places[i]
}

// childOffers counts what is below a place. Several traders tell of the same
// child: the largest number counts.
func (t *Trader) childOffers(p *place) int {
	n := 0
	for i := range p.children {
		c := &p.children[i].summary
		best := true
		for j := range p.children {
			d := &p.children[j].summary
			if d.Region == c.Region && (d.Offers > c.Offers || d.Offers == c.Offers && j < i) {
				best = false
			}
		}
		if best {
			n += int(c.Offers)
		}
	}
	return n
}

// recount advertises a place early when it has grown or shrunk by much, and
// ends its being split when few offers are left in it and below.
func (t *Trader) recount(now market.Time, p *place) {
	n := t.count(p.region)
	if change := max(n-p.told, p.told-n); change > 4+p.told/4 {
		p.advertiseAt = min(p.advertiseAt, now.Mono+firstWord)
	}
	if p.split && n+t.childOffers(p) <= t.params.SplitAt/2 {
		p.split = false
	}
}

// summary is what this peer tells of a place.
func (t *Trader) summary(p *place) market.Summary {
	s := market.Summary{Region: p.region}
	for i := range t.held {
		if h := &t.held[i]; h.region == p.region {
			s.Merge(market.Summary{Offers: 1, Max: h.offer.Free, Class: h.offer.Class})
		}
	}
	below := t.childOffers(p)
	for i := range p.children {
		c := p.children[i].summary
		c.Offers = 0
		s.Merge(c)
	}
	s.Offers += uint32(below)
	return s
}

// tickPlaces advertises each place to the traders of its parent, and to the
// other replicas of the place itself.
func (t *Trader) tickPlaces(now market.Time, out *market.Outbox) {
	for i := len(t.places) - 1; i >= 0; i-- {
		p := &t.places[i]
		p.children = slices.DeleteFunc(p.children, func(c child) bool { return now.Mono-c.heard > t.childTTL() })
		if now.Mono < p.advertiseAt {
			continue
		}
		p.advertiseAt = now.Mono + t.rng.Jitter(2*t.params.Refresh)/2 + t.params.Refresh/2
		p.told = t.count(p.region)
		ad := &market.AdvertiseOffersNeighbor{Summary: t.summary(p), At: market.Ref{Peer: t.self}}
		for _, r := range t.neighbours(p) {
			out.Send(r, ad)
		}
		t.tidy(p.region)
	}
}

// neighbours are the other replicas and the traders above.
func (t *Trader) neighbours(p *place) []market.Ref {
	var refs []market.Ref
	for _, id := range p.replicas {
		if id != t.self {
			refs = append(refs, market.Ref{Peer: id})
		}
	}
	for _, r := range p.above {
		if r.Peer != t.self && !slices.Contains(p.replicas, r.Peer) {
			refs = append(refs, r)
		}
	}
	return refs
}

// onAdvertise takes a neighbour's word about itself. From a child region's
// trader it becomes a hint; from another replica of a place it tells whether
// offers are missing here, which are then fetched.
func (t *Trader) onAdvertise(now market.Time, from market.Ref, m *market.AdvertiseOffersNeighbor, out *market.Outbox) {
	r := m.Summary.Region
	if m.At.Peer != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "advertisement of a third party")
		return
	}
	if !t.on || int(r.Rung) >= len(t.params.Rungs) {
		return
	}
	if p := t.place(r); p != nil && slices.Contains(p.replicas, from.Peer) {
		if int(m.Summary.Offers) > t.count(r) && m.Summary.Offers <= uint32(market.MaxOffers) {
			t.refs++
			p.syncing = t.refs
			out.Send(from, &market.GetOffers{Ref: p.syncing, Region: r, Max: market.MaxOffers})
		}
		return
	}
	t.learnParent(from, &m.Summary)
	if p := t.place(r.Parent()); p != nil && r.Parent() != r {
		t.learnChild(now, p, m.Summary, from)
		t.recount(now, p)
		if !p.split { // the child need not be: say so
			out.Send(from, &market.AdvertiseOffersNeighbor{Summary: t.summary(p), At: market.Ref{Peer: t.self}})
		}
	}
}

// learnParent notes that a trader above has room again for what is here.
func (t *Trader) learnParent(from market.Ref, s *market.Summary) {
	for i := range t.places {
		p := &t.places[i]
		above := slices.ContainsFunc(p.above, func(r market.Ref) bool { return r.Peer == from.Peer })
		if above && p.region != s.Region && p.region.Parent() == s.Region {
			p.merge = int(s.Offers) <= t.params.SplitAt/2
		}
	}
}

// learnChild believes for each child the traders that are nearest to its key,
// so that nobody far away can talk them out.
func (t *Trader) learnChild(now market.Time, p *place, s market.Summary, from market.Ref) {
	same := 0
	key := s.Region.Key(t.network)
	furthest := -1
	for i := range p.children {
		c := &p.children[i]
		if c.summary.Region != s.Region {
			continue
		}
		if c.trader.Peer == from.Peer {
			*c = child{s, from, now.Mono}
			return
		}
		same++
		if furthest < 0 || market.Nearer(p.children[furthest].trader.Peer, c.trader.Peer, key) {
			furthest = i
		}
	}
	switch {
	case same >= sameChild && market.Nearer(from.Peer, p.children[furthest].trader.Peer, key):
		p.children[furthest] = child{s, from, now.Mono}
	case same < sameChild && len(p.children) < maxChilds:
		p.children = append(p.children, child{s, from, now.Mono})
	}
}

// onOffers takes what another replica has and this one has not. The offers
// are treated as handed over: their suppliers are asked at once.
func (t *Trader) onOffers(now market.Time, from market.Ref, m *market.Offers, out *market.Outbox) {
	p := t.place(m.Region)
	if p == nil || p.syncing == 0 || p.syncing != m.Ref || !slices.Contains(p.replicas, from.Peer) {
		return
	}
	p.syncing = 0
	for _, o := range m.Offers {
		if _, known := t.find(m.Region, o.Offer.Supplier); known {
			continue
		}
		c := &market.CreateOffer{Offer: o.Offer, At: market.Ref{Peer: o.Offer.Supplier, Addrs: o.Addrs}, Region: m.Region}
		if code, _ := t.accept(now, from, c); code == market.AckStored {
			t.store(now, from, c, out)
		}
	}
}

// onNear hands the offers of a place over to a peer that is nearer to its key
// than one of its replicas. Of several traders the nearest one does it.
func (t *Trader) onNear(now market.Time, ev market.Near, out *market.Outbox) {
	for i := range t.places {
		p := &t.places[i]
		key := p.region.Key(t.network)
		if ev.Peer.Peer == t.self || slices.Contains(p.replicas, ev.Peer.Peer) || !t.wanted(p, ev.Peer.Peer, key) {
			continue
		}
		n := 0
		for j := range t.held {
			if h := &t.held[j]; h.region == p.region {
				out.Send(ev.Peer, &market.CreateOffer{Offer: h.offer, At: market.Ref{Peer: h.offer.Supplier, Addrs: h.addrs},
					Region: p.region, Replicas: p.replicas, Above: p.above})
				n++
			}
		}
		if n > 0 {
			out.Note(market.NoteHandedOver, ev.Peer.Peer, market.LeaseID{}, p.region.String())
		}
	}
}

// wanted reports whether a new peer belongs among the replicas of a place,
// and this peer is the one to tell it.
func (t *Trader) wanted(p *place, peer market.PeerID, key market.Key) bool {
	further := len(p.replicas) < t.params.Replicas
	for _, r := range p.replicas {
		if r != t.self && market.Nearer(r, t.self, key) {
			return false
		}
		further = further || market.Nearer(peer, r, key)
	}
	return further
}
