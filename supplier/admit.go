package supplier

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/market"
)

// onLaunch answers with the signed grant, or a typed refusal. The lease is
// saved before the grant leaves and before anything starts.
func (s *Supplier) onLaunch(now market.Time, from market.Ref, m *market.LaunchContainer, out *market.Outbox) {
	l := m.Lease
	refuse := func(r market.Reason, format string, a ...any) {
		free := s.Free()
		if !s.sells() {
			free = market.Resources{}
		}
		out.Send(from, &market.Refusal{Lease: l.ID, Reason: r, Detail: clip(fmt.Sprintf(format, a...)), Free: free})
		out.Note(market.NoteRefused, from.Peer, l.ID, r.String())
	}
	if from.Peer != l.Buyer || l.Supplier != s.self || l.Network != s.network {
		refuse(market.BadLease, "the lease names other peers, or another network")
		return
	}
	if !l.Prev.IsZero() {
		s.renew(now, from, l, refuse, out)
		return
	}
	if u := s.take(l.ID); u != nil {
		s.again(now, u, from, refuse, out)
		return
	}
	if r, why := s.admit(now, l, m.Spec); r != market.NoReason {
		refuse(r, "%s", why)
		return
	}
	s.makeRoom(now, out)
	u := &unit{
		rec:      &market.Sold{Lease: s.seal.Countersign(l), Spec: m.Spec, Buyer: owner(from, m.At)},
		endsAt:   now.Mono + l.End.Sub(now.Wall),
		removeAt: market.Never, resendAt: market.Never,
	}
	s.insert(u)
	out.Save(u.rec)
	out.Send(from, &market.Grant{Lease: u.rec.Lease})
	out.Runs = append(out.Runs, market.Run{Unit: l.ID, Owner: l.Buyer, Spec: m.Spec, Auth: m.Auth})
	out.Note(market.NoteGranted, from.Peer, l.ID, l.Resources.String())
	s.changed(now)
}

// owner is where the buyer says it can be dialled; who it is, the transport
// has proven.
func owner(from, at market.Ref) market.Ref {
	if at.Peer == from.Peer && len(at.Addrs) > 0 {
		return at
	}
	return from
}

// again answers a launch that was granted before: the same answer, and no
// second container.
func (s *Supplier) again(now market.Time, u *unit, from market.Ref, refuse func(market.Reason, string, ...any), out *market.Outbox) {
	if u.rec.Ending != market.NoReason || u.ended() {
		refuse(market.Superseded, "this lease is over")
		return
	}
	out.Send(from, &market.Grant{Lease: u.rec.Lease})
	s.resend(now, u, out)
}

// admit decides on all resources at once.
func (s *Supplier) admit(now market.Time, l *market.SignedLease, spec *market.Spec) (market.Reason, string) {
	skew := l.Start.Sub(now.Wall)
	free, used := s.Free(), s.Used()
	switch {
	case s.buried(l.ID):
		return market.Superseded, "this lease was cancelled"
	case skew > maxSkew || skew < -maxSkew:
		return market.ClockSkew, fmt.Sprintf("the buyer's clock is %v off; at most %v is borne", skew.Round(time.Second), maxSkew)
	case !s.selling || s.leaving:
		return market.NotSelling, "this node sells nothing now"
	case !s.engine:
		return market.EngineDown, "the container engine does not answer"
	case s.stock.Longest > 0 && l.Term() > s.stock.Longest:
		return market.TooLong, fmt.Sprintf("the longest lease here is %v", s.stock.Longest)
	case spec == nil || l.Resources != spec.Limits || l.Image != spec.Image || !slices.Equal(l.Ports, spec.Ports):
		return market.BadLease, "the container is not the one that the lease is about"
	case !s.stock.Platform.Serves(spec.Platform):
		return market.PlatformRefused, fmt.Sprintf("this node is %v", s.stock.Platform)
	case !s.allowed(spec.Image):
		return market.ImageRefused, "the image is not on this node's list"
	case s.unconfirmed(l.Buyer) >= maxSilent:
		return market.Busy, fmt.Sprintf("%d ended leases of this buyer's are unconfirmed here", maxSilent)
	case s.stock.Units > 0 && used.Units >= s.stock.Units:
		return market.Busy, fmt.Sprintf("at most %d containers here", s.stock.Units)
	case s.stock.Starting > 0 && used.Starting >= s.stock.Starting:
		return market.Busy, fmt.Sprintf("%d containers are being started already", s.stock.Starting)
	case !free.Fits(l.Resources):
		return market.NoCapacity, fmt.Sprintf("%v free, %v needed", free, l.Resources)
	}
	return s.admitPorts(l.Ports)
}

func (s *Supplier) admitPorts(ports []market.Port) (market.Reason, string) {
	for _, p := range ports {
		if p.Host == 0 {
			continue
		}
		if p.Host < s.stock.PortLow || p.Host > s.stock.PortHigh {
			return market.PortTaken, fmt.Sprintf("port %d is outside of this node's range %d-%d", p.Host, s.stock.PortLow, s.stock.PortHigh)
		}
		if s.sales != nil && s.sales.ports[hostPort{p.Host, p.UDP}] > 0 {
			return market.PortTaken, fmt.Sprintf("port %d is leased already", p.Host)
		}
	}
	return market.NoReason, ""
}

// unconfirmed counts a buyer's ended units. One that never confirms must not
// keep others from buying.
func (s *Supplier) unconfirmed(buyer market.PeerID) int {
	if t := s.tenant(buyer); t != nil {
		return t.ended
	}
	return 0
}

// makeRoom forgets the ended unit that waits for longest, when there are too
// many: whoever has many identities could fill the list.
func (s *Supplier) makeRoom(now market.Time, out *market.Outbox) {
	if s.Used().Ended < maxEnded {
		return
	}
	var oldest *unit
	for _, u := range s.sales.units {
		if u.ended() && (oldest == nil || u.removeAt < oldest.removeAt) {
			oldest = u
		}
	}
	s.forget(now, oldest, out)
}

// allowed matches the image against the list: a pattern is a prefix when it
// ends in '*', else the whole reference with or without its tag.
func (s *Supplier) allowed(image string) bool {
	if s.stock.Allow == nil {
		return true
	}
	repo, _, _ := strings.Cut(image, "@")
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		repo = repo[:i]
	}
	for _, p := range s.stock.Allow {
		if prefix, ok := strings.CutSuffix(p, "*"); ok && strings.HasPrefix(image, prefix) || p == image || p == repo {
			return true
		}
	}
	return false
}

// renew replaces the lease of a unit by one that runs longer; nothing else
// may differ.
func (s *Supplier) renew(now market.Time, from market.Ref, l *market.SignedLease, refuse func(market.Reason, string, ...any), out *market.Outbox) {
	u := s.take(l.First)
	if u == nil {
		refuse(market.NoSuchLease, "nothing to renew")
		return
	}
	old := u.rec.Lease
	skew := l.Start.Sub(now.Wall)
	switch {
	case old.Buyer != l.Buyer:
		refuse(market.NotOwner, "the lease is another peer's")
	case old.ID == l.ID:
		s.again(now, u, from, refuse, out)
	case old.ID != l.Prev || u.rec.Ending != market.NoReason || u.ended():
		refuse(market.Superseded, "the lease was renewed before, or is over")
	case skew > maxSkew || skew < -maxSkew:
		refuse(market.ClockSkew, "the buyer's clock is %v off", skew.Round(time.Second))
	case s.leaving:
		refuse(market.SupplierLeft, "this node leaves the network")
	case s.stock.Longest > 0 && l.Term() > s.stock.Longest:
		refuse(market.TooLong, "the longest lease here is %v", s.stock.Longest)
	case l.Resources != old.Resources || l.SpecHash != old.SpecHash || l.Image != old.Image || !slices.Equal(l.Ports, old.Ports):
		refuse(market.BadLease, "a renewal changes the term only")
	default:
		rec := *u.rec
		rec.Lease, rec.Buyer = s.seal.Countersign(l), owner(from, rec.Buyer)
		u.rec, u.endsAt = &rec, now.Mono+l.End.Sub(now.Wall)
		out.Save(u.rec)
		out.Send(from, &market.Grant{Lease: rec.Lease})
		out.Note(market.NoteGranted, from.Peer, rec.Lease.Unit(), "renewed")
	}
}
