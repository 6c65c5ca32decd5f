//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"caravela/api"
)

// sale is one container that cedar has sold to reed, and runs since began.
type sale struct {
	*market
	reed, cedar *Node
	began       time.Time
	lease       api.Lease // as the buyer saw it at first
	engine      string    // its container
}

func newSale(t *testing.T, settings ...string) *sale {
	m := newMarket(t)
	reed := m.create(lab.h1, "reed", "--no-offer")
	cedar := m.join(lab.h2, "cedar", reed, priced(settings...)...)
	m.offered(reed, 1)
	s := &sale{market: m, reed: reed, cedar: cedar, began: time.Now()}
	m.must(reed, "run", "-d", "--name", "web", "--restart", "always", "--lease", "1h", "--cpus", "0.5", "-m", "64m", WebImage)
	m.billedMore(reed, "web", 0)
	s.lease, s.engine = m.lease(reed, "web"), m.engineIDs(lab.h2)
	return s
}

// outage is how long things are away in tests of what is billed meanwhile: so
// long that it could not be overlooked.
const outage = 6 * time.Second

// goesOn checks that the lease is the one that it was, with the same
// container, that its notes continue, and that nothing was billed for the time
// in which the supplier did not see the container run.
func (s *sale) goesOn(away time.Duration) {
	s.Helper()
	s.inState(s.reed, "web", "running")
	s.billedMore(s.reed, "web", s.lease.AmountMicro)
	l := s.lease
	s.lease = s.market.lease(s.reed, "web")
	if s.lease.ID != l.ID || s.lease.NoteSeq <= l.NoteSeq {
		s.Errorf("from note %d of %s to note %d of %s", l.NoteSeq, l.ID, s.lease.NoteSeq, s.lease.ID)
	}
	if now := s.engineIDs(lab.h2); now != s.engine {
		s.Errorf("the container was %s and is %s", s.engine, now)
	}
	s.notMore(s.lease.AmountMicro, time.Since(s.began)-away)
}

func (s *sale) notMore(amount int64, than time.Duration) {
	s.Helper()
	if billed := time.Duration(amount/(microASecond*half/1000)) * time.Second; billed > than+time.Second {
		s.Errorf("%s is billed, of %s", billed, than.Round(time.Millisecond))
	}
}

// over removes the container, and compares what both have in their books.
func (s *sale) over() {
	s.Helper()
	s.must(s.reed, "rm", "-f", "web")
	s.closed()
}

func (s *sale) closed() {
	s.Helper()
	s.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(s.ctx) })
	s.eventually("both have signed the same receipts", func() error { return sameReceipts(s.ctx, s.cedar, s.reed) })
	s.verified(s.reed, s.cedar)
}

// The engine is restarted under a supplier, in good order and not; then the
// supplier's machine loses its power.
func TestNobodyPaysForDowntime(t *testing.T) {
	s := newSale(t)
	for _, stop := range []func(context.Context) error{lab.h2.stopDocker, lab.h2.killDocker} {
		down := time.Now()
		s.check(stop(s.ctx))
		<-time.After(outage)
		away := time.Since(down)
		s.check(lab.h2.startDocker(s.ctx))
		s.goesOn(away)
		s.began = s.began.Add(away)
	}

	down := time.Now()
	s.check(lab.h2.powerOff(s.ctx))
	<-s.cedar.ended
	<-time.After(outage)
	s.check(lab.h2.startEngine(s.ctx))
	away := time.Since(down)
	s.restart(s.cedar)
	s.goesOn(away)
	s.over()
}

// killDocker is kill -9 of dockerd; its containers go on without it.
func (h *Host) killDocker(ctx context.Context) error {
	if err := h.endDocker(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	return os.Remove(h.path("dockerd.pid"))
}

// Terms by which a supplier bears little: two notes and three seconds.
var strict = []string{"lease.bear=2", "lease.grace=3s"}

// unacknowledged is why it ends a lease then.
const unacknowledged = "usage not acknowledged"

// exposed is what such a supplier loses at most: a note more than it bears,
// and the grace.
const exposed = (2 + 1 + 3) * microASecond * half / 1000

// A buyer is away for longer than the grace: its lease ends, and it loses and
// owes no more than was agreed.
func TestBuyerAwayForLongerThanTheGrace(t *testing.T) {
	s := newSale(t, strict...)
	s.reed.Kill()
	s.endsUnacknowledged()
	s.restart(s.reed)
	s.learnsOfTheEnd()
}

// The network is cut for longer than the grace, with both sides alive.
func TestPartitionLongerThanTheGrace(t *testing.T) {
	s := newSale(t, strict...)
	mend := s.cut(lab.h1, lab.h2)
	s.endsUnacknowledged()
	mend()
	s.learnsOfTheEnd()
}

// cut parts two hosts until mend is called, or the test ends.
func (m *market) cut(a, b *Host) (mend func()) {
	m.Helper()
	m.check(a.Cut(m.ctx, b))
	mend = sync.OnceFunc(func() {
		if err := a.Mend(context.Background(), b); err != nil {
			m.Error(err)
		}
	})
	m.Cleanup(mend)
	return mend
}

func (s *sale) endsUnacknowledged() {
	s.Helper()
	s.eventually("the supplier ends the lease", func() error {
		l := s.market.lease(s.cedar, s.lease.ID)
		if l.UnackedMicro > exposed {
			s.Fatalf("%d are not acknowledged, and at most %d may be", l.UnackedMicro, exposed)
		}
		if l.State != "ended" || l.Reason != unacknowledged {
			return fmt.Errorf("it is %s: %s", l.State, l.Reason)
		}
		return nil
	})
	s.eventually("the engine is empty", func() error { return lab.h2.engineIsEmpty(s.ctx) })
}

func (s *sale) learnsOfTheEnd() {
	s.Helper()
	s.inState(s.reed, "web", "ended")
	if l := s.market.lease(s.reed, "web"); l.Reason != unacknowledged {
		s.Errorf("the buyer believes that it ended for: %s", l.Reason)
	}
	s.closed()
	b, err := s.cedar.balance(s.ctx, s.reed)
	s.check(err)
	if b.UnconfirmedMicro > exposed {
		s.Errorf("the supplier has lost %d, and may lose %d", b.UnconfirmedMicro, exposed)
	}
}
