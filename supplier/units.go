package supplier

import (
	"slices"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// unit is one leased container and what is still to be done about it. There may
// be many: what is small stands together.
type unit struct {
	rec      *market.Sold // replaced, never mutated
	tenant   *tenant
	meter    *meter        // nil while nothing is billed and nothing was announced
	endsAt   time.Duration // the lease's end
	removeAt time.Duration // of an exited container with Spec.Remove, or an ended unit
	resendAt time.Duration // of the status, until it is acknowledged
	wait     time.Duration // before the next repetition

	due     time.Duration // when a Tick is wanted
	slot    int           // in the queue, from 1; 0 = not in it
	extra   *extra        // nil while there is none of it
	counted standing      // as the sums have it
	seen    bool          // the engine has spoken of it in this life
	// unstarted: an earlier life has written down that the owner wants the
	// stopped container started, and may have died before it did that.
	unstarted bool
	touched   bool // the sums may be wrong about it
	gone      bool // forgotten
}

// extra is what few units have.
type extra struct {
	orders []order    // commands that the engine has not yet answered
	hosts  []hostPort // host ports, as the sums have them
}

// more is the extra, for reading.
func (u *unit) more() extra {
	if u.extra == nil {
		return extra{}
	}
	return *u.extra
}

// set replaces the extra. One that is empty takes no room.
func (u *unit) set(x extra) {
	if u.extra = nil; len(x.orders)+len(x.hosts) > 0 {
		u.extra = new(x)
	}
}

// order is an owner's command under way.
type order struct {
	ref    uint64 // of our Control
	from   market.Ref
	theirs uint64 // the owner's Ref
}

func (u *unit) state() market.State {
	if u.rec.Status == nil {
		return market.Accepted
	}
	return u.rec.Status.State
}

func (u *unit) ended() bool { return u.state() == market.Ended }

// over reports whether the lease has ended, whether or not the container is
// gone yet.
func (u *unit) over() bool { return u.ended() || u.rec.Ending != market.NoReason }

func (u *unit) starting() bool {
	st := u.state()
	return st == market.Accepted || st == market.Pulling || st == market.Starting
}

func (u *unit) deadline() time.Duration {
	d := min(u.removeAt, u.resendAt)
	if !u.over() {
		d = min(d, u.endsAt)
	}
	if u.meter != nil {
		d = min(d, u.meter.deadline())
	}
	return d
}

// say signs and saves the next status of a unit and sends it to its owner.
func (s *Supplier) say(now market.Time, u *unit, st market.Status, out *market.Outbox) {
	st.Lease, st.Seq, st.At = u.rec.Lease.Unit(), 1, now.Wall
	if last := u.rec.Status; last != nil {
		st.Seq, st.Prev = last.Seq+1, last.Hash
		if st.Digest == "" {
			st.Digest = last.Digest
		}
		if st.Ports == nil && (st.State.Live() || st.State == market.Unknown) {
			st.Ports = last.Ports
		}
	}
	rec := *u.rec
	rec.Status = s.me.Seal.Status(st)
	u.rec, u.wait = &rec, 0
	out.Save(u.rec)
	out.Note(market.NoteUnit, rec.Lease.Buyer, st.Lease, st.State.String())
	s.resend(now, u, out)
}

// resend repeats the newest status until the owner acknowledges it.
func (s *Supplier) resend(now market.Time, u *unit, out *market.Outbox) {
	if u.rec.Status == nil || u.rec.Acked >= u.rec.Status.Seq {
		u.resendAt = market.Never
		return
	}
	out.Send(u.rec.Buyer, &market.StatusUpdate{Status: u.rec.Status})
	u.wait = min(max(2*u.wait, statusRetry), statusMax)
	u.resendAt = now.Mono + u.wait
}

// greetOwner tells an owner who is back at once how its units fare.
func (s *Supplier) greetOwner(now market.Time, peer market.PeerID, out *market.Outbox) {
	t := s.tenant(peer)
	if t == nil {
		return
	}
	for _, u := range t.units {
		if u.resendAt != market.Never {
			s.touch(u)
			u.wait = 0
			s.resend(now, u, out)
		}
		if m := u.meter; m != nil && (m.unacked() || m.notice.at != market.Never || m.receipt.at != market.Never) {
			s.touch(u)
			m.note.wait, m.notice.wait, m.receipt.wait = 0, 0, 0
			s.sendNote(now, u, out)
			s.sendNotice(now, u, out)
			s.sendReceipts(now, u, out)
		}
	}
}

func (s *Supplier) onStatusAck(now market.Time, from market.Ref, m *market.StatusAck, out *market.Outbox) {
	u := s.take(m.Unit)
	if u == nil || u.rec.Lease.Buyer != from.Peer {
		return
	}
	if u.rec.Status == nil || m.Seq <= u.rec.Acked || m.Seq > u.rec.Status.Seq {
		return
	}
	// Not saved by itself: after a crash the status is sent once more.
	rec := *u.rec
	rec.Acked = m.Seq
	u.rec = &rec
	if rec.Acked == rec.Status.Seq {
		u.resendAt = market.Never
	}
	s.forgetSettled(now, u, out)
}

// forget drops an ended unit. Its lease stays buried while it could be
// launched again.
func (s *Supplier) forget(now market.Time, u *unit, out *market.Outbox) {
	out.Drop(u.rec)
	if m := u.meter; m != nil && (m.saved || m.dirty) {
		out.Drop(m.rec)
	}
	s.bury(now, u.rec.Lease.Unit(), u.rec.Lease.Buyer, out)
	s.remove(u)
}

// resume tells the engine what a unit should be, after a start of ours or of
// the engine's.
func (s *Supplier) resume(now market.Time, u *unit, out *market.Outbox) {
	id := u.rec.Lease.Unit()
	if u.rec.Ending != market.NoReason {
		out.Controls = append(out.Controls, market.Control{Unit: id, Op: market.OpRemove, Keep: true})
		u.removeAt = now.Mono + removeRetry
		return
	}
	began := u.rec.Status != nil && !u.starting()
	out.Runs = append(out.Runs, market.Run{Unit: id, Owner: u.rec.Lease.Buyer, Spec: u.rec.Spec.Unpack(), Adopt: began})
}

// onUnitChanged turns the engine's word into a status, and ends what cannot
// go on.
func (s *Supplier) onUnitChanged(now market.Time, ev market.UnitChanged, out *market.Outbox) {
	u := s.take(ev.Unit)
	if u == nil {
		return
	}
	s.answer(u, ev, out)
	again := u.unstarted && ev.State == market.Stopped && u.rec.Ending == market.NoReason && !u.rec.Stopped && len(u.more().orders) == 0
	if ev.State != market.Unknown {
		u.seen, u.unstarted = true, false
	}
	switch {
	case u.ended():
		return
	case again:
		out.Controls = append(out.Controls, market.Control{Unit: ev.Unit, Op: market.OpStart})
		return
	case ev.State == market.Unknown:
		if u.rec.Ending != market.NoReason { // not removed: once more, later
			u.removeAt = now.Mono + removeRetry
		}
		return
	}
	st := market.Status{State: ev.State, Reason: ev.Reason, ExitCode: ev.ExitCode, Restarts: ev.Restarts,
		Detail: clip(ev.Detail), Ports: ev.Ports, Digest: ev.Digest}
	switch ev.State {
	case market.Ended:
		s.ended(now, u, st, out)
		return
	case market.Failed, market.Lost:
		s.report(now, u, st, out)
		if u.rec.Ending == market.NoReason {
			s.end(now, u, reasonOf(ev), 0, out)
		}
		return
	case market.Stopped:
		if u.rec.Ending == market.NoReason && u.removeAt == market.Never && u.rec.Spec.Unpack().Remove {
			u.removeAt = now.Mono + keepExited
		}
		if u.rec.Stopped && st.Reason == market.Exited {
			st.Reason = market.StoppedByOwner
		}
	}
	if u.rec.Ending == market.NoReason {
		s.report(now, u, st, out)
	}
}

// reasonOf makes sure that a failure has a reason: it ends the lease.
func reasonOf(ev market.UnitChanged) market.Reason {
	switch {
	case ev.Reason != market.NoReason:
		return ev.Reason
	case ev.State == market.Lost:
		return market.Vanished
	}
	return market.StartFailed
}

// report says a status unless it says nothing new.
func (s *Supplier) report(now market.Time, u *unit, st market.Status, out *market.Outbox) {
	if l := u.rec.Status; l != nil && l.State == st.State && l.Reason == st.Reason && l.ExitCode == st.ExitCode &&
		l.Restarts == st.Restarts && l.Detail == st.Detail && (st.Ports == nil || slices.Equal(l.Ports, st.Ports)) {
		return
	}
	s.say(now, u, st, out)
}

// answer closes the owner's command that the engine's word is about.
func (s *Supplier) answer(u *unit, ev market.UnitChanged, out *market.Outbox) {
	x := u.more()
	i := slices.IndexFunc(x.orders, func(o order) bool { return o.ref == ev.Ref })
	if ev.Ref == 0 || i < 0 {
		return
	}
	o := x.orders[i]
	x.orders = slices.Delete(x.orders, i, i+1)
	u.set(x)
	ack := &market.StopAck{Unit: ev.Unit, Ref: o.theirs}
	if ev.State == market.Unknown { // the engine could not do it
		ack.Reason, ack.Detail = ev.Reason, clip(ev.Detail)
		if ack.Reason == market.NoReason {
			ack.Reason = market.EngineDown
		}
	}
	out.Send(o.from, ack)
}

// end makes the lease over: from here on only the removal of the container
// can follow, over restarts too. It is repeated until the engine has done it;
// the first reason stands.
func (s *Supplier) end(now market.Time, u *unit, why market.Reason, grace time.Duration, out *market.Outbox) uint64 {
	if u.rec.Ending == market.NoReason {
		rec := *u.rec
		rec.Ending = why
		u.rec = &rec
		out.Save(u.rec)
		s.close(now, u, u.rec.Lease, why, out)
		if u.meter != nil {
			u.meter.halt()
		}
	}
	u.removeAt = now.Mono + max(0, grace) + removeRetry
	c := market.Control{Ref: s.ref(), Unit: u.rec.Lease.Unit(), Op: market.OpRemove, Grace: grace, Keep: true}
	out.Controls = append(out.Controls, c)
	return c.Ref
}

// ended frees what the unit held. The final status carries the reason of the
// end and the last exit code.
func (s *Supplier) ended(now market.Time, u *unit, st market.Status, out *market.Outbox) {
	if st.Reason = u.rec.Ending; st.Reason == market.NoReason {
		st.Reason = market.Vanished
	}
	if last := u.rec.Status; last != nil && (last.State == market.Failed || last.State == market.Stopped) {
		st.ExitCode, st.Detail = last.ExitCode, last.Detail
	}
	st.Ports = nil
	s.close(now, u, u.rec.Lease, st.Reason, out) // unless end did
	s.say(now, u, st, out)
	u.removeAt = now.Mono + keepEnded
	if u.rec.Lease.Terms.Metered() {
		s.books.Append(now, u.rec.Lease.Buyer, u.rec.Status.Entry(), ledger.Change{}, out)
	}
	if m := u.meter; m != nil {
		m.halt()
		m.notice.stop()
		if u.rec.Lease.Terms.Metered() {
			u.removeAt = now.Mono + keepReceipt
		}
	}
	out.Note(market.NoteLeaseEnded, u.rec.Lease.Buyer, st.Lease, st.Reason.String())
	s.changed(now)
}

func (s *Supplier) onStop(now market.Time, from market.Ref, m *market.StopContainer, out *market.Outbox) {
	ack := func(r market.Reason, detail string) {
		out.Send(from, &market.StopAck{Unit: m.Unit, Ref: m.Ref, Reason: r, Detail: detail})
	}
	u := s.take(m.Unit)
	if u == nil {
		if m.Op == market.OpRemove { // its launch may still be on the way
			s.bury(now, m.Unit, from.Peer, out)
		}
		ack(market.NoSuchLease, "no such container here")
		return
	}
	switch {
	case u.rec.Lease.Buyer != from.Peer:
		ack(market.NotOwner, "the container is another peer's")
		out.Note(market.NoteBadMessage, from.Peer, m.Unit, "stop of another's container")
	case u.ended():
		reason := market.Superseded
		if m.Op == market.OpRemove {
			reason = market.NoReason
		}
		ack(reason, "the lease is over")
	case slices.ContainsFunc(u.more().orders, func(o order) bool { return o.theirs == m.Ref && o.from.Peer == from.Peer }):
		// a repetition of what is under way
	case len(u.more().orders) >= maxOrders:
		ack(market.Busy, "too many commands are under way")
	case m.Op == market.OpRemove:
		ref := s.end(now, u, market.RemovedByOwner, m.Grace, out)
		u.expect(order{ref, from, m.Ref})
	case u.rec.Ending != market.NoReason:
		ack(market.Superseded, "the lease is over")
	case !s.engine:
		ack(market.EngineDown, "the container engine does not answer")
	case u.starting():
		ack(market.Busy, "the container is being started; it can only be removed yet")
	default:
		s.order(u, from, m, out)
	}
}

// order passes a command to the engine, and remembers what the owner wants
// the container to be.
func (s *Supplier) order(u *unit, from market.Ref, m *market.StopContainer, out *market.Outbox) {
	if stopped := m.Op == market.OpStop || m.Op == market.OpKill && killing(m.Signal); stopped != u.rec.Stopped {
		rec := *u.rec
		rec.Stopped = stopped
		u.rec = &rec
		out.Save(u.rec)
	}
	if m.Op == market.OpStart || m.Op == market.OpRestart {
		u.removeAt = market.Never
	}
	o := order{s.ref(), from, m.Ref}
	u.expect(o)
	out.Controls = append(out.Controls, market.Control{Ref: o.ref, Unit: m.Unit, Op: m.Op, Signal: m.Signal, Grace: m.Grace})
}

// expect has the engine's word answer a command.
func (u *unit) expect(o order) {
	x := u.more()
	x.orders = append(x.orders, o)
	u.set(x)
}

func killing(signal string) bool {
	return signal == "" || signal == "KILL" || signal == "SIGKILL" || signal == "9"
}

// tickUnits looks at the units that are due, and at no other.
func (s *Supplier) tickUnits(now market.Time, out *market.Outbox) {
	if s.sales == nil {
		return
	}
	var late []*unit
	for len(s.sales.due) > 0 && s.sales.due[0].due <= now.Mono {
		u := s.sales.due[0]
		s.sales.due.drop(u)
		s.touch(u)
		late = append(late, u)
	}
	slices.SortFunc(late, func(a, b *unit) int { return b.rec.Lease.Unit().Compare(a.rec.Lease.Unit()) })
	for _, u := range late {
		s.tickUnit(now, u, out)
	}
}

func (s *Supplier) tickUnit(now market.Time, u *unit, out *market.Outbox) {
	switch {
	case u.ended():
		if now.Mono >= u.removeAt {
			s.forget(now, u, out)
			return
		}
	case u.rec.Ending != market.NoReason:
		if now.Mono >= u.removeAt {
			s.resume(now, u, out)
		}
	case now.Mono >= u.endsAt:
		s.end(now, u, market.Expired, 0, out)
	case now.Mono >= u.removeAt:
		s.end(now, u, market.Exited, 0, out)
	}
	if now.Mono >= u.resendAt {
		s.resend(now, u, out)
	}
	if u.meter != nil {
		s.tickMeter(now, u, out)
	}
}

// restore takes a unit up that an earlier life has sold.
func (s *Supplier) restore(now market.Time, r *market.Sold, out *market.Outbox) {
	u := &unit{rec: r, endsAt: now.Mono + r.Lease.End.Sub(now.Wall), removeAt: market.Never, resendAt: market.Never}
	u.unstarted = !r.Stopped && r.Status != nil && r.Status.State == market.Stopped && r.Status.Reason == market.StoppedByOwner
	if u.ended() {
		u.removeAt = now.Mono + keepEnded
		if r.Lease.Terms.Metered() {
			u.removeAt = now.Mono + max(0, min(keepReceipt, r.Status.At.Add(keepReceipt).Sub(now.Wall)))
		}
	}
	s.insert(u)
	if r.Lease.Terms.Metered() {
		s.meterOf(now, u).begin(now, u)
		if u.over() {
			u.meter.halt()
		}
	}
	if r.Acked == 0 { // the owner may not have heard of the grant
		out.Send(r.Buyer, &market.Grant{Lease: r.Lease})
	}
	s.resend(now, u, out)
}
