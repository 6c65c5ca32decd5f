package strategies

import (
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
	"caravela/simulator"
)

// central has one node know everything: the one nearest to a key that all
// know. Suppliers tell it of every change, buyers ask it where to go, and it
// takes what it gives out off its books at once. Its messages are paid for
// like all others; its memory and its death are not. A buyer that it turns
// away may count as missed: what was promised to another is free until that
// one's launch arrives.
type central struct {
	master market.Ref
	lookup uint64
	retry  time.Duration
	books  index
}

const (
	masterKey   = "caravela/simulator/central"
	masterRetry = 10 * time.Second
	retell      = 10 * time.Minute // what was given out and lost on the way comes back into the books
)

// NewCentral makes a peer that is ruled by a central scheduler.
func NewCentral(c discovery.Config) simulator.Participant {
	return newPeer(c, &central{retry: market.Never})
}

func (c *central) changed(p *peer, now market.Time, out *market.Outbox) {
	if c.master.Peer.IsZero() {
		c.seek(p, out)
		return
	}
	if !p.sells {
		out.Send(c.master, &market.RemoveOffer{Seq: p.refs})
		return
	}
	c.retry = now.Mono + retell/2 + p.rng.Jitter(retell)
	out.Send(c.master, &market.UpdateOffer{Offer: p.offer()})
}

// refused puts the books right: they hold what was given out and not taken.
func (c *central) refused(p *peer, now market.Time, out *market.Outbox) { c.changed(p, now, out) }

func (c *central) seek(p *peer, out *market.Outbox) {
	if c.lookup == 0 {
		p.refs++
		c.lookup, c.retry = 2<<60|p.refs, market.Never // not on the account of a request
		out.Lookups = append(out.Lookups, market.Lookup{Ref: c.lookup, Key: market.KeyOf(masterKey), N: 1})
	}
}

func (c *central) search(p *peer, now market.Time, r *request, out *market.Outbox) {
	if c.master.Peer.IsZero() {
		r.until = now.Mono + masterRetry
		c.seek(p, out)
		return
	}
	if r.rounds++; r.rounds > 8 {
		p.giveUp(r, out)
		return
	}
	r.Want.Exclude = r.tried
	p.question(now, r, c.master, market.RootRegion(r.Want.Platform), 1, out)
}

func (c *central) found(p *peer, now market.Time, ev market.Found, out *market.Outbox) {
	if ev.Ref != c.lookup {
		return
	}
	c.lookup = 0
	if len(ev.Peers) == 0 {
		c.retry = now.Mono + masterRetry
		return
	}
	c.master = ev.Peers[0]
	if p.sells {
		c.changed(p, now, out)
	}
}

func (c *central) receive(p *peer, now market.Time, from market.Ref, m market.Message, out *market.Outbox) {
	switch m := m.(type) {
	case *market.UpdateOffer:
		c.books.put(m.Offer.Offer)
	case *market.RemoveOffer:
		c.books.remove(from.Peer)
	case *market.GetOffers:
		a := &market.Offers{Ref: m.Ref, Region: m.Region}
		if o, ok := c.books.best(&m.Want); ok {
			a.Offers = []market.OfferAt{{Offer: &market.SignedOffer{Offer: o}}}
			o.Free = o.Free.Sub(m.Want.Need)
			c.books.put(o)
		}
		out.Send(from, a)
	case *market.Offers:
		r := p.asking(m.Ref)
		switch {
		case r == nil:
		case len(m.Offers) == 0:
			p.giveUp(r, out)
		case slices.Contains(r.tried, m.Offers[0].Offer.Supplier):
			p.failed(now, r, out)
		default:
			r.asked = 0
			p.launch(now, r, market.Ref{Peer: m.Offers[0].Offer.Supplier}, out)
		}
	}
}

func (c *central) tick(p *peer, now market.Time, out *market.Outbox) {
	c.retry = market.Never
	c.changed(p, now, out)
}

func (c *central) due() time.Duration { return c.retry }
