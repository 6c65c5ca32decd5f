package supplier

import (
	"cmp"
	"slices"
	"time"

	"caravela/market"
)

// hold is what is kept for a buyer that has not leased it yet.
type hold struct {
	*market.Reserved
	until time.Duration
}

// kept are all holds, and what they count.
type kept struct {
	holds []*hold // by when they are over
	sum   Counts
}

// holds lists what is held, by when it is over.
func (s *Supplier) holds() []*hold {
	if s.sales == nil || s.sales.kept == nil {
		return nil
	}
	return s.sales.kept.holds
}

func (h *hold) counts() Counts {
	return Counts{Units: 1, Resources: h.Hold.Resources, Pids: pids(h.Hold.Pids), Ports: len(h.Hold.Ports)}
}

// onRequestHold keeps resources for a buyer, or says why not. It is decided
// as a launch is.
func (s *Supplier) onRequestHold(now market.Time, from market.Ref, m *market.RequestHold, out *market.Outbox) {
	refuse := s.refuser(now, from, market.LeaseID{}, m.Ref, out)
	if h := s.heldFor(from.Peer, m.Ref); h != nil {
		out.Send(from, &market.GrantHold{Ref: m.Ref, Hold: h.Hold})
		return
	}
	if s.holdsOf(from.Peer) >= maxBuyerHolds || len(s.holds()) >= maxHolds {
		refuse(market.Busy, "too many holds: at most %d of a buyer's, %d in all", maxBuyerHolds, maxHolds)
		return
	}
	if r, why := s.deals(from.Peer, false); r != market.NoReason {
		refuse(r, "%s", why)
		return
	}
	if !m.Resources.Valid() || m.Resources.CPU < market.MinCPU || m.Resources.Memory < market.MinMemory {
		refuse(market.BadLease, "no container runs with %v", m.Resources)
		return
	}
	a := ask{buyer: from.Peer, resources: m.Resources, pids: m.Pids, ports: m.Ports, image: m.Image, term: m.Term, terms: m.Terms}
	if r, why := s.admit(&a); r != market.NoReason {
		refuse(r, "%s", why)
		return
	}
	lasts := m.For
	if lasts <= 0 || lasts > market.HoldTime {
		lasts = market.HoldTime
	}
	h := &hold{&market.Reserved{Hold: s.me.Seal.Hold(market.Hold{
		Network: s.me.Params.Network, Supplier: s.me.Self, Buyer: from.Peer, OfferSeq: m.OfferSeq, Nonce: m.Ref,
		Resources: m.Resources, Pids: m.Pids, Ports: m.Ports, Terms: m.Terms, Hourly: market.PriceOf(m.Terms).Hourly(m.Resources),
		At: now.Wall, Until: now.Wall.Add(lasts),
	})}, now.Mono + lasts}
	s.keep(h)
	out.Save(h.Reserved)
	out.Send(from, &market.GrantHold{Ref: m.Ref, Hold: h.Hold})
	out.Note(market.NoteHeld, from.Peer, h.Hold.ID, m.Resources.String())
	s.changed(now)
}

func (s *Supplier) onReleaseHold(now market.Time, from market.Ref, m *market.ReleaseHold, out *market.Outbox) {
	if h := s.hold(now, m.Hold); h != nil && h.Hold.Buyer == from.Peer {
		s.release(now, h, out)
	}
}

// keep adds a hold to the sums.
func (s *Supplier) keep(h *hold) {
	a := s.open()
	if a.kept == nil {
		a.kept = &kept{}
	}
	k := a.kept
	i, _ := slices.BinarySearchFunc(k.holds, h, func(x, y *hold) int {
		return cmp.Or(cmp.Compare(x.until, y.until), x.Hold.ID.Compare(y.Hold.ID))
	})
	k.holds = slices.Insert(k.holds, i, h)
	k.sum = k.sum.plus(h.counts(), 1)
	for _, p := range h.Hold.Ports {
		a.usePort(hostPort{p.Host, p.UDP}, 1)
	}
}

// drop takes a hold off the sums.
func (s *Supplier) drop(h *hold) {
	a := s.sales
	k := a.kept
	k.holds = slices.DeleteFunc(k.holds, func(x *hold) bool { return x == h })
	if k.sum = k.sum.plus(h.counts(), -1); len(k.holds) == 0 {
		a.kept = nil
	}
	for _, p := range h.Hold.Ports {
		a.usePort(hostPort{p.Host, p.UDP}, -1)
	}
}

// release ends a hold.
func (s *Supplier) release(now market.Time, h *hold, out *market.Outbox) {
	s.drop(h)
	out.Drop(h.Reserved)
	s.changed(now)
}

func (s *Supplier) tickHolds(now market.Time, out *market.Outbox) {
	for len(s.holds()) > 0 && s.holds()[0].until <= now.Mono {
		s.release(now, s.holds()[0], out)
	}
}

// restoreHold takes up a hold of an earlier life.
func (s *Supplier) restoreHold(now market.Time, r *market.Reserved) {
	left := min(max(0, r.Hold.Until.Sub(now.Wall)), market.HoldTime)
	s.keep(&hold{r, now.Mono + left})
}

// hold finds a hold; nil when it is over, or never was.
func (s *Supplier) hold(now market.Time, id market.HoldID) *hold {
	return s.findHold(func(h *hold) bool { return h.Hold.ID == id && h.until > now.Mono })
}

// heldFor finds the hold that a request was answered with.
func (s *Supplier) heldFor(buyer market.PeerID, ref uint64) *hold {
	return s.findHold(func(h *hold) bool { return h.Hold.Buyer == buyer && h.Hold.Nonce == ref })
}

func (s *Supplier) findHold(is func(*hold) bool) *hold {
	if i := slices.IndexFunc(s.holds(), is); i >= 0 {
		return s.holds()[i]
	}
	return nil
}

func (s *Supplier) holdsOf(buyer market.PeerID) (n int) {
	for _, h := range s.holds() {
		if h.Hold.Buyer == buyer {
			n++
		}
	}
	return n
}

// covers reports whether a lease is what the hold was given for, or less.
func (h *hold) covers(l *market.SignedLease) bool {
	if h.Hold.Buyer != l.Buyer || !h.Hold.Resources.Fits(l.Resources) || pids(l.Pids) > pids(h.Hold.Pids) || !l.Terms.Equal(h.Hold.Terms) {
		return false
	}
	left := slices.Clone(h.Hold.Ports)
	for _, p := range l.Ports {
		i := slices.Index(left, p)
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// Holds lists what is kept for buyers, by when it is over.
func (s *Supplier) Holds() (list []*market.SignedHold) {
	for _, h := range s.holds() {
		list = append(list, h.Hold)
	}
	return list
}
