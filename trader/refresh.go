package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// onTick asks, expires and advertises.
func (t *Trader) onTick(now market.Time, out *market.Outbox) {
	for i := len(t.places) - 1; i >= 0; i-- {
		t.tickShelf(now, &t.places[i], out)
		t.tidy(t.places[i].region)
	}
	if t.tombs = slices.DeleteFunc(t.tombs, func(b tomb) bool { return now.Mono >= b.until }); len(t.tombs) == 0 {
		t.tombs = nil
	}
	t.tickPulls(now, out)
	t.tickPromises(now, out)
	t.tickPlaces(now, out)
}

func (t *Trader) tickShelf(now market.Time, p *place, out *market.Outbox) {
	s := &p.shelf
	for i := s.dueBefore(now.Mono, s.count()); i >= 0; i = s.dueBefore(now.Mono, i) {
		switch h := &s.rest[i]; {
		case now.Mono >= h.expires, h.asked && h.missed+1 >= maxMissed:
			t.dropAt(now, p, i, market.NoteOfferExpired, out)
		default:
			t.ask(now, p, h, out)
			s.redated(i)
		}
	}
}

// ask sends the audit: are you there, and is this still your offer?
func (t *Trader) ask(now market.Time, p *place, h *held, out *market.Outbox) {
	if h.asked {
		h.missed++
	}
	h.asked, h.refreshAt = true, now.Mono+ackTimeout
	out.Send(h.at(),
		&market.RefreshOffer{Seq: h.offer.Seq, Region: p.region, Code: t.advice(now, p.region), Depth: t.depth(p.region, h.offer.Supplier)})
}

// advice sends a supplier to another region when this one has too many
// offers, or too few. The gap between the two bounds stops flapping.
func (t *Trader) advice(now market.Time, r market.Region) market.AckCode {
	switch p := t.place(r); {
	case p == nil:
	case p.split:
		return market.AckSplit
	case p.mergeUntil > now.Mono:
		return market.AckMerge
	}
	return market.AckStored
}

// depth is how deep below a split region a supplier's offer belongs.
func (t *Trader) depth(r market.Region, supplier market.PeerID) uint8 {
	p := t.place(r)
	if p == nil || !p.split {
		return r.Depth
	}
	below, deepest := r.Child(supplier), uint8(0)
	for c := range p.believed() {
		if c.summary.Region == below {
			deepest = c.summary.Deeper
		}
	}
	return min(below.Depth+deepest, market.MaxDepth)
}

func (t *Trader) onRefreshAck(now market.Time, from market.Ref, m *market.RefreshAck, out *market.Outbox) {
	h := t.find(m.Region, from.Peer)
	switch {
	case h == nil:
	case m.Offer == nil:
		t.bury(now, m.Region, from.Peer, h.offer.Seq) // other replicas may still have it
		t.drop(now, m.Region, from.Peer, market.NoteOfferRemoved, out)
	case m.Offer.Supplier != from.Peer || m.Offer.Network != t.me.Params.Network || !m.Region.Contains(&m.Offer.Offer):
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "refresh with another offer")
		t.drop(now, m.Region, from.Peer, market.NoteOfferRemoved, out)
	case m.Offer.Seq >= h.offer.Seq:
		t.store(now, from, &market.CreateOffer{Offer: m.Offer, At: m.At, Region: m.Region}, out)
		t.askAt(m.Region, from.Peer, now.Mono+t.rng.Jitter(2*t.me.Params.Refresh)/2+t.me.Params.Refresh/2)
	}
}

// askAt sets when a supplier is asked next.
func (t *Trader) askAt(r market.Region, supplier market.PeerID, at time.Duration) {
	if p := t.place(r); p != nil {
		if i, known := p.shelf.find(supplier); known {
			p.shelf.rest[i].refreshAt = at
			p.shelf.redated(i)
		}
	}
}

// excuse does not count a question: the supplier is there.
func (t *Trader) excuse(r market.Region, supplier market.PeerID) {
	if p := t.place(r); p != nil {
		if i, known := p.shelf.find(supplier); known {
			p.shelf.rest[i].asked = false
		}
	}
}

// onUndelivered asks a supplier again soon: it may be dead. A neighbour is
// forgotten.
func (t *Trader) onUndelivered(now market.Time, ev market.Undelivered, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.RefreshOffer:
		t.askAt(m.Region, ev.To, now.Mono+missRetry)
		if ev.Busy {
			t.excuse(m.Region, ev.To)
		}
	case *market.AdvertiseOffersNeighbor:
		t.lostAdvert(now, ev.To, m.Summary.Region, out)
	case *market.GetOffers:
		t.lostPull(now, m.Ref, out)
	}
}

// onGone asks after the offers of a peer whose connection broke.
func (t *Trader) onGone(now market.Time, peer market.PeerID) {
	for i := range t.places {
		s := &t.places[i].shelf
		if j, known := s.find(peer); known && !s.rest[j].asked {
			s.rest[j].refreshAt = min(s.rest[j].refreshAt, now.Mono+t.rng.Jitter(goneRetry))
			s.redated(j)
		}
	}
}
