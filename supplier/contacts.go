package supplier

import (
	"bytes"
	"slices"
	"time"

	"caravela/market"
)

// contact is one trader of the offer.
type contact struct {
	peer    market.PeerID
	addrs   *[]string     // where it can be dialled; nil = ask the overlay
	acked   uint64        // the newest offer that it has
	heard   time.Duration // when it last said something
	sentAt  time.Duration // when the last offer went out; 0 = none under way
	tries   int8          // offers in a row without an answer
	stale   uint8         // answers in a row that it knows a newer one
	says    market.AckCode
	depth   uint8 // with AckSplit: how deep to go
	updated bool  // the last thing sent was an update
}

func newContact(r market.Ref) contact {
	c := contact{peer: r.Peer}
	if len(r.Addrs) > 0 {
		c.addrs = new(r.Addrs)
	}
	return c
}

// ref is how a message reaches the trader.
func (c *contact) ref() market.Ref {
	if c.addrs == nil {
		return market.Ref{Peer: c.peer}
	}
	return market.Ref{Peer: c.peer, Addrs: *c.addrs}
}

// holds reports whether the trader has an offer, or may get one that is on
// its way.
func (c *contact) holds() bool { return c.acked > 0 || c.sentAt > 0 }

func (c *contact) deadline(silence time.Duration) time.Duration {
	switch {
	case c.sentAt > 0:
		return c.sentAt + ackTimeout
	case c.acked > 0:
		return c.heard + silence
	}
	return market.Never
}

// shun is a peer that did not answer, or refused: another one is wanted.
type shun struct {
	peer  market.PeerID
	until time.Duration
}

// silence is how long a trader may go without its audit.
func (s *Supplier) silence() time.Duration { return 2 * s.me.Params.Refresh }

func (s *Supplier) contact(p market.PeerID) int {
	return slices.IndexFunc(s.pub.contacts, func(c contact) bool { return c.peer == p })
}

// look searches the overlay for the region's traders: a few more than are
// needed, in place of those that are shunned.
func (s *Supplier) look(now market.Time, out *market.Outbox) {
	p := &s.pub
	p.looking = s.ref()
	s.lookLater(now)
	out.Lookups = append(out.Lookups, market.Lookup{Ref: p.looking, Key: p.region.Key(s.me.Params.Network), N: s.me.Params.Replicas + 3})
}

// lookLater waits longer from time to time, until enough traders are found.
func (s *Supplier) lookLater(now market.Time) {
	p := &s.pub
	p.pause = min(max(relook, 2*p.pause), s.me.Params.Resettle)
	p.lookAt = now.Mono + p.pause
}

func (s *Supplier) onFound(now market.Time, ev market.Found, out *market.Outbox) {
	p := &s.pub
	if ev.Ref != p.looking || p.offer == nil {
		return
	}
	p.looking = 0
	if p.probing && len(ev.Peers) > 0 {
		p.probing = false
		depth := market.DepthFor(ev.Peers, s.me.Params.Replicas+3, p.region.Key(s.me.Params.Network), s.me.Params.SplitAt)
		if to := p.region.At(depth, s.me.Self); to != p.region {
			s.move(now, to, nil, out)
			return
		}
	}
	best := make([]market.Ref, 0, s.me.Params.Replicas)
	for _, r := range ev.Peers {
		if len(best) < s.me.Params.Replicas && !s.shuns(now, r.Peer) {
			best = append(best, r)
		}
	}
	if len(best) == 0 { // whoever has the offer keeps it; lookAt stands
		return
	}
	for i := range p.contacts {
		c := &p.contacts[i]
		if !slices.ContainsFunc(best, func(r market.Ref) bool { return r.Peer == c.peer }) && c.holds() {
			out.Send(c.ref(), &market.RemoveOffer{Seq: p.seq, Region: p.region})
		}
	}
	s.adopt(best)
	if len(best) >= min(s.me.Params.Replicas, len(ev.Peers)) { // else try the shunned again soon
		p.pause, p.lookAt, p.foundAt = 0, now.Mono+s.rng.Jitter(2*s.me.Params.Resettle), max(1, now.Mono)
	}
}

// adopt makes refs the contacts, and keeps what is known of them.
func (s *Supplier) adopt(refs []market.Ref) {
	p := &s.pub
	old := p.contacts
	p.contacts = make([]contact, 0, len(refs))
	for _, r := range refs {
		c := newContact(r)
		if i := slices.IndexFunc(old, func(o contact) bool { return o.peer == r.Peer }); i >= 0 {
			c = old[i]
			c.tries, c.says = 0, market.AckStored
		}
		p.contacts = append(p.contacts, c)
	}
}

// welcome takes a peer as a trader that is nearer than the furthest one, or
// fills an empty place. The one that is too many is told to forget.
func (s *Supplier) welcome(r market.Ref, out *market.Outbox) bool {
	p := &s.pub
	key := p.region.Key(s.me.Params.Network)
	p.contacts = append(p.contacts, newContact(r))
	slices.SortStableFunc(p.contacts, func(a, b contact) int {
		x, y := market.Distance(a.peer, key), market.Distance(b.peer, key)
		return bytes.Compare(x[:], y[:])
	})
	if len(p.contacts) <= s.me.Params.Replicas {
		return true
	}
	last := p.contacts[len(p.contacts)-1]
	p.contacts = p.contacts[:len(p.contacts)-1]
	if last.peer == r.Peer {
		return false
	}
	if last.holds() {
		out.Send(last.ref(), &market.RemoveOffer{Seq: p.seq, Region: p.region})
	}
	return true
}

// onNear takes a new peer as a trader when it is near enough, and tells it
// news that may have been lost.
func (s *Supplier) onNear(now market.Time, ev market.Near, out *market.Outbox) {
	s.greetOwner(now, ev.Peer.Peer, out)
	if s.pub.offer == nil {
		return
	}
	s.forgive(ev.Peer.Peer)
	if len(s.pub.contacts) > 0 && s.contact(ev.Peer.Peer) < 0 {
		s.welcome(ev.Peer, out)
	}
}

// onGone tries a trader again at once: it may only have closed the connection.
func (s *Supplier) onGone(peer market.PeerID) {
	if i := s.contact(peer); i >= 0 {
		c := &s.pub.contacts[i]
		c.acked, c.sentAt, c.tries = 0, 0, 0
	}
}

// onGoodbye looks for another trader.
func (s *Supplier) onGoodbye(now market.Time, peer market.PeerID) {
	if i := s.contact(peer); i >= 0 {
		s.shun(now, i)
	}
}

// onLostOffer waits a second, then counts it as unanswered, unless the trader
// is there and only had no time. After a lost update it must take the offer again.
func (s *Supplier) onLostOffer(now market.Time, ev market.Undelivered) {
	i := s.contact(ev.To)
	if i < 0 {
		return
	}
	switch c := &s.pub.contacts[i]; {
	case c.sentAt == 0:
		c.acked = 0
	case ev.Busy:
		c.sentAt, c.tries = max(1, now.Mono), -1 // the next timeout counts as none
	default:
		c.sentAt = max(1, now.Mono-ackTimeout+time.Second)
	}
}

// shun drops a trader and has another one looked for.
func (s *Supplier) shun(now market.Time, i int) {
	p := &s.pub
	s.forgive(p.contacts[i].peer)
	b := p.recall()
	if len(b.shunned) >= maxShunned {
		b.shunned = slices.Delete(b.shunned, 0, 1)
	}
	b.shunned = append(b.shunned, shun{p.contacts[i].peer, now.Mono + shunTime})
	p.contacts = slices.Delete(p.contacts, i, i+1)
	p.lookAt = min(p.lookAt, now.Mono+p.pause)
}

func (s *Supplier) forgive(peer market.PeerID) {
	if b := s.pub.past; b != nil {
		b.shunned = slices.DeleteFunc(b.shunned, func(x shun) bool { return x.peer == peer })
	}
}

func (s *Supplier) shuns(now market.Time, peer market.PeerID) bool {
	return slices.ContainsFunc(s.pub.before().shunned, func(x shun) bool { return x.peer == peer && x.until > now.Mono })
}

func (s *Supplier) tickPublication(now market.Time, out *market.Outbox) {
	p := &s.pub
	for i := len(p.contacts) - 1; i >= 0; i-- {
		c := &p.contacts[i]
		switch {
		case now.Mono < c.deadline(s.silence()):
		case c.sentAt == 0: // it must take the offer again
			c.acked, c.says = 0, market.AckStored
		default:
			c.sentAt = 0
			if c.tries++; c.tries >= maxTries {
				s.shun(now, i)
			}
		}
	}
	s.tickFarewells(now, out)
	if p.offer != nil && now.Mono >= p.lookAt {
		s.look(now, out)
	}
}
