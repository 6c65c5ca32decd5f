package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// place is what is known of one region.
type place struct {
	region   market.Region
	replicas []market.PeerID // of the region's offers, this peer included
	above    []market.Ref    // traders of the parent region
	aboveAt  time.Duration   // when they were looked up; 0 = never
	looking  uint64          // Ref of that lookup
	peering  uint64          // Ref of a lookup for the replicas
	split    bool            // newcomers are sent to the children
	merge    time.Duration   // until then the traders above take the offers back
	since    time.Duration
	children []child

	summary     market.Summary // as of the last count
	dirty       bool           // the summary may be wrong
	told        market.Summary // as it was advertised last
	toldAt      time.Duration
	advertiseAt time.Duration // when to look whether there is news to tell
	refreshAt   time.Duration // when to tell everybody, news or not

	outer   []market.Hint // regions elsewhere, as a trader above told
	outerAt time.Duration // 0 = never
	pulling uint64        // Ref of the question for them; 0 = none
	pullDue time.Duration
	waiting []question // searches that wait for the answer
	syncing uint64     // Ref of a GetOffers to another replica
}

// child is a region below a place as one of its traders advertised it.
type child struct {
	summary market.Summary
	trader  market.Ref
	heard   time.Duration
}

// placeIndex returns the index of a region's place, or -1.
func (t *Trader) placeIndex(r market.Region) int {
	i, found := slices.BinarySearchFunc(t.places, r, func(p place, r market.Region) int { return p.region.Compare(r) })
	if !found {
		return -1
	}
	return i
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
	t.places = slices.Insert(t.places, i, place{region: r, since: now.Mono, summary: market.Summary{Region: r}, told: market.Summary{Region: r},
		advertiseAt: market.Never, refreshAt: now.Mono + t.rng.Jitter(2*firstWord)})
	return &t.places[i]
}

// tidy forgets a place without offers or children.
func (t *Trader) tidy(r market.Region) {
	if j := t.placeIndex(r); j >= 0 && t.count(r) == 0 && len(t.places[j].children) == 0 {
		t.places = slices.Delete(t.places, j, j+1)
	}
}

// changed notes that an offer's free resources went from old to new; either
// may be nil. Most changes do not touch the summary, and cost nothing more.
func (t *Trader) changed(now market.Time, p *place, old, new *market.Offer) {
	if old != nil && slices.Contains(p.summary.Peaks, point(old)) {
		p.dirty = true
	}
	if new != nil {
		p.dirty = p.summary.Add(point(new)) || p.dirty
	}
	n := t.count(p.region)
	if p.split && n+t.childOffers(p) <= t.params.SplitAt/2 {
		p.split = false
	}
	if told := int(p.told.Offers); max(n-told, told-n) > 4+told/4 {
		p.dirty = true
	}
	t.plan(now, p)
}

func point(o *market.Offer) market.Point { return market.Point{Free: o.Free, Class: o.Class} }

// plan lets news be told soon, but not more often than every pause.
func (t *Trader) plan(now market.Time, p *place) {
	if p.dirty && p.region.Depth > 0 {
		delay, pause := newsDelay, newsPause
		for range p.summary.Deeper {
			delay, pause = delay*deeperDelay, pause*deeperPause
		}
		if t.rank(p) > 0 {
			pause = secondPause
		}
		p.advertiseAt = min(p.advertiseAt, max(now.Mono+delay, p.toldAt+pause))
	}
}

// childOffers counts what is below a place. Several traders tell of the same
// child: the newest word counts.
func (t *Trader) childOffers(p *place) int {
	n := 0
	for i := range p.children {
		if p.freshest(i) {
			n += int(p.children[i].summary.Offers)
		}
	}
	return n
}

// freshest reports whether no other trader of the same child was heard later.
// One that holds far less than another does not count: few suppliers know it.
func (p *place) freshest(i int) bool {
	c := &p.children[i]
	for j := range p.children {
		d := &p.children[j]
		if j == i || d.summary.Region != c.summary.Region {
			continue
		}
		n, m := c.summary.Offers, d.summary.Offers
		switch {
		case n < m-m/4:
			return false
		case m < n-n/4:
		case d.heard > c.heard || d.heard == c.heard && j < i:
			return false
		}
	}
	return true
}

// recount works the summary out anew.
func (t *Trader) recount(p *place) {
	s := market.Summary{Region: p.region, Peaks: p.summary.Peaks[:0]}
	for i := t.first(p.region); i < len(t.held) && t.held[i].region == p.region; i++ {
		s.Add(point(&t.held[i].offer.Offer))
		s.Offers++
	}
	for i := range p.children {
		if c := &p.children[i].summary; p.freshest(i) {
			s.Merge(c)
			s.Offers += c.Offers
			s.Deeper = max(s.Deeper, c.Deeper+1)
		}
	}
	p.summary, p.dirty = s, false
}

// tickPlaces tells the traders above what is here: from time to time, and
// soon when there is news. Of the replicas the first one is quick, the others
// make sure.
func (t *Trader) tickPlaces(now market.Time, out *market.Outbox) {
	for i := len(t.places) - 1; i >= 0; i-- {
		p := &t.places[i]
		switch {
		case now.Mono >= p.refreshAt:
			p.children = slices.DeleteFunc(p.children, func(c child) bool { return now.Mono-c.heard > t.childTTL() })
			t.recount(p)
			p.refreshAt = now.Mono + t.rng.Jitter(2*t.params.Refresh)/2 + t.params.Refresh/2
			t.tell(now, p, t.neighbours(p), out)
			t.lookAbove(now, p, out)
			t.tidy(p.region)
		case now.Mono >= p.advertiseAt:
			t.recount(p)
			p.advertiseAt = market.Never
			if len(p.above) > 0 && p.news() {
				t.tell(now, p, p.above, out)
			}
		}
	}
}

// news reports whether the summary differs from what was told.
func (p *place) news() bool {
	n, told := int(p.summary.Offers), int(p.told.Offers)
	return !slices.Equal(p.summary.Peaks, p.told.Peaks) || max(n-told, told-n) > 4+told/4 || p.summary.Deeper != p.told.Deeper
}

func (t *Trader) tell(now market.Time, p *place, to []market.Ref, out *market.Outbox) {
	p.told, p.toldAt, p.advertiseAt = p.summary, now.Mono, market.Never
	p.told.Peaks = slices.Clone(p.summary.Peaks)
	for _, r := range to {
		out.Send(r, &market.AdvertiseOffersNeighbor{Summary: p.told, At: market.Ref{Peer: t.self}})
	}
}

// rank is this peer's place among the replicas.
func (t *Trader) rank(p *place) int { return max(0, slices.Index(p.replicas, t.self)) }

// neighbours are the other replicas and the traders above.
func (t *Trader) neighbours(p *place) []market.Ref {
	var refs []market.Ref
	for _, id := range p.replicas {
		if id != t.self {
			refs = append(refs, market.Ref{Peer: id})
		}
	}
	for _, r := range p.above {
		if r.Peer == t.self || !slices.Contains(p.replicas, r.Peer) {
			refs = append(refs, r)
		}
	}
	return refs
}

// lookAbove finds out, now and then, who trades in the parent region.
func (t *Trader) lookAbove(now market.Time, p *place, out *market.Outbox) {
	if p.region.Depth == 0 || p.aboveAt > 0 && now.Mono < p.aboveAt+t.params.Resettle {
		return
	}
	t.refs++
	p.looking, p.aboveAt = t.refs, max(1, now.Mono)
	out.Lookups = append(out.Lookups, market.Lookup{Ref: p.looking, Key: p.region.Parent().Key(t.network), N: t.params.Replicas})
	if !slices.Contains(p.replicas, t.self) { // no supplier told who they are
		t.refs++
		p.peering = t.refs
		out.Lookups = append(out.Lookups, market.Lookup{Ref: p.peering, Key: p.region.Key(t.network), N: t.params.Replicas})
	}
}

func (t *Trader) onFound(now market.Time, ev market.Found, out *market.Outbox) {
	for i := range t.places {
		p := &t.places[i]
		if p.peering != 0 && p.peering == ev.Ref {
			p.peering, p.replicas = 0, nil
			for _, r := range ev.Peers {
				p.replicas = append(p.replicas, r.Peer)
			}
			return
		}
		if p.looking == 0 || p.looking != ev.Ref {
			continue
		}
		p.looking = 0
		if ev.Failed || len(ev.Peers) == 0 {
			p.aboveAt = 0
			return
		}
		p.above = ev.Peers
		t.recount(p)
		t.tell(now, p, p.above, out)
		return
	}
}

// onAdvertise takes a neighbour's word about itself: of a child region's
// trader, of another replica of a place, or of a trader above.
func (t *Trader) onAdvertise(now market.Time, from market.Ref, m *market.AdvertiseOffersNeighbor, out *market.Outbox) {
	r := m.Summary.Region
	if m.At.Peer != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "advertisement of a third party")
		return
	}
	if !t.on {
		return
	}
	parent := r.Depth > 0 && (t.place(r.Parent()) != nil || len(t.places) < maxPlaces)
	if p := t.place(r); p != nil && slices.Contains(p.replicas, from.Peer) {
		if from.Peer != t.self {
			t.compare(p, from, &m.Summary, out)
		}
		parent = parent && slices.ContainsFunc(p.above, func(a market.Ref) bool { return a.Peer == t.self })
	}
	t.learnParent(now, from, &m.Summary)
	if !parent {
		return
	}
	p := t.mustPlace(now, r.Parent())
	if t.learnChild(now, p, m.Summary, from) {
		p.dirty = true
		p.split = p.split || t.childOffers(p) > t.params.SplitAt/2
		t.plan(now, p)
	}
	if !p.split && now.Mono-p.since > 2*t.params.Refresh { // the child need not be: say so
		t.recount(p)
		out.Send(from, &market.AdvertiseOffersNeighbor{Summary: p.summary, At: market.Ref{Peer: t.self}})
	}
}

// compare fetches what another replica has and this one has not.
func (t *Trader) compare(p *place, from market.Ref, s *market.Summary, out *market.Outbox) {
	if int(s.Offers) > t.count(p.region)+t.childOffers(p) && s.Offers <= uint32(market.MaxOffers) {
		t.refs++
		p.syncing = t.refs
		out.Send(from, &market.GetOffers{Ref: p.syncing, Region: p.region, Max: market.MaxOffers})
	}
}

// learnParent notes that a trader above has room again for what is here.
func (t *Trader) learnParent(now market.Time, from market.Ref, s *market.Summary) {
	for i := range t.places {
		p := &t.places[i]
		above := slices.ContainsFunc(p.above, func(r market.Ref) bool { return r.Peer == from.Peer })
		if above && p.region.Depth > 0 && p.region.Parent() == s.Region {
			p.merge = 0
			if int(s.Offers) <= t.params.SplitAt/2 {
				p.merge = now.Mono + t.params.Refresh
			}
		}
	}
}

// learnChild believes for each child the traders that are nearest to its key,
// so that nobody far away can talk them out. It reports whether that was news.
func (t *Trader) learnChild(now market.Time, p *place, s market.Summary, from market.Ref) bool {
	same, furthest := 0, -1
	key := market.Key{}
	for i := range p.children {
		c := &p.children[i]
		if c.summary.Region != s.Region {
			continue
		}
		if c.trader.Peer == from.Peer {
			*c = child{summary: s, trader: from, heard: now.Mono}
			return true
		}
		if same == 0 {
			key = s.Region.Key(t.network)
		}
		same++
		if furthest < 0 || market.Nearer(p.children[furthest].trader.Peer, c.trader.Peer, key) {
			furthest = i
		}
	}
	switch {
	case same >= sameChild && market.Nearer(from.Peer, p.children[furthest].trader.Peer, key):
		p.children[furthest] = child{summary: s, trader: from, heard: now.Mono}
	case same < sameChild && len(p.children) < maxChilds:
		p.children = append(p.children, child{summary: s, trader: from, heard: now.Mono})
	default:
		return false
	}
	return true
}

// onOffers takes another replica's offers, or the view from above. Offers are
// treated as handed over: their suppliers are asked at once.
func (t *Trader) onOffers(now market.Time, from market.Ref, m *market.Offers, out *market.Outbox) {
	for i := range t.places {
		p := &t.places[i]
		switch {
		case p.pulling != 0 && p.pulling == m.Ref && m.Trader && p.region.Depth > 0 && m.Region == p.region.Parent():
			p.outerAt, p.outer = max(1, now.Mono), p.outer[:0]
			for _, h := range m.Hints {
				if !h.Summary.Region.Above(p.region) {
					p.outer = append(p.outer, h)
				}
			}
			t.release(now, p, out)
			return
		case p.syncing != 0 && p.syncing == m.Ref && m.Region == p.region && slices.Contains(p.replicas, from.Peer):
			p.syncing = 0
			t.takeOver(now, from, m, out)
			return
		}
	}
}

func (t *Trader) takeOver(now market.Time, from market.Ref, m *market.Offers, out *market.Outbox) {
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
		for j := t.first(p.region); j < len(t.held) && t.held[j].region == p.region; j++ {
			h := &t.held[j]
			out.Send(ev.Peer, &market.CreateOffer{Offer: h.offer, At: market.Ref{Peer: h.offer.Supplier, Addrs: h.addrs},
				Region: p.region, Replicas: p.replicas})
			n++
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
