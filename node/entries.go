package node

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"caravela/api"
	"caravela/market"
)

// words puts the entries of one log into the API's words. A note says neither
// its container nor the unit of its money, so the leases that were met are
// remembered.
type words map[market.LeaseID]leased

type leased struct {
	unit  market.LeaseID
	money string
}

func newWords() words { return words{} }

func (w words) add(l *market.SignedLease) {
	w[l.ID] = leased{l.Unit(), market.PriceOf(l.Terms).Unit}
}

// lease fills in what is known of the lease that an entry is about.
func (w words) lease(v *api.Entry, id market.LeaseID) {
	v.LeaseID = id.String()
	if l, met := w[id]; met {
		v.ContainerID, v.Unit = l.unit.String(), l.money
	}
}

// meet looks for the leases that a part of a log speaks of, and that begin
// before it, going back from there.
func (n *Node) meet(peer market.PeerID, part []*market.Entry, w words) error {
	missing := map[market.LeaseID]bool{}
	for _, e := range part {
		switch o, _ := market.ReadEntry(e); { // an error is told with the entry
		case o.Lease != nil:
			w.add(o.Lease)
		case o.Usage != nil:
			missing[o.Usage.Lease] = true
		case o.Receipt != nil:
			missing[o.Receipt.Lease] = true
		}
	}
	maps.DeleteFunc(missing, func(id market.LeaseID, _ bool) bool { _, met := w[id]; return met })
	if len(missing) == 0 {
		return nil
	}
	for end := part[0].Index; end > 1 && len(missing) > 0; {
		from := end - min(end-1, entryPage)
		list, err := n.cfg.Store.Entries(peer, from, int(end-from))
		if err != nil {
			return err
		}
		for _, e := range list {
			if e.Kind != market.EntryLease {
				continue
			}
			if o, err := market.ReadEntry(e); err == nil && missing[o.Lease.ID] {
				w.add(o.Lease)
				delete(missing, o.Lease.ID)
			}
		}
		end = from
	}
	return nil
}

// entry is an entry in the API's words. The store is trusted here; whoever does
// not verifies.
func (w words) entry(e *market.Entry) api.Entry {
	v := api.Entry{Index: e.Index, At: e.At.Time(), Kind: e.Kind.String(), SignedBy: []string{}, Hash: hexOf(market.EntryHash(e))}
	o, err := market.ReadEntry(e)
	if err != nil {
		v.Detail = "cannot be read: " + err.Error()
		return v
	}
	signed := func(by ...market.PeerID) {
		for _, p := range by {
			if !p.IsZero() {
				v.SignedBy = append(v.SignedBy, p.String())
			}
		}
	}
	switch {
	case o.Lease != nil:
		l := o.Lease
		signed(l.Buyer, l.Supplier)
		w.add(l)
		w.lease(&v, l.ID)
		v.Detail = l.Resources.String() + ", " + l.Term().String() + ", " + market.PriceOf(l.Terms).String()
	case o.Usage != nil:
		signed(o.Usage.By, o.Usage.Buyer)
		w.lease(&v, o.Usage.Lease)
		v.Seq, v.AmountMicro = o.Usage.Seq, int64(o.Usage.Amount)
		v.Detail = usageText(o.Usage.Usage)
	case o.Notice != nil:
		signed(o.Notice.By)
		v.LeaseID, v.ContainerID, v.Seq = o.Notice.Lease.String(), o.Notice.Unit.String(), o.Notice.Seq
		v.Detail = strings.TrimSuffix(o.Notice.Kind.String()+": "+foreign(o.Notice.Detail, market.MaxDetail), ": ")
	case o.Receipt != nil:
		r := o.Receipt
		signed(r.By, r.Buyer)
		w.lease(&v, r.Lease)
		v.Unit, v.AmountMicro, v.Seq = r.Price.Unit, int64(r.Amount), r.NoteSeq
		v.Detail = r.Reason.String() + ", " + usageText(r.Usage)
	case o.Settlement != nil:
		s := o.Settlement
		signed(s.By, otherOf(s))
		v.Unit, v.AmountMicro, v.Detail = s.Unit, int64(s.Amount), foreign(s.Reference, market.MaxReference)
	case e.Kind == market.EntryThinned:
		v.Detail = fmt.Sprintf("%d usage notes that later ones stand for", e.Span())
	case o.End != nil:
		signed(o.End.By)
		v.ContainerID, v.Seq, v.Detail = o.End.Lease.String(), o.End.Seq, o.End.Reason.String()
	}
	return v
}

// otherOf is who has agreed to a settlement; zero if nobody has yet.
func otherOf(s *market.SignedSettlement) market.PeerID {
	if s.Answer == nil {
		return market.PeerID{}
	}
	return s.Other()
}

func usageText(u market.Usage) string {
	text := "ran " + (time.Duration(u.Running) * time.Second).String()
	if u.Parked > 0 {
		text += ", parked " + (time.Duration(u.Parked) * time.Second).String()
	}
	return text
}
