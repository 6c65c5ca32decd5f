package node

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"caravela/api"
	"caravela/market"
)

// agreement is one lease as this node knows it, whichever side it is on.
type agreement struct {
	role   api.Role
	lease  *market.SignedLease
	name   string // of the container
	image  string
	status *market.SignedStatus // of the unit; nil = none yet
	meter  *market.Meter        // nil = not metered, or not known any more
	over   bool                 // the lease is not in force any more
}

// agreements lists the leases that are known, newest first: those in force,
// and with all those that are over and not forgotten.
func (n *Node) agreements(role api.Role, all bool) []agreement {
	var out []agreement
	if role != api.RoleSold {
		out = append(out, n.boughtAgreements(all)...)
	}
	if role != api.RoleBought {
		out = append(out, n.soldAgreements(all)...)
	}
	slices.SortStableFunc(out, newerFirst)
	return out
}

// newerFirst orders leases. Of two that begin in the same millisecond the one
// that renews the other is newer.
func newerFirst(a, b agreement) int {
	switch {
	case a.lease.Start != b.lease.Start:
		return cmp.Compare(b.lease.Start, a.lease.Start)
	case a.lease.Prev == b.lease.ID:
		return -1
	case b.lease.Prev == a.lease.ID:
		return 1
	}
	return a.lease.ID.Compare(b.lease.ID)
}

func (n *Node) boughtAgreements(all bool) (out []agreement) {
	list := slices.DeleteFunc(n.board.allBought(), func(b *market.Bought) bool { return b.Lease.BySupplier == "" })
	names := displayNames(list)
	known := map[market.LeaseID]bool{}
	add := func(b *market.Bought, name string, over bool) {
		known[b.Lease.ID] = true
		over = over || b.Status != nil && b.Status.State == market.Ended
		if all || !over {
			out = append(out, agreement{api.RoleBought, b.Lease, name, b.Spec.Image, b.Status, n.board.boughtMeter(b.Lease.ID), over})
		}
	}
	for _, b := range list {
		add(b, names[b.Lease.Unit()], false)
	}
	for _, b := range n.board.endedBought() {
		if !known[b.Lease.ID] && b.Lease.BySupplier != "" {
			add(b, wantedName(b.Lease.Unit(), b.Spec), true)
		}
	}
	for _, m := range n.board.replaced() {
		if all && !known[m.Lease] {
			name := names[m.Unit]
			if name == "" {
				name = madeName(m.Unit)
			}
			out = append(out, agreement{api.RoleBought, m.Past, name, m.Past.Image, nil, m, true})
		}
	}
	return out
}

func (n *Node) soldAgreements(all bool) (out []agreement) {
	add := func(s *market.Sold, over bool) {
		over = over || s.Ending != market.NoReason || s.Status != nil && s.Status.State == market.Ended
		if all || !over {
			spec := s.Spec.Unpack()
			out = append(out, agreement{api.RoleSold, s.Lease, wantedName(s.Lease.Unit(), spec), spec.Image, s.Status, n.board.soldMeter(s.Lease), over})
		}
	}
	for _, s := range n.board.allSold() {
		add(s, false)
	}
	for _, s := range n.board.goneSold() {
		add(s, true)
	}
	return out
}

// agreement finds a lease by its ID, or by its container's name or ID; of
// those of one container it is the one in force, or the newest.
func (n *Node) agreement(ref api.LeaseRef) (agreement, error) {
	s := strings.ToLower(string(ref))
	var byLease, byUnit, byName []agreement
	for _, a := range n.agreements("", true) {
		switch {
		case a.name == string(ref):
			byName = append(byName, a)
		case len(s) >= 2 && strings.HasPrefix(a.lease.Unit().String(), s):
			byUnit = append(byUnit, a)
		case len(s) >= 2 && strings.HasPrefix(a.lease.ID.String(), s):
			byLease = append(byLease, a)
		}
		if len(s) == 2*len(market.LeaseID{}) && a.lease.ID.String() == s {
			return a, nil
		}
	}
	for _, found := range [][]agreement{newest(byName), newest(byUnit), byLease} {
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			e := api.Errorf(api.CodeAmbiguous, "%d leases are called %q", len(found), clip(string(ref), 64)).WithNext("a longer part of the ID; see caravela lease ls -a")
			for _, a := range found {
				e.Matches = append(e.Matches, a.lease.ID.Short())
			}
			return agreement{}, e
		}
	}
	return agreement{}, api.Errorf(api.CodeNotFound, "no lease %q here", clip(string(ref), 64)).WithNext("caravela lease ls -a")
}

// newest narrows the leases of what may be several containers, newest first,
// down to one a container. A node that bought from itself is asked about what
// it bought.
func newest(list []agreement) (out []agreement) {
	for _, a := range list {
		i := slices.IndexFunc(out, func(b agreement) bool { return b.lease.Unit() == a.lease.Unit() })
		switch {
		case i < 0:
			out = append(out, a)
		case out[i].lease.ID == a.lease.ID && a.role == api.RoleBought:
			out[i] = a
		}
	}
	return out
}

// other is the peer at the other end.
func (a *agreement) other() market.PeerID {
	if a.role == api.RoleSold {
		return a.lease.Buyer
	}
	return a.lease.Supplier
}

// leaseOf is an agreement for the API.
func (n *Node) leaseOf(a agreement, now time.Time) api.Lease {
	l := a.lease
	v := api.Lease{
		ID: l.ID.String(), ContainerID: l.Unit().String(), Name: a.name, Role: a.role, Peer: a.other().String(),
		PeerName: n.nodeName(a.other()), Image: a.image, State: market.Accepted.String(), Reason: market.NoReason.String(),
		Resources: api.ResourcesOf(l.Resources), Terms: api.TermsOf(l.Terms), StartsAt: l.Start.Time(), EndsAt: l.End.Time(),
		Renews: l.Renew == market.RenewAuto && !a.over, Cost: costOf(l), MaxMicro: int64(l.MaxCost), Bill: billOf(a.meter),
		Receipt: receiptState(a), Notice: noticeOf(a, now),
	}
	if a.status != nil {
		v.State, v.Reason = a.status.State.String(), a.status.Reason.String()
	}
	if a.over {
		v.State = market.Ended.String()
		if r := receiptOf(a.meter); r != nil {
			v.Reason = r.Reason.String()
		}
		return v
	}
	v.LeftMS = max(0, l.End.Time().Sub(now).Milliseconds())
	return v
}

// costOf is what a lease costs by its price: a renewal pays no start fee.
func costOf(l *market.SignedLease) api.Cost {
	c := api.CostOf(l.Terms, l.Resources, l.Term())
	if !l.Prev.IsZero() {
		c.TermMicro -= c.StartMicro
		c.StartMicro = 0
	}
	return c
}

func billOf(m *market.Meter) (b api.Bill) {
	if m == nil {
		return b
	}
	if a := m.Acked; a != nil {
		b.RunningS, b.ParkedS, b.AmountMicro, b.NoteSeq, b.NotedAt = a.Usage.Running, a.Usage.Parked, int64(a.Amount), a.Seq, a.At.Time()
	}
	if u := m.Note; u != nil && u.Seq > b.NoteSeq {
		b.UnackedNotes, b.UnackedMicro = u.Seq-b.NoteSeq, int64(u.Amount)-b.AmountMicro
		b.NoteSeq, b.NotedAt = u.Seq, u.At.Time()
	}
	return b
}

func receiptOf(m *market.Meter) *market.SignedReceipt {
	if m == nil {
		return nil
	}
	return m.Receipt
}

func receiptState(a agreement) api.ReceiptState {
	r := receiptOf(a.meter)
	switch {
	case r == nil && a.over && a.lease.Terms.Metered():
		return api.ReceiptOpen
	case r == nil:
		return api.ReceiptNone
	case r.ByBuyer == "":
		return api.ReceiptIssued
	}
	return api.ReceiptSigned
}

// noticeOf is what was announced last, unless it is over.
func noticeOf(a agreement, now time.Time) *api.Notice {
	if a.meter == nil || a.meter.Notice == nil || a.over {
		return nil
	}
	x := a.meter.Notice
	if x.Kind == market.NoticeWithdraw || x.Lease != a.lease.ID || x.Deadline != 0 && x.Deadline.Time().Before(now) {
		return nil
	}
	return &api.Notice{
		Kind: x.Kind.String(), At: x.At.Time(), DeadlineAt: x.Deadline.Time(), Detail: foreign(x.Detail, market.MaxDetail),
		Heard: a.role == api.RoleBought || a.meter.Heard >= x.Seq,
	}
}
