package engine

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/events"

	"caravela/docker"
	"caravela/market"
)

// Events reports what happens to the units of the scope.
func (e *Engine) Events(ctx context.Context, report func(docker.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := e.filter()
	f.Add("type", string(events.ContainerEventType))
	messages, failed := e.api.Events(ctx, events.ListOptions{Filters: f})
	select {
	case err := <-failed:
		return subscriptionEnded(err)
	default:
		report(docker.Event{Kind: docker.Subscribed, At: time.Now().UTC(), ExitCode: -1})
	}
	for {
		select {
		case err := <-failed:
			return subscriptionEnded(err)
		case m := <-messages:
			if ev, ok := event(&m); ok {
				report(ev)
			}
		}
	}
}

func subscriptionEnded(err error) error {
	if err == nil {
		err = io.EOF
	}
	return explain("follow the engine's events", err, docker.ErrEngineDown)
}

func event(m *events.Message) (docker.Event, bool) {
	lease, err := market.ParseLeaseID(m.Actor.Attributes[labelLease])
	if err != nil {
		return docker.Event{}, false
	}
	ev := docker.Event{Lease: lease, At: time.Unix(0, m.TimeNano).UTC(), ExitCode: -1}
	switch m.Action {
	case events.ActionStart:
		ev.Kind = docker.Started
	case events.ActionDie:
		ev.Kind = docker.Died
		if code, err := strconv.ParseInt(m.Actor.Attributes["exitCode"], 10, 32); err == nil {
			ev.ExitCode = int32(code)
		}
	case events.ActionOOM:
		ev.Kind = docker.KilledByOOM
	case events.ActionDestroy:
		ev.Kind = docker.Destroyed
	case events.Action(fmt.Sprintf("%s: healthy", events.ActionHealthStatus)):
		ev.Kind = docker.GotHealthy
	case events.Action(fmt.Sprintf("%s: unhealthy", events.ActionHealthStatus)):
		ev.Kind = docker.GotUnhealthy
	default:
		return docker.Event{}, false
	}
	return ev, true
}
