package supplier

import (
	"slices"
	"time"

	"caravela/market"
)

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
		here = append(here, c.Ref)
		if c.says == code {
			votes, depth = votes+1, min(depth, max(c.depth, p.region.Depth+1))
		}
	}
	to, above := p.region.At(depth, s.self), here
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
	p.region, p.above, p.contacts, p.looking, p.pause, p.foundAt, p.probing = to, above, nil, 0, 0, 0, false
	i := slices.IndexFunc(p.known, func(k place) bool { return k.region == to })
	if i >= 0 && now.Mono < p.known[i].learntAt+s.params.Resettle {
		s.adopt(p.known[i].traders)
		p.foundAt = p.known[i].learntAt
		p.lookAt = p.foundAt + s.params.Resettle
		return
	}
	s.look(now, out)
}

// remember keeps the traders of the present region for a return, if a lookup
// has found them. The list that it returns must not be changed.
func (s *Supplier) remember() []market.Ref {
	p := &s.pub
	p.known = slices.DeleteFunc(p.known, func(k place) bool { return k.region == p.region })
	if p.foundAt == 0 || len(p.contacts) == 0 {
		return nil
	}
	if len(p.known) == maxKnown {
		p.known = slices.Delete(p.known, 0, 1)
	}
	refs := make([]market.Ref, 0, len(p.contacts))
	for i := range p.contacts {
		refs = append(refs, p.contacts[i].Ref)
	}
	p.known = append(p.known, place{p.region, refs, p.foundAt})
	return refs
}

// leave has the old traders forget the offer: at once when it says more than
// is free now, else after a while.
func (s *Supplier) leave(now market.Time, to market.Region, out *market.Outbox) {
	p := &s.pub
	p.farewell = slices.DeleteFunc(p.farewell, func(f farewell) bool { return f.region == to })
	f := farewell{region: p.region, at: now.Mono + linger}
	for i := range p.contacts {
		if c := &p.contacts[i]; c.holds() {
			f.traders = append(f.traders, c.Ref)
		}
	}
	switch {
	case len(f.traders) == 0:
	case to.Platform != p.region.Platform, !p.offer.Free.Fits(p.told), len(p.farewell) >= maxKnown:
		s.sayFarewell(&f, out)
	default:
		p.farewell = append(p.farewell, f)
	}
}

func (s *Supplier) sayFarewell(f *farewell, out *market.Outbox) {
	for _, r := range f.traders {
		out.Send(r, &market.RemoveOffer{Seq: s.pub.seq, Region: f.region})
	}
}

func (s *Supplier) tickFarewells(now market.Time, out *market.Outbox) {
	s.pub.farewell = slices.DeleteFunc(s.pub.farewell, func(f farewell) bool {
		if now.Mono < f.at {
			return false
		}
		s.sayFarewell(&f, out)
		return true
	})
}

// lingers reports whether a region that was left may keep the offer yet.
func (s *Supplier) lingers(r market.Region) bool {
	return slices.ContainsFunc(s.pub.farewell, func(f farewell) bool { return f.region == r }) && r.Contains(&s.pub.offer.Offer)
}
