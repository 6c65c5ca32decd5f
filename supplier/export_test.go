package supplier

import (
	"errors"
	"fmt"
	"maps"

	"caravela/market"
)

// Audit counts everything anew and compares it with the running sums.
func (s *Supplier) Audit() error {
	a := s.sales
	if a == nil {
		return nil
	}
	var used Counts
	ports := map[hostPort]int{}
	first, queued := market.Never, 0
	for _, u := range a.units {
		used = used.plus(u.counts(u.standing()), 1)
		for _, p := range u.publishes() {
			ports[p]++
		}
		if first = min(first, u.deadline()); u.deadline() != market.Never {
			queued++
		}
		if i, known := indexOf(u.tenant.units, u.rec.Lease.Unit()); !known || u.tenant.units[i] != u || u.touched || u.gone || u.extra != nil && len(u.extra.orders)+len(u.extra.hosts) == 0 {
			return fmt.Errorf("unit %s is not in order", u.rec.Lease.Unit().Short())
		}
	}
	if a.kept != nil && len(a.kept.holds) == 0 {
		return errors.New("room is kept for holds that are over")
	}
	var held Counts
	for i, h := range s.holds() {
		held = held.plus(h.counts(), 1)
		for _, p := range h.Hold.Ports {
			if p.Host != 0 {
				ports[hostPort{p.Host, p.UDP}]++
			}
		}
		if i > 0 && s.holds()[i-1].until > h.until {
			return fmt.Errorf("the holds are out of order at %d", i)
		}
	}
	ended := 0
	for _, t := range a.tenants {
		ended += t.ended
		if err := t.audit(); err != nil {
			return err
		}
	}
	switch {
	case held != s.Reserved():
		return fmt.Errorf("held are %+v, counted %+v", held, s.Reserved())
	case used != a.used:
		return fmt.Errorf("used are %+v, counted %+v", used, a.used)
	case !maps.Equal(ports, a.ports):
		return fmt.Errorf("ports are %v, counted %v", ports, a.ports)
	case first != a.due.deadline() || queued != len(a.due):
		return fmt.Errorf("%d units are due, the first at %v; queued are %d, the first at %v", queued, first, len(a.due), a.due.deadline())
	case ended != used.Ended:
		return fmt.Errorf("%d units have ended, their tenants count %d", used.Ended, ended)
	}
	for i, u := range a.due {
		if u.slot != i+1 || u.due != u.deadline() || i > 0 && a.due[(i-1)/2].due > u.due {
			return fmt.Errorf("the queue is out of order at %d", i)
		}
	}
	return nil
}

// audit counts anew what a tenant owes.
func (t *tenant) audit() error {
	sums := map[string]share{}
	for _, u := range t.units {
		if u.meter == nil {
			continue
		}
		h := u.meter.share
		if now := u.meter.owes(u); now != h {
			return fmt.Errorf("unit %s owes %+v, counted %+v", u.rec.Lease.Unit().Short(), now, h)
		}
		if u.meter.dirty {
			return fmt.Errorf("the billing of %s is not saved", u.rec.Lease.Unit().Short())
		}
		if h != (share{}) {
			old := sums[h.label]
			old.label = h.label
			sums[h.label] = old.plus(h, 1)
		}
	}
	for _, h := range t.shares {
		if sums[h.label] != h {
			return fmt.Errorf("a tenant owes %+v, counted %+v", sums[h.label], h)
		}
		delete(sums, h.label)
	}
	for _, h := range sums {
		if h != (share{label: h.label}) {
			return fmt.Errorf("a tenant owes %+v, which is not counted", h)
		}
	}
	return nil
}

// Self is the supplier's own name.
func (s *Supplier) Self() market.PeerID { return s.me.Self }

// Forget takes a unit away as if it had never been.
func (s *Supplier) Forget(id market.LeaseID) {
	s.remove(s.take(id))
	s.recount(market.Time{}, &market.Outbox{})
}
