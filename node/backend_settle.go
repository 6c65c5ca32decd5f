package node

import (
	"context"
	"strings"

	"caravela/api"
	"caravela/ledger"
	"caravela/market"
)

// Settlements implements api.Backend.
func (n *Node) Settlements(context.Context) ([]api.Settlement, error) {
	out := []api.Settlement{}
	for _, s := range n.board.open() {
		out = append(out, n.settlementOf(s))
	}
	return out, nil
}

func (n *Node) settlementOf(s *market.SignedSettlement) api.Settlement {
	peer := s.Debtor
	if peer == n.self {
		peer = s.Creditor
	}
	v := api.Settlement{
		ID: hexOf(s.ID), Peer: peer.String(), PeerName: n.nodeName(peer), Received: s.Creditor == n.self,
		AmountMicro: int64(s.Amount), Unit: s.Unit, Reference: foreign(s.Reference, market.MaxReference), At: s.At.Time(), State: api.SettlementAsked, LeaseIDs: []string{},
	}
	for _, l := range s.Receipts {
		v.LeaseIDs = append(v.LeaseIDs, l.String())
	}
	switch {
	case s.Answer != nil:
		v.State = api.SettlementSettled
	case s.By == n.self:
		v.State = api.SettlementProposed
	}
	return v
}

// Settle implements api.Backend.
func (n *Node) Settle(ctx context.Context, ref api.NodeRef, req api.SettleRequest) (api.Settlement, error) {
	if err := req.Validate(); err != nil {
		return api.Settlement{}, err
	}
	peer, err := n.counterparty(ref)
	if err != nil {
		return api.Settlement{}, err
	}
	unit, err := n.owedIn(peer, req)
	if err != nil {
		return api.Settlement{}, err
	}
	covers, err := n.covers(ctx, peer, unit, req)
	if err != nil {
		return api.Settlement{}, err
	}
	before := n.board.account(peer)
	end, err := n.consult(ctx, "settle with "+peer.Short(), func(r uint64) market.Event {
		return market.Settle{Ref: r, Peer: peer, Amount: market.Micro(req.AmountMicro), Unit: unit, Owed: req.Received, Reference: req.Reference, Receipts: covers}
	})
	if err != nil {
		return api.Settlement{}, err
	}
	return n.settlement(ctx, end, before)
}

// owedIn is the unit of a settlement: the one that was named, or the only one
// in which anything is owed.
func (n *Node) owedIn(peer market.PeerID, req api.SettleRequest) (string, error) {
	if req.Unit != "" {
		return req.Unit, nil
	}
	var units []string
	for _, b := range n.board.account(peer).Balances {
		if owed := map[bool]market.Micro{true: b.Receivable(), false: b.Payable()}[req.Received]; owed > 0 {
			units = append(units, b.Unit)
		}
	}
	switch {
	case len(units) == 1:
		return units[0], nil
	case len(units) > 1:
		return "", api.Errorf(api.CodeInvalid, "debts in %s are open: name the unit", strings.Join(units, " and ")).WithNext("caravela ledger settle PEER --amount 1 --unit %s", units[0])
	case req.Received:
		return "", api.Errorf(api.CodeConflict, "%s owes this node nothing", peer.Short()).WithNext("caravela ledger balance %s", peer.Short())
	}
	return "", api.Errorf(api.CodeConflict, "this node owes %s nothing", peer.Short()).WithNext("caravela ledger balance %s", peer.Short())
}

// covers lists the leases whose receipts a settlement pays.
func (n *Node) covers(ctx context.Context, peer market.PeerID, unit string, req api.SettleRequest) ([]market.LeaseID, error) {
	debtor, creditor := n.self, peer
	if req.Received {
		debtor, creditor = peer, n.self
	}
	c := ledger.NewCover(debtor, creditor, unit)
	err := n.eachEntry(ctx, peer, func(i ledger.Item) error {
		c.Take(i.Opened)
		return i.Err
	})
	if err != nil {
		return nil, err
	}
	for _, s := range n.board.open() {
		if s.By == n.self {
			c.Paid(&s.Settlement)
		}
	}
	return c.Leases(market.Micro(req.AmountMicro)), nil
}

// settlement waits a moment for the peer's answer, which its node may give by
// itself.
func (n *Node) settlement(ctx context.Context, end market.Outcome, before *market.Account) (api.Settlement, error) {
	if end.Settled == nil {
		return api.Settlement{}, api.Errorf(api.CodeInternal, "the settlement was made and is not shown")
	}
	v := n.settlementOf(end.Settled)
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	for v.State == api.SettlementProposed {
		changed := n.board.wait()
		if settledSince(before, n.board.account(before.Peer), end.Settled) {
			v.State = api.SettlementSettled
			break
		}
		select {
		case <-changed:
		case <-n.loop.Done():
			return v, nil
		case <-ctx.Done():
			return v, nil
		}
	}
	return v, nil
}

// settledSince reports whether an account shows a settlement that it did not
// show before.
func settledSince(before, now *market.Account, s *market.SignedSettlement) bool {
	old, b := ledger.BalanceOf(before, s.Unit), ledger.BalanceOf(now, s.Unit)
	if s.Debtor == now.Peer {
		return b.SettledIn >= old.SettledIn+s.Amount
	}
	return b.SettledOut >= old.SettledOut+s.Amount
}

// AcceptSettlement implements api.Backend.
func (n *Node) AcceptSettlement(ctx context.Context, id string) (api.Settlement, error) {
	s, err := n.asked(id)
	if err != nil {
		return api.Settlement{}, err
	}
	end, err := n.consult(ctx, "agree to settlement "+id, func(r uint64) market.Event { return market.Settle{Ref: r, Accept: s.ID} })
	if err != nil {
		return api.Settlement{}, err
	}
	if end.Settled == nil {
		end.Settled = s
	}
	return n.settlementOf(end.Settled), nil
}

// asked finds a settlement that waits for this user, by a prefix of its ID.
func (n *Node) asked(id string) (*market.SignedSettlement, error) {
	var found []*market.SignedSettlement
	for _, s := range n.board.open() {
		if s.By != n.self && len(id) >= 2 && strings.HasPrefix(hexOf(s.ID), strings.ToLower(id)) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return nil, api.Errorf(api.CodeNotFound, "no settlement %q waits for your agreement", clip(id, 64)).WithNext("caravela ledger ls")
	case 1:
		return found[0], nil
	}
	e := api.Errorf(api.CodeAmbiguous, "%d settlements begin with %q", len(found), clip(id, 64)).WithNext("a longer part of the ID")
	for _, s := range found {
		e.Matches = append(e.Matches, hexOf(s.ID))
	}
	return nil, e
}
