package engine

import (
	"context"
	"errors"
	"fmt"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"

	"caravela/docker"
	"caravela/market"
)

// Launch brings a unit up. The steps, each of which may be the last one
// before a crash, and none of which does harm when it is done again:
//
//  1. what exists is returned, or started if it never was
//  2. the image is pulled; nothing is held meanwhile but the lease's lock
//  3. volumes, network and walls are made, the tenant's lock shared, so that
//     no Remove takes them away as unused
//  4. the container is created under the name of its lease: the daemon
//     itself refuses a second one
//  5. it is started
func (e *Engine) Launch(ctx context.Context, u docker.Unit, report func(docker.Progress)) (docker.Container, error) {
	if report == nil {
		report = func(docker.Progress) {}
	}
	if err := e.admit(&u); err != nil {
		return docker.Container{}, err
	}
	release, err := e.locks.alone(ctx, u.Lease.String())
	if err != nil {
		return docker.Container{}, fmt.Errorf("launch %s: %w", u.Lease.Short(), err)
	}
	defer release()

	_, c, err := e.lookup(ctx, u.Lease)
	switch {
	case err == nil:
		return e.resume(ctx, &u, c)
	case !errors.Is(err, docker.ErrNoSuchUnit):
		return docker.Container{}, err
	}
	c, err = e.bringUp(ctx, &u, report)
	if err != nil {
		return docker.Container{}, errors.Join(err, e.undo(ctx, &u, err))
	}
	return c, nil
}

// admit refuses what the supplier's configuration does not allow.
func (e *Engine) admit(u *docker.Unit) error {
	if err := u.Validate(); err != nil {
		return err
	}
	if u.Spec.Pids > e.cfg.MaxPids {
		return fmt.Errorf("%w: %d processes; the supplier allows %d at most", docker.ErrBadUnit, u.Spec.Pids, e.cfg.MaxPids)
	}
	return e.admitPorts(u.Spec.Ports)
}

// resume takes up what an earlier Launch of the lease has made.
func (e *Engine) resume(ctx context.Context, u *docker.Unit, c docker.Container) (docker.Container, error) {
	if c.SpecHash != u.SpecHash || c.Owner != u.Owner {
		return docker.Container{}, fmt.Errorf("launch %s: %w, of another specification or owner", u.Lease.Short(), docker.ErrConflict)
	}
	if !c.Started.IsZero() {
		return c, nil
	}
	err := e.startCreated(ctx, u)
	if err != nil {
		return docker.Container{}, errors.Join(err, e.undo(ctx, u, err))
	}
	_, c, err = e.lookup(ctx, u.Lease)
	return c, err
}

func (e *Engine) startCreated(ctx context.Context, u *docker.Unit) error {
	release, err := e.prepare(ctx, u)
	if err != nil {
		return err
	}
	defer release()
	return e.start(ctx, u.Lease)
}

func (e *Engine) bringUp(ctx context.Context, u *docker.Unit, report func(docker.Progress)) (docker.Container, error) {
	if err := e.room(ctx); err != nil {
		return docker.Container{}, err
	}
	img, err := e.image(ctx, u, report)
	if err != nil {
		return docker.Container{}, err
	}
	if err := checkWorkDir(u.Spec.WorkDir, &img); err != nil {
		return docker.Container{}, err
	}
	report(docker.Progress{State: market.Starting})
	release, err := e.prepare(ctx, u)
	if err != nil {
		return docker.Container{}, err
	}
	defer release()
	if err := e.createAndStart(ctx, u, &img); err != nil {
		return docker.Container{}, err
	}
	_, c, err := e.lookup(ctx, u.Lease)
	return c, err
}

// prepare makes what is around the container, and keeps it from being removed
// as unused until release.
func (e *Engine) prepare(ctx context.Context, u *docker.Unit) (release func(), err error) {
	release, err = e.locks.share(ctx, u.Owner.String())
	if err != nil {
		return nil, fmt.Errorf("launch %s: %w", u.Lease.Short(), err)
	}
	if err = e.makeVolumes(ctx, u); err == nil {
		err = e.makeNetwork(ctx, u.Owner)
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// createAndStart tries other ports if a chosen one turns out to be taken.
func (e *Engine) createAndStart(ctx context.Context, u *docker.Unit, img *image.InspectResponse) error {
	security, err := e.securityOptions(ctx, img)
	if err != nil {
		return err
	}
	tried := make(map[uint16]bool)
	for try := 1; ; try++ {
		ports, err := e.choosePorts(ctx, u, tried)
		if err != nil {
			return err
		}
		if err := e.create(ctx, e.request(u, img, ports, security)); err != nil {
			return err
		}
		if err := e.checkCommand(ctx, u, img); err != nil {
			return err
		}
		err = e.start(ctx, u.Lease)
		if !errors.Is(err, docker.ErrPortTaken) || !needsChoice(u.Spec.Ports) || try == portTries {
			return err
		}
		if err := e.removeContainer(ctx, u.Lease, false); err != nil {
			return err
		}
	}
}

// create does not end with ctx: the daemon might go on creating after an undo.
func (e *Engine) create(ctx context.Context, r request) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cleanup)
	defer cancel()
	_, err := e.api.ContainerCreate(ctx, r.config, r.host, r.network, r.platform, r.name)
	if cerrdefs.IsNotFound(err) {
		return explain("create container", err, docker.ErrImageMissing) // removed since the look
	}
	if cerrdefs.IsConflict(err) {
		return explain("create container", err, docker.ErrConflict)
	}
	return explain("create container", err, docker.ErrStartFailed)
}

func (e *Engine) start(ctx context.Context, lease market.LeaseID) error {
	err := e.api.ContainerStart(ctx, e.container(lease), container.StartOptions{})
	return explain("start container", err, docker.ErrStartFailed)
}

// undo takes back a failed launch. It cannot where the daemon is down.
func (e *Engine) undo(ctx context.Context, u *docker.Unit, cause error) error {
	if errors.Is(cause, docker.ErrEngineDown) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cleanup)
	defer cancel()
	if err := e.discard(ctx, u.Lease, u.Owner, true); err != nil {
		return fmt.Errorf("take back the launch: %w", err)
	}
	return nil
}
