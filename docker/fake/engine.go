package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"caravela/docker"
	"caravela/market"
)

// Engine is a docker.Engine of one scope on a Daemon.
type Engine struct {
	d     *Daemon
	scope docker.Scope
	cfg   docker.Config
}

var _ docker.Engine = (*Engine)(nil)

// Engine returns an engine for a scope. cfg must be valid.
func (d *Daemon) Engine(scope docker.Scope, cfg docker.Config) *Engine {
	return &Engine{d: d, scope: scope, cfg: cfg}
}

// Close does nothing.
func (e *Engine) Close() error { return nil }

// Info tells of a machine without problems.
func (e *Engine) Info(ctx context.Context) (docker.Info, error) {
	if err := e.d.enter(ctx); err != nil {
		return docker.Info{}, err
	}
	defer e.d.mu.Unlock()
	var problems []string
	if e.room() != nil {
		problems = append(problems, "make room on the disk, or lower offer.disk-floor")
	}
	return docker.Info{
		Problems: problems, Warnings: []string{"the disk space of a tenant is not bounded"},
		CPU: e.d.cpu, Memory: e.d.memory, Platform: market.Platform{OS: "linux", Arch: "amd64"},
		Version: "fake", API: "1.41", CgroupVersion: "2", Runtimes: []string{"runc"}, Publish: e.publishIP(),
	}, nil
}

// find returns a unit with d.mu locked, or an error with it unlocked.
func (e *Engine) find(ctx context.Context, lease market.LeaseID) (*unit, error) {
	if err := e.d.enter(ctx); err != nil {
		return nil, err
	}
	u, ok := e.d.units[key{e.scope, lease}]
	if !ok {
		e.d.mu.Unlock()
		return nil, fmt.Errorf("find the container of lease %s: %w", lease.Short(), docker.ErrNoSuchUnit)
	}
	return u, nil
}

func (e *Engine) publishIP() netip.Addr {
	if e.cfg.Publish.IsValid() {
		return e.cfg.Publish
	}
	return netip.IPv4Unspecified()
}

// publish is the address in bindings.
func (e *Engine) publish() string {
	if ip := e.publishIP(); !ip.IsUnspecified() {
		return ip.String()
	}
	return ""
}

// List returns all units of the scope.
func (e *Engine) List(ctx context.Context) ([]docker.Container, error) {
	if err := e.d.enter(ctx); err != nil {
		return nil, err
	}
	defer e.d.mu.Unlock()
	e.prune()
	var out []docker.Container
	for k, u := range e.d.units {
		if k.scope == e.scope {
			out = append(out, e.d.describe(u, e.publish()))
		}
	}
	slices.SortFunc(out, func(a, b docker.Container) int { return a.Lease.Compare(b.Lease) })
	return out, nil
}

// Inspect returns one unit in detail.
func (e *Engine) Inspect(ctx context.Context, lease market.LeaseID) (docker.Details, error) {
	u, err := e.find(ctx, lease)
	if err != nil {
		return docker.Details{}, err
	}
	defer e.d.mu.Unlock()
	c := e.d.describe(u, e.publish())
	labels, mounts := map[string]string{}, []map[string]any{}
	for _, l := range u.Spec.Labels {
		labels[l.Key] = l.Value
	}
	for _, m := range u.Spec.Mounts {
		mounts = append(mounts, map[string]any{"Type": "volume", "Destination": m.Target, "RW": !m.ReadOnly})
	}
	status := "exited"
	if u.running() {
		status = "running"
	}
	text, err := json.Marshal(map[string]any{
		"Id": lease.String(), "Name": u.Spec.Name, "Mounts": mounts,
		"State":  map[string]any{"Status": status, "ExitCode": u.code},
		"Config": map[string]any{"Image": u.Spec.Image, "Cmd": u.Spec.Command, "Env": u.Spec.Env, "Labels": labels},
	})
	return docker.Details{Container: c, JSON: text}, err
}

// Start starts a stopped unit.
func (e *Engine) Start(ctx context.Context, lease market.LeaseID) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	defer e.d.mu.Unlock()
	if !u.running() {
		e.d.start(u)
	}
	return nil
}

// Stop asks a unit to end, and kills it after the grace.
func (e *Engine) Stop(ctx context.Context, lease market.LeaseID, o docker.StopOptions) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	u.stopping = true
	if !u.running() {
		u.state = stoppedUnless(u.state)
		e.d.mu.Unlock()
		return nil
	}
	p, ended := u.proc, u.ended
	e.d.mu.Unlock()
	p.deliver(stopSignal(u, o))
	grace := time.NewTimer(o.Grace)
	defer grace.Stop()
	select {
	case <-ended:
		return nil
	case <-grace.C:
		p.deliver(sigKill)
	case <-ctx.Done():
		return fmt.Errorf("stop container: %w", ctx.Err())
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop container: %w", ctx.Err())
	}
}

// stoppedUnless ends the pause between two runs of a restart policy.
func stoppedUnless(s market.State) market.State {
	if s == market.Starting {
		return market.Stopped
	}
	return s
}

func stopSignal(u *unit, o docker.StopOptions) int {
	for _, s := range []string{o.Signal, u.Spec.StopSignal} {
		if n, ok := signalNumber(s); ok && s != "" {
			return n
		}
	}
	return sigTerm
}

// Restart is Stop and Start.
func (e *Engine) Restart(ctx context.Context, lease market.LeaseID, o docker.StopOptions) error {
	if err := e.Stop(ctx, lease, o); err != nil {
		return err
	}
	return e.Start(ctx, lease)
}

// Kill sends a signal to the main process.
func (e *Engine) Kill(ctx context.Context, lease market.LeaseID, signal string) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	defer e.d.mu.Unlock()
	number, ok := signalNumber(signal)
	switch {
	case !ok:
		return fmt.Errorf("kill container: %w: invalid signal %q", docker.ErrBadUnit, signal)
	case !u.running():
		return fmt.Errorf("kill container: %w", docker.ErrNotRunning)
	}
	u.stopping = true
	u.proc.deliver(number)
	return nil
}

// Wait returns when the unit does not run.
func (e *Engine) Wait(ctx context.Context, lease market.LeaseID) (docker.Exit, error) {
	u, err := e.find(ctx, lease)
	if err != nil {
		return docker.Exit{}, err
	}
	ended, running := u.ended, u.running()
	e.d.mu.Unlock()
	if running {
		select {
		case <-ended:
		case <-ctx.Done():
			return docker.Exit{}, fmt.Errorf("wait for container: %w", ctx.Err())
		}
	}
	e.d.mu.Lock()
	defer e.d.mu.Unlock()
	if e.d.units[u.key] != u {
		return docker.Exit{Code: 137}, nil
	}
	return docker.Exit{Code: u.code, OutOfMemory: u.reason == market.OutOfMemory}, nil
}

// Remove removes a unit and what nobody needs without it.
func (e *Engine) Remove(ctx context.Context, lease market.LeaseID, dropVolumes bool) error {
	release, err := e.d.reserve(ctx, key{e.scope, lease})
	if err != nil {
		return err
	}
	defer release()
	if err := e.d.enter(ctx); err != nil {
		return err
	}
	defer e.d.mu.Unlock()
	e.discard(lease, dropVolumes)
	return nil
}

// discard removes what is there of a unit. The caller holds d.mu.
func (e *Engine) discard(lease market.LeaseID, dropVolumes bool) {
	var mine []volumeKey
	if u, ok := e.d.units[key{e.scope, lease}]; ok {
		for _, m := range u.Spec.Mounts {
			mine = append(mine, e.volumeKey(&u.Unit, m))
		}
		e.d.destroy(u)
	}
	if !dropVolumes {
		return
	}
	maps.DeleteFunc(e.d.volumes, func(k volumeKey, v *volume) bool {
		return k.scope == e.scope && !v.keep && (v.maker == lease || slices.Contains(mine, k)) && !e.used(k)
	})
}

// Leftovers lists the volumes of the scope that nobody needs.
func (e *Engine) Leftovers(ctx context.Context) ([]docker.Leftover, error) {
	if err := e.d.enter(ctx); err != nil {
		return nil, err
	}
	defer e.d.mu.Unlock()
	var out []docker.Leftover
	for k, v := range e.d.volumes {
		if k.scope == e.scope && !v.keep && !e.used(k) {
			out = append(out, docker.Leftover{Lease: v.maker, Owner: v.owner, Volumes: 1})
		}
	}
	return docker.SumLeftovers(out), nil
}

func (e *Engine) used(k volumeKey) bool {
	for _, u := range e.d.units {
		if u.scope != e.scope {
			continue
		}
		for _, m := range u.Spec.Mounts {
			if e.volumeKey(&u.Unit, m) == k {
				return true
			}
		}
	}
	return false
}

func (e *Engine) volumeKey(u *docker.Unit, m market.Mount) volumeKey {
	if m.Volume == "" {
		return volumeKey{scope: e.scope, lease: u.Lease, name: m.Target}
	}
	return volumeKey{scope: e.scope, owner: u.Owner, name: m.Volume}
}

// Stats reports what the unit uses: a sleeping process' share.
func (e *Engine) Stats(ctx context.Context, lease market.LeaseID, stream bool, report func(docker.Stats)) error {
	u, err := e.find(ctx, lease)
	if err != nil {
		return err
	}
	running, ended := u.running(), u.ended
	e.d.mu.Unlock()
	if !running {
		return fmt.Errorf("read usage: %w", docker.ErrNotRunning)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		report(docker.Stats{
			At: time.Now().UTC(), CPU: 1, CPUTime: time.Millisecond,
			Memory: market.MiB, MemoryLimit: u.Spec.Limits.Memory, Pids: 1,
		})
		if !stream {
			return nil
		}
		select {
		case <-tick.C:
		case <-ended:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("read usage: %w", ctx.Err())
		}
	}
}
