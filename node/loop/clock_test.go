package loop

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"caravela/market"
	"caravela/node/store"
)

// TestClockCountsSleep: what the computer was suspended for has passed, and is
// told apart; readings that vary by an interrupted program change nothing.
func TestClockCountsSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := sleep{5 * time.Minute, 5*time.Minute + time.Millisecond} // before the start
		c := newClock(func() sleep { return at })
		wall := c.now().Wall
		for _, x := range []struct {
			at   time.Duration
			want time.Duration
		}{
			{5 * time.Minute, 0},
			{2 * time.Minute, 0},
			{8*time.Minute + time.Millisecond, 3 * time.Minute},
			{7 * time.Minute, 3 * time.Minute},
			{9*time.Minute + time.Millisecond, 4 * time.Minute},
		} {
			at = sleep{x.at, x.at + time.Second}
			time.Sleep(time.Second) // virtual
			now := c.now()
			if awake := now.Wall.Sub(wall); now.Asleep != x.want || now.Mono != awake+x.want {
				t.Errorf("%v awake and %v asleep: %+v", awake, x.at, now)
			}
		}
	})
}

// TestSystemSleep: this computer's clocks can be read, and what they say of
// its sleep is narrow enough to be of use.
func TestSystemSleep(t *testing.T) {
	best := time.Hour
	for range 1000 {
		s := systemSleep()
		if s.most < 0 || s.least > s.most {
			t.Fatalf("slept %v", s)
		}
		best = min(best, s.most-s.least)
	}
	if best > time.Second {
		t.Errorf("known to %v only", best)
	}
}

// sleeper waits for an hour.
type sleeper struct{ ticked market.Time }

func (s *sleeper) Step(now market.Time, ev market.Event, _ *market.Outbox) {
	if _, ok := ev.(market.Tick); ok && now.Mono >= time.Hour && s.ticked.Mono == 0 {
		s.ticked = now
	}
}

func (s *sleeper) Deadline() time.Duration { return time.Hour }

type nobody struct{}

func (nobody) Perform(*market.Outbox) []market.Event { return nil }

// TestTickAfterSleep: whatever is due on waking is done within a minute, though
// the timers that were set before have not gone on meanwhile.
func TestTickAfterSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &sleeper{}
		var slept atomic.Pointer[sleep]
		slept.Store(&sleep{})
		l := New(m, store.NewMemory(), nobody{})
		l.clock = newClock(func() sleep { return *slept.Load() })
		ctx, stop := context.WithCancel(t.Context())
		go l.Run(ctx)
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		slept.Store(&sleep{2 * time.Hour, 2 * time.Hour})
		time.Sleep(time.Minute)
		synctest.Wait()
		if m.ticked.Mono < 2*time.Hour || m.ticked.Asleep != 2*time.Hour {
			t.Errorf("ticked at %+v", m.ticked)
		}
		stop()
		<-l.Done()
	})
}
