package engine

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"caravela/docker"
	"caravela/market"
)

// lookup finds the unit of a lease and checks that it is the scope's.
func (e *Engine) lookup(ctx context.Context, lease market.LeaseID) (container.InspectResponse, docker.Container, error) {
	raw, err := e.api.ContainerInspect(ctx, e.container(lease))
	c, err := e.unit(lease, &raw, err)
	return raw, c, err
}

// unit judges what an inspection of a lease's container brought.
func (e *Engine) unit(lease market.LeaseID, raw *container.InspectResponse, err error) (docker.Container, error) {
	attempt := "find the container of lease " + lease.Short()
	if err != nil {
		return docker.Container{}, explain(attempt, err, unitMissing(err))
	}
	c, ok := e.describe(raw)
	if !ok || c.Lease != lease {
		return docker.Container{}, fmt.Errorf("%s: %w: a foreign container bears its name", attempt, docker.ErrNoSuchUnit)
	}
	return c, nil
}

func unitMissing(err error) error {
	if cerrdefs.IsNotFound(err) {
		return docker.ErrNoSuchUnit
	}
	return nil
}

// describe reads a unit back from what the daemon says. It reports false for
// what is not a unit of the scope.
func (e *Engine) describe(raw *container.InspectResponse) (docker.Container, bool) {
	if raw.ContainerJSONBase == nil || raw.Config == nil || raw.State == nil || raw.HostConfig == nil ||
		!e.ours(raw.Config.Labels) {
		return docker.Container{}, false
	}
	lease, err := market.ParseLeaseID(raw.Config.Labels[labelLease])
	if err != nil {
		return docker.Container{}, false
	}
	owner, err := market.ParsePeerID(raw.Config.Labels[labelOwner])
	if err != nil {
		return docker.Container{}, false
	}
	c := docker.Container{
		Lease: lease, Owner: owner, ExitCode: -1,
		Restarts: uint32(max(raw.RestartCount, 0)),
		Created:  moment(raw.Created), Started: moment(raw.State.StartedAt), Finished: moment(raw.State.FinishedAt),
		Image: raw.Config.Image, Digest: raw.Config.Labels[labelDigest], Ports: bindings(raw.HostConfig),
		Limits: market.Resources{
			CPU:    market.MilliCPU(raw.HostConfig.NanoCPUs / 1_000_000),
			Memory: market.Bytes(raw.HostConfig.Memory),
		},
	}
	if h, err := hex.DecodeString(raw.Config.Labels[labelSpec]); err == nil && len(h) == len(c.SpecHash) {
		c.SpecHash = [32]byte(h)
	}
	slices.SortFunc(c.Ports, func(a, b market.Binding) int {
		return cmp.Or(cmp.Compare(a.Port.Container, b.Port.Container), cmp.Compare(a.Port.Host, b.Port.Host))
	})
	judgeState(&c, raw.State)
	return c, true
}

func judgeState(c *docker.Container, s *container.State) {
	c.State = stateOf(s, c.Started)
	if c.State != market.Stopped && c.State != market.Failed {
		return
	}
	c.Detail = scrub(s.Error)
	switch {
	case c.State == market.Failed:
		c.Reason = market.StartFailed
	case s.OOMKilled:
		c.Reason, c.ExitCode = market.OutOfMemory, int32(s.ExitCode)
	default:
		c.Reason, c.ExitCode = market.Exited, int32(s.ExitCode)
	}
}

func stateOf(s *container.State, started time.Time) market.State {
	switch s.Status {
	case container.StateCreated:
		if s.Error != "" {
			return market.Failed
		}
		return market.Starting
	case container.StateRestarting:
		return market.Starting
	case container.StatePaused:
		return market.Asleep
	case container.StateRemoving:
		return market.Stopping
	case container.StateRunning:
		return healthOf(s.Health)
	}
	if started.IsZero() {
		return market.Failed
	}
	return market.Stopped
}

func healthOf(h *container.Health) market.State {
	if h == nil {
		return market.Running
	}
	switch h.Status {
	case container.Healthy:
		return market.Healthy
	case container.Unhealthy:
		return market.Unhealthy
	}
	return market.Running
}

// moment reads the daemon's dates, whose zero is the year 1.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || strings.HasPrefix(s, "0001-") {
		return time.Time{}
	}
	return t.UTC()
}

// List returns all units of the scope. The node calls it when it starts and
// from time to time, so it is also where fallen walls are raised again, and
// where what a crash left is removed.
func (e *Engine) List(ctx context.Context) ([]docker.Container, error) {
	all, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: e.filter()})
	if err != nil {
		return nil, explain("list containers", err, nil)
	}
	e.mend(ctx, all)
	e.prune(ctx)
	var out []docker.Container
	for i := range all {
		raw, err := e.api.ContainerInspect(ctx, all[i].ID)
		if cerrdefs.IsNotFound(err) {
			continue // removed since
		}
		if err != nil {
			return nil, explain("list containers", err, nil)
		}
		if c, ok := e.describe(&raw); ok {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b docker.Container) int { return a.Lease.Compare(b.Lease) })
	return out, nil
}
