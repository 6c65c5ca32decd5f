package supplier

import (
	"math"
	"slices"

	"caravela/market"
)

// Counts is how much of the stock is taken, for offers, status and metrics.
type Counts struct {
	Units     int // that are not over
	Starting  int // of these, not running yet
	Ended     int // over, and not yet confirmed by their owners
	Resources market.Resources
	Pids      int64
	Ports     int // host ports
}

func (c Counts) plus(d Counts, times int) Counts {
	return Counts{c.Units + times*d.Units, c.Starting + times*d.Starting, c.Ended + times*d.Ended,
		c.Resources.Add(d.Resources.Scale(times)), c.Pids + int64(times)*d.Pids, c.Ports + times*d.Ports}
}

// defaultPids is what a lease counts that asks for the supplier's default.
const defaultPids = 512

// standing is what a unit takes of the stock, apart from what its lease says
// and no renewal changes.
type standing struct {
	live, starting, ended bool
	ports                 uint8 // both protocols of MaxPorts at most
}

func (u *unit) standing() standing {
	switch {
	case u.gone:
		return standing{}
	case u.ended():
		return standing{ended: true}
	}
	return standing{live: true, starting: u.starting(), ports: uint8(min(max(len(u.rec.Lease.Ports), len(u.more().hosts)), math.MaxUint8))}
}

func (u *unit) counts(st standing) (c Counts) {
	if st.ended {
		c.Ended = 1
	}
	if !st.live {
		return c
	}
	c.Units, c.Resources, c.Pids, c.Ports = 1, u.rec.Lease.Resources, pids(u.rec.Lease.Pids), int(st.ports)
	if st.starting {
		c.Starting = 1
	}
	return c
}

func pids(asked int64) int64 {
	if asked <= 0 {
		return defaultPids
	}
	return asked
}

// recount brings the sums up to date with the units that this step touched.
func (s *Supplier) recount(now market.Time, out *market.Outbox) {
	a := s.sales
	if a == nil || len(a.touched) == 0 {
		return
	}
	for i, u := range a.touched {
		u.touched = false
		a.countPorts(u)
		a.count(u)
		u.countMeter(now, out)
		if u.gone {
			a.due.drop(u)
		} else {
			a.due.put(u, u.deadline())
		}
		a.touched[i] = nil
	}
	a.touched = a.touched[:0]
}

func (a *sales) count(u *unit) {
	old, now := u.counts(u.counted), u.counts(u.standing())
	u.counted = u.standing()
	if old != now {
		a.used = a.used.plus(old, -1).plus(now, 1)
		u.tenant.ended += now.Ended - old.Ended
	}
}

// countPorts notes which host ports a unit uses: those that its lease names,
// and those that the engine chose.
func (a *sales) countPorts(u *unit) {
	hosts := u.publishes()
	x := u.more()
	if slices.Equal(hosts, x.hosts) {
		return
	}
	for _, p := range x.hosts {
		a.usePort(p, -1)
	}
	for _, p := range hosts {
		a.usePort(p, 1)
	}
	x.hosts = hosts
	u.set(x)
}

func (a *sales) usePort(p hostPort, times int) {
	if p.port == 0 {
		return
	}
	if a.ports == nil {
		a.ports = map[hostPort]int{}
	}
	if a.ports[p] += times; a.ports[p] == 0 {
		delete(a.ports, p)
	}
}

// countMeter brings the time that is billed, and what it adds to the buyer's
// debt, up to date, and saves what changed of it.
func (u *unit) countMeter(now market.Time, out *market.Outbox) {
	m := u.meter
	if m == nil {
		return
	}
	m.recount(now.Mono, u)
	u.countShare()
	if m.dirty && !u.gone {
		out.Save(m.rec)
		m.dirty, m.saved = false, true
	}
}

func (u *unit) publishes() (list []hostPort) {
	if u.gone || u.ended() {
		return nil
	}
	add := func(p market.Port) {
		if h := (hostPort{p.Host, p.UDP}); p.Host != 0 && !slices.Contains(list, h) {
			list = append(list, h)
		}
	}
	for _, p := range u.rec.Lease.Ports {
		add(p)
	}
	if u.rec.Status != nil {
		for _, b := range u.rec.Status.Ports {
			add(b.Port)
		}
	}
	return list
}

// Used counts what units take of the stock.
func (s *Supplier) Used() Counts {
	if s.sales == nil {
		return Counts{}
	}
	return s.sales.used
}

// Reserved counts what is held for buyers who have not leased it yet; Units
// counts the holds.
func (s *Supplier) Reserved() Counts {
	if s.sales == nil || s.sales.kept == nil {
		return Counts{}
	}
	return s.sales.kept.sum
}

func (s *Supplier) taken() Counts { return s.Used().plus(s.Reserved(), 1) }

// Free is the stock less what units take and holds keep.
func (s *Supplier) Free() market.Resources {
	f := s.stock.Total.Sub(s.taken().Resources)
	return market.Resources{CPU: max(0, f.CPU), Memory: max(0, f.Memory), Disk: max(0, f.Disk)}
}

// Meters lists the billing of what this peer sold, by unit, as far as there is
// any. The records are never mutated.
func (s *Supplier) Meters() (list []*market.Meter) {
	if s.sales == nil {
		return nil
	}
	for _, u := range s.sales.units {
		if u.meter != nil {
			list = append(list, u.meter.rec)
		}
	}
	return list
}
