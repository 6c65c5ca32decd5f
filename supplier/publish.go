package supplier

import (
	"time"

	"caravela/market"
)

// publication is the supplier's one offer and who holds it.
type publication struct {
	seq      uint64 // the newest that was signed
	reserved uint64 // sequence numbers up to here are saved as used
	pushed   uint64 // traders with an older one must be told
	offer    *market.SignedOffer
	told     *market.SignedOffer // what the newest pushed one says is free, this one says
	region   market.Region
	contacts []contact     // the traders, nearest first
	past     *past         // nil = nothing is left of it
	at       time.Duration // when to publish
	lookAt   time.Duration // when to look for traders (again)
	pause    time.Duration // between lookups that find too few
	looking  uint64        // the Ref of the lookup under way
	foundAt  time.Duration // when a lookup last found all of the contacts; 0 = never
	probing  bool          // the lookup under way is to tell the depth of the tree, too
	first    uint8         // depth of the first region that is looked up
	dirty    bool
	enough   bool // enough traders have acknowledged
}

func (p *publication) deadline(silence time.Duration) time.Duration {
	d := min(p.at, p.lookAt)
	for i := range p.contacts {
		d = min(d, p.contacts[i].deadline(silence))
	}
	if p.past != nil {
		for i := range p.past.farewell {
			d = min(d, p.past.farewell[i].at)
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
	p.settlePast()
	if p.dirty && now.Mono >= p.at {
		p.dirty, p.at = false, market.Never
		if !s.sells() {
			s.withdraw(out)
			return
		}
		s.sign(now, out)
		s.settle(now, out)
		p.pushed, p.told = p.seq, p.offer
	}
	if p.offer == nil {
		return
	}
	s.push(now, out)
	s.countTraders(out)
}

// countTraders notes when enough traders have the offer, and when no longer.
func (s *Supplier) countTraders(out *market.Outbox) {
	have := 0
	for i := range s.pub.contacts {
		if s.pub.contacts[i].acked > 0 {
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
		s.saveHome(out)
	}
	out.Note(kind, s.me.Self, market.LeaseID{}, s.pub.region.String())
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
	old := p.offer
	p.offer = s.me.Seal.Offer(market.Offer{
		Network: s.me.Params.Network, Supplier: s.me.Self, Seq: p.seq, Free: s.Free(),
		ValidUntil: now.Wall.Add(s.me.Params.OfferTTL), Wares: &s.stock.Wares,
	})
	if old != nil && old == p.told && old.Free == p.offer.Free {
		p.told = p.offer // which lets go of the old one
	}
}

// saveHome has the next life begin where the offer is now.
func (s *Supplier) saveHome(out *market.Outbox) {
	h := &market.Home{Region: s.pub.region}
	for i := range s.pub.contacts {
		h.Traders = append(h.Traders, s.pub.contacts[i].ref())
	}
	out.Save(h)
}

// settle finds a region for an offer that has none. Whoever was there before
// tells the traders of then at once, and looks meanwhile who they are now: a
// lookup takes long where peers come and go. Else the first lookup is where the
// tree seems to end in a network of this size, so that not everybody begins at the
// root; how densely peers lie there tells whether that is right.
func (s *Supplier) settle(now market.Time, out *market.Outbox) {
	if s.pub.region.Platform == s.stock.Platform {
		return
	}
	if h := s.pub.before().home; h != nil && h.Region == market.RootRegion(s.stock.Platform).At(h.Region.Depth, s.me.Self) {
		s.pub.past.home, s.pub.region = nil, h.Region
		s.adopt(h.Traders)
		s.look(now, out)
		return
	}
	s.move(now, market.RootRegion(s.stock.Platform).At(s.pub.first, s.me.Self), nil, out)
	s.pub.probing = true
}

// crowd notes how large the network is, before there is an offer.
func (p *publication) crowd(members uint64, splitAt int) {
	if members > 0 {
		p.first = market.DepthOf(members, splitAt)
	}
}

// push sends the offer to the traders that do not have it: one message to all
// of them.
func (s *Supplier) push(now market.Time, out *market.Outbox) {
	p := &s.pub
	var create *market.CreateOffer
	var update *market.UpdateOffer
	for i := range p.contacts {
		c := &p.contacts[i]
		switch {
		case c.says != market.AckStored && c.acked == 0, c.acked > 0 && c.acked >= p.pushed, c.sentAt > 0:
			// who would have it elsewhere, but has it, hears of changes until two say so
		case c.acked > 0: // a trader that cannot take it says so; else its delivery is the answer
			if update == nil {
				update = &market.UpdateOffer{Offer: p.offer, At: s.here(), Region: p.region, Replicas: s.replicas()}
			}
			c.acked, c.updated = p.seq, true
			out.Send(c.ref(), update)
		default:
			if create == nil {
				create = &market.CreateOffer{Offer: p.offer, At: s.here(), Region: p.region, Replicas: s.replicas(), Above: p.before().above}
			}
			c.sentAt = max(1, now.Mono)
			out.Send(c.ref(), create)
		}
	}
}

func (s *Supplier) here() market.Ref { return market.Ref{Peer: s.me.Self, Addrs: s.stock.Addrs} }

func (s *Supplier) replicas() []market.PeerID {
	ids := make([]market.PeerID, 0, len(s.pub.contacts))
	for i := range s.pub.contacts {
		ids = append(ids, s.pub.contacts[i].peer)
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
	asked := c.sentAt > 0 || c.updated
	c.heard, c.sentAt, c.tries, c.updated = now.Mono, 0, 0, false
	switch {
	case m.Code == market.AckStored:
		if m.Seq <= p.seq {
			c.acked, c.stale = max(c.acked, m.Seq), 0
		}
	case !asked: // what nobody wanted to know
	case m.Code == market.AckStale:
		s.onStale(now, i, m.Seq, out)
	default:
		c.says, c.depth, c.acked = m.Code, m.Depth, 0
		s.redirect(now, i, out)
	}
}

// onStale continues above the number that a trader remembers: our disk was
// lost, or the offer was withdrawn there before. A trader that is never
// content lies.
func (s *Supplier) onStale(now market.Time, i int, seq uint64, out *market.Outbox) {
	p := &s.pub
	c := &p.contacts[i]
	if c.stale++; c.stale > maxStale || seq > p.seq && seq-p.seq >= maxSeqJump {
		s.shun(now, i)
		return
	}
	p.seq = max(p.seq, seq)
	s.sign(now, out)
	p.pushed = p.seq
}

// onRefreshOffer is a trader's audit; the answer is always the newest offer,
// signed again when it grows old.
func (s *Supplier) onRefreshOffer(now market.Time, from market.Ref, m *market.RefreshOffer, out *market.Outbox) {
	p := &s.pub
	ack := &market.RefreshAck{Region: m.Region} // without an offer it says that there is none for this trader
	if p.offer == nil || !s.sells() {
		out.Send(from, ack)
		return
	}
	if p.offer.ValidUntil.Sub(now.Wall) < 2*s.me.Params.OfferTTL/3 {
		s.sign(now, out)
	}
	if m.Region != p.region {
		if s.lingers(m.Region) {
			ack.Offer, ack.At = p.offer, s.here()
		}
		out.Send(from, ack)
		return
	}
	if s.contact(from.Peer) < 0 && !s.welcome(from, out) {
		out.Send(from, ack)
		return
	}
	ack.Offer, ack.At = p.offer, s.here()
	out.Send(from, ack)
	i := s.contact(from.Peer)
	c := &p.contacts[i]
	c.heard, c.tries, c.acked, c.says, c.depth = now.Mono, 0, min(m.Seq, p.seq), m.Code, m.Depth
	if m.Code != market.AckStored {
		s.redirect(now, i, out)
	}
}

// withdraw takes the offer back everywhere.
func (s *Supplier) withdraw(out *market.Outbox) {
	p := &s.pub
	if p.offer == nil {
		return
	}
	s.remember()
	for i := range p.contacts {
		out.Send(p.contacts[i].ref(), &market.RemoveOffer{Seq: p.seq, Region: p.region})
		if s.leaving {
			out.Send(p.contacts[i].ref(), &market.Goodbye{})
		}
	}
	if p.past != nil {
		for i := range p.past.farewell {
			s.sayFarewell(&p.past.farewell[i], out)
		}
		p.past.farewell = nil
	}
	p.offer, p.told, p.contacts, p.region, p.lookAt, p.foundAt = nil, nil, nil, market.Region{}, market.Never, 0
	s.countTraders(out)
}

// TraderState is one trader of the own offer, for people to look at.
type TraderState struct {
	Peer  market.Ref
	Acked bool
}

// Offer is the own offer; nil while there is none.
func (s *Supplier) Offer() *market.SignedOffer { return s.pub.offer }

// Home is the own offer's region and the traders that have it; nil while there
// is no offer.
func (s *Supplier) Home() (market.Region, []market.Ref) {
	if s.pub.offer == nil {
		return market.Region{}, nil
	}
	refs := make([]market.Ref, 0, len(s.pub.contacts))
	for i := range s.pub.contacts {
		if c := &s.pub.contacts[i]; c.acked > 0 {
			refs = append(refs, c.ref())
		}
	}
	return s.pub.region, refs
}

// Published is the own offer, nil while there is none, its region and its traders.
func (s *Supplier) Published() (*market.SignedOffer, market.Region, []TraderState) {
	var ts []TraderState
	for i := range s.pub.contacts {
		c := &s.pub.contacts[i]
		ts = append(ts, TraderState{c.ref(), c.acked > 0})
	}
	return s.pub.offer, s.pub.region, ts
}
