package apitest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"caravela/api"
)

// terms are what cedar asks for.
func terms() *api.Terms {
	return &api.Terms{
		Price:      api.Price{Unit: "credit", CoreHourMicro: 20_000, MemoryHourMicro: 5_000, StartMicro: 1_000},
		IntervalMS: 60_000, Bear: 5, GraceMS: 300_000, NoticeMS: 600_000,
	}
}

// cost is what resources cost at cedar for a day.
func cost(r api.Resources) api.Cost {
	hourly := r.MilliCPU*20 + r.MemoryBytes>>20*5_000>>10
	return api.Cost{Unit: "credit", HourlyMicro: hourly, StartMicro: 1_000, TermMicro: 24*hourly + 1_000}
}

// lease is a container's. The caller holds the lock.
func (n *Fake) lease(c *container) api.Lease {
	return api.Lease{
		ID: c.ID, ContainerID: c.ID, Name: c.Name, Role: api.RoleBought, Peer: CedarID, PeerName: "cedar", Image: c.Image,
		State: c.State, Reason: c.Reason, Resources: c.Resources, Terms: terms(), StartsAt: c.CreatedAt, EndsAt: c.EndsAt,
		LeftMS: c.LeftMS, Renews: c.Renews, Cost: c.Cost, Receipt: api.ReceiptNone,
		Bill: api.Bill{RunningS: 60, AmountMicro: c.AmountMicro, UnackedMicro: 10, UnackedNotes: 1, NoteSeq: 2, NotedAt: day},
	}
}

// findLease resolves a reference. The caller holds the lock.
func (n *Fake) findLease(ref api.LeaseRef) (*container, error) {
	c, err := n.find(api.ContainerRef(ref))
	if api.CodeOf(err) == api.CodeNotFound {
		err = api.Errorf(api.CodeNotFound, "no lease %q", ref).WithNext("caravela lease ls")
	}
	return c, err
}

// Leases implements api.Backend.
func (n *Fake) Leases(_ context.Context, opts api.LeaseOptions) ([]api.Lease, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []api.Lease
	for _, c := range n.containers {
		if opts.Role != api.RoleSold {
			out = append(out, n.lease(c))
		}
	}
	return out, nil
}

// Lease implements api.Backend.
func (n *Fake) Lease(_ context.Context, ref api.LeaseRef) (api.LeaseDetail, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, err := n.findLease(ref)
	if err != nil {
		return api.LeaseDetail{}, err
	}
	d := api.LeaseDetail{Lease: n.lease(c), Chain: []string{c.ID}, SpecHash: strings.Repeat("cd", 32), SignedBy: []string{SelfID, CedarID}}
	d.Receipts = []api.Receipt{}
	d.Notice = &api.Notice{Kind: "reclaim", At: day, DeadlineAt: day, Detail: "tonight", Heard: true}
	return d, nil
}

// RenewLease implements api.Backend.
func (n *Fake) RenewLease(_ context.Context, ref api.LeaseRef, _ api.RenewRequest) (l api.Lease, err error) {
	return l, n.update(func() error {
		c, err := n.findLease(ref)
		if err == nil {
			l = n.lease(c)
		}
		return err
	})
}

// CancelLease implements api.Backend.
func (n *Fake) CancelLease(ctx context.Context, ref api.LeaseRef) error {
	return n.Remove(ctx, api.ContainerRef(ref), api.RemoveOptions{Force: true})
}

// ReclaimLease implements api.Backend. This node has sold nothing.
func (n *Fake) ReclaimLease(_ context.Context, ref api.LeaseRef, _ api.ReclaimRequest) (api.Lease, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, err := n.findLease(ref)
	if err == nil && c.Name != "sold" {
		err = api.Errorf(api.CodeConflict, "lease %s was bought, not sold", ref).WithNext("caravela lease cancel %s", ref)
	}
	if err != nil {
		return api.Lease{}, err
	}
	return n.lease(c), nil
}

// ExportLease implements api.Backend.
func (n *Fake) ExportLease(_ context.Context, ref api.LeaseRef, w io.Writer) error {
	n.mu.Lock()
	c, err := n.findLease(ref)
	n.mu.Unlock()
	if err != nil {
		return err
	}
	for _, part := range []string{"lease ", c.ID, "\n"} {
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
	}
	return nil
}

// Accounts implements api.Backend.
func (n *Fake) Accounts(ctx context.Context) ([]api.Account, error) { return n.Peers(ctx) }

// Peers implements api.Backend.
func (n *Fake) Peers(context.Context) ([]api.Account, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return []api.Account{n.account}, nil
}

// counterparty finds cedar. The caller holds the lock.
func (n *Fake) counterparty(ref api.NodeRef) error {
	if ref != "cedar" && ref != CedarID {
		return api.Errorf(api.CodeNotFound, "no node %q has been seen here", ref).WithNext("caravela node ls")
	}
	return nil
}

// Entries implements api.Backend.
func (n *Fake) Entries(_ context.Context, ref api.NodeRef, opts api.EntryOptions) (api.EntryPage, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.counterparty(ref); err != nil {
		return api.EntryPage{}, err
	}
	page := api.EntryPage{Account: n.account}
	for i := max(opts.From, 1); i <= n.account.Entries; i++ {
		page.Entries = append(page.Entries, api.Entry{
			Index: i, At: day, Kind: "usage", LeaseID: strings.Repeat("ab", 32), Unit: "credit", AmountMicro: int64(i) * 10, Seq: i,
			SignedBy: []string{CedarID, SelfID}, Hash: strings.Repeat("ef", 32),
		})
	}
	return page, nil
}

// VerifyLedger implements api.Backend.
func (n *Fake) VerifyLedger(_ context.Context, opts api.VerifyOptions, emit func(api.LedgerVerdict) error) error {
	n.mu.Lock()
	a := n.account
	err := error(nil)
	if opts.Peer != "" {
		err = n.counterparty(opts.Peer)
	}
	n.mu.Unlock()
	if err != nil {
		return err
	}
	return emit(api.LedgerVerdict{Peer: a.Peer, Name: a.Name, Entries: a.Entries, OK: true})
}

// ExportLedger implements api.Backend.
func (n *Fake) ExportLedger(_ context.Context, opts api.ExportOptions, w io.Writer) error {
	n.mu.Lock()
	a := n.account
	n.mu.Unlock()
	if opts.Peer == "nobody" {
		return n.counterparty(opts.Peer)
	}
	_, err := fmt.Fprintf(w, "peer,entries\n%s,%d\n", a.Peer, a.Entries)
	return err
}

// Settlements implements api.Backend.
func (n *Fake) Settlements(context.Context) ([]api.Settlement, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.settlements), nil
}

// Settle implements api.Backend. Cedar has not agreed yet, unless it paid.
func (n *Fake) Settle(_ context.Context, ref api.NodeRef, req api.SettleRequest) (s api.Settlement, err error) {
	return s, n.update(func() error {
		if err := n.counterparty(ref); err != nil {
			return err
		}
		s = api.Settlement{
			ID: n.id("settlement"), Peer: CedarID, PeerName: "cedar", Received: req.Received, AmountMicro: req.AmountMicro,
			Unit: "credit", Reference: req.Reference, At: day, State: api.SettlementProposed, LeaseIDs: []string{},
		}
		n.settlements = append(n.settlements, s)
		return nil
	})
}

// AcceptSettlement implements api.Backend.
func (n *Fake) AcceptSettlement(_ context.Context, id string) (s api.Settlement, err error) {
	return s, n.update(func() error {
		i := slices.IndexFunc(n.settlements, func(s api.Settlement) bool { return strings.HasPrefix(s.ID, id) })
		if i < 0 {
			return api.Errorf(api.CodeNotFound, "no settlement %q waits for an answer", id).WithNext("caravela ledger settle --ls")
		}
		s = n.settlements[i]
		s.State = api.SettlementSettled
		n.settlements = slices.Delete(n.settlements, i, i+1)
		return nil
	})
}

// SetPeer implements api.Backend.
func (n *Fake) SetPeer(_ context.Context, ref api.NodeRef, req api.PeerRequest) (a api.Account, err error) {
	return a, n.update(func() error {
		if err := n.counterparty(ref); err != nil {
			return err
		}
		if req.Blocked != nil {
			n.account.Blocked = *req.Blocked
		}
		if req.Trusted != nil {
			n.account.Trusted = *req.Trusted
		}
		if req.Remark != nil {
			n.account.Remark = *req.Remark
		}
		a = n.account
		return nil
	})
}

// SetCredit implements api.Backend.
func (n *Fake) SetCredit(_ context.Context, ref api.NodeRef, req api.CreditRequest) (a api.Account, err error) {
	return a, n.update(func() error {
		if err := n.counterparty(ref); err != nil {
			return err
		}
		n.account.Credit = api.Credit{Kind: api.CreditSet, LimitMicro: req.LimitMicro, Unit: req.Unit}
		if req.Default {
			n.account.Credit = api.Credit{Kind: api.CreditDefault, DefaultMS: 3_600_000}
		}
		a = n.account
		return nil
	})
}

// account is what is known of cedar at first.
func account() api.Account {
	return api.Account{
		Peer: CedarID, Name: "cedar", Entries: 3, Head: strings.Repeat("ef", 32), Bought: 1,
		Balances: []api.Balance{{Unit: "credit", PayableMicro: 30, SpentMicro: 30}},
		Credit:   api.Credit{Kind: api.CreditDefault, DefaultMS: 3_600_000},
	}
}

// Sale implements api.Backend.
func (n *Fake) Sale(context.Context) (api.Sale, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sale, nil
}

func sale() api.Sale {
	return api.Sale{Selling: true, Terms: terms(), PriceFrom: api.PriceConfigured, CreditMS: 3_600_000, Total: cedarTotal}
}

// PauseOffer implements api.Backend.
func (n *Fake) PauseOffer(_ context.Context, req api.PauseRequest) (s api.Sale, err error) {
	return s, n.update(func() error {
		n.sale.Selling, n.sale.Paused, n.sale.Detail = false, true, req.Reason
		s = n.sale
		return nil
	})
}

// ResumeOffer implements api.Backend.
func (n *Fake) ResumeOffer(context.Context) (s api.Sale, err error) {
	return s, n.update(func() error {
		n.sale.Selling, n.sale.Paused, n.sale.Detail = true, false, ""
		s = n.sale
		return nil
	})
}

// SetPrice implements api.Backend.
func (n *Fake) SetPrice(_ context.Context, req api.PriceRequest) (s api.Sale, err error) {
	return s, n.update(func() error {
		n.sale.PriceFrom = api.PriceByUser
		if req.Reset {
			n.sale.Terms, n.sale.PriceFrom = terms(), api.PriceConfigured
		}
		if req.CoreHourMicro != nil {
			t := *n.sale.Terms
			t.Price.CoreHourMicro = *req.CoreHourMicro
			n.sale.Terms = &t
		}
		s = n.sale
		return nil
	})
}

// Quote implements api.Backend.
func (n *Fake) Quote(_ context.Context, req api.QuoteRequest) (api.Quote, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	found := n.search(req.Spec.Resources)
	if len(found.Offers) == 0 {
		return api.Quote{}, &api.Error{Code: api.CodeNoOffer, Detail: "no offer fits", Next: "caravela market explain", WhyNot: &found}
	}
	part := api.QuotePart{Offer: found.Offers[0].Offer, Cost: found.Offers[0].Cost}
	if req.Hold {
		part.Hold = &api.Hold{ID: n.id("hold"), UntilAt: day}
	}
	return api.Quote{Parts: []api.QuotePart{part}, TermMS: 86400000, Totals: []api.Cost{part.Cost}}, nil
}

// DebugBundle implements api.Backend. It is no archive.
func (n *Fake) DebugBundle(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "bundle\n")
	return err
}
