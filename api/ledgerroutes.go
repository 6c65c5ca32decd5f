package api

import (
	"context"
	"io"
)

// ledgerRoutes are those of leases, accounts and counterparties.
func ledgerRoutes() []route {
	return []route{
		{"GET", "/v1/leases", "leases", answer(query(parseLeaseOptions), func(ctx context.Context, b Backend, _ string, in LeaseOptions) ([]Lease, error) {
			return list(b.Leases(ctx, in))
		})},
		{"GET", "/v1/leases/{lease}", "lease", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (LeaseDetail, error) {
			return b.Lease(ctx, LeaseRef(ref))
		})},
		{"POST", "/v1/leases/{lease}/renew", "renewLease", answer(optionalBody[RenewRequest](), func(ctx context.Context, b Backend, ref string, in RenewRequest) (Lease, error) {
			return b.RenewLease(ctx, LeaseRef(ref), in)
		})},
		{"POST", "/v1/leases/{lease}/cancel", "cancelLease", action(nothing(), func(ctx context.Context, b Backend, ref string, _ none) error {
			return b.CancelLease(ctx, LeaseRef(ref))
		})},
		{"POST", "/v1/leases/{lease}/reclaim", "reclaimLease", answer(optionalBody[ReclaimRequest](), func(ctx context.Context, b Backend, ref string, in ReclaimRequest) (Lease, error) {
			return b.ReclaimLease(ctx, LeaseRef(ref), in)
		})},
		{"GET", "/v1/leases/{lease}/export", "exportLease", download(bundleType, nothing(), func(ctx context.Context, b Backend, ref string, _ none, w io.Writer) error {
			return b.ExportLease(ctx, LeaseRef(ref), w)
		})},

		{"GET", "/v1/ledger", "accounts", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Account, error) {
			return list(b.Accounts(ctx))
		})},
		{"GET", "/v1/ledger/verify", "verifyLedger", stream(query(parseVerifyOptions), func(ctx context.Context, b Backend, _ string, in VerifyOptions, emit func(LedgerVerdict) error) error {
			return b.VerifyLedger(ctx, in, emit)
		})},
		{"GET", "/v1/ledger/export", "exportLedger", download(csvType, query(parseExportOptions), func(ctx context.Context, b Backend, _ string, in ExportOptions, w io.Writer) error {
			return b.ExportLedger(ctx, in, w)
		})},
		{"GET", "/v1/ledger/settlements", "settlements", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Settlement, error) {
			return list(b.Settlements(ctx))
		})},
		{"POST", "/v1/ledger/settlements/{settlement}/accept", "acceptSettlement", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (Settlement, error) {
			return b.AcceptSettlement(ctx, ref)
		})},
		{"GET", "/v1/ledger/{peer}", "entries", answer(query(parseEntryOptions), func(ctx context.Context, b Backend, ref string, in EntryOptions) (EntryPage, error) {
			return b.Entries(ctx, NodeRef(ref), in)
		})},
		{"POST", "/v1/ledger/{peer}/settle", "settle", answer(body[SettleRequest](), func(ctx context.Context, b Backend, ref string, in SettleRequest) (Settlement, error) {
			return b.Settle(ctx, NodeRef(ref), in)
		})},
		{"PUT", "/v1/ledger/{peer}/credit", "setCredit", answer(body[CreditRequest](), func(ctx context.Context, b Backend, ref string, in CreditRequest) (Account, error) {
			return b.SetCredit(ctx, NodeRef(ref), in)
		})},

		{"GET", "/v1/peers", "peers", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Account, error) {
			return list(b.Peers(ctx))
		})},
		{"PUT", "/v1/peers/{peer}", "setPeer", answer(body[PeerRequest](), func(ctx context.Context, b Backend, ref string, in PeerRequest) (Account, error) {
			return b.SetPeer(ctx, NodeRef(ref), in)
		})},

		{"GET", "/v1/debug/bundle", "debugBundle", download(archiveType, nothing(), func(ctx context.Context, b Backend, _ string, _ none, w io.Writer) error {
			return b.DebugBundle(ctx, w)
		})},
	}
}
