package buyer_test

import (
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func notice(by byte, l *market.SignedLease, seq uint64, kind market.NoticeKind) *market.GiveNotice {
	return &market.GiveNotice{Notice: keys(by).Notice(market.Notice{Lease: l.ID, Unit: l.Unit(), Seq: seq, Kind: kind, At: noon, Deadline: noon.Add(time.Hour), Detail: "the machine is wanted"})}
}

// A notice is saved, told and entered once, and confirmed as often as it comes.
func TestNotice(t *testing.T) {
	for _, metered := range []bool{true, false} {
		b := newBench(t)
		var l *market.SignedLease
		if metered {
			l = b.metered(nil).lease
		} else {
			l = b.buy(1, nil)
		}
		m := notice(1, l, 1, market.NoticeReclaim)
		out := b.receive(seller(1), m)
		if text := noted(out, market.NoteNotice); len(text) != 1 || !strings.HasPrefix(text[0], "reclaim at 2026-") || !strings.HasSuffix(text[0], ": the machine is wanted") {
			t.Errorf("tells %q", text)
		}
		for range 2 {
			out = b.receive(seller(1), m)
			if acks := sent[*market.AckNotice](out); len(acks) != 1 || acks[0].Seq != 1 || len(out.Saves)+len(out.Notes) != 0 {
				t.Errorf("%+v", out)
			}
			b.boot()
		}
		want(t, "saved", b.Meters()[0].Notice.Seq, 1)
		entries := map[bool]int{true: 1}[metered]
		want(t, "entries", b.logged(market.EntryNotice), entries)
		b.receive(seller(1), notice(1, l, 2, market.NoticeWithdraw))
		want(t, "the newest", b.Meters()[0].Notice.Kind, market.NoticeWithdraw)
	}
}

// Notices outlive a renewal, and go with the unit.
func TestNoticeAndRenewal(t *testing.T) {
	for _, metered := range []bool{true, false} {
		b := newBench(t)
		var l *market.SignedLease
		if metered {
			l = b.metered(hour).lease
		} else {
			l = b.buy(1, hour)
		}
		b.receive(seller(1), notice(1, l, 4, market.NoticeReclaim))
		b.grant(1, launched(t, b.advance(41*time.Minute))[0].Lease)
		if out := b.receive(seller(1), notice(1, l, 4, market.NoticeReclaim)); len(out.Notes) != 0 {
			t.Error("told twice")
		}
		if b.boot(); !metered {
			want(t, "records of notices", len(b.Meters()), 1)
			b.step(market.Ordered{Ref: 1, Cmd: market.StopContainer{Unit: l.ID, Op: market.OpRemove}})
			b.status(1, l.ID, 5, market.Ended, market.RemovedByOwner)
			want(t, "records of notices", len(b.rest), 0)
		}
	}
}

// A notice that names a lease which the log does not know is told, and stays
// out of the log: nobody may make it fail its audit.
func TestNoticeOfAnotherLease(t *testing.T) {
	b := newBench(t)
	l := b.metered(nil).lease
	other := b.metered(nil).lease
	for i, lease := range []market.LeaseID{{1}, other.ID} {
		n := market.Notice{Lease: lease, Unit: l.ID, Seq: uint64(i + 1), Kind: market.NoticeReclaim}
		if out := b.receive(seller(1), &market.GiveNotice{Notice: keys(1).Notice(n)}); len(noted(out, market.NoteNotice)) != 1 {
			t.Errorf("%+v", out)
		}
	}
	want(t, "entries", b.logged(market.EntryNotice), 0)
}

// Strangers announce nothing; what is not wanted is confirmed and forgotten;
// nobody fills our disk.
func TestStrangeNotices(t *testing.T) {
	b := newBench(t)
	l := b.metered(nil).lease
	for _, m := range []*market.GiveNotice{notice(2, l, 1, market.NoticeReclaim), notice(1, l, 1, market.NoticeReclaim)} {
		if out := b.receive(seller(2), m); len(out.Sends)+len(out.Saves) != 0 || len(noted(out, market.NoteBadMessage)) != 1 {
			t.Errorf("%+v", out)
		}
	}
	other := keys(0).Lease(market.Lease{Buyer: keys(0).Self(), Supplier: keys(1).Self(), Nonce: 5})
	if out := b.receive(seller(1), notice(1, other, 1, market.NoticeReclaim)); len(sent[*market.AckNotice](out)) != 1 || len(out.Saves) != 0 {
		t.Errorf("%+v", out)
	}
	saved := 0
	for seq := range uint64(100) {
		if out := b.receive(seller(1), notice(1, l, seq+1, market.NoticeOther)); len(out.Saves) > 0 {
			saved++
		}
	}
	want(t, "notices of a minute", saved, 8)
	b.advance(time.Minute)
	if out := b.receive(seller(1), &market.GiveNotice{Notice: keys(1).Notice(market.Notice{Lease: l.ID, Unit: l.ID, Seq: 101})}); noted(out, market.NoteNotice)[0] != "other" {
		t.Errorf("%+v", out)
	}
}
