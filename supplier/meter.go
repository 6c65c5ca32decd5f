package supplier

import (
	"sort"
	"time"

	"caravela/market"
)

// meter is what a unit's billing needs beyond its record, and where its
// notices are. A unit that is free and was never warned of anything has none.
//
// Time is counted for the lease in force. After a renewal, and after the end,
// the chain of notes of the lease before is closed first: see closing.
type meter struct {
	rec    *market.Meter // replaced, never mutated once a step is over
	dirty  bool          // to be saved at the end of the step
	saved  bool          // the disk has it
	warned warning

	counts   billing       // what the time since then is
	since    time.Duration //
	running  time.Duration // of the lease in force
	parked   time.Duration //
	measured *market.Counters
	before   *market.Counters // what the engine had measured when the lease in force began

	nextAt    time.Duration // when the next one is due
	strikes   int           // notes in a row that are unacknowledged, over renewals
	graceEnd  time.Duration // when the lease ends unless they are acknowledged
	reclaimAt time.Duration // when the lease ends by a reclaim
	warnAt    time.Duration // when to warn of the lease's end
	costAt    time.Duration // when the lease reaches the most that it may cost
	closing   *closing

	note    repetition
	notice  repetition
	receipt repetition

	share share // as the tenant's sums have it
}

// billing is how a moment counts.
type billing uint8

const (
	gap     billing = iota // not seen, not run, or over: nobody pays
	running                // a live container
	parked                 // stopped by its owner
)

// warning remembers what the owner, or our user, was told, so that it is told
// once.
type warning struct{ credit, cost, expiry, refused, disputed bool }

// repetition is something that is sent until it is answered.
type repetition struct{ at, wait time.Duration }

func (r *repetition) stop() { *r = repetition{at: market.Never} }

func (r *repetition) again(now time.Duration, most time.Duration) {
	r.wait = min(max(2*r.wait, statusRetry), most)
	r.at = now + r.wait
}

func newMeter(rec *market.Meter, now time.Duration) *meter {
	m := &meter{rec: rec, since: now, nextAt: market.Never, graceEnd: market.Never, reclaimAt: market.Never,
		warnAt: market.Never, costAt: market.Never}
	m.note.stop()
	m.notice.stop()
	m.receipt.stop()
	return m
}

// meterOf returns the unit's meter, and makes one if there is none.
func (s *Supplier) meterOf(now market.Time, u *unit) *meter {
	if u.meter == nil {
		l := u.rec.Lease
		u.meter = newMeter(&market.Meter{Unit: l.Unit(), Lease: l.ID, Sold: true}, now.Mono)
	}
	return u.meter
}

// edit returns the record for a change in this step; it is saved at its end.
func (m *meter) edit() *market.Meter {
	if !m.dirty {
		rec := *m.rec
		m.rec, m.dirty = &rec, true
	}
	return m.rec
}

func (m *meter) deadline() time.Duration {
	d := min(m.nextAt, m.graceEnd, m.reclaimAt, m.warnAt, m.costAt, m.note.at, m.notice.at, m.receipt.at)
	if m.closing != nil {
		d = min(d, m.closing.until)
	}
	return d
}

// begin counts for the lease in force from now on.
func (m *meter) begin(now market.Time, u *unit) {
	l := u.rec.Lease
	m.running, m.parked, m.before, m.costAt = 0, 0, m.measured, market.Never
	m.warned = warning{}
	m.nextAt, m.warnAt = market.Never, market.Never
	if !l.Terms.Metered() {
		return
	}
	m.nextAt = now.Mono + l.Terms.Interval
	m.warnAt = u.endsAt - min(l.Term()/10, maxWarning)
}

// halt stops what can end or warn of a lease that is over.
func (m *meter) halt() {
	m.nextAt, m.graceEnd, m.reclaimAt, m.warnAt, m.costAt = market.Never, market.Never, market.Never, market.Never, market.Never
}

// billed is how this moment of a unit counts.
func (u *unit) billed() billing {
	switch {
	case !u.rec.Lease.Terms.Metered() || u.rec.Ending != market.NoReason || !u.seen:
	case u.state().Live():
		return running
	case u.state() == market.Stopped && u.rec.Stopped:
		return parked
	}
	return gap
}

// advance counts the time since the last look. What would cost more than the
// lease may cost is not counted: it ends then.
func (m *meter) advance(now time.Duration) {
	d := max(0, min(now, m.costAt)-m.since)
	switch m.counts {
	case running:
		m.running += d
	case parked:
		m.parked += d
	}
	m.since = now
}

// recount notes how the time from now on counts, and when that must end.
func (m *meter) recount(now time.Duration, u *unit) {
	m.advance(now)
	m.counts, m.costAt = u.billed(), market.Never
	l := u.rec.Lease
	if m.counts == gap || l.MaxCost == 0 {
		return
	}
	left := int(max(0, u.endsAt-now)/time.Second) + 1
	if l.Due(m.after(left)) <= l.MaxCost {
		return
	}
	n := sort.Search(left, func(i int) bool { return l.Due(m.after(i+1)) > l.MaxCost })
	counted := m.running
	if m.counts == parked {
		counted = m.parked
	}
	m.costAt = now + max(0, time.Duration(n)*time.Second-counted%time.Second)
}

func (m *meter) usage() market.Usage {
	return market.Usage{Running: uint64(m.running / time.Second), Parked: uint64(m.parked / time.Second)}
}

// after is the usage after so many more whole seconds of the same kind.
func (m *meter) after(seconds int) market.Usage {
	use := m.usage()
	if m.counts == parked {
		use.Parked += uint64(seconds)
	} else {
		use.Running += uint64(seconds)
	}
	return use
}

// bear is how many unacknowledged notes a supplier bears. The first is known
// to be unacknowledged only when the next one is due.
func bear(t *market.Terms) int {
	if t == nil {
		return 1
	}
	return max(1, t.Bear)
}

// exposure is the most that a lease can cost us by the rules.
func exposure(t *market.Terms, r market.Resources) market.Micro {
	if t == nil {
		return 0
	}
	x := *t
	x.Bear = bear(t)
	return x.Exposure(r)
}

// write adds a note to the chain of a lease, if there is anything new to
// bill. It is saved, then sent.
func (s *Supplier) write(now market.Time, u *unit, l *market.SignedLease, last bool, out *market.Outbox) {
	m := u.meter
	m.advance(now.Mono)
	n := market.UsageNote{Lease: l.ID, Seq: 1, Usage: m.usage(), Counters: m.counters(), At: now.Wall, Last: last}
	if before := m.rec.Note; before != nil {
		if n.Usage == before.Usage {
			return
		}
		n.Seq, n.Prev = before.Seq+1, before.Hash
	} else if n.Usage == (market.Usage{}) {
		return
	}
	if status := u.rec.Status; status != nil {
		n.Counters.Restarts = status.Restarts
	}
	n.Amount = l.Due(n.Usage)
	rec := m.edit()
	rec.Lease, rec.Note = l.ID, s.me.Seal.Usage(n)
	m.strikes++
	s.sendNote(now, u, out)
}

// counters are what was measured since the lease in force began.
func (m *meter) counters() (c market.Counters) {
	if m.measured == nil {
		return c
	}
	c = *m.measured
	if b := m.before; b != nil {
		c.CPUSeconds -= min(c.CPUSeconds, b.CPUSeconds)
		c.NetIn -= min(c.NetIn, b.NetIn)
		c.NetOut -= min(c.NetOut, b.NetOut)
		c.DiskRead -= min(c.DiskRead, b.DiskRead)
		c.DiskWrite -= min(c.DiskWrite, b.DiskWrite)
		c.Unhealthy -= min(c.Unhealthy, b.Unhealthy)
		c.Restarts -= min(c.Restarts, b.Restarts)
	}
	return c
}

// unacked reports whether the newest note waits for its acknowledgement.
func (m *meter) unacked() bool {
	return m.rec.Note != nil && (m.rec.Acked == nil || m.rec.Acked.Seq < m.rec.Note.Seq)
}

// acked is the newest acknowledged note's sequence and amount.
func (m *meter) acked() (seq uint64, due market.Micro) {
	if m.rec.Acked == nil {
		return 0, 0
	}
	return m.rec.Acked.Seq, m.rec.Acked.Amount
}

// sendNote sends the newest note, and again until it is acknowledged.
func (s *Supplier) sendNote(now market.Time, u *unit, out *market.Outbox) {
	m := u.meter
	if !m.unacked() {
		m.note.stop()
		return
	}
	out.Send(u.rec.Buyer, &market.ReportUsage{Note: m.rec.Note})
	m.note.again(now.Mono, statusMax)
}

func (s *Supplier) onMeasured(now market.Time, ev market.Measured) {
	u := s.take(ev.Unit)
	if u == nil || !u.rec.Lease.Terms.Metered() {
		return
	}
	c := ev.Counters
	s.meterOf(now, u).measured = &c
}

// tickMeter does what is due of a unit's billing; it may end the lease.
func (s *Supplier) tickMeter(now market.Time, u *unit, out *market.Outbox) {
	m := u.meter
	m.advance(now.Mono)
	if m.closing != nil && now.Mono >= m.closing.until {
		s.issue(now, u, out)
	}
	if !u.over() {
		s.tickLease(now, u, out)
	}
	if now.Mono >= m.note.at {
		s.sendNote(now, u, out)
	}
	if now.Mono >= m.notice.at {
		s.sendNotice(now, u, out)
	}
	if now.Mono >= m.receipt.at {
		s.sendReceipts(now, u, out)
	}
}

// tickLease looks whether the lease must end, and writes the next note.
func (s *Supplier) tickLease(now market.Time, u *unit, out *market.Outbox) {
	m := u.meter
	switch {
	case now.Mono >= m.reclaimAt:
		s.end(now, u, market.Reclaimed, 0, out)
		return
	case now.Mono >= m.costAt:
		s.end(now, u, market.CostReached, 0, out)
		return
	case now.Mono >= m.graceEnd:
		s.end(now, u, market.Unacknowledged, 0, out)
		return
	}
	if now.Mono >= m.warnAt {
		s.warnOfEnd(now, u, out)
	}
	if now.Mono >= m.nextAt {
		s.interval(now, u, out)
	}
}

// interval is a lease's regular look at what it owes.
func (s *Supplier) interval(now market.Time, u *unit, out *market.Outbox) {
	m, t := u.meter, u.rec.Lease.Terms
	m.nextAt = now.Mono + t.Interval
	if m.closing != nil { // of the lease before: it had its time
		s.issue(now, u, out)
	}
	if m.strikes >= bear(t) && m.graceEnd == market.Never {
		m.graceEnd = now.Mono + t.Grace
		s.announce(now, u, market.NoticeUnacked, t.Grace, unackedText(m.strikes), out)
		out.Note(market.NoteUnacked, u.rec.Lease.Buyer, u.rec.Lease.Unit(), unackedText(m.strikes))
	}
	s.write(now, u, u.rec.Lease, false, out)
	s.checkCredit(now, u, out)
	s.warnOfCost(now, u, out)
}

// restoreMeter takes up the billing of an earlier life. What ran and was not
// noted is nobody's; the time between is a gap.
func (s *Supplier) restoreMeter(now market.Time, rec *market.Meter, out *market.Outbox) {
	u := s.take(rec.Unit)
	if u == nil {
		out.Drop(rec)
		return
	}
	m := newMeter(rec, now.Mono)
	u.meter, m.saved = m, true
	l := u.rec.Lease
	m.begin(now, u)
	if rec.Note != nil && rec.Note.Lease == l.ID {
		m.running, m.parked = time.Duration(rec.Note.Usage.Running)*time.Second, time.Duration(rec.Note.Usage.Parked)*time.Second
	}
	if rec.Note != nil {
		seq, _ := m.acked()
		m.strikes = int(rec.Note.Seq - seq)
	}
	s.restoreClosing(now, u)
	if u.over() {
		m.halt()
	} else {
		s.restoreNotice(now, u)
	}
	s.enterLeases(u)
	s.sendNote(now, u, out)
	s.sendNotice(now, u, out)
	s.sendReceipts(now, u, out)
}
