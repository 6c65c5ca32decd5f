package buyer

import (
	"bytes"
	"slices"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// Bounds of what is remembered of bills.
const (
	keepBill  = 8 * 24 * time.Hour // after a lease's end: a supplier repeats its receipt for 7 days
	maxClosed = 1024               // bills that are closed, and remembered for a supplier that asks again
)

// deals are what a buyer remembers beyond its containers. Most peers have
// none, and a million of them must fit into a machine.
type deals struct {
	meters []*meter // sorted by lease
	quotes []quote
	scores []score
}

// open returns the deals, which begin when first needed.
func (b *Buyer) open() *deals {
	if b.deals == nil {
		b.deals = &deals{}
	}
	return b.deals
}

// meter is one lease's bill, from its grant until its receipt is signed and
// for a while after that.
type meter struct {
	rec      *market.Meter // replaced, never mutated
	lease    *market.SignedLease
	bill     *bill // nil once it is closed, and where nothing is metered
	saved    bool
	told     market.Reason // why the newest note is not agreed with, as far as the user was told
	signed   bool          // a note was acknowledged in this life, at signedAt
	signedAt time.Duration
	heardAt  time.Duration // the first of the heard newest notices
	heard    int
	forgetAt time.Duration
}

// bill holds the open leases of a unit against the clock: whatever they claim
// together, it cannot be more seconds than have passed.
type bill struct {
	meters []*meter // the lease in force is the last
	from   time.Duration
	base   time.Duration // when from had passed, in this life's monotonic time
	sure   bool          // this life saw it begin, or has acknowledged some of it
	ended  bool          // the supplier's word on the end is in the books
	ran    bool          // the supplier has said that it runs; nothing is signed before
}

// passed is the time in which the open leases can have been used. It is
// measured monotonically. What a former life has measured is lost: after a
// restart, and until the first note that is agreed with, the calendar counts,
// too. A clock that was wrong for a while does no harm once it is right again.
func (x *bill) passed(now market.Time) time.Duration {
	d := x.from + now.Mono - x.base
	if x.sure || len(x.meters) == 0 {
		return d
	}
	d = max(d, now.Wall.Sub(x.meters[0].lease.Start))
	if seen := x.seen(); seen != 0 {
		d = max(d, x.from+now.Wall.Sub(seen))
	}
	return d
}

// seen is when the newest note was acknowledged; 0 = none was.
func (x *bill) seen() (at market.Wall) {
	for _, m := range x.meters {
		if m.rec.Acked != nil {
			at = max(at, m.rec.Seen)
		}
	}
	return at
}

// claimed is what is acknowledged of the open leases, but for one.
func (x *bill) claimed(but *meter) (sum time.Duration) {
	for _, m := range x.meters {
		if m != but {
			sum += m.covers()
		}
	}
	return sum
}

// covers is the time that is acknowledged.
func (m *meter) covers() time.Duration {
	if m.rec.Acked == nil {
		return 0
	}
	return seconds(m.rec.Acked.Usage)
}

func seconds(u market.Usage) time.Duration {
	return time.Duration(u.Running+u.Parked) * time.Second // bounded by UsageNote.Validate
}

// Meters lists the bills of what this peer bought, by lease. The records are
// never mutated.
func (b *Buyer) Meters() []*market.Meter {
	if b.deals == nil {
		return nil
	}
	list := make([]*market.Meter, len(b.deals.meters))
	for i, m := range b.deals.meters {
		list[i] = m.rec
	}
	return list
}

func (b *Buyer) findMeter(lease market.LeaseID) (int, bool) {
	if b.deals == nil {
		return 0, false
	}
	return slices.BinarySearchFunc(b.deals.meters, lease, func(m *meter, id market.LeaseID) int {
		return bytes.Compare(m.rec.Lease[:], id[:])
	})
}

// meterOf returns a lease's bill, nil when there is none.
func (b *Buyer) meterOf(lease market.LeaseID) *meter {
	if i, known := b.findMeter(lease); known {
		return b.deals.meters[i]
	}
	return nil
}

// addMeter remembers a lease's bill.
func (b *Buyer) addMeter(m *meter) *meter {
	d := b.open()
	i, _ := b.findMeter(m.rec.Lease)
	d.meters = slices.Insert(d.meters, i, m)
	return m
}

// keep saves a changed record.
func (m *meter) keep(rec market.Meter, out *market.Outbox) {
	m.rec, m.saved = &rec, true
	out.Save(m.rec)
}

// openBill begins the bill of a lease that was just granted, and closes that of
// the one before to new seconds: its last note is still to come.
func (b *Buyer) openBill(now market.Time, h *holding, old *market.SignedLease, out *market.Outbox) {
	l := h.rec.Lease
	if old == nil && !l.Terms.Metered() {
		return
	}
	m := &meter{rec: &market.Meter{Unit: l.Unit(), Lease: l.ID}, lease: l, forgetAt: market.Never}
	var before *meter
	if old != nil {
		before = b.meterOf(old.ID)
	}
	if before != nil {
		m.rec.Notice, m.bill = before.rec.Notice, before.bill
		b.retire(now, before, out)
	}
	if !l.Terms.Metered() {
		if m.bill = nil; m.rec.Notice != nil {
			b.addMeter(m).keep(*m.rec, out)
		}
		return
	}
	if m.bill == nil {
		m.bill = &bill{base: h.signedAt, sure: h.signedAt >= 0, ran: ran(h.state())}
	}
	m.bill.meters = append(m.bill.meters, m)
	if b.addMeter(m); m.rec.Notice != nil {
		m.keep(*m.rec, out)
	}
	b.books.Append(now, l.Supplier, l.Entry(), ledger.Change{}, out)
}

// retire keeps a lease that its unit's record does not tell any more, until
// its bill is closed.
func (b *Buyer) retire(now market.Time, m *meter, out *market.Outbox) {
	if !m.lease.Terms.Metered() {
		b.forget(m, out)
		return
	}
	rec := *m.rec
	rec.Past = m.lease
	m.keep(rec, out)
	m.plan(now)
}

// plan sets when a bill is forgotten: some days after the end of its lease,
// and not as long as the unit's record still tells of it.
func (m *meter) plan(now market.Time) {
	if m.rec.Past == nil {
		m.forgetAt = market.Never
		return
	}
	end := m.lease.End
	if r := m.rec.Receipt; r != nil {
		end = min(end, r.End)
	}
	m.forgetAt = now.Mono + max(0, end.Sub(now.Wall)+keepBill)
}

// close settles a lease: its seconds do not count against the others' any more.
func (m *meter) close() {
	x := m.bill
	if x == nil {
		return
	}
	x.from -= m.covers()
	x.meters = slices.DeleteFunc(x.meters, func(o *meter) bool { return o == m })
	m.bill = nil
}

func (b *Buyer) forget(m *meter, out *market.Outbox) {
	m.close()
	if m.saved {
		out.Drop(m.rec)
	}
	if i, known := b.findMeter(m.rec.Lease); known {
		b.deals.meters = slices.Delete(b.deals.meters, i, i+1)
	}
}

// thin forgets the closed bills that ended first, when there are too many.
func (b *Buyer) thin(out *market.Outbox) {
	var oldest *meter
	closed := 0
	for _, m := range b.deals.meters {
		if m.rec.Receipt == nil {
			continue
		}
		if closed++; m.rec.Past != nil && (oldest == nil || m.rec.Receipt.End < oldest.rec.Receipt.End) {
			oldest = m
		}
	}
	if closed > maxClosed && oldest != nil {
		b.forget(oldest, out)
	}
}

// bootMeters restores the bills. Whatever order they come in, the units are
// known already.
func (b *Buyer) bootMeters(now market.Time, records []market.Record, out *market.Outbox) {
	for _, r := range records {
		if rec, ok := r.(*market.Meter); ok && !rec.Sold {
			b.restore(now, rec, out)
		}
	}
	for i := range b.holdings {
		l := b.holdings[i].rec.Lease
		if l.BySupplier == "" || !l.Terms.Metered() || b.meterOf(l.ID) != nil {
			continue
		}
		b.addMeter(&meter{rec: &market.Meter{Unit: l.Unit(), Lease: l.ID}, lease: l, forgetAt: market.Never})
	}
	b.bootBills(now)
}

func (b *Buyer) restore(now market.Time, rec *market.Meter, out *market.Outbox) {
	m := &meter{rec: rec, lease: rec.Past, saved: true}
	if i, known := b.find(rec.Unit); m.lease == nil && known && b.holdings[i].rec.Lease.ID == rec.Lease {
		m.lease = b.holdings[i].rec.Lease
	}
	if m.lease == nil { // nothing tells what it was about
		out.Drop(rec)
		return
	}
	b.addMeter(m)
	m.plan(now)
}

// bootBills puts the open leases of each unit together, in their order.
func (b *Buyer) bootBills(now market.Time) {
	if b.deals == nil {
		return
	}
	open := slices.Clone(b.deals.meters)
	open = slices.DeleteFunc(open, func(m *meter) bool { return m.rec.Receipt != nil || !m.lease.Terms.Metered() })
	slices.SortStableFunc(open, func(x, y *meter) int {
		if c := bytes.Compare(x.rec.Unit[:], y.rec.Unit[:]); c != 0 {
			return c
		}
		return int(max(-1, min(1, x.lease.Start-y.lease.Start)))
	})
	for i, m := range open {
		if i > 0 && open[i-1].rec.Unit == m.rec.Unit {
			m.bill = open[i-1].bill
		} else {
			m.bill = &bill{base: now.Mono}
		}
		m.bill.meters = append(m.bill.meters, m)
		m.bill.from += m.covers()
		m.bill.ran = m.bill.ran || m.rec.Acked != nil || !b.starting(m.rec.Unit)
	}
}

func (b *Buyer) tickMeters(now market.Time, out *market.Outbox) {
	if b.deals == nil {
		return
	}
	for i := len(b.deals.meters) - 1; i >= 0; i-- {
		if m := b.deals.meters[i]; now.Mono >= m.forgetAt {
			b.forget(m, out)
		}
	}
}

// metersDeadline is when the first bill is forgotten.
func (b *Buyer) metersDeadline() time.Duration {
	d := market.Never
	if b.deals != nil {
		for _, m := range b.deals.meters {
			d = min(d, m.forgetAt)
		}
	}
	return d
}
