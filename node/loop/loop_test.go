package loop_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"caravela/market"
	"caravela/node/loop"
	"caravela/node/store"
)

// counter saves the number of Near events that it has seen, then tells it by
// a note; Gone asks for a tick in a minute.
type counter struct {
	n        uint64
	ticks    int
	deadline time.Duration
}

func (c *counter) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Boot:
		for _, r := range ev.Records {
			c.n = r.(*market.Seq).Seq
		}
	case market.Near:
		c.n++
		out.Save(&market.Seq{Seq: c.n})
		out.Note(market.NoteSearch, ev.Peer.Peer, market.LeaseID{}, "")
	case market.Gone:
		c.deadline = now.Mono + time.Minute
	case market.Tick:
		if now.Mono >= c.deadline {
			c.ticks++
			c.deadline = market.Never
		}
	}
}

func (c *counter) Deadline() time.Duration { return c.deadline }

// witness checks that whatever is performed was durable before.
type witness struct {
	t     *testing.T
	disk  *store.Memory
	acts  int
	batch []int // effects by batch
	reply []market.Event
}

func (w *witness) Perform(out *market.Outbox) []market.Event {
	w.acts += len(out.Notes)
	if len(out.Notes) > 0 {
		w.batch = append(w.batch, len(out.Notes))
	}
	var saved uint64
	records, err := w.disk.Load()
	if err != nil {
		w.t.Error(err)
	}
	for _, r := range records {
		saved = r.(*market.Seq).Seq
	}
	if saved != uint64(w.acts) {
		w.t.Errorf("%d effects with %d saved", w.acts, saved)
	}
	reply := w.reply
	w.reply = nil
	return reply
}

func start(t *testing.T) (*loop.Loop, *counter, *witness) {
	c, disk := &counter{deadline: market.Never}, store.NewMemory()
	w := &witness{t: t, disk: disk}
	return loop.New(c, disk, w), c, w
}

func TestSavedBeforeDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, w := start(t)
		ctx, stop := context.WithCancel(t.Context())
		for range 300 {
			if err := l.Post(ctx, market.Near{}); err != nil {
				t.Fatal(err)
			}
		}
		go l.Run(ctx)
		synctest.Wait()
		if w.acts != 300 {
			t.Errorf("%d effects, want 300", w.acts)
		}
		if commits := w.disk.Commits(); commits > 2 || !slices.Equal(w.batch, []int{257, 43}) && len(w.batch) > 2 {
			t.Errorf("%d commits for 300 events that waited, batches of %v", commits, w.batch)
		}
		stop()
		<-l.Done()
	})
}

func TestFailedCommitEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, w := start(t)
		w.disk.FailAfter(1, store.ErrFull)
		ended := make(chan error, 1)
		go func() { ended <- l.Run(t.Context()) }()
		for range 2 {
			synctest.Wait()
			if err := l.Post(t.Context(), market.Near{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-ended; !errors.Is(err, store.ErrFull) {
			t.Errorf("the loop ended with %v", err)
		}
		if w.acts != 1 {
			t.Errorf("%d effects, want that of the durable step only", w.acts)
		}
		if err := l.Post(t.Context(), market.Near{}); !errors.Is(err, loop.ErrStopped) {
			t.Errorf("post after the end: %v", err)
		}
		if err := l.Do(t.Context(), func(market.Time) {}); !errors.Is(err, loop.ErrStopped) {
			t.Errorf("question after the end: %v", err)
		}
	})
}

func TestDeadlineIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, c, _ := start(t)
		ctx, stop := context.WithCancel(t.Context())
		go l.Run(ctx, market.Boot{}, market.Gone{})
		began := time.Now()
		for ticks := 0; ticks == 0; {
			if err := l.Do(ctx, func(market.Time) { ticks = c.ticks }); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // virtual
		}
		if took := time.Since(began); took < time.Minute || took > 62*time.Second {
			t.Errorf("ticked after %v, want a minute", took)
		}
		stop()
		<-l.Done()
	})
}

func TestEffectsThatAnswerAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, w := start(t)
		w.reply = []market.Event{market.Near{}, market.Near{}}
		ctx, stop := context.WithCancel(t.Context())
		go l.Run(ctx, market.Boot{})
		synctest.Wait()
		if w.acts != 2 {
			t.Errorf("%d effects, want 2", w.acts)
		}
		stop()
		<-l.Done()
	})
}

func TestFullInbox(t *testing.T) {
	l, _, _ := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	for range 1024 {
		if err := l.Post(ctx, market.Near{}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := l.Post(ctx, market.Near{}); !errors.Is(err, context.Canceled) {
		t.Errorf("post into a full inbox: %v", err)
	}
}
