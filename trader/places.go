package trader

import (
	"bytes"
	"slices"
	"time"

	"caravela/market"
)

// place is one region in which this peer trades.
type place struct {
	region      market.Region
	since       time.Duration
	shelf       shelf
	promises    []promise       // to buyers who were shown offers
	replicas    []market.PeerID // the region's traders, as far as known; nearest first
	absent      []absent        // replicas that suppliers do not name any more
	thin        []market.PeerID // replicas that held much less than this one when they last spoke
	given       []given         // peers to which this place was handed over of late
	above       []market.Ref    // those of the parent region; nearest first
	lost        []market.PeerID // of those above, not reached though the overlay still names them
	doubts      []doubt         // those above that have missed something
	split       bool            // newcomers are sent to the children
	mergeUntil  time.Duration   // until then the traders above take the offers back
	children    []child         // sorted by region
	told        int             // offers at the last advertisement
	advertiseAt time.Duration
	lookAt      time.Duration // when to look for the traders above; Never at the root
	pause       time.Duration // before the next lookup out of turn
	looking     uint64        // Ref of that lookup
	peering     uint64        // Ref of a lookup for the replicas, when no supplier names them
	syncing     uint64        // Ref of a GetOffers to another replica

	summary market.Summary // what is free here and below, as of the last count
	dirty   bool           // the summary may promise too much
	said    market.Summary // as it was told above last
	saidAt  time.Duration
	saidBy  market.Wall   // the same, as receivers are told
	newsAt  time.Duration // when to look whether there is news to tell above

	view    []market.Hint // regions elsewhere, as a trader above told
	viewAt  time.Duration // 0 = never
	pulling uint64        // Ref of the question for it; 0 = none
	pullDue time.Duration
	waiting []question // searches that wait for the view
}

// child is what one trader says of a region below.
type child struct {
	summary market.Summary
	trader  market.Ref
	far     [32]byte // the trader, from the region's key
	heard   time.Duration
	before  time.Duration // when the word before it was heard
	said    market.Wall   // by the trader's clock
	told    []market.Ref  // the region's traders as hints named them last; never mutated
}

// placeIndex returns the index of a region's place, or -1.
func (t *Trader) placeIndex(r market.Region) int {
	for i := range t.places { // few, and most differ in these two
		if q := &t.places[i].region; q.Shard == r.Shard && q.Depth == r.Depth && *q == r {
			return i
		}
	}
	return -1
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
	n := place{region: r, since: now.Mono, advertiseAt: now.Mono + t.rng.Jitter(2*firstWord), lookAt: market.Never,
		newsAt: market.Never, summary: market.Summary{Region: r}, said: market.Summary{Region: r}}
	if r.Depth > 0 {
		n.lookAt = now.Mono + t.rng.Jitter(2*firstWord)/2
	}
	t.places = slices.Insert(t.places, i, n)
	return &t.places[i]
}

// learn adds to what is known of the traders of a place and of its parent:
// those nearest to the keys are believed, so that nobody far away can talk
// them out.
func (t *Trader) learn(now market.Time, p *place, replicas []market.PeerID, above []market.Ref) {
	for _, id := range replicas {
		if !slices.Contains(p.replicas, id) {
			p.replicas = nearest(append(slices.Clone(p.replicas), id), p.region.Key(t.me.Params.Network), t.me.Params.Replicas, itself)
		}
	}
	if p.region.Depth == 0 || len(above) == 0 {
		return
	}
	if len(p.above) == 0 { // told, so that it need not be found
		p.lookAt = now.Mono + t.rng.Jitter(2*t.me.Params.Resettle)
	}
	for _, r := range above {
		t.learnAbove(p, r)
	}
}

// learnAbove reports whether the peer is now among the traders above.
func (t *Trader) learnAbove(p *place, r market.Ref) bool {
	if !slices.ContainsFunc(p.above, func(a market.Ref) bool { return a.Peer == r.Peer }) {
		p.above = nearest(append(slices.Clone(p.above), r), p.region.Parent().Key(t.me.Params.Network), t.me.Params.Replicas, peerOf)
		return slices.ContainsFunc(p.above, func(a market.Ref) bool { return a.Peer == r.Peer })
	}
	return false
}

func itself(p market.PeerID) market.PeerID { return p }
func peerOf(r market.Ref) market.PeerID    { return r.Peer }

// nearest sorts peers by their distance to a key and returns the first n.
func nearest[T any](peers []T, key market.Key, n int, id func(T) market.PeerID) []T {
	slices.SortStableFunc(peers, func(a, b T) int {
		x, y := market.Distance(id(a), key), market.Distance(id(b), key)
		return bytes.Compare(x[:], y[:])
	})
	return peers[:min(n, len(peers))]
}

// changed takes note that an offer went from old to new; either may be nil.
// Most changes do not touch the summary, and cost nothing more.
func (t *Trader) changed(now market.Time, p *place, old, new *market.Offer) {
	if old != nil && slices.Contains(p.summary.Peaks, point(old)) {
		p.dirty = true
	}
	if new != nil && p.summary.Add(point(new)) {
		p.dirty = true
	}
	t.recount(now, p)
	t.plan(now, p)
}

func point(o *market.Offer) market.Point { return market.Point{Free: o.Free, Class: o.Class} }

// recount splits a place that has too many offers in it and below, and ends
// its being split when few are left. It advertises the place early when it
// has grown or shrunk by much.
func (t *Trader) recount(now market.Time, p *place) {
	n := p.shelf.count()
	if change := max(n-p.told, p.told-n); change > 4+p.told/4 || n == 0 && p.told > 0 {
		p.advertiseAt = min(p.advertiseAt, now.Mono+firstWord)
	}
	switch below := p.childOffers(); {
	case n+below <= t.me.Params.SplitAt/2:
		p.split = false
	case below >= t.me.Params.SplitAt: // not n+below: an offer on its way back up is counted twice
		p.split = true
	}
}

// tickPlaces advertises each place to the traders of its parent, and to the
// other replicas of the place itself; it looks for the former from time to
// time.
func (t *Trader) tickPlaces(now market.Time, out *market.Outbox) {
	for i := len(t.places) - 1; i >= 0; i-- {
		p := &t.places[i]
		if now.Mono >= p.lookAt {
			t.refs++
			p.looking, p.lookAt = t.refs, now.Mono+t.rng.Jitter(2*t.me.Params.Resettle)
			out.Lookups = append(out.Lookups, market.Lookup{Ref: p.looking, Key: p.region.Parent().Key(t.me.Params.Network), N: t.me.Params.Replicas + len(p.lost)})
			t.lookAround(p, out)
		}
		if now.Mono >= p.advertiseAt {
			p.children = slices.DeleteFunc(p.children, func(c child) bool { return now.Mono-c.heard > t.childTTL() })
			region := p.region // p moves when a place is added
			t.advertise(now, p, out)
			t.tidy(region)
		} else if now.Mono >= p.newsAt {
			t.tellNews(now, p, out)
		}
	}
}

func (t *Trader) advertise(now market.Time, p *place, out *market.Outbox) {
	p.advertiseAt = now.Mono + t.rng.Jitter(2*t.me.Params.Refresh)/2 + t.me.Params.Refresh/2
	p.told = p.shelf.count()
	ad := t.advert(now, p)
	for _, id := range p.replicas {
		if id != t.me.Self {
			out.Send(market.Ref{Peer: id}, ad)
		}
	}
	var above []market.Ref
	for _, r := range p.above {
		if r.Peer == t.me.Self || !slices.Contains(p.replicas, r.Peer) {
			above = append(above, r)
		}
	}
	t.tellAbove(now, above, ad, out)
}

func (t *Trader) tellAbove(now market.Time, above []market.Ref, ad *market.AdvertiseOffersNeighbor, out *market.Outbox) {
	for _, r := range above {
		if r.Peer == t.me.Self {
			t.onAdvertise(now, t.here(), ad, out)
		} else {
			out.Send(r, ad)
		}
	}
}

// advert is what this peer tells of a place.
func (t *Trader) advert(now market.Time, p *place) *market.AdvertiseOffersNeighbor {
	t.summarize(p)
	t.spoke = max(t.spoke+1, now.Wall)
	p.said, p.saidAt, p.saidBy, p.newsAt = p.summary, now.Mono, t.spoke, market.Never
	p.said.Peaks = slices.Clone(p.summary.Peaks)
	return t.saying(p)
}

// saying is what was said of a place last.
func (t *Trader) saying(p *place) *market.AdvertiseOffersNeighbor {
	return &market.AdvertiseOffersNeighbor{Summary: p.said, At: t.here(), Said: p.saidBy}
}

// lookAround finds the other traders of a place that has offers only below:
// no supplier names them.
func (t *Trader) lookAround(p *place, out *market.Outbox) {
	if p.peering != 0 || slices.Contains(p.replicas, t.me.Self) {
		return
	}
	t.refs++
	p.peering = t.refs
	out.Lookups = append(out.Lookups, market.Lookup{Ref: p.peering, Key: p.region.Key(t.me.Params.Network), N: t.me.Params.Replicas})
}

// onFound learns who trades above, and tells them.
func (t *Trader) onFound(now market.Time, ev market.Found) {
	for i := range t.places {
		p := &t.places[i]
		if p.peering != 0 && p.peering == ev.Ref {
			p.peering = 0
			for _, r := range ev.Peers {
				t.learn(now, p, []market.PeerID{r.Peer}, nil)
			}
			return
		}
		if p.looking == 0 || p.looking != ev.Ref {
			continue
		}
		p.looking = 0
		if ev.Failed || len(ev.Peers) == 0 {
			t.lookSoon(now, p)
			return
		}
		p.lost = slices.DeleteFunc(p.lost, func(id market.PeerID) bool {
			return !slices.ContainsFunc(ev.Peers, func(r market.Ref) bool { return r.Peer == id })
		})
		p.above = slices.DeleteFunc(slices.Clone(ev.Peers), func(r market.Ref) bool { return slices.Contains(p.lost, r.Peer) })
		p.above = p.above[:min(len(p.above), t.me.Params.Replicas)]
		if len(p.lost) == 0 {
			p.pause = 0
		}
		p.advertiseAt = min(p.advertiseAt, now.Mono+t.rng.Jitter(2*firstWord))
	}
}

// onNear hands the offers of a place over to a peer that is nearer to its key
// than one of its replicas, and counts it among the traders above where it is
// nearer than one of those.
func (t *Trader) onNear(now market.Time, ev market.Near, out *market.Outbox) {
	if ev.Peer.Peer == t.me.Self {
		return
	}
	for i := range t.places {
		p := &t.places[i]
		p.lost = slices.DeleteFunc(p.lost, func(id market.PeerID) bool { return id == ev.Peer.Peer })
		if p.region.Depth > 0 && len(p.above) > 0 && t.learnAbove(p, ev.Peer) {
			p.advertiseAt = min(p.advertiseAt, now.Mono+t.rng.Jitter(2*firstWord))
		}
		known := slices.Contains(p.replicas, ev.Peer.Peer)
		if known && t.lacks(now, p, ev.Peer.Peer) || !known && t.wanted(now, p, ev.Peer.Peer) {
			t.handOver(now, p, ev.Peer, out)
		}
	}
}

// handOver gives a peer what is here, but not again while that may be under way.
func (t *Trader) handOver(now market.Time, p *place, to market.Ref, out *market.Outbox) {
	if p.shelf.count() == 0 || !p.give(now, to.Peer, t.me.Params.Refresh/2) {
		return
	}
	for i := range p.shelf.rest {
		p.handOne(&p.shelf.rest[i], to, out)
	}
	out.Note(market.NoteHandedOver, to.Peer, market.LeaseID{}, p.region.String())
}

func (p *place) handOne(h *held, to market.Ref, out *market.Outbox) {
	out.Send(to, &market.CreateOffer{Offer: h.offer, At: h.at(), Region: p.region, Replicas: p.replicas, Above: p.above})
}

// passOn tells a replica of an offer whose supplier does not name it, though it is
// there and nearer than one that it names: that one came after the supplier had
// looked, or what it was handed was lost. The nearest of those named does so.
func (t *Trader) passOn(now market.Time, p *place, h *held, named []market.PeerID, out *market.Outbox) {
	for _, id := range p.replicas {
		if len(named) < 2 || slices.Contains(named, id) || p.missing(now, id) || slices.Contains(p.thin, id) {
			continue // as nearly always
		}
		key := p.region.Key(t.me.Params.Network)
		first, furthest := slices.Contains(named, t.me.Self), len(named) >= t.me.Params.Replicas
		for _, n := range named {
			first = first && !market.Nearer(n, t.me.Self, key)
			furthest = furthest && market.Nearer(n, id, key)
		}
		if first && !furthest {
			p.handOne(h, market.Ref{Peer: id}, out)
		}
	}
}

// wanted reports whether a new peer belongs among the replicas of a place,
// and this peer, as the nearest that is there and holds about as much as any, is
// the one to tell it.
func (t *Trader) wanted(now market.Time, p *place, peer market.PeerID) bool {
	key := p.region.Key(t.me.Params.Network)
	further := len(p.replicas) < t.me.Params.Replicas
	for _, r := range p.replicas {
		if r != t.me.Self && !p.missing(now, r) && !slices.Contains(p.thin, r) && market.Nearer(r, t.me.Self, key) {
			return false
		}
		further = further || market.Nearer(peer, r, key)
	}
	return further
}

// doubt is what was lost on the way to a trader above, in a row.
type doubt struct {
	peer market.PeerID
	n    int
	at   time.Duration
}

// doubted counts a loss, and reports whether the peer may be there all the
// same: one message in a hundred may be lost, and a busy trader says many.
func (p *place) doubted(now market.Time, peer market.PeerID) (first, there bool) {
	p.doubts = slices.DeleteFunc(p.doubts, func(d doubt) bool { return now.Mono-d.at > doubtLasts })
	i := slices.IndexFunc(p.doubts, func(d doubt) bool { return d.peer == peer })
	if i < 0 {
		p.doubts = append(p.doubts, doubt{peer: peer, n: 1, at: now.Mono})
		return true, true
	}
	d := &p.doubts[i]
	if now.Mono-d.at < firstWord { // what was under way when the first one was lost
		return false, true
	}
	d.n, d.at = d.n+1, now.Mono
	return true, d.n < maxMissed
}

// trusted forgets what was lost on the way to a peer that has spoken.
func (p *place) trusted(peer market.PeerID) {
	p.doubts = slices.DeleteFunc(p.doubts, func(d doubt) bool { return d.peer == peer })
}

// lostAdvert tells a trader above again, and forgets a neighbour that cannot be
// reached.
func (t *Trader) lostAdvert(now market.Time, to market.PeerID, r market.Region, out *market.Outbox) {
	p := t.place(r)
	if p == nil {
		return
	}
	if i := slices.IndexFunc(p.above, func(a market.Ref) bool { return a.Peer == to }); i >= 0 {
		if first, there := p.doubted(now, to); there {
			if first {
				out.Send(p.above[i], t.saying(p))
			}
			return
		}
		p.trusted(to)
	}
	p.replicas = slices.DeleteFunc(slices.Clone(p.replicas), func(id market.PeerID) bool { return id == to })
	n := len(p.above)
	p.above = slices.DeleteFunc(slices.Clone(p.above), func(r market.Ref) bool { return r.Peer == to })
	if len(p.above) < n {
		if len(p.lost) >= maxLost {
			p.lost = slices.Delete(p.lost, 0, 1)
		}
		p.lost = append(p.lost, to)
		t.lookSoon(now, p)
	}
}

// lookSoon waits longer from time to time while those above are not reached.
func (t *Trader) lookSoon(now market.Time, p *place) {
	p.pause = min(max(lookRetry, 2*p.pause), t.me.Params.Resettle)
	p.lookAt = min(p.lookAt, now.Mono+p.pause)
}
