package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// Leases implements Backend.
func (c *Client) Leases(ctx context.Context, opts LeaseOptions) (ls []Lease, err error) {
	return ls, c.get(ctx, "/leases", opts.query(), &ls)
}

// Lease implements Backend.
func (c *Client) Lease(ctx context.Context, ref LeaseRef) (d LeaseDetail, err error) {
	return d, c.get(ctx, ref.path(""), nil, &d)
}

// RenewLease implements Backend.
func (c *Client) RenewLease(ctx context.Context, ref LeaseRef, req RenewRequest) (l Lease, err error) {
	return l, c.post(ctx, ref.path("/renew"), req, &l)
}

// CancelLease implements Backend.
func (c *Client) CancelLease(ctx context.Context, ref LeaseRef) error {
	return c.post(ctx, ref.path("/cancel"), nil, nil)
}

// ReclaimLease implements Backend.
func (c *Client) ReclaimLease(ctx context.Context, ref LeaseRef, req ReclaimRequest) (l Lease, err error) {
	return l, c.post(ctx, ref.path("/reclaim"), req, &l)
}

// ExportLease implements Backend.
func (c *Client) ExportLease(ctx context.Context, ref LeaseRef, w io.Writer) error {
	return c.download(ctx, ref.path("/export"), nil, w)
}

// Accounts implements Backend.
func (c *Client) Accounts(ctx context.Context) (as []Account, err error) {
	return as, c.get(ctx, "/ledger", nil, &as)
}

// Entries implements Backend.
func (c *Client) Entries(ctx context.Context, ref NodeRef, opts EntryOptions) (p EntryPage, err error) {
	return p, c.get(ctx, "/ledger/"+url.PathEscape(string(ref)), opts.query(), &p)
}

// VerifyLedger implements Backend.
func (c *Client) VerifyLedger(ctx context.Context, opts VerifyOptions, emit func(LedgerVerdict) error) error {
	return lines(ctx, c, http.MethodGet, "/ledger/verify", opts.query(), nil, emit)
}

// ExportLedger implements Backend.
func (c *Client) ExportLedger(ctx context.Context, opts ExportOptions, w io.Writer) error {
	return c.download(ctx, "/ledger/export", opts.query(), w)
}

// Settlements implements Backend.
func (c *Client) Settlements(ctx context.Context) (ss []Settlement, err error) {
	return ss, c.get(ctx, "/ledger/settlements", nil, &ss)
}

// Settle implements Backend.
func (c *Client) Settle(ctx context.Context, ref NodeRef, req SettleRequest) (s Settlement, err error) {
	return s, c.post(ctx, "/ledger/"+url.PathEscape(string(ref))+"/settle", req, &s)
}

// AcceptSettlement implements Backend.
func (c *Client) AcceptSettlement(ctx context.Context, id string) (s Settlement, err error) {
	return s, c.post(ctx, "/ledger/settlements/"+url.PathEscape(id)+"/accept", nil, &s)
}

// SetCredit implements Backend.
func (c *Client) SetCredit(ctx context.Context, ref NodeRef, req CreditRequest) (a Account, err error) {
	return a, c.do(ctx, http.MethodPut, "/ledger/"+url.PathEscape(string(ref))+"/credit", nil, req, &a)
}

// Peers implements Backend.
func (c *Client) Peers(ctx context.Context) (as []Account, err error) {
	return as, c.get(ctx, "/peers", nil, &as)
}

// SetPeer implements Backend.
func (c *Client) SetPeer(ctx context.Context, ref NodeRef, req PeerRequest) (a Account, err error) {
	return a, c.do(ctx, http.MethodPut, "/peers/"+url.PathEscape(string(ref)), nil, req, &a)
}

// DebugBundle implements Backend.
func (c *Client) DebugBundle(ctx context.Context, w io.Writer) error {
	return c.download(ctx, "/debug/bundle", nil, w)
}

func (r LeaseRef) path(tail string) string { return "/leases/" + url.PathEscape(string(r)) + tail }
