package node

import (
	"context"
	"io"

	"caravela/api"
)

func soon() error { return api.Errorf(api.CodeUnsupported, "this node cannot do that yet") }

// DebugBundle implements api.Backend.
func (n *Node) DebugBundle(context.Context, io.Writer) error { return soon() }

// ExportLease implements api.Backend.
func (n *Node) ExportLease(context.Context, api.LeaseRef, io.Writer) error { return soon() }

// Accounts implements api.Backend.
func (n *Node) Accounts(context.Context) ([]api.Account, error) { return nil, soon() }

// Entries implements api.Backend.
func (n *Node) Entries(context.Context, api.NodeRef, api.EntryOptions) (api.EntryPage, error) {
	return api.EntryPage{}, soon()
}

// VerifyLedger implements api.Backend.
func (n *Node) VerifyLedger(context.Context, api.VerifyOptions, func(api.LedgerVerdict) error) error {
	return soon()
}

// ExportLedger implements api.Backend.
func (n *Node) ExportLedger(context.Context, api.ExportOptions, io.Writer) error { return soon() }

// Settlements implements api.Backend.
func (n *Node) Settlements(context.Context) ([]api.Settlement, error) { return nil, soon() }

// Settle implements api.Backend.
func (n *Node) Settle(context.Context, api.NodeRef, api.SettleRequest) (api.Settlement, error) {
	return api.Settlement{}, soon()
}

// AcceptSettlement implements api.Backend.
func (n *Node) AcceptSettlement(context.Context, string) (api.Settlement, error) {
	return api.Settlement{}, soon()
}

// Peers implements api.Backend.
func (n *Node) Peers(context.Context) ([]api.Account, error) { return nil, soon() }

// SetPeer implements api.Backend.
func (n *Node) SetPeer(context.Context, api.NodeRef, api.PeerRequest) (api.Account, error) {
	return api.Account{}, soon()
}

// SetCredit implements api.Backend.
func (n *Node) SetCredit(context.Context, api.NodeRef, api.CreditRequest) (api.Account, error) {
	return api.Account{}, soon()
}
