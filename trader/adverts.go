package trader

import (
	"slices"
	"sort"

	"caravela/market"
)

// onAdvertise takes a neighbour's word about itself. From a child region's
// trader it becomes a hint; from another replica of a place it tells whether
// offers are missing here, which are then fetched.
func (t *Trader) onAdvertise(now market.Time, from market.Ref, m *market.AdvertiseOffersNeighbor, out *market.Outbox) {
	r := m.Summary.Region
	if m.At.Peer != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "advertisement of a third party")
		return
	}
	if !t.on {
		return
	}
	if p := t.place(r); p != nil && from.Peer != t.me.Self {
		t.learn(now, p, []market.PeerID{from.Peer}, nil)
		p.present(from.Peer)
		p.weigh(from.Peer, m.Summary.Offers)
		if t.lacks(now, p, from.Peer) {
			t.handOver(now, p, from, out)
		}
		t.sync(p, from, &m.Summary, out)
	}
	t.learnParent(now, from, &m.Summary)
	if p := t.parentOf(now, r); p != nil {
		p.dirty = t.learnChild(now, p, m, from) || p.dirty
		t.recount(now, p)
		t.plan(now, p)
		if !p.split && from.Peer != t.me.Self && now.Mono-p.since > t.childTTL() { // the child need not be: say so
			t.summarize(p)
			s := p.summary
			s.Peaks = slices.Clone(s.Peaks)
			out.Send(from, &market.AdvertiseOffersNeighbor{Summary: s, At: t.here()})
		}
	}
}

// sync fetches what another replica has and this one has not, where one
// answer holds it all.
func (t *Trader) sync(p *place, from market.Ref, s *market.Summary, out *market.Outbox) {
	if p.split || !slices.Contains(p.replicas, from.Peer) || s.Offers > market.MaxOffers || int(s.Offers) <= p.shelf.count()+p.childOffers() {
		return
	}
	t.refs++
	p.syncing = t.refs
	out.Send(from, &market.GetOffers{Ref: p.syncing, Region: p.region, Max: market.MaxOffers})
}

// parentOf is the place above a region. A peer that came to lie near the
// parent's key after it was split hears of it through its children; but a
// trader of the region itself is told as one of those, unless it is known to be
// both.
func (t *Trader) parentOf(now market.Time, r market.Region) *place {
	if r.Depth == 0 {
		return nil
	}
	up := r.Parent()
	if p := t.place(up); p != nil || len(t.places) >= maxPlaces/2 {
		return p
	}
	if own := t.place(r); own != nil && !slices.ContainsFunc(own.above, func(a market.Ref) bool { return a.Peer == t.me.Self }) {
		return nil
	}
	p := t.mustPlace(now, up)
	p.split = true // recount tells
	return p
}

// learnParent notes that a trader above has room again for what is here.
func (t *Trader) learnParent(now market.Time, from market.Ref, s *market.Summary) {
	for i := range t.places {
		p := &t.places[i]
		above := slices.ContainsFunc(p.above, func(r market.Ref) bool { return r.Peer == from.Peer })
		if !above || p.region == s.Region || p.region.Parent() != s.Region {
			continue
		}
		p.mergeUntil = 0
		if int(s.Offers) <= t.me.Params.SplitAt/2 {
			p.mergeUntil = now.Mono + t.childTTL()
		}
	}
}

// learnChild believes for each child the traders that are nearest to its key,
// so that nobody far away can talk them out; but who is overdue gives way. It
// reports whether that was news. Of one trader, what it said later counts, even
// if it arrives earlier.
func (t *Trader) learnChild(now market.Time, p *place, m *market.AdvertiseOffersNeighbor, from market.Ref) bool {
	s := m.Summary
	first := p.firstChild(s.Region)
	end, furthest := first, first
	for ; end < len(p.children) && p.children[end].summary.Region == s.Region; end++ {
		c := &p.children[end]
		if c.trader.Peer == from.Peer && overtaken(m.Said, c.said) {
			return false
		}
		if c.trader.Peer == from.Peer {
			news := c.summary.Offers != s.Offers || c.summary.Deeper != s.Deeper || !slices.Equal(c.summary.Peaks, s.Peaks)
			if m.Said == 0 || m.Said != c.said { // else it was said again, for it might have been lost
				c.before = c.heard
			}
			c.summary, c.trader, c.heard, c.said = s, from, now.Mono, m.Said
			return news
		}
		if last := &p.children[furthest]; t.overdue(now, c) || last.nearer(c) && !t.overdue(now, last) {
			furthest = end
		}
	}
	c := child{summary: s, trader: from, heard: now.Mono, said: m.Said, far: market.Distance(from.Peer, s.Region.Key(t.me.Params.Network))}
	at := first // those of one region stand by distance
	for at < end && p.children[at].nearer(&c) {
		at++
	}
	switch {
	case end-first < sameChild && len(p.children) < maxChilds:
		p.children = slices.Insert(p.children, at, c)
	case end-first >= sameChild && (t.overdue(now, &p.children[furthest]) || c.nearer(&p.children[furthest])):
		p.children = slices.Delete(p.children, furthest, furthest+1)
		if furthest < at {
			at--
		}
		p.children = slices.Insert(p.children, at, c)
	default:
		return false
	}
	return true
}

// overtaken reports whether one word of a trader arrived after a later one: a
// message that waits for a connection may be the slower one.
func overtaken(word, later market.Wall) bool {
	return word != 0 && word < later && later.Sub(word) < maxLate
}

// overdue reports whether a trader below has let the time pass within which it
// speaks: it may be dead, and must not keep others away.
func (t *Trader) overdue(now market.Time, c *child) bool {
	return now.Mono-c.heard > 3*t.me.Params.Refresh/2+ackTimeout
}

// firstChild is where what is said of a region below begins, or would.
func (p *place) firstChild(r market.Region) int {
	return sort.Search(len(p.children), func(i int) bool { return p.children[i].summary.Region.Compare(r) >= 0 })
}

// onOffers takes the view from above, or what another replica has and this
// one has not. Offers are treated as handed over: their suppliers are asked at
// once.
func (t *Trader) onOffers(now market.Time, from market.Ref, m *market.Offers, out *market.Outbox) {
	if t.onView(now, from.Peer, m, out) {
		return
	}
	p := t.place(m.Region)
	if p == nil || p.syncing == 0 || p.syncing != m.Ref || !slices.Contains(p.replicas, from.Peer) {
		return
	}
	p.syncing = 0
	for _, o := range m.Offers {
		if t.find(m.Region, o.Offer.Supplier) != nil {
			continue
		}
		c := &market.CreateOffer{Offer: o.Offer, At: market.Ref{Peer: o.Offer.Supplier, Addrs: o.Addrs}, Region: m.Region}
		if code, _ := t.accept(now, from, c); code == market.AckStored {
			t.store(now, from, c, out)
		}
	}
}
