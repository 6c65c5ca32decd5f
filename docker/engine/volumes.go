package engine

import (
	"context"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/volume"

	"caravela/docker"
	"caravela/market"
)

// makeVolumes creates what the unit mounts and is not there yet. A volume
// keeps the labels of the lease that made it.
func (e *Engine) makeVolumes(ctx context.Context, u *docker.Unit) error {
	for _, m := range u.Spec.Mounts {
		labels := e.tenantLabels(u.Owner)
		labels[labelLease] = u.Lease.String()
		if m.Keep {
			labels[labelKeep] = "true"
		}
		v, err := e.api.VolumeCreate(ctx, volume.CreateOptions{Driver: "local", Name: e.volume(u, m), Labels: labels})
		if err != nil {
			return explain("create volume for "+m.Target, err, docker.ErrStartFailed)
		}
		if !e.ours(v.Labels) || v.Labels[labelOwner] != u.Owner.String() {
			return fmt.Errorf("create volume for %s: %w: a foreign volume bears its name", m.Target, docker.ErrConflict)
		}
	}
	return nil
}

// dropVolumes removes those of the named volumes, and of the lease's, that
// end with the lease. What another container uses stays: that one's end, or
// the owner, drops it.
func (e *Engine) dropVolumes(ctx context.Context, lease market.LeaseID, mounted []string) error {
	made, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: e.filter(labelLease + "=" + lease.String())})
	if err != nil {
		return explain("list volumes", err, nil)
	}
	for _, v := range made.Volumes {
		if !slices.Contains(mounted, v.Name) {
			mounted = append(mounted, v.Name)
		}
	}
	for _, name := range mounted {
		if err := e.dropVolume(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) dropVolume(ctx context.Context, name string) error {
	v, err := e.api.VolumeInspect(ctx, name)
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return explain("look at a volume", err, nil)
	}
	if !e.ours(v.Labels) || v.Labels[labelKeep] != "" {
		return nil
	}
	err = e.api.VolumeRemove(ctx, name, false)
	if cerrdefs.IsConflict(err) || cerrdefs.IsNotFound(err) { // in use, or gone
		return nil
	}
	return explain("remove a volume", err, nil)
}

// Leftovers lists the volumes of the scope that nobody needs.
func (e *Engine) Leftovers(ctx context.Context) ([]docker.Leftover, error) {
	idle := e.filter()
	idle.Add("dangling", "true")
	all, err := e.api.VolumeList(ctx, volume.ListOptions{Filters: idle})
	if err != nil {
		return nil, explain("list volumes that nothing uses", err, nil)
	}
	var out []docker.Leftover
	for _, v := range all.Volumes {
		lease, bad := market.ParseLeaseID(v.Labels[labelLease])
		owner, worse := market.ParsePeerID(v.Labels[labelOwner])
		if bad == nil && worse == nil && v.Labels[labelKeep] == "" {
			out = append(out, docker.Leftover{Lease: lease, Owner: owner, Volumes: 1})
		}
	}
	return docker.SumLeftovers(out), nil
}

// mountedVolumes are the names of a container's volumes.
func mountedVolumes(raw *container.InspectResponse) []string {
	var out []string
	for _, m := range raw.Mounts {
		if m.Type == mount.TypeVolume {
			out = append(out, m.Name)
		}
	}
	return out
}
