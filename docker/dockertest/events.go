package dockertest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"caravela/docker"
	"caravela/market"
)

// watch collects a bench's events until the test ends.
type watch struct {
	mu     sync.Mutex
	events []docker.Event
	ended  chan error
	cancel context.CancelFunc
}

func (b *bench) watch() *watch {
	ctx, cancel := context.WithCancel(b.ctx)
	w := &watch{ended: make(chan error, 1), cancel: cancel}
	go func() {
		w.ended <- b.Events(ctx, func(ev docker.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, ev)
		})
	}()
	b.eventually("the subscription", func() bool { return len(w.kinds(market.LeaseID{})) == 1 })
	b.t.Cleanup(cancel)
	return w
}

// kinds are a lease's events so far.
func (w *watch) kinds(lease market.LeaseID) []docker.EventKind {
	var out []docker.EventKind
	for _, ev := range w.of(lease) {
		out = append(out, ev.Kind)
	}
	return out
}

func (w *watch) of(lease market.LeaseID) []docker.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.events), func(ev docker.Event) bool { return ev.Lease != lease })
}

func testEvents(t *testing.T, rig Rig) {
	t.Run("tell a unit's life", func(t *testing.T) {
		b := newBench(t, rig)
		w := b.watch()
		u := b.unit("exit", "5")
		b.launch(u)
		b.wait(u.Lease)
		b.remove(u, true)
		want := []docker.EventKind{docker.Started, docker.Died, docker.Destroyed}
		b.eventually("start, die, destroy", func() bool { return slices.Equal(w.kinds(u.Lease), want) })
		if code := w.of(u.Lease)[1].ExitCode; code != 5 {
			t.Errorf("died with %d", code)
		}
		w.cancel()
		if err := <-w.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("events: %v", err)
		}
	})
	t.Run("tell of the kernel's killing", func(t *testing.T) {
		b := newBench(t, rig)
		w := b.watch()
		u := b.unit("eat", "512")
		b.launch(u)
		b.eventually("oom and die", func() bool {
			k := w.kinds(u.Lease)
			return slices.Contains(k, docker.KilledByOOM) && slices.Contains(k, docker.Died)
		})
	})
	t.Run("tell of health", func(t *testing.T) {
		b := newBench(t, rig)
		w := b.watch()
		good, bad := b.unit("sleep"), b.unit("sleep")
		good.Spec.Health = quick("exit 0")
		bad.Spec.Health = quick("exit 1")
		b.launch(good)
		b.launch(bad)
		b.eventually("healthy", func() bool { return slices.Contains(w.kinds(good.Lease), docker.GotHealthy) })
		b.eventually("unhealthy", func() bool { return slices.Contains(w.kinds(bad.Lease), docker.GotUnhealthy) })
		if g, b := b.details(good.Lease).State, b.details(bad.Lease).State; g != market.Healthy || b != market.Unhealthy {
			t.Errorf("states %v and %v", g, b)
		}
	})
}

func quick(command string) market.Health {
	return market.Health{Command: command, Interval: 50 * time.Millisecond, Timeout: time.Second, Retries: 1}
}
