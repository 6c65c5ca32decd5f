package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"caravela/docker"
	"caravela/market"
)

// Remove removes a unit and what nobody needs without it.
func (e *Engine) Remove(ctx context.Context, lease market.LeaseID, dropVolumes bool) error {
	release, err := e.locks.alone(ctx, lease.String())
	if err != nil {
		return fmt.Errorf("remove %s: %w", lease.Short(), err)
	}
	defer release()
	raw, c, err := e.lookup(ctx, lease)
	if err != nil && !errors.Is(err, docker.ErrNoSuchUnit) {
		return err
	}
	if err := e.discard(ctx, lease, c.Owner, dropVolumes); err != nil {
		return err
	}
	if raw.ContainerJSONBase != nil && e.cfg.ImagesKeep > 0 {
		e.touch(ctx, raw.Image)
	}
	return nil
}

// discard removes what is there of a unit, in an order in which a crash
// leaves nothing that a second call does not find. A zero owner is unknown.
func (e *Engine) discard(ctx context.Context, lease market.LeaseID, owner market.PeerID, drop bool) error {
	mounted, err := e.unitVolumes(ctx, lease)
	if err != nil {
		return err
	}
	if err := e.removeContainer(ctx, lease, drop); err != nil {
		return err
	}
	// From here on the removal goes to its end: networks and walls are nobody's
	// when the container is gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cleanup)
	defer cancel()
	owners := []market.PeerID{owner}
	if owner.IsZero() {
		if owners, err = e.owners(ctx, lease); err != nil {
			return err
		}
	}
	for _, o := range owners {
		if err := e.sweep(ctx, lease, o, drop, mounted); err != nil {
			return err
		}
	}
	return nil
}

// sweep removes what a lease leaves behind at its owner's.
func (e *Engine) sweep(ctx context.Context, lease market.LeaseID, owner market.PeerID, drop bool, mounted []string) error {
	release, err := e.locks.alone(ctx, owner.String())
	if err != nil {
		return fmt.Errorf("remove %s: %w", lease.Short(), err)
	}
	defer release()
	if drop {
		if err := e.dropVolumes(ctx, lease, mounted); err != nil {
			return err
		}
	}
	return e.dropNetworks(ctx, owner)
}

// owners are the tenants that a lease may belong to whose container is gone:
// the owner of its volumes, and all that still have a network.
func (e *Engine) owners(ctx context.Context, lease market.LeaseID) ([]market.PeerID, error) {
	volumes, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: e.filter(labelLease + "=" + lease.String())})
	if err != nil {
		return nil, explain("list volumes", err, nil)
	}
	nets, err := e.api.NetworkList(ctx, network.ListOptions{Filters: e.filter()})
	if err != nil {
		return nil, explain("list the tenants' networks", err, nil)
	}
	var out []market.PeerID
	add := func(labels map[string]string) {
		if id, err := market.ParsePeerID(labels[labelOwner]); err == nil && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	for _, v := range volumes.Volumes {
		add(v.Labels)
	}
	for _, n := range nets {
		add(n.Labels)
	}
	return out, nil
}

func (e *Engine) unitVolumes(ctx context.Context, lease market.LeaseID) ([]string, error) {
	raw, _, err := e.lookup(ctx, lease)
	if errors.Is(err, docker.ErrNoSuchUnit) {
		return nil, nil
	}
	return mountedVolumes(&raw), err
}

// removeContainer kills and removes; anonymous says to remove the volumes
// too that the image itself declares.
func (e *Engine) removeContainer(ctx context.Context, lease market.LeaseID, anonymous bool) error {
	if _, _, err := e.lookup(ctx, lease); errors.Is(err, docker.ErrNoSuchUnit) {
		return nil // or a foreign one bears the name
	} else if err != nil {
		return err
	}
	err := e.api.ContainerRemove(ctx, e.container(lease), container.RemoveOptions{Force: true, RemoveVolumes: anonymous})
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	if cerrdefs.IsConflict(err) { // another removal is under way: wait for its end
		return e.awaitRemoval(ctx, lease)
	}
	return explain("remove container", err, docker.ErrEngineFailed)
}

func (e *Engine) awaitRemoval(ctx context.Context, lease market.LeaseID) error {
	done, failed := e.api.ContainerWait(ctx, e.container(lease), container.WaitConditionRemoved)
	select {
	case <-done:
		return nil
	case err := <-failed:
		if cerrdefs.IsNotFound(err) {
			return nil
		}
		return explain("wait for the removal of the container", err, docker.ErrEngineFailed)
	}
}
