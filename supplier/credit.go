package supplier

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// share is what a unit adds to its buyer's debt in one label of money.
type share struct {
	label   string
	hourly  market.Micro // what an hour costs at most, while the lease lives
	fees    market.Micro // for its start, likewise
	pending market.Micro // run, and not acknowledged
	ahead   market.Micro // the most that it adds before it is looked at again
}

// maxShare keeps sums of what hostile buyers sign from overflowing.
const maxShare market.Micro = 1 << 45

func (h share) plus(o share, times market.Micro) share {
	return share{h.label, h.hourly + times*o.hourly, h.fees + times*o.fees, h.pending + times*o.pending, h.ahead + times*o.ahead}
}

// owes is what a unit adds now.
func (m *meter) owes(u *unit) share {
	l := u.rec.Lease
	h := share{label: market.PriceOf(l.Terms).Unit}
	if u.gone || !l.Terms.Metered() || m.issued() {
		return share{}
	}
	due := l.Due(m.usage())
	if m.rec.Lease == l.ID {
		_, acked := m.acked()
		h.pending = due - acked
	} else {
		h.pending = due + m.unackedAmount()
	}
	if !u.over() {
		// A Tick may be late by some seconds.
		far := uint64(l.Terms.Interval/time.Second) + 2
		use := m.usage()
		run, park := use, use
		run.Running += far
		park.Parked += far
		h.ahead = max(l.Due(run), l.Due(park)) - due + 1
		h.hourly, h.fees = hourly(l.Terms.Price, l.Resources), l.Terms.Price.Start
	}
	h.pending, h.ahead = min(h.pending, maxShare), min(h.ahead, maxShare)
	return h
}

// hourly is the most that an hour costs, running or parked, without the start.
func hourly(p market.Price, r market.Resources) market.Micro {
	p.Start = 0
	return min(p.FirstHour(r), maxShare)
}

// unackedAmount is what the newest note adds to what is acknowledged.
func (m *meter) unackedAmount() market.Micro {
	if !m.unacked() {
		return 0
	}
	_, acked := m.acked()
	return m.rec.Note.Amount - acked
}

// countShare brings a tenant's sums up to date with one of its units.
func (u *unit) countShare() {
	m := u.meter
	if m == nil {
		return
	}
	now := m.owes(u)
	if now == m.share {
		return
	}
	u.tenant.add(m.share, -1)
	u.tenant.add(now, 1)
	m.share = now
}

func (t *tenant) add(h share, times market.Micro) {
	if h == (share{}) {
		return
	}
	i := slices.IndexFunc(t.shares, func(o share) bool { return o.label == h.label })
	if i < 0 {
		t.shares, i = append(t.shares, share{label: h.label}), len(t.shares)
	}
	if t.shares[i] = t.shares[i].plus(h, times); t.shares[i] == (share{label: h.label}) {
		t.shares = slices.Delete(t.shares, i, i+1)
	}
}

// debt is what a buyer owes in one label: what it acknowledged and has not
// settled, what it has not acknowledged, and what it may add before that is
// looked at again.
type debt struct {
	share
	receivable market.Micro
	lost       market.Micro // of former leases, which it never acknowledged
}

func (d debt) now() market.Micro  { return d.receivable + d.lost + d.pending }
func (d debt) soon() market.Micro { return d.now() + d.ahead }

// lost is what counts against a buyer for good, or it could run one exposure
// after the other and acknowledge nothing. Whoever pays may lose the last note
// of a lease now and then: a part of what it has paid is forgiven.
func lost(b market.Balance) market.Micro {
	const forgiven = 16 // one part in so many
	return min(max(0, b.Unconfirmed-b.SettledIn/forgiven), maxShare)
}

func (s *Supplier) debt(peer market.PeerID, label string) debt {
	d := debt{share: share{label: label}}
	for _, b := range s.books.Account(peer).Balances {
		if b.Unit == label {
			d.receivable, d.lost = b.Receivable(), lost(b)
		}
	}
	if t := s.tenant(peer); t != nil {
		for _, h := range t.shares {
			if h.label == label {
				d.share = h
			}
		}
	}
	for _, h := range s.holds() {
		if h.Hold.Buyer == peer && market.PriceOf(h.Hold.Terms).Unit == label {
			d.hourly += hourly(h.Hold.Terms.Price, h.Hold.Resources)
			d.fees += h.Hold.Terms.Price.Start
			d.ahead += min(exposure(h.Hold.Terms, h.Hold.Resources), maxShare)
		}
	}
	return d
}

// limit is how much a peer may owe in one label; false when there is no
// limit. Whoever has none of its own may owe a while of what it leases, and
// what that cost to start.
func (s *Supplier) limit(peer market.PeerID, h share) (market.Micro, bool) {
	a := s.books.Account(peer)
	switch {
	case a.Limit.Set && a.Limit.Unit == h.label:
		return a.Limit.Amount, true
	case a.Trusted:
		return 0, false
	}
	credit := s.stock.Credit
	if credit == 0 {
		credit = market.DefaultCredit
	}
	hi, lo := bits.Mul64(uint64(max(0, h.hourly)), uint64(credit/time.Second))
	if hi >= 3600 {
		return 0, false
	}
	amount, _ := bits.Div64(hi, lo, 3600)
	return market.Micro(min(amount, 1<<61)) + h.fees, true
}

// admitCredit refuses what a buyer that does not pay could cost us too much.
// A renewal has no start fee, and its hours are in the sums already.
func (s *Supplier) admitCredit(peer market.PeerID, terms *market.Terms, r market.Resources, renewal bool) (market.Reason, string) {
	if !terms.Metered() || terms.Price.IsFree() {
		return market.NoReason, ""
	}
	t, label := *terms, terms.Price.Unit
	if !ledger.Takes(s.books.Account(peer), label) {
		return market.OverCredit, fmt.Sprintf("your account here is in %d other units of money than %q already", market.MaxBalances, label)
	}
	d := s.debt(peer, label)
	with := d.share
	if renewal {
		t.Price.Start = 0
	} else {
		with.hourly += hourly(t.Price, r)
		with.fees += t.Price.Start
	}
	limit, bounded := s.limit(peer, with)
	if risk := exposure(&t, r); bounded && d.soon()+risk > limit {
		return market.OverCredit, fmt.Sprintf("%s are owed, run unacknowledged or were never acknowledged, this lease may add %s before it can be stopped, and the credit is %s; "+
			"settle, or ask the supplier to raise the limit", sum(d.soon(), label), sum(risk, label), sum(limit, label))
	}
	return market.NoReason, ""
}

// checkCredit ends a lease before its buyer could owe more than its credit,
// and warns when four fifths are used.
func (s *Supplier) checkCredit(now market.Time, u *unit, out *market.Outbox) {
	t := u.rec.Lease.Terms
	if u.rec.Ending != market.NoReason || t.Price.IsFree() {
		return
	}
	u.countShare()
	label := t.Price.Unit
	d := s.debt(u.tenant.peer, label)
	limit, bounded := s.limit(u.tenant.peer, d.share)
	near := bounded && d.now() >= limit-limit/5
	switch {
	case bounded && d.soon() > limit:
		s.end(now, u, market.OverCredit, 0, out)
	case near && !u.meter.warned.credit:
		u.meter.warned.credit = true
		left := timeFor(limit-d.soon(), d.hourly) + t.Interval
		s.announce(now, u, market.NoticeCredit, left, fmt.Sprintf("%s of a credit of %s are used", sum(d.now(), label), sum(limit, label)), out)
	case !near:
		u.meter.warned.credit = false
	}
}

// timeFor is how long an amount lasts.
func timeFor(m, hourly market.Micro) time.Duration {
	if hourly <= 0 || m <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(m), 3600)
	if hi >= uint64(hourly) {
		return market.MaxTerm
	}
	s, _ := bits.Div64(hi, lo, uint64(hourly))
	return time.Duration(min(s, uint64(market.MaxTerm/time.Second))) * time.Second
}

// warnOfCost tells when a lease will end by its cost before its term does.
func (s *Supplier) warnOfCost(now market.Time, u *unit, out *market.Outbox) {
	l, m := u.rec.Lease, u.meter
	if l.MaxCost == 0 || u.rec.Ending != market.NoReason || m.warned.cost {
		return
	}
	due, left := l.Due(m.usage()), int(max(0, u.endsAt-now.Mono)/time.Second)
	if due < l.MaxCost-l.MaxCost/5 || l.Due(m.after(left)) <= l.MaxCost {
		return
	}
	m.warned.cost = true
	label := l.Terms.Price.Unit
	s.announce(now, u, market.NoticeCost, timeFor(l.MaxCost-due, l.Terms.Price.Hourly(l.Resources)),
		fmt.Sprintf("%s of at most %s are used", sum(due, label), sum(l.MaxCost, label)), out)
}

// Credit is how far a buyer may go in one label of money, and how far it is.
type Credit struct {
	Owes    market.Micro // acknowledged, and not settled
	Lost    market.Micro // of former leases, and never acknowledged; less a part of what was paid
	Pending market.Micro // run, and not acknowledged
	Hourly  market.Micro // what all of its leases here cost an hour at most
	Limit   market.Micro
	Bounded bool // false: there is no limit
}

// Credit tells how far a buyer may go.
func (s *Supplier) Credit(peer market.PeerID, label string) Credit {
	d := s.debt(peer, label)
	limit, bounded := s.limit(peer, d.share)
	return Credit{d.receivable, d.lost, d.pending, d.hourly, limit, bounded}
}

// Usage is what a unit's lease in force has used and costs by now, noted or
// not; zero where nothing is metered.
func (s *Supplier) Usage(now market.Time, unit market.LeaseID) (market.Usage, market.Micro) {
	u := s.unit(unit)
	if u == nil || u.meter == nil || !u.rec.Lease.Terms.Metered() {
		return market.Usage{}, 0
	}
	m := *u.meter
	m.advance(now.Mono)
	return m.usage(), u.rec.Lease.Due(m.usage())
}
