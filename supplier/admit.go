package supplier

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// ask is what a buyer wants of the stock, as a launch or as a hold.
type ask struct {
	buyer     market.PeerID
	resources market.Resources
	pids      int64
	ports     []market.Port
	image     string
	term      time.Duration
	terms     *market.Terms
	hold      *hold // that was given for it; its terms count, and not those of now
}

// refusal says no, with a reason and plain words.
type refusal func(market.Reason, string, ...any)

// refuser returns how to refuse a launch, or, with ref, a hold. Whoever saw
// other terms than those of now gets the offer of now.
func (s *Supplier) refuser(now market.Time, from market.Ref, lease market.LeaseID, ref uint64, out *market.Outbox) refusal {
	return func(r market.Reason, format string, a ...any) {
		no := &market.Refusal{Lease: lease, Ref: ref, Reason: r, Detail: clip(fmt.Sprintf(format, a...))}
		if s.sells() {
			no.Free = s.Free()
		}
		if r == market.PriceChanged {
			no.Offer = s.current(now, out)
		}
		out.Send(from, no)
		out.Note(market.NoteRefused, from.Peer, lease, r.String())
	}
}

// current is the offer with the terms of now; nil when there is none.
func (s *Supplier) current(now market.Time, out *market.Outbox) *market.SignedOffer {
	if p := &s.pub; p.offer != nil && !p.offer.Terms.Equal(s.stock.Terms) {
		s.sign(now, out)
		p.pushed = p.seq
	}
	return s.pub.offer
}

// onLaunch answers with the signed grant, or a typed refusal. The lease is
// saved before the grant leaves and before anything starts.
func (s *Supplier) onLaunch(now market.Time, from market.Ref, m *market.LaunchContainer, out *market.Outbox) {
	l := m.Lease
	refuse := s.refuser(now, from, l.ID, 0, out)
	if from.Peer != l.Buyer || l.Supplier != s.me.Self || l.Network != s.me.Params.Network {
		refuse(market.BadLease, "the lease names other peers, or another network")
		return
	}
	if !l.Prev.IsZero() {
		s.onRenew(now, from, l, refuse, out)
		return
	}
	if u := s.take(l.ID); u != nil {
		s.again(now, u, from, refuse, out)
		return
	}
	h := s.hold(now, l.Hold)
	if h != nil { // for as long as it is decided, nothing is held twice
		s.drop(h)
	}
	if r, why := s.admitLaunch(now, l, m.Spec, h); r != market.NoReason {
		if h != nil {
			s.keep(h)
		}
		refuse(r, "%s", why)
		return
	}
	if h != nil {
		out.Drop(h.Reserved)
	}
	s.makeRoom(now, out)
	u := &unit{
		rec:    &market.Sold{Lease: s.countersign(l), Spec: market.Pack(m.Spec), Buyer: s.owner(from, m.At)},
		endsAt: now.Mono + l.End.Sub(now.Wall), seen: true,
		removeAt: market.Never, resendAt: market.Never,
	}
	s.insert(u)
	out.Save(u.rec)
	s.grant(now, u, out)
	out.Runs = append(out.Runs, market.Run{Unit: l.ID, Owner: l.Buyer, Spec: m.Spec, Auth: m.Auth})
	out.Note(market.NoteGranted, from.Peer, l.ID, l.Resources.String())
	s.changed(now)
}

// countersign signs a lease. One that has the terms of now shares them, and the
// image's name with its like of the same buyer: there may be many.
func (s *Supplier) countersign(l *market.SignedLease) *market.SignedLease {
	signed := s.me.Seal.Countersign(l)
	if signed.Terms.Equal(s.stock.Terms) {
		signed.Terms = s.stock.Terms
	}
	if t := s.tenant(l.Buyer); t != nil {
		if image := t.units[0].rec.Lease.Image; image == signed.Image {
			signed.Image = image
		}
	}
	return signed
}

// grant sends the lease with both signatures. One that is metered opens its
// books.
func (s *Supplier) grant(now market.Time, u *unit, out *market.Outbox) {
	l := u.rec.Lease
	if l.Terms.Metered() {
		s.meterOf(now, u).begin(now, u)
		s.books.Append(now, l.Buyer, l.Entry(), ledger.Change{}, out)
	}
	out.Send(u.rec.Buyer, &market.Grant{Lease: l})
}

// owner is where the buyer says it can be dialled; who it is, the transport
// has proven. Units of one buyer share its addresses.
func (s *Supplier) owner(from, at market.Ref) market.Ref {
	if at.Peer != from.Peer || len(at.Addrs) == 0 {
		at = from
	}
	if t := s.tenant(from.Peer); t != nil {
		if known := t.units[0].rec.Buyer; slices.Equal(known.Addrs, at.Addrs) {
			return known
		}
	}
	return at
}

// again answers a launch that was granted before: the same answer, and no
// second container.
func (s *Supplier) again(now market.Time, u *unit, from market.Ref, refuse refusal, out *market.Outbox) {
	if u.over() {
		refuse(market.Superseded, "this lease is over")
		return
	}
	out.Send(from, &market.Grant{Lease: u.rec.Lease})
	s.resend(now, u, out)
}

// admitLaunch decides on what a lease alone says, and then on all resources at
// once.
func (s *Supplier) admitLaunch(now market.Time, l *market.SignedLease, spec *market.Spec, h *hold) (market.Reason, string) {
	skew := l.Start.Sub(now.Wall)
	switch {
	case s.buried(l.ID):
		return market.Superseded, "this lease was cancelled"
	case skew > maxSkew || skew < -maxSkew:
		return market.ClockSkew, skewText(skew)
	}
	if r, why := s.deals(l.Buyer, h != nil); r != market.NoReason {
		return r, why
	}
	switch {
	case spec == nil || l.Resources != spec.Limits || l.Image != spec.Image || l.Pids != spec.Pids || !slices.Equal(l.Ports, spec.Ports):
		return market.BadLease, "the container is not the one that the lease is about"
	case !s.stock.Platform.Serves(spec.Platform):
		return market.PlatformRefused, fmt.Sprintf("this node is %v", s.stock.Platform)
	case !l.Hold.IsZero() && h == nil:
		return market.NoSuchHold, "the hold is over, or was never given here"
	case h != nil && !h.covers(l):
		return market.NoSuchHold, "the hold was given for something else"
	case l.MaxCost > 0 && l.Due(market.Usage{Running: 1}) > l.MaxCost:
		return market.CostReached, "the lease may cost less than its first second does"
	case s.stock.Starting > 0 && s.Used().Starting >= s.stock.Starting:
		return market.Busy, fmt.Sprintf("%d containers are being started already", s.stock.Starting)
	}
	return s.admit(&ask{buyer: l.Buyer, resources: l.Resources, pids: l.Pids, ports: l.Ports, image: l.Image, term: l.Term(), terms: l.Terms, hold: h})
}

func skewText(skew time.Duration) string {
	return fmt.Sprintf("the buyer's clock is %v off; at most %v is borne", skew.Round(time.Second), maxSkew)
}

// deals decides on the buyer and on this node's state, before anything else is
// looked at. What is held was promised: that this node does not sell any more
// does not matter.
func (s *Supplier) deals(with market.PeerID, held bool) (market.Reason, string) {
	switch {
	case s.books.Account(with).Blocked:
		return market.Blocked, "this node does not deal with you"
	case !s.selling && !held || s.leaving:
		return market.NotSelling, "this node sells nothing now"
	case !s.engine:
		return market.EngineDown, "the container engine does not answer"
	}
	return market.NoReason, ""
}

// admit decides on all resources at once. The terms of a hold count, and not
// those of now.
func (s *Supplier) admit(a *ask) (market.Reason, string) {
	free, used := s.Free(), s.taken()
	switch {
	case s.stock.Longest > 0 && a.term > s.stock.Longest:
		return market.TooLong, fmt.Sprintf("the longest lease here is %v", s.stock.Longest)
	case a.hold == nil && worse(a.terms, s.stock.Terms):
		return market.PriceChanged, "this node asks for other terms now"
	case !s.allowed(a.image):
		return market.ImageRefused, "the image is not on this node's list"
	case s.unconfirmed(a.buyer) >= maxSilent:
		return market.Busy, fmt.Sprintf("%d ended leases of this buyer's are unconfirmed here", maxSilent)
	case s.stock.Units > 0 && used.Units >= s.stock.Units:
		return market.Busy, fmt.Sprintf("at most %d containers here", s.stock.Units)
	case !free.Fits(a.resources):
		return market.NoCapacity, fmt.Sprintf("%v free, %v needed", free, a.resources)
	case s.stock.Pids > 0 && used.Pids+pids(a.pids) > s.stock.Pids:
		return market.NoCapacity, fmt.Sprintf("%d processes free, %d needed", max(0, s.stock.Pids-used.Pids), pids(a.pids))
	}
	if r, why := s.admitPorts(a.ports); r != market.NoReason {
		return r, why
	}
	return s.admitCredit(a.buyer, a.terms, a.resources, false)
}

// worse reports whether terms are worse for the supplier than what it asks
// for. A higher price is fine; how often notes are due is not the buyer's to
// choose.
func worse(t, asked *market.Terms) bool {
	if t == nil || asked == nil {
		return t != asked
	}
	p, q := t.Price, asked.Price
	return p.Unit != q.Unit || p.Core < q.Core || p.Memory < q.Memory || p.Disk < q.Disk || p.Parked < q.Parked || p.Start < q.Start ||
		t.Interval != asked.Interval || t.Bear > asked.Bear || t.Grace > asked.Grace || t.Notice > asked.Notice
}

func (s *Supplier) admitPorts(ports []market.Port) (market.Reason, string) {
	if all := int(s.stock.PortHigh) - int(s.stock.PortLow) + 1; s.stock.PortHigh > 0 && s.taken().Ports+len(ports) > all {
		return market.PortTaken, fmt.Sprintf("%d of this node's %d ports are free", max(0, all-s.taken().Ports), all)
	}
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
