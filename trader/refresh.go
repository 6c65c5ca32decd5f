package trader

import (
	"slices"

	"caravela/market"
)

// onTick asks, expires and advertises.
func (t *Trader) onTick(now market.Time, out *market.Outbox) {
	for i := len(t.held) - 1; i >= 0; i-- {
		h := &t.held[i]
		switch {
		case now.Mono >= h.expires:
			t.drop(now, i, market.NoteOfferExpired, out)
		case now.Mono < h.refreshAt:
		case h.asked && h.missed+1 >= maxMissed:
			t.drop(now, i, market.NoteOfferExpired, out)
		default:
			t.ask(now, h, out)
		}
	}
	t.tombs = slices.DeleteFunc(t.tombs, func(b tomb) bool { return now.Mono >= b.until })
	t.tickPulls(now, out)
	t.tickPlaces(now, out)
}

// ask sends the audit: are you there, and is this still your offer?
func (t *Trader) ask(now market.Time, h *held, out *market.Outbox) {
	if h.asked {
		h.missed++
	}
	h.asked, h.refreshAt = true, now.Mono+ackTimeout
	out.Send(market.Ref{Peer: h.offer.Supplier, Addrs: h.addrs},
		&market.RefreshOffer{Seq: h.offer.Seq, Region: h.region, Code: t.advice(now, h.region), Depth: t.depth(h.region, h.offer.Supplier)})
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
	i, known := t.find(m.Region, from.Peer)
	if !known {
		return
	}
	h := &t.held[i]
	switch {
	case m.Offer == nil:
		t.bury(now, m.Region, from.Peer, h.offer.Seq) // other replicas may still have it
		t.drop(now, i, market.NoteOfferRemoved, out)
	case m.Offer.Supplier != from.Peer || m.Offer.Network != t.network || !m.Region.Contains(&m.Offer.Offer):
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "refresh with another offer")
		t.drop(now, i, market.NoteOfferRemoved, out)
	case m.Offer.Seq >= h.offer.Seq:
		t.store(now, from, &market.CreateOffer{Offer: m.Offer, At: m.At, Region: m.Region}, out)
		h.refreshAt = now.Mono + t.rng.Jitter(2*t.params.Refresh)/2 + t.params.Refresh/2
	}
}

// onUndelivered asks a supplier again soon: it may be dead. A neighbour is
// forgotten.
func (t *Trader) onUndelivered(now market.Time, ev market.Undelivered, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.RefreshOffer:
		if i, known := t.find(m.Region, ev.To); known {
			t.held[i].refreshAt = now.Mono + missRetry
		}
	case *market.AdvertiseOffersNeighbor:
		t.lostAdvert(now, ev.To, m.Summary.Region)
	case *market.GetOffers:
		t.lostPull(now, m.Ref, out)
	}
}

// onGone asks after the offers of a peer whose connection broke.
func (t *Trader) onGone(now market.Time, peer market.PeerID) {
	for i := range t.held {
		if h := &t.held[i]; h.offer.Supplier == peer && !h.asked {
			h.refreshAt = min(h.refreshAt, now.Mono+t.rng.Jitter(goneRetry))
		}
	}
}
