package strategies

import (
	"encoding/binary"
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
	"caravela/simulator"
)

// random probes: a buyer looks a random key up and asks the nodes near it,
// one after another, what they have themselves. Nobody publishes anything.
type random struct{}

// probes is how many nodes are asked before a request is given up.
const probes = 16

// NewRandom makes a peer that buys by random probing.
func NewRandom(c discovery.Config) simulator.Participant { return newPeer(c, random{}) }

func (random) changed(*peer, market.Time, *market.Outbox) {}

func (random) refused(*peer, market.Time, *market.Outbox) {}

func (random) search(p *peer, now market.Time, r *request, out *market.Outbox) {
	if r.rounds == 0 {
		r.rounds++
		var key market.Key
		for i := 0; i < len(key); i += 8 {
			binary.BigEndian.PutUint64(key[i:], p.rng.Uint64())
		}
		p.find(now, r, key, probes, out)
		return
	}
	if len(r.ask) == 0 {
		p.giveUp(r, out)
		return
	}
	to := r.ask[0]
	r.ask = r.ask[1:]
	p.question(now, r, to, market.RootRegion(r.Want.Platform), 1, out)
}

func (random) found(p *peer, now market.Time, ev market.Found, out *market.Outbox) {
	r := p.looking(ev.Ref)
	if r == nil {
		return
	}
	r.ask = slices.DeleteFunc(slices.Clone(ev.Peers), func(x market.Ref) bool { return slices.Contains(r.tried, x.Peer) })
	p.failed(now, r, out)
	p.sweep()
}

func (random) receive(p *peer, now market.Time, from market.Ref, m market.Message, out *market.Outbox) {
	switch m := m.(type) {
	case *market.GetOffers:
		a := &market.Offers{Ref: m.Ref, Region: m.Region}
		if o := p.offer(); p.sells && a.Tally.Look(&m.Want, &o.Offer) {
			a.Offers = []market.OfferAt{{Offer: o}}
		}
		out.Send(from, a)
	case *market.Offers:
		r := p.asking(m.Ref)
		switch {
		case r == nil:
		case len(m.Offers) > 0 && !slices.Contains(r.tried, from.Peer):
			r.asked = 0
			p.launch(now, r, from, out)
		default:
			p.failed(now, r, out)
		}
	}
}

func (random) tick(*peer, market.Time, *market.Outbox) {}
func (random) due() time.Duration                      { return market.Never }
