package strategies

import (
	"slices"

	"caravela/market"
)

// onLaunch admits a lease, or refuses it.
func (p *peer) onLaunch(now market.Time, from market.Ref, m *market.LaunchContainer, out *market.Outbox) {
	free := p.Free()
	switch {
	case slices.ContainsFunc(p.sold, func(s sold) bool { return s.lease.ID == m.Lease.ID }): // it was granted, and the grant was lost
		out.Send(from, &market.Grant{Lease: p.Sealer.Countersign(m.Lease)})
		return
	case !p.sells || !free.Fits(m.Lease.Resources):
		out.Send(from, &market.Refusal{Lease: m.Lease.ID, Reason: market.NoCapacity, Free: free})
		p.policy.refused(p, now, out)
		return
	}
	p.sold = append(p.sold, sold{lease: m.Lease, buyer: from})
	out.Runs = append(out.Runs, market.Run{Unit: m.Lease.ID, Owner: from.Peer, Spec: m.Spec})
	out.Send(from, &market.Grant{Lease: p.Sealer.Countersign(m.Lease)})
	out.Note(market.NoteGranted, from.Peer, m.Lease.ID, "")
	p.policy.changed(p, now, out)
}

func (p *peer) onStop(from market.Ref, m *market.StopContainer, out *market.Outbox) {
	for i := range p.sold {
		if s := &p.sold[i]; s.lease.ID == m.Unit && m.Op == market.OpRemove {
			s.ref = m.Ref
			out.Controls = append(out.Controls, market.Control{Ref: 1, Unit: m.Unit, Op: market.OpRemove})
			return
		}
	}
	out.Send(from, &market.StopAck{Unit: m.Unit, Ref: m.Ref})
}

// onUnitChanged frees what a unit held that ended or never ran.
func (p *peer) onUnitChanged(now market.Time, ev market.UnitChanged, out *market.Outbox) {
	i := slices.IndexFunc(p.sold, func(s sold) bool { return s.lease.ID == ev.Unit })
	if i < 0 || ev.State != market.Ended && ev.State != market.Failed {
		return
	}
	out.Send(p.sold[i].buyer, &market.StopAck{Unit: ev.Unit, Ref: p.sold[i].ref})
	p.sold = slices.Delete(p.sold, i, i+1)
	out.Note(market.NoteLeaseEnded, market.PeerID{}, ev.Unit, "")
	p.policy.changed(p, now, out)
}

func (p *peer) onOrdered(ev market.Ordered, out *market.Outbox) {
	if ev.Cmd.Op == market.OpRemove {
		p.remove(ev.Cmd.Unit, ev.Ref, out)
	}
}

// remove ends a unit that this peer bought.
func (p *peer) remove(unit market.LeaseID, ref uint64, out *market.Outbox) {
	for i := range p.bought {
		if b := &p.bought[i]; b.unit == unit {
			b.ref = ref
			out.Send(b.supplier, &market.StopContainer{Unit: unit, Op: market.OpRemove, Ref: ref})
		}
	}
}

func (p *peer) onStopAck(m *market.StopAck, out *market.Outbox) {
	i := slices.IndexFunc(p.bought, func(b bought) bool { return b.unit == m.Unit })
	if i < 0 {
		return
	}
	if ref := p.bought[i].ref; ref != 0 {
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ref, Kind: market.Done, Unit: m.Unit})
	}
	p.bought = slices.Delete(p.bought, i, i+1)
}
