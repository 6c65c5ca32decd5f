package buyer_test

import (
	"testing"
	"time"

	"caravela/market"
)

// Nothing is signed before the supplier has said, under its signature, that the
// container runs: who never starts it is paid nothing.
func TestNeverStarted(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		b := newBench(t)
		l := launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease
		b.grant(1, l)
		a := &account{bench: b, lease: l}
		b.advance(10 * time.Minute)
		silent := func(when string) {
			t.Helper()
			if restarts {
				b.boot()
			}
			if ack, out := a.bill(600, nil); ack != nil || len(out.Saves) != 0 {
				t.Errorf("%s: answers %+v", when, ack)
			}
		}
		silent("granted")
		b.status(1, l.ID, 1, market.Pulling, market.NoReason)
		silent("pulling")
		b.status(1, l.ID, 2, market.Starting, market.NoReason)
		silent("starting")
		b.status(1, l.ID, 3, market.Ended, market.StartFailed)
		if ack, _ := a.bill(600, nil); ack == nil || ack.Reason != market.Disputed || ack.Note != nil {
			t.Errorf("ended: answers %+v", ack)
		}
		want(t, "owed", b.spent(), 0)
	}
}

// Whatever follows a start proves it, over restarts of the buyer, too.
func TestStarted(t *testing.T) {
	for _, s := range []market.State{market.Running, market.Healthy, market.Unhealthy, market.Stopped} {
		for _, restarts := range []bool{false, true} {
			b := newBench(t)
			l := launched(t, b.choose(nil, b.at(1, 4000, terms())))[0].Lease
			b.status(1, l.ID, 1, s, market.NoReason) // overtakes the grant
			b.grant(1, l)
			b.advance(10 * time.Minute)
			if restarts {
				b.boot()
			}
			if ack, _ := (&account{bench: b, lease: l}).bill(600, nil); ack == nil || ack.Note == nil {
				t.Errorf("%v: answers %+v", s, ack)
			}
		}
	}
}

// A supplier that cannot see its engine has started the container before.
func TestStartedAndUnknown(t *testing.T) {
	b := newBench(t)
	a := b.metered(nil)
	b.status(1, a.lease.ID, 2, market.Unknown, market.EngineDown)
	b.advance(time.Minute)
	b.boot()
	if ack, _ := a.bill(50, nil); ack == nil || ack.Note == nil {
		t.Errorf("answers %+v", ack)
	}
}
