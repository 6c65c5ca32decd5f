package engine

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/container"

	"caravela/docker"
	"caravela/market"
)

// Start starts a stopped unit. Its tenant's walls are raised first: they may
// have gone with a reboot.
func (e *Engine) Start(ctx context.Context, lease market.LeaseID) error {
	_, c, err := e.lookup(ctx, lease)
	if err != nil {
		return err
	}
	release, err := e.locks.share(ctx, c.Owner.String())
	if err != nil {
		return fmt.Errorf("start %s: %w", lease.Short(), err)
	}
	defer release()
	if err := e.makeNetwork(ctx, c.Owner); err != nil {
		return err
	}
	return e.start(ctx, lease)
}

// Stop asks a unit to end, and kills it after the grace.
func (e *Engine) Stop(ctx context.Context, lease market.LeaseID, o docker.StopOptions) error {
	if _, _, err := e.lookup(ctx, lease); err != nil {
		return err
	}
	err := e.api.ContainerStop(ctx, e.container(lease), stopOptions(o))
	return explain("stop container", err, unitMissing(err))
}

// Restart is Stop and Start.
func (e *Engine) Restart(ctx context.Context, lease market.LeaseID, o docker.StopOptions) error {
	if err := e.Stop(ctx, lease, o); err != nil {
		return err
	}
	return e.Start(ctx, lease)
}

func stopOptions(o docker.StopOptions) container.StopOptions {
	return container.StopOptions{Signal: o.Signal, Timeout: new(ceilSeconds(o.Grace))}
}

// Kill sends a signal to the main process.
func (e *Engine) Kill(ctx context.Context, lease market.LeaseID, signal string) error {
	if _, _, err := e.lookup(ctx, lease); err != nil {
		return err
	}
	if signal == "" {
		signal = "SIGKILL"
	}
	err := e.api.ContainerKill(ctx, e.container(lease), signal)
	return explain("kill container", err, unitMissing(err))
}

// Wait returns when the unit does not run.
func (e *Engine) Wait(ctx context.Context, lease market.LeaseID) (docker.Exit, error) {
	if _, _, err := e.lookup(ctx, lease); err != nil {
		return docker.Exit{}, err
	}
	done, failed := e.api.ContainerWait(ctx, e.container(lease), container.WaitConditionNotRunning)
	select {
	case err := <-failed:
		return docker.Exit{}, explain("wait for container", err, unitMissing(err))
	case w := <-done:
		x := docker.Exit{Code: int32(w.StatusCode)}
		if w.Error != nil {
			x.Error = scrub(w.Error.Message)
		}
		if _, c, err := e.lookup(ctx, lease); err == nil {
			x.OutOfMemory = c.Reason == market.OutOfMemory
		}
		return x, nil
	}
}
