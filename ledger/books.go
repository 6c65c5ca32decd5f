package ledger

import (
	"slices"
	"time"

	"caravela/market"
)

// Books are a peer's accounts, and the settlements under way. The roles of the
// same peer share them: whoever acknowledges, or gets acknowledged, what is
// due appends it here.
//
// It accepts Boot, Settle, SetPeer, Tick, Near, and Received with
// ProposeSettlement and AnswerSettlement. It emits Saves of Account, Entry and
// Proposed, Sends, Outcomes, one for each Settle and SetPeer, and Notes. It
// repeats its own proposals until they are answered, and forgets every proposal
// after a month.
type Books struct {
	me       *market.Party
	accounts []*market.Account // sorted by peer; replaced, never mutated
	settling *settling         // nil until something is settled
}

// settling is what is under way beside the accounts. Few peers ever settle.
type settling struct {
	proposals []*proposal // sorted by ID
	count     uint64      // of own proposals in this life
}

// proposals lists the settlements under way, by ID.
func (b *Books) proposals() []*proposal {
	if b.settling == nil {
		return nil
	}
	return b.settling.proposals
}

// begin returns what is under way, which begins when first needed.
func (b *Books) begin() *settling {
	if b.settling == nil {
		b.settling = &settling{}
	}
	return b.settling
}

// New returns empty books.
func New(me *market.Party) Books { return Books{me: me} }

// Step implements market.Machine.
func (b *Books) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Boot:
		b.onBoot(now, ev)
	case market.Tick:
		b.onTick(now, out)
	case market.Near:
		b.onNear(now, ev.Peer, out)
	case market.Settle:
		b.onSettle(now, ev, out)
	case market.SetPeer:
		b.onSetPeer(ev, out)
	case market.Received:
		switch m := ev.Msg.(type) {
		case *market.ProposeSettlement:
			b.onProposal(now, ev.From, m.Settlement, out)
		case *market.AnswerSettlement:
			b.onAnswer(now, ev.From, m, out)
		}
	}
}

// Deadline implements market.Machine.
func (b *Books) Deadline() time.Duration {
	due := market.Never
	for _, p := range b.proposals() {
		due = min(due, p.next)
	}
	return due
}

func (b *Books) onBoot(now market.Time, ev market.Boot) {
	for _, r := range ev.Records {
		switch r := r.(type) {
		case *market.Account:
			b.put(r)
		case *market.Proposed:
			b.propose(&proposal{rec: r, next: now.Mono, wait: firstWait})
		}
	}
}

// Account is what is known of a counterparty; never nil, and not to be changed.
func (b *Books) Account(p market.PeerID) *market.Account {
	if i, known := b.find(p); known {
		return b.accounts[i]
	}
	return &market.Account{Peer: p}
}

// Blocked reports whether this peer's user wants no dealings with p. It is
// asked of every offer that is seen.
func (b *Books) Blocked(p market.PeerID) bool {
	i, known := b.find(p)
	return known && b.accounts[i].Blocked
}

// Accounts lists all counterparties, by peer.
func (b *Books) Accounts() []*market.Account { return slices.Clone(b.accounts) }

// Append adds an entry to the log of a counterparty and changes its balance by
// it; both are saved in this step. Kind, First and Second of e are the
// caller's.
func (b *Books) Append(now market.Time, p market.PeerID, e market.Entry, c Change, out *market.Outbox) {
	a := *b.Account(p)
	a.Entries++
	e.Peer, e.Index, e.At, e.Prev = p, a.Entries, now.Wall, a.Head
	a.Head = market.EntryHash(&e)
	a.Balances = added(a.Balances, c)
	b.put(&a)
	out.Save(&e)
	out.Save(&a)
	if !Takes(&a, c.Unit) && c != (Change{Unit: c.Unit}) {
		out.Note(market.NoteDisputed, p, market.LeaseID{}, "too many units: what is due in "+c.Unit+" is not counted")
	}
}

// put adds or replaces an account.
func (b *Books) put(a *market.Account) {
	i, known := b.find(a.Peer)
	if known {
		b.accounts[i] = a
		return
	}
	b.accounts = slices.Insert(b.accounts, i, a)
}

func (b *Books) find(p market.PeerID) (int, bool) {
	return slices.BinarySearchFunc(b.accounts, p, func(a *market.Account, p market.PeerID) int { return a.Peer.Compare(p) })
}
