package ledger

import (
	"fmt"

	"caravela/market"
)

// onSetPeer writes down what the user thinks of a counterparty.
func (b *Books) onSetPeer(ev market.SetPeer, out *market.Outbox) {
	if why := b.refuses(ev); why != "" {
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ev.Ref, Kind: market.Done, Reason: market.Disputed, Detail: why})
		return
	}
	a := *b.Account(ev.Peer)
	set(&a.Limit, ev.Limit)
	set(&a.Blocked, ev.Blocked)
	set(&a.Trusted, ev.Trusted)
	set(&a.Remark, ev.Remark)
	b.put(&a)
	out.Save(&a)
	out.Note(market.NoteAccount, a.Peer, market.LeaseID{}, opinion(&a))
	out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ev.Ref, Kind: market.Done})
}

// refuses returns why an opinion cannot be kept; "" when it can.
func (b *Books) refuses(ev market.SetPeer) string {
	switch {
	case ev.Peer.IsZero() || ev.Peer == b.me.Self:
		return "name another peer than this one"
	case ev.Remark != nil && len(*ev.Remark) > market.MaxReference:
		return fmt.Sprintf("a remark has at most %d bytes", market.MaxReference)
	case ev.Limit != nil && ev.Limit.Set && !sensible(*ev.Limit):
		return "a limit is an amount of zero or more in a unit of letters, such as credit"
	}
	return ""
}

func sensible(l market.Limit) bool {
	unit := market.Price{Unit: l.Unit, Start: 1}
	return l.Amount >= 0 && l.Amount <= market.MaxAmount && unit.Validate() == nil
}

// set replaces a value by a new one, unless there is none.
func set[T any](to, by *T) {
	if by != nil {
		*to = *by
	}
}

// opinion says an account's settings in words.
func opinion(a *market.Account) string {
	switch {
	case a.Blocked:
		return "blocked: nothing is sold to it nor bought from it"
	case a.Limit.Set:
		return fmt.Sprintf("may owe %v %s", a.Limit.Amount, a.Limit.Unit)
	case a.Trusted:
		return "trusted: may owe without a limit"
	}
	return "may owe as much as any peer"
}
