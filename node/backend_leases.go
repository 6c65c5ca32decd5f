package node

import (
	"context"
	"slices"
	"time"

	"caravela/api"
	"caravela/market"
)

// Leases implements api.Backend.
func (n *Node) Leases(_ context.Context, o api.LeaseOptions) ([]api.Lease, error) {
	out := []api.Lease{}
	now := time.Now()
	for _, a := range n.agreements(o.Role, o.All) {
		out = append(out, n.leaseOf(a, now))
	}
	return out, nil
}

// Lease implements api.Backend.
func (n *Node) Lease(_ context.Context, ref api.LeaseRef) (api.LeaseDetail, error) {
	a, err := n.agreement(ref)
	if err != nil {
		return api.LeaseDetail{}, err
	}
	l := a.lease
	d := api.LeaseDetail{
		Lease: n.leaseOf(a, time.Now()), Chain: n.chain(a), SpecHash: hexOf(l.SpecHash), Pids: l.Pids,
		OfferSeq: l.OfferSeq, SignedBy: []string{l.Buyer.String()}, Receipts: n.receipts(a),
	}
	if !l.Hold.IsZero() {
		d.Hold = l.Hold.String()
	}
	if l.BySupplier != "" {
		d.SignedBy = append(d.SignedBy, l.Supplier.String())
	}
	if a.meter != nil && a.meter.Note != nil {
		d.NoteHash, d.Usage = hexOf(a.meter.Note.Hash), countersOf(a.meter.Note.Counters)
	}
	return d, nil
}

// chain lists the leases of a container, as far as they are known here.
func (n *Node) chain(a agreement) (ids []string) {
	for _, b := range slices.Backward(n.agreements(a.role, true)) {
		if b.lease.Unit() == a.lease.Unit() {
			ids = append(ids, b.lease.ID.String())
		}
	}
	return ids
}

// receipts lists the receipts of a container's leases, as far as they are kept.
func (n *Node) receipts(a agreement) []api.Receipt {
	out := []api.Receipt{}
	add := func(r *market.SignedReceipt) {
		if r != nil {
			out = append(out, receiptFor(r))
		}
	}
	for _, b := range slices.Backward(n.agreements(a.role, true)) {
		if b.lease.Unit() == a.lease.Unit() && b.meter != nil {
			for _, r := range b.meter.Owing {
				add(r)
			}
			add(b.meter.Receipt)
		}
	}
	return out
}

func receiptFor(r *market.SignedReceipt) api.Receipt {
	v := api.Receipt{
		LeaseID: r.Lease.String(), Unit: r.Price.Unit, AmountMicro: int64(r.Amount), RunningS: r.Usage.Running, ParkedS: r.Usage.Parked,
		NoteSeq: r.NoteSeq, StartedAt: r.Start.Time(), EndedAt: r.End.Time(), EndedBy: r.EndedBy.String(), Reason: r.Reason.String(),
		Early: r.Early, SignedBy: []string{r.By.String()},
	}
	if r.ByBuyer != "" {
		v.SignedBy = append(v.SignedBy, r.Buyer.String())
	}
	return v
}

func countersOf(c market.Counters) *api.Counters {
	return &api.Counters{
		CPUSeconds: c.CPUSeconds, PeakMemoryBytes: int64(c.PeakMemory), NetReceivedBytes: int64(c.NetIn), NetSentBytes: int64(c.NetOut),
		DiskReadBytes: int64(c.DiskRead), DiskWrittenBytes: int64(c.DiskWrite), UnhealthyS: c.Unhealthy, Restarts: int(c.Restarts),
	}
}

// RenewLease implements api.Backend.
func (n *Node) RenewLease(ctx context.Context, ref api.LeaseRef, req api.RenewRequest) (api.Lease, error) {
	a, err := n.ours(ref, api.RoleBought)
	if err != nil {
		return api.Lease{}, err
	}
	unit := a.lease.Unit()
	err = n.tell(ctx, "renew the lease of "+unit.Short(), func(ref uint64) market.Event {
		return market.Renewal{Ref: ref, Unit: unit, Term: time.Duration(req.TermMS) * time.Millisecond}
	})
	if err != nil {
		return api.Lease{}, err
	}
	return n.present(api.RoleBought, unit)
}

// CancelLease implements api.Backend.
func (n *Node) CancelLease(ctx context.Context, ref api.LeaseRef) error {
	a, err := n.ours(ref, api.RoleBought)
	if err != nil {
		return err
	}
	return n.Remove(ctx, api.ContainerRef(a.lease.Unit().String()), api.RemoveOptions{Force: true})
}

// ReclaimLease implements api.Backend.
func (n *Node) ReclaimLease(ctx context.Context, ref api.LeaseRef, req api.ReclaimRequest) (api.Lease, error) {
	if err := req.Validate(); err != nil {
		return api.Lease{}, err
	}
	a, err := n.ours(ref, api.RoleSold)
	if err != nil {
		return api.Lease{}, err
	}
	unit := a.lease.Unit()
	err = n.tell(ctx, "reclaim "+unit.Short(), func(ref uint64) market.Event {
		return market.Reclaim{
			Ref: ref, Unit: unit, Notice: time.Duration(req.NoticeMS) * time.Millisecond, Now: req.Now, Cancel: req.Cancel, Detail: req.Detail,
		}
	})
	if err != nil {
		return api.Lease{}, err
	}
	return n.present(api.RoleSold, unit)
}

// ours finds a lease that is in force and that this node has on that side.
func (n *Node) ours(ref api.LeaseRef, role api.Role) (agreement, error) {
	a, err := n.agreement(ref)
	if err == nil && a.role != role {
		// A node that bought from itself has it twice.
		i := slices.IndexFunc(n.agreements(role, true), func(b agreement) bool { return b.lease.ID == a.lease.ID })
		if i >= 0 {
			a = n.agreements(role, true)[i]
		}
	}
	if err == nil && a.over && a.lease.ID == a.lease.Unit() { // which is the container's ID as well
		inForce := n.agreements(role, false)
		if i := slices.IndexFunc(inForce, func(b agreement) bool { return b.lease.Unit() == a.lease.ID }); i >= 0 {
			a = inForce[i]
		}
	}
	short := a.leaseShort()
	switch {
	case err != nil:
		return a, err
	case a.role == api.RoleSold && role == api.RoleBought:
		return a, api.Errorf(api.CodeConflict, "lease %s was sold by this node, not bought", short).WithNext("caravela lease reclaim %s", short)
	case a.role == api.RoleBought && role == api.RoleSold:
		return a, api.Errorf(api.CodeConflict, "lease %s was bought by this node, not sold", short).WithNext("caravela lease cancel %s", short)
	case a.over:
		return a, api.Errorf(api.CodeConflict, "lease %s is over", short).WithNext("caravela lease inspect %s", short)
	}
	return a, nil
}

func (a *agreement) leaseShort() string {
	if a.lease == nil {
		return ""
	}
	return a.lease.ID.Short()
}

// present is the lease of a unit that is in force now, or the last one.
func (n *Node) present(role api.Role, unit market.LeaseID) (api.Lease, error) {
	var last *agreement
	for _, a := range n.agreements(role, true) {
		if a.lease.Unit() == unit && (last == nil || last.over && !a.over) {
			last = &a
		}
	}
	if last == nil {
		return api.Lease{}, api.Errorf(api.CodeNotFound, "lease %s is over and forgotten", unit.Short()).WithNext("caravela ledger ls")
	}
	return n.leaseOf(*last, time.Now()), nil
}

// tell gives the machine a command of the user's and waits for its answer.
func (n *Node) tell(ctx context.Context, what string, event func(ref uint64) market.Event) error {
	_, err := n.consult(ctx, what, event)
	return err
}

// consult is tell for commands whose outcome holds something.
func (n *Node) consult(ctx context.Context, what string, event func(ref uint64) market.Event) (market.Outcome, error) {
	if err := n.inNetwork(); err != nil {
		return market.Outcome{}, err
	}
	q := n.requests.begin()
	defer q.end()
	if err := n.loop.Post(ctx, event(q.ref)); err != nil {
		return market.Outcome{}, n.stopping(err)
	}
	before, end, err := q.wait(ctx, n.loop.Done())
	if err != nil {
		return end, n.stopping(err)
	}
	for _, o := range before {
		if o.Kind == market.Refused && end.Reason == market.NoReason && end.Kind == market.GaveUp {
			end.Reason, end.Detail = o.Reason, o.Detail
		}
	}
	if end.Reason == market.NoReason && end.Kind == market.Done {
		return end, nil
	}
	return end, api.Errorf(api.CodeOfReason(end.Reason), "%s: %s", what, detailed(end.Reason, end.Detail)).WithNext("%s", nextOf(end.Reason))
}

// nextOf is what to try after the machine's no.
func nextOf(r market.Reason) string {
	switch r {
	case market.PriceChanged:
		return "caravela lease inspect, then caravela run on another node"
	case market.OverCredit:
		return "caravela ledger balance; settle, or ask the supplier to raise the limit"
	case market.Unreachable:
		return "caravela doctor"
	}
	return "caravela lease ls"
}
