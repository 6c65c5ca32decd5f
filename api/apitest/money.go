package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"caravela/api"
)

// leases: what is asked of a lease comes back as the backend says it.
func leases(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	ctx := t.Context()
	c := Start(t, b, "web")
	Start(t, b, "sold")
	ref := api.LeaseRef(c.ID[:8])
	same(t, "lease ls", func(b api.Backend) ([]api.Lease, error) { return b.Leases(ctx, api.LeaseOptions{All: true}) }, b, direct)
	same(t, "sold", func(b api.Backend) (int, error) {
		ls, err := b.Leases(ctx, api.LeaseOptions{Role: api.RoleSold})
		return len(ls), err
	}, b, direct)
	same(t, "lease inspect", func(b api.Backend) (api.LeaseDetail, error) { return b.Lease(ctx, ref) }, b, direct)
	same(t, "renew", func(b api.Backend) (api.Lease, error) {
		return b.RenewLease(ctx, ref, api.RenewRequest{TermMS: 3_600_000})
	}, b, direct)
	same(t, "reclaim", func(b api.Backend) (api.Lease, error) {
		return b.ReclaimLease(ctx, "sold", api.ReclaimRequest{NoticeMS: 60_000, Detail: "tonight"})
	}, b, direct)
	if _, err := b.ReclaimLease(ctx, ref, api.ReclaimRequest{Now: true}); api.CodeOf(err) != api.CodeConflict {
		t.Errorf("reclaim what was bought: %v", err)
	}
	if _, err := b.Lease(ctx, "nobody"); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("lease inspect nobody: %v", err)
	}
	if err := b.CancelLease(ctx, ref); err != nil {
		t.Error(err)
	}
	if _, err := b.Container(ctx, "web"); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("inspect after cancel: %v", err)
	}
}

// ledger: accounts, entries, verdicts and settlements.
func ledger(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	ctx := t.Context()
	same(t, "ledger ls", func(b api.Backend) ([]api.Account, error) { return b.Accounts(ctx) }, b, direct)
	same(t, "peer ls", func(b api.Backend) ([]api.Account, error) { return b.Peers(ctx) }, b, direct)
	same(t, "entries", func(b api.Backend) (api.EntryPage, error) {
		return b.Entries(ctx, "cedar", api.EntryOptions{From: 2, Limit: 10})
	}, b, direct)
	same(t, "verify", func(b api.Backend) (v api.LedgerVerdict, err error) {
		return v, b.VerifyLedger(ctx, api.VerifyOptions{Peer: "cedar"}, func(w api.LedgerVerdict) error { v = w; return nil })
	}, b, direct)
	yes, remark := true, "pays late"
	same(t, "peer", func(b api.Backend) (api.Account, error) {
		return b.SetPeer(ctx, "cedar", api.PeerRequest{Blocked: &yes, Trusted: &yes, Remark: &remark})
	}, b, direct)
	same(t, "credit", func(b api.Backend) (api.Account, error) {
		return b.SetCredit(ctx, "cedar", api.CreditRequest{LimitMicro: 5_000_000, Unit: "credit"})
	}, b, direct)
	s, err := b.Settle(ctx, "cedar", api.SettleRequest{AmountMicro: 30, Reference: "invoice 12", Received: true})
	if err != nil || s.State != api.SettlementProposed || s.Reference != "invoice 12" || !s.Received {
		t.Fatalf("settle: %+v, %v", s, err)
	}
	same(t, "settlements", func(b api.Backend) ([]api.Settlement, error) { return b.Settlements(ctx) }, b, direct)
	if s, err = b.AcceptSettlement(ctx, s.ID[:10]); err != nil || s.State != api.SettlementSettled {
		t.Errorf("accept: %+v, %v", s, err)
	}
	if _, err := b.Settle(ctx, "nobody", api.SettleRequest{AmountMicro: 1}); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("settle with nobody: %v", err)
	}
}

// selling: the sale, its price, its pause, and what things would cost.
func selling(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	ctx := t.Context()
	same(t, "offer", func(b api.Backend) (api.Sale, error) { return b.Sale(ctx) }, b, direct)
	same(t, "pause", func(b api.Backend) (api.Sale, error) {
		return b.PauseOffer(ctx, api.PauseRequest{Reason: "holidays"})
	}, b, direct)
	same(t, "resume", func(b api.Backend) (api.Sale, error) { return b.ResumeOffer(ctx) }, b, direct)
	rate := int64(30_000)
	same(t, "price", func(b api.Backend) (api.Sale, error) {
		return b.SetPrice(ctx, api.PriceRequest{CoreHourMicro: &rate})
	}, b, direct)
	req := api.QuoteRequest{Spec: api.Spec{Image: "web", Resources: api.Resources{MilliCPU: 1000, MemoryBytes: 1 << 30}}}
	same(t, "quote", func(b api.Backend) (api.Quote, error) { return b.Quote(ctx, req) }, b, direct)
	req.Hold = true
	if q, err := b.Quote(ctx, req); err != nil || q.Parts[0].Hold == nil {
		t.Errorf("quote --hold: %+v, %v", q, err)
	}
	req.Spec.Resources.MemoryBytes = 1 << 40
	var e *api.Error
	if _, err := b.Quote(ctx, req); !errors.As(err, &e) || e.Code != api.CodeNoOffer || e.WhyNot == nil {
		t.Errorf("quote of too much: %v", err)
	}
}

// brokenDisk is a writer that fails.
type brokenDisk struct{}

var errDisk = errors.New("disk full")

// Write implements io.Writer.
func (brokenDisk) Write([]byte) (int, error) { return 0, errDisk }

// lateFile is a node whose ledger cannot be read to its end.
type lateFile struct{ *Fake }

// ExportLedger writes more than any buffer holds, and fails.
func (lateFile) ExportLedger(_ context.Context, _ api.ExportOptions, w io.Writer) error {
	if _, err := w.Write(make([]byte, 1<<20)); err != nil {
		return err
	}
	return errDisk
}

// downloads: a file arrives whole, a failure is an error, and so is a writer
// that fails.
func downloads(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	ctx := t.Context()
	c := Start(t, b, "web")
	for _, d := range []struct {
		want string
		get  func(w io.Writer) error
	}{
		{"lease " + c.ID + "\n", func(w io.Writer) error { return b.ExportLease(ctx, "web", w) }},
		{"peer,entries\n" + CedarID + ",3\n", func(w io.Writer) error { return b.ExportLedger(ctx, api.ExportOptions{}, w) }},
		{"bundle\n", func(w io.Writer) error { return b.DebugBundle(ctx, w) }},
	} {
		var got bytes.Buffer
		if err := d.get(&got); err != nil || got.String() != d.want {
			t.Errorf("%q: %v", got.String(), err)
		}
		if err := d.get(brokenDisk{}); !errors.Is(err, errDisk) {
			t.Errorf("a writer that fails: %v", err)
		}
	}
	var got bytes.Buffer
	if err := open(t, lateFile{NewFake()}).ExportLedger(ctx, api.ExportOptions{}, &got); err == nil {
		t.Errorf("a file that breaks off after %d bytes is taken for whole", got.Len())
	}
	err := b.ExportLease(ctx, "nobody", io.Discard)
	if api.CodeOf(err) != api.CodeNotFound || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("export nobody: %v", err)
	}
}
