package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"caravela/api"
	"caravela/ledger"
	"caravela/market"
	"caravela/node/audit"
)

// Accounts implements api.Backend.
func (n *Node) Accounts(context.Context) ([]api.Account, error) {
	list := n.accounts()
	return slices.DeleteFunc(list, func(a api.Account) bool { return a.Entries == 0 }), nil
}

// Peers implements api.Backend.
func (n *Node) Peers(context.Context) ([]api.Account, error) { return n.accounts(), nil }

// accounts lists whom this node has dealt with, or its user has an opinion of.
func (n *Node) accounts() []api.Account {
	out := []api.Account{}
	dealings := n.dealings()
	for _, a := range n.board.allAccounts() {
		out = append(out, n.accountOf(a, dealings[a.Peer]))
		delete(dealings, a.Peer)
	}
	rest := slices.SortedFunc(maps.Keys(dealings), market.PeerID.Compare)
	for _, p := range rest {
		out = append(out, n.accountOf(&market.Account{Peer: p}, dealings[p]))
	}
	return out
}

// dealing counts the leases in force with a counterparty.
type dealing struct{ sold, bought int }

func (n *Node) dealings() map[market.PeerID]dealing {
	out := map[market.PeerID]dealing{}
	for _, a := range n.agreements("", false) {
		d := out[a.other()]
		if a.role == api.RoleSold {
			d.sold++
		} else {
			d.bought++
		}
		out[a.other()] = d
	}
	return out
}

// accountWith is what is known of one counterparty.
func (n *Node) accountWith(p market.PeerID) api.Account {
	return n.accountOf(n.board.account(p), n.dealings()[p])
}

func (n *Node) accountOf(a *market.Account, d dealing) api.Account {
	v := api.Account{
		Peer: a.Peer.String(), Name: n.nodeName(a.Peer), Entries: a.Entries, Balances: []api.Balance{},
		Blocked: a.Blocked, Trusted: a.Trusted, Remark: a.Remark, Credit: n.creditOf(a), Sold: d.sold, Bought: d.bought,
	}
	if a.Entries > 0 {
		v.Head = hexOf(a.Head)
	}
	for _, b := range a.Balances {
		v.Balances = append(v.Balances, api.Balance{
			Unit: b.Unit, ReceivableMicro: int64(b.Receivable()), PayableMicro: int64(b.Payable()), EarnedMicro: int64(b.Earned),
			SpentMicro: int64(b.Spent), SettledInMicro: int64(b.SettledIn), SettledOutMicro: int64(b.SettledOut), UnconfirmedMicro: int64(b.Unconfirmed),
		})
	}
	return v
}

func (n *Node) creditOf(a *market.Account) api.Credit {
	switch {
	case a.Limit.Set:
		return api.Credit{Kind: api.CreditSet, LimitMicro: int64(a.Limit.Amount), Unit: a.Limit.Unit}
	case a.Trusted:
		return api.Credit{Kind: api.CreditUnlimited}
	}
	return api.Credit{Kind: api.CreditDefault, DefaultMS: n.credit().Milliseconds()}
}

// counterparty finds a peer that was seen, or with which there is an account.
func (n *Node) counterparty(ref api.NodeRef) (market.PeerID, error) {
	id, err := n.resolveNode(ref)
	if api.CodeOf(err) != api.CodeNotFound || len(ref) < 4 {
		return id, err
	}
	var found []market.PeerID
	for _, a := range n.board.allAccounts() {
		if strings.HasSuffix(a.Peer.String(), string(ref)) {
			found = append(found, a.Peer)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	return id, err
}

// Entries implements api.Backend.
func (n *Node) Entries(_ context.Context, ref api.NodeRef, o api.EntryOptions) (api.EntryPage, error) {
	peer, err := n.counterparty(ref)
	if err != nil {
		return api.EntryPage{}, err
	}
	a := n.board.account(peer)
	page := api.EntryPage{Account: n.accountWith(peer), Entries: []api.Entry{}}
	limit := uint64(o.Limit)
	if limit == 0 {
		limit = api.DefaultEntries
	}
	limit = min(limit, api.MaxEntries)
	from := o.From
	if from == 0 {
		from = 1 + a.Entries - min(a.Entries, limit)
	}
	if from > a.Entries {
		return page, nil
	}
	list, err := n.cfg.Store.Entries(peer, from, int(min(limit, a.Entries-from+1)))
	if err != nil {
		return page, err
	}
	words := newWords()
	if err := n.meet(peer, list, words); err != nil {
		return page, err
	}
	for _, e := range list {
		page.Entries = append(page.Entries, words.entry(e))
	}
	if n := len(list); n > 0 && list[n-1].Index+list[n-1].Span() <= a.Entries {
		page.Next = list[n-1].Index + list[n-1].Span()
	}
	return page, nil
}

// VerifyLedger implements api.Backend.
func (n *Node) VerifyLedger(ctx context.Context, o api.VerifyOptions, emit func(api.LedgerVerdict) error) error {
	list, err := n.audited(o.Peer)
	if err != nil {
		return err
	}
	for _, a := range list {
		entries, err := n.auditLog(ctx, a.Peer)
		v := api.LedgerVerdict{Peer: a.Peer.String(), Name: n.nodeName(a.Peer), Entries: entries, OK: err == nil}
		var bad *ledger.BadEntry
		switch {
		case errors.As(err, &bad):
			v.BadIndex, v.Why = bad.Index, bad.Why
		case err != nil:
			return err
		}
		if err := emit(v); err != nil {
			return err
		}
	}
	return nil
}

// auditLog and eachEntry ask for the account once nobody thins the log: an
// older one may end in the middle of an entry that stands for several.
func (n *Node) auditLog(ctx context.Context, peer market.PeerID) (entries uint64, err error) {
	n.logs.RLock()
	defer n.logs.RUnlock()
	a := n.board.account(peer)
	_, err = audit.Log(ctx, n.self, n.cfg.Network.ID(), n.cfg.Store, a)
	return a.Entries, err
}

// eachEntry calls f for every entry of a log. The store is this node's own, and
// its sums were checked when it was opened.
func (n *Node) eachEntry(ctx context.Context, peer market.PeerID, f func(ledger.Item) error) error {
	n.logs.RLock()
	defer n.logs.RUnlock()
	return audit.Each(ctx, n.cfg.Store, n.board.account(peer), trustedItem, f)
}

// audited are the accounts with entries: of one peer, or all.
func (n *Node) audited(ref api.NodeRef) ([]*market.Account, error) {
	if ref == "" {
		return slices.DeleteFunc(n.board.allAccounts(), func(a *market.Account) bool { return a.Entries == 0 }), nil
	}
	peer, err := n.counterparty(ref)
	if err != nil {
		return nil, err
	}
	return []*market.Account{n.board.account(peer)}, nil
}

// SetPeer implements api.Backend.
func (n *Node) SetPeer(ctx context.Context, ref api.NodeRef, req api.PeerRequest) (api.Account, error) {
	if err := req.Validate(); err != nil {
		return api.Account{}, err
	}
	return n.judge(ctx, ref, func(p market.PeerID, r uint64) market.SetPeer {
		return market.SetPeer{Ref: r, Peer: p, Blocked: req.Blocked, Trusted: req.Trusted, Remark: req.Remark}
	})
}

// SetCredit implements api.Backend.
func (n *Node) SetCredit(ctx context.Context, ref api.NodeRef, req api.CreditRequest) (api.Account, error) {
	if err := req.Validate(); err != nil {
		return api.Account{}, err
	}
	limit := market.Limit{Set: !req.Default, Amount: market.Micro(req.LimitMicro), Unit: req.Unit}
	return n.judge(ctx, ref, func(p market.PeerID, r uint64) market.SetPeer {
		return market.SetPeer{Ref: r, Peer: p, Limit: &limit}
	})
}

// judge changes what this node thinks of a peer.
func (n *Node) judge(ctx context.Context, ref api.NodeRef, event func(p market.PeerID, r uint64) market.SetPeer) (api.Account, error) {
	peer, err := n.counterparty(ref)
	if err != nil {
		return api.Account{}, err
	}
	if peer == n.self {
		return api.Account{}, api.Errorf(api.CodeInvalid, "%s is this node itself", clip(string(ref), 64)).WithNext("caravela peer ls")
	}
	if err := n.tell(ctx, "change what is thought of "+peer.Short(), func(r uint64) market.Event { return event(peer, r) }); err != nil {
		return api.Account{}, err
	}
	return n.accountWith(peer), nil
}
