package supplier

import (
	"slices"
	"time"

	"caravela/market"
)

// past is where the offer was before, and who did not want it. Few peers have
// any of it for long.
type past struct {
	above    []market.Ref // traders of the parent region, where we came from
	known    []place      // traders of regions where the offer was
	shunned  []shun
	farewell []farewell
	home     *market.Home // where the offer was in an earlier life; nil once it has a region
}

// before is the past, for reading.
func (p *publication) before() past {
	if p.past == nil {
		return past{}
	}
	return *p.past
}

// recall is the past, for writing.
func (p *publication) recall() *past {
	if p.past == nil {
		p.past = &past{}
	}
	return p.past
}

// settlePast forgets a past of which nothing is left.
func (p *publication) settlePast() {
	if b := p.past; b != nil && len(b.above)+len(b.known)+len(b.shunned)+len(b.farewell) == 0 && b.home == nil {
		p.past = nil
	}
}

// place is a region's traders as they were at a time.
type place struct {
	region   market.Region
	traders  []market.Ref
	learntAt time.Duration
}

// farewell is a region that the offer has left. Its traders keep the offer
// until those of the new region have been heard of above: meanwhile a search
// finds it here.
type farewell struct {
	region  market.Region
	traders []market.Ref
	at      time.Duration
}

// redirect follows the word of two traders that the offer does not belong
// there: one alone may lie. One that does not want it is replaced.
func (s *Supplier) redirect(now market.Time, i int, out *market.Outbox) {
	p := &s.pub
	code := p.contacts[i].says
	if code != market.AckSplit && code != market.AckMerge {
		s.shun(now, i) // full, or not willing
		return
	}
	here := make([]market.Ref, 0, len(p.contacts))
	votes, depth := 0, uint8(market.MaxDepth)
	for j := range p.contacts {
		c := &p.contacts[j]
		here = append(here, c.ref())
		if c.says == code {
			votes, depth = votes+1, min(depth, max(c.depth, p.region.Depth+1))
		}
	}
	to, above := p.region.At(depth, s.me.Self), here
	if code == market.AckMerge {
		to, above = p.region.Parent(), nil
	} else if depth > p.region.Depth+1 {
		above = nil
	}
	if votes < min(2, len(p.contacts)) || to == p.region {
		return
	}
	s.sign(now, out) // the number that the old region forgets must not be the newest
	p.pushed = p.seq
	s.move(now, to, above, out)
}

// move leaves the old region's traders and looks for those of the new one.
func (s *Supplier) move(now market.Time, to market.Region, above []market.Ref, out *market.Outbox) {
	p := &s.pub
	if kept := s.remember(); above != nil && kept != nil {
		above = kept // the same peers: one list will do
	}
	s.leave(now, to, out)
	if p.past != nil || len(above) > 0 {
		p.recall().above = above
	}
	p.region, p.contacts, p.looking, p.pause, p.foundAt, p.probing = to, nil, 0, 0, 0, false
	known := p.before().known
	i := slices.IndexFunc(known, func(k place) bool { return k.region == to })
	if i >= 0 && now.Mono < known[i].learntAt+s.me.Params.Resettle {
		s.adopt(known[i].traders)
		p.foundAt = known[i].learntAt
		p.lookAt = p.foundAt + s.me.Params.Resettle
		return
	}
	s.look(now, out)
}

// remember keeps the traders of the present region for a return, if a lookup
// has found them. The list that it returns must not be changed.
func (s *Supplier) remember() []market.Ref {
	p := &s.pub
	if p.past != nil {
		p.past.known = slices.DeleteFunc(p.past.known, func(k place) bool { return k.region == p.region })
	}
	if p.foundAt == 0 || len(p.contacts) == 0 {
		return nil
	}
	b := p.recall()
	if len(b.known) == maxKnown {
		b.known = slices.Delete(b.known, 0, 1)
	}
	refs := make([]market.Ref, 0, len(p.contacts))
	for i := range p.contacts {
		refs = append(refs, p.contacts[i].ref())
	}
	b.known = append(b.known, place{p.region, refs, p.foundAt})
	return refs
}

// leave has the old traders forget the offer: at once when it says more than
// is free now, else after a while.
func (s *Supplier) leave(now market.Time, to market.Region, out *market.Outbox) {
	p := &s.pub
	if p.past != nil {
		p.past.farewell = slices.DeleteFunc(p.past.farewell, func(f farewell) bool { return f.region == to })
	}
	f := farewell{region: p.region, at: now.Mono + linger}
	for i := range p.contacts {
		if c := &p.contacts[i]; c.holds() {
			f.traders = append(f.traders, c.ref())
		}
	}
	switch {
	case len(f.traders) == 0:
	case to.Platform != p.region.Platform, !p.offer.Free.Fits(p.told.Free), len(p.before().farewell) >= maxKnown:
		s.sayFarewell(&f, out)
	default:
		p.recall().farewell = append(p.recall().farewell, f)
	}
}

func (s *Supplier) sayFarewell(f *farewell, out *market.Outbox) {
	for _, r := range f.traders {
		out.Send(r, &market.RemoveOffer{Seq: s.pub.seq, Region: f.region})
	}
}

func (s *Supplier) tickFarewells(now market.Time, out *market.Outbox) {
	b := s.pub.past
	if b == nil {
		return
	}
	b.farewell = slices.DeleteFunc(b.farewell, func(f farewell) bool {
		if now.Mono < f.at {
			return false
		}
		s.sayFarewell(&f, out)
		return true
	})
	if len(b.farewell) == 0 {
		b.farewell = nil
	}
}

// lingers reports whether a region that was left may keep the offer yet.
func (s *Supplier) lingers(r market.Region) bool {
	return slices.ContainsFunc(s.pub.before().farewell, func(f farewell) bool { return f.region == r }) && r.Contains(&s.pub.offer.Offer)
}
