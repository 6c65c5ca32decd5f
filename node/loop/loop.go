package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caravela/market"
)

// ErrStopped is returned to those who come after the loop's end.
var ErrStopped = errors.New("loop: stopped")

// Committer makes records durable; see store.Store.
type Committer interface {
	Commit(saves []market.Save) error
}

// Performer carries out the effects of a batch, in whatever order and with
// whatever concurrency, but without blocking. The events that it returns are
// stepped next. The outbox is reused: its slices must not be kept.
type Performer interface {
	Perform(out *market.Outbox) []market.Event
}

// Bounds of the loop.
const (
	inboxSize = 1024             // events that wait
	batchSize = 256              // events that share a commit
	longest   = 30 * time.Second // without a Tick, so that a jump of the wall clock, or a sleep, is noticed; timers stand still in the latter
	shortest  = time.Millisecond // between two Ticks, whatever the machine's deadline says
)

// Loop drives one machine. Post, TryPost and Do may be called by anybody,
// Run once.
type Loop struct {
	machine market.Machine
	store   Committer
	perform Performer
	clock   *clock
	inbox   chan item
	done    chan struct{}
	err     error // why Run ended; to be read after done
	out     market.Outbox
	own     []market.Event // that effects have returned
}

// item is an event, or a question to the machine between two steps.
type item struct {
	ev market.Event
	do func(now market.Time)
}

// New returns a loop that has not begun.
func New(m market.Machine, s Committer, p Performer) *Loop {
	return &Loop{
		machine: m, store: s, perform: p, clock: newClock(systemSleep),
		inbox: make(chan item, inboxSize), done: make(chan struct{}),
	}
}

// Now is the time that the machine is told.
func (l *Loop) Now() market.Time { return l.clock.now() }

// Post puts an event into the inbox, and waits for room while ctx lives.
func (l *Loop) Post(ctx context.Context, ev market.Event) error { return l.put(ctx, item{ev: ev}) }

// Do calls f between two steps and returns when it is done. Only there may
// the machine be looked at. f must not call the loop.
func (l *Loop) Do(ctx context.Context, f func(now market.Time)) error {
	did := make(chan struct{})
	if err := l.put(ctx, item{do: func(now market.Time) { f(now); close(did) }}); err != nil {
		return err
	}
	select {
	case <-did:
		return nil
	case <-l.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Loop) put(ctx context.Context, it item) error {
	select {
	case <-l.done:
		return ErrStopped
	default:
	}
	select {
	case l.inbox <- it:
		return nil
	case <-l.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Done is closed when the loop has ended.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Err is what Run returned, once Done is closed.
func (l *Loop) Err() error { return l.err }

// Run steps the machine through first, which a Boot should be, and then
// through what is posted, until ctx ends (nil) or a commit fails.
func (l *Loop) Run(ctx context.Context, first ...market.Event) (err error) {
	defer func() { l.err = err; close(l.done) }()
	l.own = first
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if ctx.Err() != nil {
			return nil
		}
		for len(l.own) == 0 {
			timer.Reset(l.wait())
			select {
			case it := <-l.inbox:
				l.take(it)
			case <-timer.C:
				l.step(market.Tick{})
			case <-ctx.Done():
				return nil
			}
			break
		}
		if err := l.batch(); err != nil {
			return err
		}
	}
}

// wait is how long the machine has nothing to do by itself.
func (l *Loop) wait() time.Duration {
	d := l.machine.Deadline()
	return min(max(d-min(d, l.Now().Mono), shortest), longest)
}

// batch adds what waits to what was stepped already, commits, and performs.
func (l *Loop) batch() error {
	own := l.own
	l.own = nil
	for _, ev := range own {
		l.step(ev)
	}
	for range batchSize {
		select {
		case it := <-l.inbox:
			l.take(it)
			continue
		default:
		}
		break
	}
	if l.machine.Deadline() <= l.Now().Mono {
		l.step(market.Tick{})
	}
	if len(l.out.Saves) > 0 {
		if err := l.store.Commit(l.out.Saves); err != nil {
			return fmt.Errorf("make %d records durable: %w", len(l.out.Saves), err)
		}
	}
	l.own = l.perform.Perform(&l.out)
	l.out.Reset()
	return nil
}

func (l *Loop) take(it item) {
	if it.do != nil {
		it.do(l.Now())
		return
	}
	l.step(it.ev)
}

func (l *Loop) step(ev market.Event) { l.machine.Step(l.Now(), ev, &l.out) }
