package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"caravela/market"
)

// A settlement says that a debt was paid, and counts once both have signed it.
// Whoever loses by one decides: a creditor's word that it was paid is agreed
// to by the debtor's node itself, a debtor's word by the creditor's user.
//
//	proposer             other
//	save, ProposeSettlement -->        again until answered
//	                     save, sign, enter, AnswerSettlement, again when asked again
//	enter, forget <--
//
// An agreed proposal is kept for as long as its proposer may repeat it, so that
// it is not entered twice; one that is older than that is refused.
const (
	keepProposal = 30 * 24 * time.Hour
	maxProposals = 256 // of one counterparty, open and agreed to
	firstWait    = 10 * time.Second
	longestWait  = time.Hour
	aheadOfTime  = 10 * time.Minute // of this clock, that a proposal's date may be
)

// proposal is a settlement that one has signed, or that the other has agreed
// to and may ask for again.
type proposal struct {
	rec  *market.Proposed
	to   market.Ref // where the other was seen
	next time.Duration
	wait time.Duration
}

func (p *proposal) id() [32]byte               { return p.rec.Settlement.ID }
func (p *proposal) open() bool                 { return p.rec.Settlement.Answer == nil }
func (p *proposal) by(peer market.PeerID) bool { return p.rec.Settlement.By == peer }
func (p *proposal) expires() market.Wall       { return p.rec.Settlement.At.Add(keepProposal) }
func (b *Books) other(s *market.SignedSettlement) market.PeerID {
	if s.Debtor == b.me.Self {
		return s.Creditor
	}
	return s.Debtor
}

// Proposals lists the settlements that wait for an agreement: own ones for the
// other peer's, and others' for this user's.
func (b *Books) Proposals() (open []*market.SignedSettlement) {
	for _, p := range b.proposals() {
		if p.open() {
			open = append(open, p.rec.Settlement)
		}
	}
	return open
}

// onSettle proposes, or agrees.
func (b *Books) onSettle(now market.Time, ev market.Settle, out *market.Outbox) {
	done := func(s *market.SignedSettlement, why string) {
		o := market.Outcome{Ref: ev.Ref, Kind: market.Done, Settled: s, Detail: why}
		if why != "" {
			o.Reason = market.Disputed
		}
		out.Outcomes = append(out.Outcomes, o)
	}
	if ev.Accept != ([32]byte{}) {
		done(b.accept(now, ev.Accept, out))
		return
	}
	done(b.claim(now, ev, out))
}

// claim signs a proposal of this peer's and sends it.
func (b *Books) claim(now market.Time, ev market.Settle, out *market.Outbox) (*market.SignedSettlement, string) {
	t := b.begin()
	t.count++
	s := market.Settlement{
		Network: b.me.Params.Network, Debtor: b.me.Self, Creditor: ev.Peer, Amount: ev.Amount, Unit: ev.Unit,
		Reference: ev.Reference, Receipts: ev.Receipts, Nonce: 2 * t.count, At: now.Wall,
	}
	if ev.Owed { // an odd number, so that both never propose the very same
		s.Debtor, s.Creditor, s.Nonce = ev.Peer, b.me.Self, s.Nonce+1
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Sprintf("a settlement needs another peer, an amount above zero, its unit, and a reference of at most %d bytes (%v)", market.MaxReference, err)
	}
	if why := b.exceeds(&s); why != "" {
		return nil, why
	}
	if b.waiting(ev.Peer) >= maxProposals {
		return nil, fmt.Sprintf("%d settlements with this peer wait already", maxProposals)
	}
	p := &proposal{rec: &market.Proposed{Settlement: b.me.Seal.Settlement(s)}, to: market.Ref{Peer: ev.Peer}, wait: firstWait}
	if _, known := b.findProposal(p.id()); known {
		return nil, "the peer has proposed the very same: agree to that"
	}
	b.propose(p)
	out.Save(p.rec)
	b.repeat(now, p, out)
	return p.rec.Settlement, ""
}

// accept agrees to what a debtor has proposed.
func (b *Books) accept(now market.Time, id [32]byte, out *market.Outbox) (*market.SignedSettlement, string) {
	i, known := b.findProposal(id)
	if !known || b.proposals()[i].by(b.me.Self) {
		return nil, "no such settlement waits for this user's agreement"
	}
	p := b.proposals()[i]
	if !p.open() {
		return p.rec.Settlement, ""
	}
	if why := b.exceeds(&p.rec.Settlement.Settlement); why != "" {
		return nil, why
	}
	b.agree(now, p, out)
	return p.rec.Settlement, ""
}

// exceeds returns why a settlement is of more than is owed; own proposals
// that wait count as settled. "" when it is not.
func (b *Books) exceeds(s *market.Settlement) string {
	peer, owed, who := s.Debtor, market.Micro(0), "the peer owes"
	if s.Debtor == b.me.Self {
		peer, who = s.Creditor, "this node owes"
	}
	if balance := BalanceOf(b.Account(peer), s.Unit); s.Debtor == b.me.Self {
		owed = balance.Payable()
	} else {
		owed = balance.Receivable()
	}
	for _, p := range b.proposals() {
		if o := &p.rec.Settlement.Settlement; p.open() && p.by(b.me.Self) && o.Debtor == s.Debtor && o.Creditor == s.Creditor && o.Unit == s.Unit {
			owed -= o.Amount
		}
	}
	if s.Amount > owed {
		return fmt.Sprintf("%s %v %s, less than %v", who, max(0, owed), s.Unit, s.Amount)
	}
	return ""
}

// onProposal judges a settlement that a peer has signed.
func (b *Books) onProposal(now market.Time, from market.Ref, s *market.SignedSettlement, out *market.Outbox) {
	if s.Network != b.me.Params.Network || s.By != from.Peer || s.Other() != b.me.Self || s.Answer != nil {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "proposes a settlement of others, or in another's name")
		return
	}
	if i, known := b.findProposal(s.ID); known {
		p := b.proposals()[i]
		p.to = from
		b.answer(p, out)
		return
	}
	if reason, why := b.declines(now, from.Peer, s); reason != market.NoReason {
		out.Send(from, &market.AnswerSettlement{ID: s.ID, Reason: reason, Detail: why})
		return
	}
	p := &proposal{rec: &market.Proposed{Settlement: s}, to: from, wait: longestWait, next: now.Mono + longestWait}
	b.propose(p)
	if s.Creditor == from.Peer {
		b.agree(now, p, out)
		return
	}
	out.Save(p.rec)
	out.Note(market.NoteProposed, from.Peer, market.LeaseID{}, "says that it paid "+terms(s)+"; its number is "+market.LeaseID(s.ID).Short())
}

// declines returns why this node does not even keep a proposal.
func (b *Books) declines(now market.Time, from market.PeerID, s *market.SignedSettlement) (market.Reason, string) {
	age := now.Wall.Sub(s.At)
	switch {
	case age > keepProposal || age < -aheadOfTime:
		return market.ClockSkew, "the settlement is not of these days"
	case b.waiting(from) >= maxProposals:
		return market.Busy, fmt.Sprintf("%d settlements wait, or are of this month", maxProposals)
	}
	if why := b.exceeds(&s.Settlement); why != "" {
		return market.Disputed, "by the other's books " + why
	}
	return market.NoReason, ""
}

// agree signs a proposal, enters it, and answers.
func (b *Books) agree(now market.Time, p *proposal, out *market.Outbox) {
	p.rec = &market.Proposed{Settlement: b.me.Seal.SignSettlement(p.rec.Settlement)}
	out.Save(p.rec)
	b.enter(now, p.rec.Settlement, out)
	b.answer(p, out)
}

// enter counts what both have signed.
func (b *Books) enter(now market.Time, s *market.SignedSettlement, out *market.Outbox) {
	c := Change{Unit: s.Unit, SettledIn: s.Amount}
	if s.Debtor == b.me.Self {
		c = Change{Unit: s.Unit, SettledOut: s.Amount}
	}
	peer := b.other(s)
	b.Append(now, peer, s.Entry(), c, out)
	out.Note(market.NoteSettled, peer, market.LeaseID{}, terms(s))
}

// answer sends a peer's own proposal back with the second signature.
func (b *Books) answer(p *proposal, out *market.Outbox) {
	if !p.open() {
		out.Send(p.to, &market.AnswerSettlement{ID: p.id(), Settlement: p.rec.Settlement})
	}
}

// onAnswer ends a proposal of this peer's.
func (b *Books) onAnswer(now market.Time, from market.Ref, m *market.AnswerSettlement, out *market.Outbox) {
	i, known := b.findProposal(m.ID)
	if !known {
		return // answered before
	}
	p := b.proposals()[i]
	if !p.by(b.me.Self) || b.other(p.rec.Settlement) != from.Peer {
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "answers a settlement that it was not asked about")
		return
	}
	switch s := m.Settlement; {
	case s == nil && (m.Reason == market.Busy || m.Reason == market.NoReason):
		return // ask again later
	case s == nil:
		b.forget(i, out)
		out.Note(market.NoteDisputed, from.Peer, market.LeaseID{}, fmt.Sprintf("does not agree that %s was paid: %v: %s", terms(p.rec.Settlement), m.Reason, m.Detail))
	case s.ID != m.ID || s.Answer == nil:
		out.Note(market.NoteBadMessage, from.Peer, market.LeaseID{}, "answers a settlement by another one")
	default:
		b.forget(i, out)
		b.enter(now, s, out)
	}
}

// onNear asks a peer that has come back at once.
func (b *Books) onNear(now market.Time, peer market.Ref, out *market.Outbox) {
	for _, p := range b.proposals() {
		if p.by(b.me.Self) && b.other(p.rec.Settlement) == peer.Peer {
			if p.to = peer; p.wait > firstWait {
				p.wait = firstWait
				b.repeat(now, p, out)
			}
		}
	}
}

// onTick repeats what is due, and forgets what is too old.
func (b *Books) onTick(now market.Time, out *market.Outbox) {
	for i := len(b.proposals()) - 1; i >= 0; i-- {
		p := b.proposals()[i]
		if p.next > now.Mono {
			continue
		}
		if now.Wall > p.expires() {
			if p.open() {
				out.Note(market.NoteDisputed, b.other(p.rec.Settlement), market.LeaseID{}, "a settlement of "+terms(p.rec.Settlement)+" was not agreed to for a month")
			}
			b.forget(i, out)
			continue
		}
		b.repeat(now, p, out)
	}
}

// repeat sends an own proposal, and sets the time of the next look at any.
func (b *Books) repeat(now market.Time, p *proposal, out *market.Outbox) {
	if p.by(b.me.Self) {
		if p.to.Peer.IsZero() {
			p.to.Peer = b.other(p.rec.Settlement)
		}
		out.Send(p.to, &market.ProposeSettlement{Settlement: p.rec.Settlement})
	}
	p.next = now.Mono + p.wait
	p.wait = min(2*p.wait, longestWait)
}

// waiting counts the proposals that are kept of a counterparty.
func (b *Books) waiting(peer market.PeerID) (n int) {
	for _, p := range b.proposals() {
		if b.other(p.rec.Settlement) == peer {
			n++
		}
	}
	return n
}

func (b *Books) propose(p *proposal) {
	i, _ := b.findProposal(p.id())
	t := b.begin()
	t.proposals = slices.Insert(t.proposals, i, p)
}

func (b *Books) forget(i int, out *market.Outbox) {
	t := b.settling
	out.Drop(t.proposals[i].rec)
	t.proposals = slices.Delete(t.proposals, i, i+1)
}

func (b *Books) findProposal(id [32]byte) (int, bool) {
	return slices.BinarySearchFunc(b.proposals(), id, func(p *proposal, id [32]byte) int {
		at := p.id()
		return bytes.Compare(at[:], id[:])
	})
}

// terms says what a settlement settles.
func terms(s *market.SignedSettlement) string {
	text := fmt.Sprintf("%v %s", s.Amount, s.Unit)
	if s.Reference != "" {
		text += " (" + s.Reference + ")"
	}
	return text
}
