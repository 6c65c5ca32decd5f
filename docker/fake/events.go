package fake

import (
	"context"
	"fmt"
	"time"

	"caravela/docker"
)

// subscriber queues a scope's events, so that a slow reader delays nobody.
type subscriber struct {
	scope docker.Scope
	queue []docker.Event // guarded by Daemon.mu
	more  chan struct{}  // holds one
	gone  chan struct{}
}

func (s *subscriber) end() { close(s.gone) }

// Events reports what happens to the units of the scope.
func (e *Engine) Events(ctx context.Context, report func(docker.Event)) error {
	if err := e.d.enter(ctx); err != nil {
		return err
	}
	s := &subscriber{scope: e.scope, more: make(chan struct{}, 1), gone: make(chan struct{})}
	e.d.subs[s] = true
	e.d.mu.Unlock()
	defer func() {
		e.d.mu.Lock()
		defer e.d.mu.Unlock()
		delete(e.d.subs, s)
	}()
	report(docker.Event{Kind: docker.Subscribed, At: time.Now().UTC(), ExitCode: -1})
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("follow the engine's events: %w", ctx.Err())
		case <-s.gone:
			return errDown()
		case <-s.more:
			for _, ev := range e.d.take(s) {
				report(ev)
			}
		}
	}
}

func (d *Daemon) take(s *subscriber) []docker.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := s.queue
	s.queue = nil
	return q
}

// tell queues an event. The caller holds d.mu.
func (d *Daemon) tell(k key, kind docker.EventKind, code int32) {
	for s := range d.subs {
		if s.scope != k.scope {
			continue
		}
		s.queue = append(s.queue, docker.Event{Kind: kind, Lease: k.lease, At: time.Now().UTC(), ExitCode: code})
		select {
		case s.more <- struct{}{}:
		default:
		}
	}
}
