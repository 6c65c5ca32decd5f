package supplier

import (
	"fmt"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// announce signs a notice to the unit's owner, saves it, and sends it until
// it is confirmed. Over a standing reclaim nothing less is announced: only the
// newest notice is kept.
func (s *Supplier) announce(now market.Time, u *unit, kind market.NoticeKind, in time.Duration, detail string, out *market.Outbox) {
	m := s.meterOf(now, u)
	if m.reclaimAt != market.Never && kind != market.NoticeReclaim && kind != market.NoticeWithdraw {
		return
	}
	n := market.Notice{Lease: u.rec.Lease.ID, Unit: u.rec.Lease.Unit(), Seq: 1, Kind: kind, At: now.Wall, Deadline: now.Wall.Add(in), Detail: clip(detail)}
	rec := m.edit()
	if rec.Notice != nil {
		n.Seq = rec.Notice.Seq + 1
	}
	rec.Notice = s.me.Seal.Notice(n)
	if u.rec.Lease.Terms.Metered() {
		s.books.Append(now, u.rec.Lease.Buyer, rec.Notice.Entry(), ledger.Change{}, out)
	}
	out.Note(market.NoteNotice, u.rec.Lease.Buyer, n.Unit, fmt.Sprintf("%v, at %s: %s", kind, n.Deadline.Time().Format(time.RFC3339), n.Detail))
	m.notice.stop()
	s.sendNotice(now, u, out)
}

// takeBack says that a standing notice of a kind does not hold any more.
func (s *Supplier) takeBack(now market.Time, u *unit, kind market.NoticeKind, out *market.Outbox) {
	if n := u.meter.rec.Notice; n != nil && n.Kind == kind {
		s.announce(now, u, market.NoticeWithdraw, 0, kind.String()+" notice withdrawn", out)
	}
}

// sendNotice repeats the newest notice until the owner has stored it.
func (s *Supplier) sendNotice(now market.Time, u *unit, out *market.Outbox) {
	m := u.meter
	if m.rec.Notice == nil || m.rec.Heard >= m.rec.Notice.Seq || u.ended() {
		m.notice.stop()
		return
	}
	out.Send(u.rec.Buyer, &market.GiveNotice{Notice: m.rec.Notice})
	m.notice.again(now.Mono, statusMax)
}

func (s *Supplier) onAckNotice(from market.Ref, a *market.AckNotice) {
	u := s.take(a.Unit)
	if u == nil || u.meter == nil || u.rec.Lease.Buyer != from.Peer {
		return
	}
	m := u.meter
	if n := m.rec.Notice; n != nil && a.Seq > m.rec.Heard && a.Seq <= n.Seq {
		m.edit().Heard = a.Seq
		if a.Seq == n.Seq {
			m.notice.stop()
		}
	}
}

// onReclaim takes a unit's resources back, for the local user.
func (s *Supplier) onReclaim(now market.Time, ev market.Reclaim, out *market.Outbox) {
	answer := func(r market.Reason, detail string) {
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ev.Ref, Kind: market.Done, Unit: ev.Unit, Reason: r, Detail: detail})
	}
	u := s.take(ev.Unit)
	if u == nil || u.over() {
		answer(market.NoSuchLease, "no such unit was sold here, or its lease is over")
		return
	}
	m := s.meterOf(now, u)
	switch {
	case ev.Cancel && m.reclaimAt == market.Never:
		answer(market.NoSuchLease, "no reclaim of this unit is announced")
		return
	case ev.Cancel:
		m.reclaimAt = market.Never
		s.takeBack(now, u, market.NoticeReclaim, out)
	case ev.Now:
		s.end(now, u, market.Reclaimed, 0, out)
	default:
		in := min(max(u.rec.Lease.Terms.NoticeOrDefault(), ev.Notice), market.MaxGrace)
		m.reclaimAt = now.Mono + in
		s.announce(now, u, market.NoticeReclaim, in, ev.Detail, out)
	}
	answer(market.NoReason, "")
}

// warnOfEnd tells an owner whose lease will not be renewed.
func (s *Supplier) warnOfEnd(now market.Time, u *unit, out *market.Outbox) {
	m, l := u.meter, u.rec.Lease
	m.warnAt = market.Never
	if m.warned.expiry || l.Renew != market.RenewNever && !m.warned.refused {
		return
	}
	m.warned.expiry = true
	why := "it is not to be renewed"
	if m.warned.refused {
		why = "its renewal was refused"
	}
	s.announce(now, u, market.NoticeExpiry, max(0, u.endsAt-now.Mono), "the lease ends: "+why, out)
}

// refusedRenewal remembers that the lease will end, unless it is asked again.
func (s *Supplier) refusedRenewal(now market.Time, u *unit) {
	m := u.meter
	if m == nil || !u.rec.Lease.Terms.Metered() {
		return
	}
	if m.warned.refused = true; m.warnAt == market.Never && !m.warned.expiry {
		m.warnAt = now.Mono
	}
}

func unackedText(n int) string {
	return fmt.Sprintf("%d usage notes in a row are not acknowledged; the lease ends unless one is", n)
}

// restoreNotice takes up what an earlier life has announced.
func (s *Supplier) restoreNotice(now market.Time, u *unit) {
	m, n := u.meter, u.meter.rec.Notice
	if n == nil {
		return
	}
	left := min(max(0, n.Deadline.Sub(now.Wall)), market.MaxGrace)
	switch n.Kind {
	case market.NoticeReclaim:
		m.reclaimAt = now.Mono + left
	case market.NoticeUnacked:
		if t := u.rec.Lease.Terms; t.Metered() && m.strikes >= bear(t) {
			m.graceEnd = now.Mono + min(left, t.Grace)
		}
	case market.NoticeCredit:
		m.warned.credit = true
	case market.NoticeCost:
		m.warned.cost = n.Lease == u.rec.Lease.ID
	case market.NoticeExpiry:
		m.warned.expiry = n.Lease == u.rec.Lease.ID
	}
}
