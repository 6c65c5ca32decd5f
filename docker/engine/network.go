package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"caravela/docker"
	"caravela/market"
)

const bridgeName = "com.docker.network.bridge.name"

// makeNetwork makes the tenant's bridge, and the walls around all bridges.
// The caller shares the tenant's lock.
func (e *Engine) makeNetwork(ctx context.Context, owner market.PeerID) error {
	release, err := e.locks.alone(ctx, "network")
	if err != nil {
		return fmt.Errorf("make the tenant's network: %w", err)
	}
	defer release()
	nets, err := e.networks(ctx)
	if err != nil {
		return err
	}
	bridges := bridgesOf(nets)
	if !slices.ContainsFunc(nets, func(n network.Summary) bool { return n.Labels[labelOwner] == owner.String() }) {
		if err := e.makeBridge(ctx, owner); err != nil {
			return err
		}
		bridges = append(bridges, e.bridge(owner))
	}
	return e.settleWalls(ctx, bridges)
}

func (e *Engine) makeBridge(ctx context.Context, owner market.PeerID) error {
	_, err := e.api.NetworkCreate(ctx, e.names.network(owner), network.CreateOptions{
		Driver:     "bridge",
		EnableIPv6: new(false), // the walls are of IPv4 only
		Labels:     e.tenantLabels(owner),
		Options:    map[string]string{bridgeName: e.bridge(owner)},
	})
	if cerrdefs.IsConflict(err) {
		return fmt.Errorf("make the tenant's network: %w: a foreign network bears its name", docker.ErrConflict)
	}
	err = explain("make the tenant's network", err, docker.ErrStartFailed)
	if errors.Is(err, docker.ErrNoCapacity) {
		err = fmt.Errorf("%w; each tenant takes one: add default-address-pools to the engine's daemon.json", err)
	}
	return err
}

// networks are those of all tenants of the scope.
func (e *Engine) networks(ctx context.Context) ([]network.Summary, error) {
	nets, err := e.api.NetworkList(ctx, network.ListOptions{Filters: e.filter()})
	return nets, explain("list the tenants' networks", err, nil)
}

func bridgesOf(nets []network.Summary) (names []string) {
	for _, n := range nets {
		names = append(names, n.Options[bridgeName])
	}
	return names
}

// settleWalls keeps all tenants in, and leaves nothing where there are none.
// The caller holds the lock of the networks.
func (e *Engine) settleWalls(ctx context.Context, bridges []string) error {
	if len(bridges) == 0 || e.cfg.AllowLAN {
		return e.wall.drop(ctx)
	}
	return e.wall.raise(ctx, bridges, e.cfg.DNS)
}

// settleNow is settleWalls for whatever networks there are: the last one may
// have gone while the caller waited for the lock.
func (e *Engine) settleNow(ctx context.Context) error {
	nets, err := e.networks(ctx)
	if err != nil {
		return err
	}
	return e.settleWalls(ctx, bridgesOf(nets))
}

// mend makes networks and walls what the units need, unless that was done
// lately: it raises walls that fell, and removes what a crash in the middle of
// a removal has left. That it could not is told by Info.
func (e *Engine) mend(ctx context.Context, units []container.Summary) {
	if e.wall.fresh() {
		return
	}
	for _, owner := range e.deserted(ctx, units) {
		release, ok := e.locks.tryAlone(owner.String())
		if !ok {
			continue // a launch of its is under way
		}
		_ = e.dropNetworks(ctx, owner)
		release()
	}
	release, err := e.locks.alone(ctx, "network")
	if err != nil {
		return // ctx has ended
	}
	defer release()
	_ = e.settleNow(ctx)
}

// deserted are the tenants that have a network and no unit.
func (e *Engine) deserted(ctx context.Context, units []container.Summary) (out []market.PeerID) {
	nets, err := e.networks(ctx)
	if err != nil {
		return nil
	}
	for _, n := range nets {
		owner, err := market.ParsePeerID(n.Labels[labelOwner])
		if err == nil && !slices.ContainsFunc(units, func(c container.Summary) bool { return c.Labels[labelOwner] == n.Labels[labelOwner] }) {
			out = append(out, owner)
		}
	}
	return out
}

// dropNetworks removes the tenant's network if no unit needs it, and the
// walls with the scope's last network. The caller holds the tenant's lock
// alone.
func (e *Engine) dropNetworks(ctx context.Context, owner market.PeerID) error {
	release, err := e.locks.alone(ctx, "network")
	if err != nil {
		return fmt.Errorf("remove the tenant's network: %w", err)
	}
	defer release()
	if err := e.dropNetwork(ctx, owner); err != nil {
		return err
	}
	return e.settleNow(ctx)
}

func (e *Engine) dropNetwork(ctx context.Context, owner market.PeerID) error {
	units, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: e.filter(labelOwner + "=" + owner.String()),
	})
	if err != nil {
		return explain("list the tenant's containers", err, nil)
	}
	if len(units) > 0 {
		return nil
	}
	err = e.api.NetworkRemove(ctx, e.names.network(owner))
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return explain("remove the tenant's network", err, docker.ErrEngineFailed)
}
