package supplier

import (
	"bytes"
	"slices"
	"time"

	"caravela/market"
)

// publication is the supplier's one offer and who holds it.
type publication struct {
	seq      uint64 // the newest that was signed
	reserved uint64 // sequence numbers up to here are saved as used
	pushed   uint64 // traders with an older one must be told
	offer    *market.SignedOffer
	region   market.Region
	contacts []contact // the traders, nearest first
	known    []place   // traders of regions where the offer was before
	dirty    bool
	enough   bool          // enough traders have acknowledged
	at       time.Duration // when to publish
	lookAt   time.Duration // when to look for traders (again)
	looking  uint64        // the Ref of the lookup under way
	probing  market.Region // that it is for, while the market's size is not known
}

// contact is one trader of the offer.
type contact struct {
	market.Ref
	acked  uint64        // the newest offer that it has
	heard  time.Duration // when it last said something
	sentAt time.Duration // when the last offer went out; 0 = none under way
	tries  int
	bad    bool // refused, or silent: another is wanted
}

// place is a region's traders as they were at a time.
type place struct {
	region   market.Region
	traders  []market.Ref
	learntAt time.Duration
}

func (p *publication) deadline() time.Duration {
	d := min(p.at, p.lookAt)
	for i := range p.contacts {
		if c := &p.contacts[i]; c.sentAt > 0 {
			d = min(d, c.sentAt+ackTimeout)
		}
	}
	return d
}

func (s *Supplier) sells() bool { return s.selling && s.engine && !s.leaving }

// changed says that the offer is not what it should be any more.
func (s *Supplier) changed(now market.Time) {
	s.pub.dirty = true
	if s.pub.at == market.Never {
		s.pub.at = now.Mono + updatePause
	}
}

// publish runs after each step: it signs a new offer when one is due, and
// sends it to the traders that do not have it.
func (s *Supplier) publish(now market.Time, out *market.Outbox) {
	p := &s.pub
	if p.dirty && now.Mono >= p.at {
		p.dirty, p.at = false, market.Never
		if !s.sells() {
			s.withdraw(now, out)
			return
		}
		s.sign(now, out)
		p.pushed = p.seq
		s.settle(now, out)
	}
	if p.offer == nil {
		return
	}
	for i := range p.contacts {
		s.push(now, &p.contacts[i], out)
	}
	s.countTraders(out)
}

// countTraders notes when enough traders have the offer, and when no longer.
func (s *Supplier) countTraders(out *market.Outbox) {
	have := 0
	for i := range s.pub.contacts {
		if c := &s.pub.contacts[i]; c.acked > 0 && !c.bad {
			have++
		}
	}
	enough := have > 0 && have >= min(2, len(s.pub.contacts))
	if enough == s.pub.enough {
		return
	}
	s.pub.enough = enough
	kind := market.NoteUnpublished
	if enough {
		kind = market.NotePublished
	}
	out.Note(kind, s.self, market.LeaseID{}, s.pub.region.String())
}

// sign makes the next offer. Sequence numbers are reserved on disk in blocks,
// so that none is used twice after a crash.
func (s *Supplier) sign(now market.Time, out *market.Outbox) {
	p := &s.pub
	p.seq++
	if p.seq > p.reserved {
		p.reserved = p.seq + seqBlock
		out.Save(&market.Seq{Seq: p.reserved})
	}
	st := &s.stock
	p.offer = s.seal.Offer(market.Offer{
		Network: s.network, Supplier: s.self, Seq: p.seq, Free: s.Free(), Total: st.Total,
		Platform: st.Platform, Class: st.Class, Reach: st.Reach, Name: st.Name, Labels: st.Labels,
		PortLow: st.PortLow, PortHigh: st.PortHigh, Longest: st.Longest,
		ValidUntil: now.Wall.Add(s.params.OfferTTL),
	})
}

// settle sees to it that the offer is in the region where it belongs.
func (s *Supplier) settle(now market.Time, out *market.Outbox) {
	p := &s.pub
	if p.region.Platform != s.stock.Platform {
		s.probe(out)
	}
}

// probe begins with a lookup in the middle of the tree: it tells how large
// the network is, so that not everybody begins at the root.
func (s *Supplier) probe(out *market.Outbox) {
	p := &s.pub
	p.region, p.contacts = market.RootRegion(s.stock.Platform), nil
	p.looking = s.ref()
	p.probing, p.lookAt = p.region.At(probeDepth, s.self), market.Never
	out.Lookups = append(out.Lookups, market.Lookup{Ref: p.looking, Key: p.probing.Key(s.network), N: s.params.Replicas + 3})
}

func (s *Supplier) onProbed(now market.Time, ev market.Found, out *market.Outbox) {
	p := &s.pub
	at := p.probing
	p.probing = market.Region{}
	depth := market.DepthFor(ev.Peers, s.params.Replicas+3, at.Key(s.network), s.params.SplitAt)
	p.region = p.region.At(depth, s.self)
	if p.region != at || ev.Failed || len(ev.Peers) == 0 {
		s.look(now, out)
		return
	}
	s.found(now, ev.Peers, out)
}

// move leaves the old region's traders and looks for those of the new one.
func (s *Supplier) move(now market.Time, to market.Region, out *market.Outbox) {
	p := &s.pub
	s.remember(now)
	for i := range p.contacts {
		if p.contacts[i].acked > 0 {
			out.Send(p.contacts[i].Ref, &market.RemoveOffer{Seq: p.seq, Region: p.region})
		}
	}
	p.region, p.contacts, p.looking = to, nil, 0
	if i := slices.IndexFunc(p.known, func(k place) bool { return k.region == to }); i >= 0 && now.Mono < p.known[i].learntAt+s.params.Resettle {
		s.adopt(p.known[i].traders)
		p.lookAt = p.known[i].learntAt + s.params.Resettle
		return
	}
	s.look(now, out)
}

func (s *Supplier) remember(now market.Time) {
	p := &s.pub
	var refs []market.Ref
	for i := range p.contacts {
		if !p.contacts[i].bad {
			refs = append(refs, p.contacts[i].Ref)
		}
	}
	p.known = slices.DeleteFunc(p.known, func(k place) bool { return k.region == p.region })
	if len(refs) == 0 {
		return
	}
	if len(p.known) == maxKnown {
		p.known = slices.Delete(p.known, 0, 1)
	}
	p.known = append(p.known, place{p.region, refs, now.Mono})
}

// look searches the overlay for the region's traders: a few more than are
// needed, in place of bad ones.
func (s *Supplier) look(now market.Time, out *market.Outbox) {
	p := &s.pub
	p.looking = s.ref()
	p.lookAt = now.Mono + relook
	out.Lookups = append(out.Lookups, market.Lookup{Ref: p.looking, Key: p.region.Key(s.network), N: s.params.Replicas + 3})
}

func (s *Supplier) onFound(now market.Time, ev market.Found, out *market.Outbox) {
	p := &s.pub
	if ev.Ref != p.looking || p.offer == nil {
		return
	}
	p.looking = 0
	switch {
	case p.probing != market.Region{}:
		s.onProbed(now, ev, out)
	case ev.Failed || len(ev.Peers) == 0:
		p.lookAt = now.Mono + relook
	default:
		s.found(now, ev.Peers, out)
	}
}

func (s *Supplier) found(now market.Time, peers []market.Ref, out *market.Outbox) {
	p := &s.pub
	var best []market.Ref
	for _, r := range peers {
		if i := s.contact(r.Peer); len(best) < s.params.Replicas && (i < 0 || !p.contacts[i].bad) {
			best = append(best, r)
		}
	}
	for i := range p.contacts {
		if c := &p.contacts[i]; !slices.ContainsFunc(best, func(r market.Ref) bool { return r.Peer == c.Peer }) && c.acked > 0 {
			out.Send(c.Ref, &market.RemoveOffer{Seq: p.seq, Region: p.region})
		}
	}
	s.adopt(best)
	p.lookAt = now.Mono + s.rng.Jitter(2*s.params.Resettle)
	if len(best) < min(s.params.Replicas, len(peers)) { // all others are bad: try again soon
		p.lookAt = now.Mono + relook
	}
}

// adopt makes refs the contacts, and keeps what is known of them.
func (s *Supplier) adopt(refs []market.Ref) {
	p := &s.pub
	old := p.contacts
	p.contacts = nil
	for _, r := range refs {
		c := contact{Ref: r}
		if i := slices.IndexFunc(old, func(o contact) bool { return o.Peer == r.Peer }); i >= 0 {
			c = old[i]
			c.bad, c.tries = false, 0
		}
		p.contacts = append(p.contacts, c)
	}
}

// push sends the offer to one trader that does not have it.
func (s *Supplier) push(now market.Time, c *contact, out *market.Outbox) {
	p := &s.pub
	if c.bad || c.acked > 0 && c.acked >= p.pushed || c.sentAt > 0 {
		return
	}
	at := market.Ref{Peer: s.self, Addrs: s.stock.Addrs}
	if c.acked > 0 { // a trader that cannot take it says so; else the delivery is the acknowledgement
		c.acked = p.seq
		out.Send(c.Ref, &market.UpdateOffer{Offer: p.offer, At: at, Region: p.region, Replicas: s.replicas()})
		return
	}
	c.sentAt = max(1, now.Mono)
	out.Send(c.Ref, &market.CreateOffer{Offer: p.offer, At: at, Region: p.region, Replicas: s.replicas()})
}

func (s *Supplier) replicas() []market.PeerID {
	ids := make([]market.PeerID, 0, len(s.pub.contacts))
	for i := range s.pub.contacts {
		ids = append(ids, s.pub.contacts[i].Peer)
	}
	return ids
}

func (s *Supplier) onOfferAck(now market.Time, from market.Ref, m *market.OfferAck, out *market.Outbox) {
	p := &s.pub
	i := s.contact(from.Peer)
	if i < 0 || p.offer == nil || m.Region != p.region {
		return
	}
	c := &p.contacts[i]
	c.heard, c.sentAt, c.tries = now.Mono, 0, 0
	switch m.Code {
	case market.AckStored:
		if m.Seq <= p.seq {
			c.acked = max(c.acked, m.Seq)
		}
	case market.AckStale: // our disk was lost: continue above what the market remembers
		if m.Seq >= p.seq && m.Seq-p.seq < maxSeqJump {
			p.seq = m.Seq
			s.changed(now)
		}
	default:
		s.redirect(now, i, m.Code, m.Depth, out)
	}
}

// redirect follows a trader's word that the offer does not belong there.
func (s *Supplier) redirect(now market.Time, i int, code market.AckCode, depth uint8, out *market.Outbox) {
	p := &s.pub
	switch {
	case code == market.AckSplit && p.region.Depth < market.MaxDepth:
		s.move(now, p.region.At(max(depth, p.region.Depth+1), s.self), out)
	case code == market.AckMerge && p.region.Depth > 0:
		s.move(now, p.region.Parent(), out)
	default: // full, or not willing
		p.contacts[i].bad, p.contacts[i].acked = true, 0
		p.lookAt = min(p.lookAt, now.Mono+relook)
	}
}

// onRefreshOffer is a trader's audit; the answer is always the newest offer,
// signed again when it grows old.
func (s *Supplier) onRefreshOffer(now market.Time, from market.Ref, m *market.RefreshOffer, out *market.Outbox) {
	p := &s.pub
	gone := &market.RefreshAck{Region: m.Region}
	if p.offer == nil || m.Region != p.region || !s.sells() {
		out.Send(from, gone)
		return
	}
	i := s.contact(from.Peer)
	if i < 0 && !s.welcome(from, out) {
		out.Send(from, gone)
		return
	}
	i = s.contact(from.Peer)
	if m.Code != market.AckStored {
		s.redirect(now, i, m.Code, m.Depth, out)
		return
	}
	if p.offer.ValidUntil.Sub(now.Wall) < 2*s.params.OfferTTL/3 {
		s.sign(now, out)
	}
	c := &p.contacts[i]
	c.heard, c.sentAt, c.tries, c.bad, c.acked = now.Mono, 0, 0, false, p.seq
	out.Send(from, &market.RefreshAck{Region: m.Region, Offer: p.offer, At: market.Ref{Peer: s.self, Addrs: s.stock.Addrs}})
}

// welcome takes a peer as a trader that is nearer than the furthest one, or
// fills an empty place. The one that is too many is told to forget.
func (s *Supplier) welcome(r market.Ref, out *market.Outbox) bool {
	p := &s.pub
	key := p.region.Key(s.network)
	p.contacts = append(p.contacts, contact{Ref: r})
	slices.SortStableFunc(p.contacts, func(a, b contact) int {
		x, y := market.Distance(a.Peer, key), market.Distance(b.Peer, key)
		return bytes.Compare(x[:], y[:])
	})
	if len(p.contacts) > s.params.Replicas {
		last := p.contacts[len(p.contacts)-1]
		p.contacts = p.contacts[:len(p.contacts)-1]
		if last.Peer == r.Peer {
			return false
		}
		if last.acked > 0 {
			out.Send(last.Ref, &market.RemoveOffer{Seq: p.seq, Region: p.region})
		}
	}
	return true
}

// onNear takes a new peer as a trader when it is near enough.
func (s *Supplier) onNear(now market.Time, ev market.Near, out *market.Outbox) {
	if s.pub.offer == nil || len(s.pub.contacts) == 0 || s.contact(ev.Peer.Peer) >= 0 {
		return
	}
	s.welcome(ev.Peer, out)
}

// onGone tries a trader again at once: it may only have closed the connection.
func (s *Supplier) onGone(now market.Time, peer market.PeerID, out *market.Outbox) {
	if i := s.contact(peer); i >= 0 {
		c := &s.pub.contacts[i]
		c.acked, c.sentAt = 0, 0
	}
}

func (s *Supplier) onLostOffer(now market.Time, to market.PeerID) {
	if i := s.contact(to); i >= 0 {
		s.pub.contacts[i].acked = 0
		s.pub.contacts[i].sentAt = max(1, now.Mono-ackTimeout+time.Second) // wait a second, then count it
	}
}

func (s *Supplier) tickPublication(now market.Time, out *market.Outbox) {
	p := &s.pub
	for i := range p.contacts {
		c := &p.contacts[i]
		if c.sentAt == 0 || now.Mono < c.sentAt+ackTimeout {
			continue
		}
		c.sentAt = 0
		if c.tries++; c.tries >= maxTries {
			c.bad, c.acked = true, 0
			p.lookAt = min(p.lookAt, now.Mono)
		}
	}
	if p.offer != nil && now.Mono >= p.lookAt {
		s.audit(now)
		s.look(now, out)
	}
}

// audit marks traders that have not asked for the offer for too long.
func (s *Supplier) audit(now market.Time) {
	for i := range s.pub.contacts {
		if c := &s.pub.contacts[i]; c.acked > 0 && now.Mono-c.heard > 2*s.params.Refresh {
			c.acked = 0 // it must take the offer again
		}
	}
}

// withdraw takes the offer back everywhere.
func (s *Supplier) withdraw(now market.Time, out *market.Outbox) {
	p := &s.pub
	if p.offer == nil {
		return
	}
	s.remember(now)
	for i := range p.contacts {
		c := &p.contacts[i]
		out.Send(c.Ref, &market.RemoveOffer{Seq: p.seq, Region: p.region})
		if s.leaving {
			out.Send(c.Ref, &market.Goodbye{})
		}
	}
	p.offer, p.contacts, p.region, p.lookAt = nil, nil, market.Region{}, market.Never
	s.countTraders(out)
}

func (s *Supplier) contact(p market.PeerID) int {
	return slices.IndexFunc(s.pub.contacts, func(c contact) bool { return c.Peer == p })
}

// TraderState is one trader of the own offer, for people to look at.
type TraderState struct {
	Peer  market.Ref
	Acked bool
}

// Published is the own offer, nil while there is none, its region and its traders.
func (s *Supplier) Published() (*market.SignedOffer, market.Region, []TraderState) {
	var ts []TraderState
	for i := range s.pub.contacts {
		c := &s.pub.contacts[i]
		ts = append(ts, TraderState{c.Ref, c.acked > 0 && !c.bad})
	}
	return s.pub.offer, s.pub.region, ts
}
