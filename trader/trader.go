package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// Waiting times and bounds that are nobody else's concern.
const (
	goneRetry  = 2 * time.Second  // before asking after an offer whose supplier's connection broke
	missRetry  = 5 * time.Second  // between questions to a silent supplier
	ackTimeout = 4 * time.Second  // for a RefreshAck
	maxLate    = time.Minute      // of a neighbour's word; beyond, its clock was set back
	maxMissed  = 3                // unanswered questions before an offer is dropped
	maxSkew    = 2 * time.Minute  // between a supplier's clock and ours
	firstWord  = time.Second      // before a new place is advertised
	lookRetry  = 3 * time.Second  // before the traders above are looked for again
	maxTombs   = 1024             // tombstones
	sameTombs  = 8                // tombstones of one supplier
	maxPlaces  = 64               // regions that one peer trades in
	maxChilds  = 256              // advertised regions below one place
	sameChild  = 6                // traders believed for one child: the nearest to its key, some of which may be dead
	doubtLasts = 20 * time.Second // between losses on the way to one peer that count together
	hinted     = 3                // of them that a hint names
	maxLost    = 8                // traders above that are left out of lookups' answers
	loadFactor = 4                // offers in all, in units of Params.SplitAt

	few         = 2                           // offers that fit, below which they are promised
	promiseTime = 700 * time.Millisecond      // long enough for a lease and the update after it
	newsDelay   = 20 * time.Millisecond       // what is gone again by then is no news
	newsPause   = 50 * time.Millisecond       // between two advertisements of news
	lossPause   = 2 * time.Second             // the same, of a large region, where nothing new is free
	secondPause = 8 * time.Second             // the same, for the second replica
	thirdPause  = 24 * time.Second            // and for all others
	eager       = 6 * time.Second             // between two words of one that speaks first
	wordLasts   = secondPause + 5*time.Second // for which the nearest trader's word counts
	freshView   = 120 * time.Millisecond      // age of the view from above at which it is fetched again
	largeView   = 250 * time.Millisecond      // the same, of a large region: all of them ask the root
	pullTimeout = 1200 * time.Millisecond     // for the view from above
	maxWaiting  = 64                          // searches that wait for one view
)

// Trader is the role that keeps offers.
//
// It accepts Supply (for this peer's addresses), Tick, Near, Gone, Found,
// Leave, Undelivered, and Received with CreateOffer, UpdateOffer, RefreshAck,
// RemoveOffer, GetOffers, Offers, AdvertiseOffersNeighbor and Goodbye. It
// emits Sends, Lookups and Notes, and saves nothing: offers are soft state
// that suppliers bring again. It asks after each offer every Params.Refresh
// and drops one whose supplier misses three questions.
type Trader struct {
	me    *market.Party
	rng   market.Rand
	refs  uint64
	on    bool
	spoke market.Wall   // when anything was advertised last
	stock *market.Stock // what this peer itself sells; nil = not told yet

	places []place // sorted by region
	tombs  []tomb
}

type tomb struct {
	supplier market.PeerID
	region   market.Region
	seq      uint64
	until    time.Duration
}

// New returns a trader; one that is off refuses every offer.
func New(me *market.Party, on bool, seed, refs uint64) Trader {
	return Trader{me: me, rng: market.Rand(seed), refs: refs, on: on}
}

// here is where this peer can be dialled.
func (t *Trader) here() market.Ref {
	at := market.Ref{Peer: t.me.Self}
	if t.stock != nil {
		at.Addrs = t.stock.Addrs
	}
	return at
}

// Step implements market.Machine.
func (t *Trader) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Supply:
		t.stock = ev.Stock
	case market.Leave:
		t.onLeave(out)
	case market.Found:
		t.onFound(now, ev)
	case market.Tick:
		t.onTick(now, out)
	case market.Near:
		t.onNear(now, ev, out)
	case market.Gone:
		t.onGone(now, ev.Peer)
	case market.Undelivered:
		t.onUndelivered(now, ev, out)
	case market.Received:
		t.onReceived(now, ev, out)
	}
}

func (t *Trader) onReceived(now market.Time, ev market.Received, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.CreateOffer:
		t.onCreate(now, ev.From, m, true, out)
	case *market.UpdateOffer: // that it arrived is answer enough
		t.onCreate(now, ev.From, &market.CreateOffer{Offer: m.Offer, At: m.At, Region: m.Region, Replicas: m.Replicas}, false, out)
	case *market.RefreshAck:
		t.onRefreshAck(now, ev.From, m, out)
	case *market.RemoveOffer:
		t.onRemove(now, ev.From, m, out)
	case *market.GetOffers:
		t.onGetOffers(now, ev.From, m, out)
	case *market.Offers:
		t.onOffers(now, ev.From, m, out)
	case *market.AdvertiseOffersNeighbor:
		t.onAdvertise(now, ev.From, m, out)
	case *market.Goodbye:
		t.onGone(now, ev.From.Peer)
	}
}

// Enable switches the role on or off; switched off it forgets everything.
func (t *Trader) Enable(on bool) {
	if t.on = on; !on {
		t.places, t.tombs = nil, nil
	}
}

// onLeave tells the suppliers to look for another trader.
func (t *Trader) onLeave(out *market.Outbox) {
	var told []market.PeerID
	for h := range t.all() {
		if j, known := slices.BinarySearchFunc(told, h.offer.Supplier, market.PeerID.Compare); !known {
			told = slices.Insert(told, j, h.offer.Supplier)
			out.Send(h.at(), &market.Goodbye{})
		}
	}
	t.Enable(false)
}

// onCreate stores an offer, from its supplier or from another trader.
func (t *Trader) onCreate(now market.Time, from market.Ref, m *market.CreateOffer, answer bool, out *market.Outbox) {
	o := &m.Offer.Offer
	code, seq := t.accept(now, from, m)
	switch {
	case code == market.AckStored:
		t.store(now, from, m, out)
	case from.Peer != o.Supplier:
		return // a hand-over is not answered
	default:
		answer = true
	}
	if answer {
		out.Send(from, &market.OfferAck{Seq: seq, Region: m.Region, Code: code, Depth: t.depth(m.Region, o.Supplier)})
	}
}

func (t *Trader) accept(now market.Time, from market.Ref, m *market.CreateOffer) (market.AckCode, uint64) {
	o := &m.Offer.Offer
	handed := from.Peer != o.Supplier
	left := o.ValidUntil.Sub(now.Wall)
	h := t.find(m.Region, o.Supplier)
	switch {
	case !t.on || o.Network != t.me.Params.Network || !m.Region.Contains(o):
		return market.AckRefused, o.Seq
	case handed && left <= 0, left < -maxSkew, left > t.me.Params.OfferTTL+maxSkew:
		return market.AckRefused, o.Seq // lapsed, or by a clock that nobody shares
	case h != nil && h.offer.Seq > o.Seq:
		return market.AckStale, h.offer.Seq
	case h != nil:
		return market.AckStored, o.Seq
	}
	if b := t.tomb(m.Region, o.Supplier); b != nil && b.seq >= o.Seq {
		return market.AckStale, b.seq
	}
	if t.total() >= loadFactor*t.me.Params.SplitAt {
		return market.AckFull, o.Seq
	}
	if p := t.place(m.Region); p != nil && p.split {
		return market.AckSplit, o.Seq
	}
	if j := t.placeIndex(m.Region); j < 0 && len(t.places) >= maxPlaces {
		return market.AckFull, o.Seq
	}
	if t.count(m.Region) >= t.me.Params.SplitAt && m.Region.Depth < market.MaxDepth {
		t.mustPlace(now, m.Region).split = true
		return market.AckSplit, o.Seq
	}
	return market.AckStored, o.Seq
}

func (t *Trader) store(now market.Time, from market.Ref, m *market.CreateOffer, out *market.Outbox) {
	o := m.Offer
	var first time.Duration
	if t.find(m.Region, o.Supplier) == nil {
		first = now.Mono + t.rng.Jitter(t.me.Params.Refresh)
		out.Note(market.NoteOfferStored, o.Supplier, market.LeaseID{}, m.Region.String())
	}
	p := t.mustPlace(now, m.Region)
	i, known := p.shelf.find(o.Supplier)
	if !known {
		p.shelf.insert(i, held{refreshAt: first})
	}
	h := &p.shelf.rest[i]
	old := h.offer
	p.shelf.set(i, o)
	h.heard = now.Mono
	h.expires = now.Mono + t.me.Params.OfferTTL
	if from.Peer != o.Supplier { // else it speaks for itself, whatever the clocks say
		h.expires = now.Mono + min(t.me.Params.OfferTTL, max(0, o.ValidUntil.Sub(now.Wall))+maxSkew)
	}
	if m.At.Peer == o.Supplier && len(m.At.Addrs) > 0 {
		h.addrs = new(m.At.Addrs)
	}
	if from.Peer == o.Supplier {
		h.missed, h.asked = 0, false
	} else if !known { // handed over: hear it from the supplier itself
		h.refreshAt = now.Mono
	}
	p.shelf.redated(i)
	t.learn(now, p, m.Replicas, m.Above)
	if from.Peer == o.Supplier {
		p.leftOut(now, t.me.Self, o.Supplier, m.Replicas)
		if old == nil || old.Seq != o.Seq {
			t.passOn(now, p, h, m.Replicas, out)
		}
	}
	switch {
	case old == nil:
		t.changed(now, p, nil, &o.Offer)
	case old.Free != o.Free || old.Class != o.Class:
		t.changed(now, p, &old.Offer, &o.Offer)
	}
	if old == nil || old.Seq != o.Seq {
		t.settled(now, p, o.Supplier, out)
	}
}

func (t *Trader) onRemove(now market.Time, from market.Ref, m *market.RemoveOffer, out *market.Outbox) {
	if !t.on {
		return
	}
	t.bury(now, m.Region, from.Peer, m.Seq)
	if h := t.find(m.Region, from.Peer); h != nil && h.offer.Seq <= m.Seq {
		t.drop(now, m.Region, from.Peer, market.NoteOfferRemoved, out)
	}
}

// bury remembers that offers up to seq are withdrawn, also those that are
// still on their way. A supplier that buries much loses its own oldest stones.
func (t *Trader) bury(now market.Time, r market.Region, supplier market.PeerID, seq uint64) {
	until := now.Mono + t.me.Params.OfferTTL
	if b := t.tomb(r, supplier); b != nil {
		b.seq, b.until = max(b.seq, seq), until
		return
	}
	first, same := 0, 0
	for i := len(t.tombs) - 1; i >= 0; i-- {
		if t.tombs[i].supplier == supplier {
			first, same = i, same+1
		}
	}
	if same >= sameTombs {
		t.tombs = slices.Delete(t.tombs, first, first+1)
	} else if len(t.tombs) >= maxTombs {
		t.tombs = slices.Delete(t.tombs, 0, 1)
	}
	t.tombs = append(t.tombs, tomb{supplier, r, seq, until})
}

// drop forgets an offer. When it was the last one the neighbours hear so
// before the place is forgotten, too.
func (t *Trader) drop(now market.Time, r market.Region, supplier market.PeerID, why market.NoteKind, out *market.Outbox) {
	p := t.place(r)
	if i, known := p.shelf.find(supplier); known {
		t.dropAt(now, p, i, why, out)
	}
	t.tidy(r)
}

// dropAt keeps the place, for the sake of those who walk through it.
func (t *Trader) dropAt(now market.Time, p *place, i int, why market.NoteKind, out *market.Outbox) {
	o := &p.shelf.rest[i].offer.Offer
	p.shelf.remove(i)
	out.Note(why, o.Supplier, market.LeaseID{}, p.region.String())
	t.changed(now, p, o, nil)
	t.settled(now, p, o.Supplier, out)
}

// tidy forgets a place without offers or children that was advertised so.
func (t *Trader) tidy(r market.Region) {
	if j := t.placeIndex(r); j >= 0 && t.places[j].told == 0 && t.count(r) == 0 && len(t.places[j].children) == 0 {
		t.places = slices.Delete(t.places, j, j+1)
	}
}

// Deadline implements market.Machine.
func (t *Trader) Deadline() time.Duration {
	d := market.Never
	for i := range t.places {
		p := &t.places[i]
		d = min(d, p.shelf.due(), p.advertiseAt, p.lookAt, p.newsAt, p.pullDeadline(), p.promiseDeadline())
	}
	return d
}

// Holding is one offer that this peer keeps, for people to look at.
type Holding struct {
	Region   market.Region
	Offer    *market.SignedOffer
	Addrs    []string
	LastSeen time.Duration // monotonic
}

// Held lists the offers that this peer keeps.
func (t *Trader) Held() []Holding {
	list := make([]Holding, 0, t.total())
	for i := range t.places {
		p := &t.places[i]
		for j := range p.shelf.rest {
			h := &p.shelf.rest[j]
			list = append(list, Holding{p.region, h.offer, h.at().Addrs, h.heard})
		}
	}
	return list
}

// find returns a supplier's offer in a region, or nil.
func (t *Trader) find(r market.Region, supplier market.PeerID) *held {
	if p := t.place(r); p != nil {
		if i, known := p.shelf.find(supplier); known {
			return &p.shelf.rest[i]
		}
	}
	return nil
}

// all yields the offers of all regions.
func (t *Trader) all() func(func(*held) bool) {
	return func(yield func(*held) bool) {
		for i := range t.places {
			for j := range t.places[i].shelf.rest {
				if !yield(&t.places[i].shelf.rest[j]) {
					return
				}
			}
		}
	}
}

// count is the number of offers held in a region.
func (t *Trader) count(r market.Region) int {
	if p := t.place(r); p != nil {
		return p.shelf.count()
	}
	return 0
}

// total is the number of offers held.
func (t *Trader) total() (n int) {
	for i := range t.places {
		n += t.places[i].shelf.count()
	}
	return n
}

func (t *Trader) tomb(r market.Region, p market.PeerID) *tomb {
	for i := range t.tombs {
		if t.tombs[i].supplier == p && t.tombs[i].region == r {
			return &t.tombs[i]
		}
	}
	return nil
}
