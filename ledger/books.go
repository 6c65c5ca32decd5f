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
// Proposed, Sends, and Outcomes.
type Books struct {
	self     market.PeerID
	network  market.NetworkID
	seal     market.Sealer
	accounts []*market.Account // sorted by peer; replaced, never mutated
}

// New returns empty books.
func New(self market.PeerID, network market.NetworkID, seal market.Sealer) Books {
	return Books{self: self, network: network, seal: seal}
}

// Step implements market.Machine.
func (b *Books) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Boot:
		b.onBoot(ev)
	}
}

// Deadline implements market.Machine.
func (b *Books) Deadline() time.Duration { return market.Never }

func (b *Books) onBoot(ev market.Boot) {
	for _, r := range ev.Records {
		if a, ok := r.(*market.Account); ok {
			b.put(a)
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

// Change is what an entry adds to a balance. Zero parts stay.
type Change struct {
	Unit        string
	Earned      market.Micro
	Spent       market.Micro
	SettledIn   market.Micro
	SettledOut  market.Micro
	Unconfirmed market.Micro
}

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
}

// added returns the balances with a change; the old list stays as it is.
func added(list []market.Balance, c Change) []market.Balance {
	if c == (Change{Unit: c.Unit}) {
		return list
	}
	list = slices.Clone(list)
	i := slices.IndexFunc(list, func(x market.Balance) bool { return x.Unit == c.Unit })
	if i < 0 {
		list, i = append(list, market.Balance{Unit: c.Unit}), len(list)
	}
	x := &list[i]
	x.Earned += c.Earned
	x.Spent += c.Spent
	x.SettledIn += c.SettledIn
	x.SettledOut += c.SettledOut
	x.Unconfirmed += c.Unconfirmed
	return list
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
