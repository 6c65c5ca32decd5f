package strategies

import (
	"fmt"
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
	"caravela/simulator"
)

// single is the idea of the 2018 ancestor on this overlay: a supplier puts one
// offer on one trader, under a random slot of the partition that its free
// resources fall into; a buyer looks random slots of the partitions up that
// could hold what it needs, from the tightest one on.
type single struct {
	place  market.Key // where the own offer is to be
	trader market.Ref
	lookup uint64
	again  time.Duration
	held   []held
}

type held struct {
	offer market.Offer
	until time.Duration
}

const (
	slots       = 256 // of a partition
	triesEach   = 2   // slots of a partition that a buyer looks up
	triesInAll  = 10
	singleTTL   = 35 * time.Minute
	singleAgain = 15 * time.Minute
)

// NewSingle makes a peer of the ancestor's kind.
func NewSingle(c discovery.Config) simulator.Participant {
	return newPeer(c, &single{again: market.Never})
}

// partition is a combination of resources, by powers of two, ascending.
type partition struct {
	class       market.CPUClass
	cpu, memory int
}

// partitionOf is the largest partition that free resources fill.
func partitionOf(class market.CPUClass, free market.Resources) (p partition, ok bool) {
	p.class = class
	for c := market.MilliCPU(1000); free.CPU >= 2*c && p.cpu < 3; c *= 2 {
		p.cpu++
	}
	for m := 256 * market.MiB; free.Memory >= 2*m && p.memory < 4; m *= 2 {
		p.memory++
	}
	return p, free.CPU >= 1000 && free.Memory >= 256*market.MiB
}

func (p partition) key(slot int) market.Key {
	return market.KeyOf(fmt.Sprintf("caravela/simulator/single/%d/%d/%d/%d", p.class, p.cpu, p.memory, slot))
}

// partitionsFor lists the partitions that may hold what fits, tightest first.
func partitionsFor(w *market.Want) (list []partition) {
	least, _ := partitionOf(w.Class, w.Need)
	for class := w.Class; class <= 2; class++ {
		for cpu := least.cpu; cpu <= 3; cpu++ {
			for memory := least.memory; memory <= 4; memory++ {
				list = append(list, partition{class, cpu, memory})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b partition) int { return a.cpu + a.memory - b.cpu - b.memory })
	return list
}

func (s *single) changed(p *peer, now market.Time, out *market.Outbox) {
	if !s.trader.Peer.IsZero() {
		out.Send(s.trader, &market.RemoveOffer{Seq: p.refs})
		s.trader = market.Ref{}
	}
	at, ok := partitionOf(p.stock.Class, p.Free())
	s.again = market.Never
	if !ok || !p.sells {
		s.lookup = 0
		return
	}
	s.place = at.key(p.rng.IntN(slots))
	p.refs++
	s.lookup = 2<<60 | p.refs
	out.Lookups = append(out.Lookups, market.Lookup{Ref: s.lookup, Key: s.place, N: 1})
}

func (s *single) refused(*peer, market.Time, *market.Outbox) {}

func (s *single) found(p *peer, now market.Time, ev market.Found, out *market.Outbox) {
	if ev.Ref == s.lookup && s.lookup != 0 {
		s.lookup = 0
		if len(ev.Peers) > 0 {
			s.trader = ev.Peers[0]
			s.publish(p, now, out)
		}
		return
	}
	r := p.looking(ev.Ref)
	switch {
	case r == nil:
	case len(ev.Peers) == 0:
		p.failed(now, r, out)
		p.sweep()
	default:
		r.lookup = 0
		p.question(now, r, ev.Peers[0], market.RootRegion(r.Want.Platform), 4, out)
	}
}

func (s *single) publish(p *peer, now market.Time, out *market.Outbox) {
	s.again = now.Mono + singleAgain
	out.Send(s.trader, &market.CreateOffer{Offer: p.offer()})
}

func (s *single) search(p *peer, now market.Time, r *request, out *market.Outbox) {
	if len(r.ask) > 0 {
		to := r.ask[0]
		r.ask = r.ask[1:]
		p.launch(now, r, to, out)
		return
	}
	list := partitionsFor(&r.Want)
	i := r.rounds / triesEach
	if r.rounds++; r.rounds > triesInAll || i >= len(list) {
		p.giveUp(r, out)
		return
	}
	p.find(now, r, list[i].key(p.rng.IntN(slots)), 1, out)
}

func (s *single) receive(p *peer, now market.Time, from market.Ref, m market.Message, out *market.Outbox) {
	switch m := m.(type) {
	case *market.CreateOffer:
		s.drop(func(h held) bool { return h.offer.Supplier == from.Peer || h.until <= now.Mono })
		s.held = append(s.held, held{m.Offer.Offer, now.Mono + singleTTL})
	case *market.RemoveOffer:
		s.drop(func(h held) bool { return h.offer.Supplier == from.Peer })
	case *market.GetOffers:
		out.Send(from, s.answer(now, m))
	case *market.Offers:
		r := p.asking(m.Ref)
		if r == nil {
			return
		}
		r.ask = r.ask[:0]
		for _, o := range m.Offers {
			if !slices.Contains(r.tried, o.Offer.Supplier) {
				r.ask = append(r.ask, market.Ref{Peer: o.Offer.Supplier})
			}
		}
		p.failed(now, r, out)
	}
}

func (s *single) answer(now market.Time, m *market.GetOffers) *market.Offers {
	a := &market.Offers{Ref: m.Ref, Region: m.Region}
	for i := range s.held {
		if h := &s.held[i]; h.until > now.Mono && len(a.Offers) < m.Max && a.Tally.Look(&m.Want, &h.offer) {
			a.Offers = append(a.Offers, market.OfferAt{Offer: &market.SignedOffer{Offer: h.offer}})
		}
	}
	return a
}

func (s *single) drop(is func(held) bool) { s.held = slices.DeleteFunc(s.held, is) }

func (s *single) tick(p *peer, now market.Time, out *market.Outbox) { s.publish(p, now, out) }
func (s *single) due() time.Duration                                { return s.again }
