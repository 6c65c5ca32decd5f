package fake

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"caravela/docker"
	"caravela/market"
)

// Launch brings a unit up, in the steps of docker/engine.
func (e *Engine) Launch(ctx context.Context, u docker.Unit, report func(docker.Progress)) (docker.Container, error) {
	if report == nil {
		report = func(docker.Progress) {}
	}
	if err := e.admit(&u); err != nil {
		return docker.Container{}, err
	}
	k := key{e.scope, u.Lease}
	release, err := e.d.reserve(ctx, k)
	if err != nil {
		return docker.Container{}, err
	}
	defer release()
	if err := e.d.enter(ctx); err != nil {
		return docker.Container{}, err
	}
	was, ok := e.d.units[k]
	e.d.mu.Unlock()
	if ok {
		return e.resume(&u, was)
	}
	prog, err := e.image(ctx, &u, report)
	if err != nil {
		return docker.Container{}, err
	}
	report(docker.Progress{State: market.Starting})
	c, err := e.bringUp(ctx, &u, prog)
	if err != nil && !errors.Is(err, docker.ErrEngineDown) {
		e.d.mu.Lock()
		defer e.d.mu.Unlock()
		e.discard(u.Lease, true)
	}
	return c, err
}

// reserve keeps other launches and removals of a unit out.
func (d *Daemon) reserve(ctx context.Context, k key) (release func(), err error) {
	for {
		d.mu.Lock()
		other, taken := d.busy[k]
		if !taken {
			break
		}
		d.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another launch: %w", ctx.Err())
		}
	}
	defer d.mu.Unlock()
	mine := make(chan struct{})
	d.busy[k] = mine
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.busy, k)
		close(mine)
	}, nil
}

func (e *Engine) admit(u *docker.Unit) error {
	if err := u.Validate(); err != nil {
		return err
	}
	if u.Spec.Pids > e.cfg.MaxPids {
		return fmt.Errorf("%w: %d processes; the supplier allows %d at most", docker.ErrBadUnit, u.Spec.Pids, e.cfg.MaxPids)
	}
	for _, p := range u.Spec.Ports {
		if p.Host != 0 && !e.cfg.Ports.Has(p.Host) {
			return fmt.Errorf("%w: the supplier publishes ports %d to %d only", docker.ErrPortTaken, e.cfg.Ports.First, e.cfg.Ports.Last)
		}
	}
	return nil
}

func (e *Engine) resume(u *docker.Unit, was *unit) (docker.Container, error) {
	e.d.mu.Lock()
	defer e.d.mu.Unlock()
	if was.SpecHash != u.SpecHash || was.Owner != u.Owner {
		return docker.Container{}, fmt.Errorf("launch %s: %w", u.Lease.Short(), docker.ErrConflict)
	}
	if was.started.IsZero() {
		if err := e.d.tryStart(was); err != nil {
			return docker.Container{}, err
		}
	}
	return e.d.describe(was, e.publish()), nil
}

func (e *Engine) bringUp(ctx context.Context, u *docker.Unit, prog Program) (docker.Container, error) {
	if err := e.d.enter(ctx); err != nil {
		return docker.Container{}, err
	}
	defer e.d.mu.Unlock()
	if err := e.d.reach(AtCreate); err != nil {
		return docker.Container{}, err
	}
	switch {
	case u.Spec.Limits.Disk > 0:
		return docker.Container{}, fmt.Errorf("create container: %w: disk is not bounded", docker.ErrUnsupported)
	case e.d.full:
		return docker.Container{}, fmt.Errorf("create container: %w", docker.ErrDiskFull)
	case u.Spec.Limits.CPU > e.d.cpu:
		return docker.Container{}, fmt.Errorf("create container: %w: the machine has %v CPUs", docker.ErrNoCapacity, e.d.cpu)
	}
	ports, err := e.choosePorts(u)
	if err != nil {
		return docker.Container{}, err
	}
	sum := sha256.Sum256([]byte(u.Spec.Image))
	n := &unit{
		key: key{e.scope, u.Lease}, Unit: *u, prog: prog, ports: ports, files: e.d.newFiles(e, u), log: newRecord(),
		digest: "sha256:" + hex.EncodeToString(sum[:]), state: market.Starting, code: -1, created: time.Now().UTC(),
	}
	n.Auth = "" // was for the pull
	e.d.units[n.key] = n
	if err := e.d.tryStart(n); err != nil {
		return docker.Container{}, err
	}
	return e.d.describe(n, e.publish()), nil
}

// tryStart starts what was created. The caller holds d.mu.
func (d *Daemon) tryStart(u *unit) error {
	if err := d.reach(AtStart); err != nil {
		return err
	}
	taken := d.published()
	for _, p := range u.ports {
		if taken[port{p.Host, p.UDP}] || d.strikes(PortsTaken) {
			return fmt.Errorf("start container: %w: %d", docker.ErrPortTaken, p.Host)
		}
	}
	if len(u.Spec.Entrypoint) > 0 && u.Spec.Entrypoint[0] != "/toolbox" || d.strikes(StartFails) {
		return fmt.Errorf("start container: %w: executable file not found", docker.ErrStartFailed)
	}
	d.start(u)
	return nil
}

// choosePorts fills in host ports, beginning where the lease says.
func (e *Engine) choosePorts(u *docker.Unit) ([]market.Port, error) {
	ports := append([]market.Port(nil), u.Spec.Ports...)
	taken := e.d.published()
	for _, p := range ports {
		taken[port{p.Host, p.UDP}] = true
	}
	first, last := max(20000, int(e.cfg.Ports.First)), min(32767, int(e.cfg.Ports.Last))
	if first > last {
		first, last = int(e.cfg.Ports.First), int(e.cfg.Ports.Last)
	}
	size := last - first + 1
	begin := int(binary.BigEndian.Uint32(u.Lease[:4])) % size
	for i := range ports {
		for n := 0; ports[i].Host == 0; n++ {
			if n == size {
				return nil, fmt.Errorf("%w: no port from %d to %d is free", docker.ErrPortTaken, first, last)
			}
			if p := (port{uint16(first + (begin+n)%size), ports[i].UDP}); !taken[p] {
				ports[i].Host, taken[p] = p.number, true
			}
		}
	}
	return ports, nil
}
