package node

import (
	"context"
	"fmt"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
)

// janitorGrace is how long a container without a lease must have been seen
// before it is removed.
const janitorGrace = 2 * time.Minute

// janitor removes containers that carry this node's labels and belong to no
// lease of its: leftovers of a crash in the middle of a launch or removal.
func (n *Node) janitor(ctx context.Context) {
	if n.cfg.Engine == nil {
		return
	}
	orphans := map[market.LeaseID]time.Time{} // first seen
	for ok := true; ok; ok = pause(ctx, janitorEvery) {
		n.sweep(ctx, orphans, time.Now()) // also has the engine mend its networks and images
		n.lookAgain(ctx)
	}
}

func (n *Node) sweep(ctx context.Context, orphans map[market.LeaseID]time.Time, now time.Time) {
	ask, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	all, err := n.cfg.Engine.List(ask)
	if err != nil {
		n.log.Debug("janitor cannot see the engine", "error", err)
		return
	}
	present := map[market.LeaseID]bool{}
	for _, c := range all {
		present[c.Lease] = true
		if n.leased(c.Lease) || n.fx.lanes.busy(c.Lease) {
			delete(orphans, c.Lease)
			continue
		}
		first, known := orphans[c.Lease]
		switch {
		case !known:
			n.log.Warn("container without a lease found", "unit", c.Lease.Short(), "owner", c.Owner.Short(), "removal_in", janitorGrace)
			orphans[c.Lease] = now
			n.happened(orphanEvent("found", c, fmt.Sprintf("no lease is known for it; it is removed in %v unless one turns up", janitorGrace)))
		case now.Sub(first) >= janitorGrace:
			n.log.Warn("container without a lease removed", "unit", c.Lease.Short(), "owner", c.Owner.Short())
			n.happened(orphanEvent("removed", c, "no lease was known for it"))
			n.fx.lanes.control(market.Control{Unit: c.Lease, Op: market.OpRemove, Keep: true})
			delete(orphans, c.Lease)
		}
	}
	for unit := range orphans {
		if !present[unit] {
			delete(orphans, unit)
		}
	}
}

// orphanEvent tells of a container without a lease before, and when, it goes.
func orphanEvent(action string, c docker.Container, detail string) api.Event {
	return api.Event{Type: "container", Action: "orphan-" + action, Container: c.Lease.String(), Node: c.Owner.String(), Detail: detail}
}

// leased reports whether a lease keeps a container of this name.
func (n *Node) leased(unit market.LeaseID) bool {
	s := n.board.soldUnit(unit)
	return s != nil && (s.Status == nil || s.Status.State != market.Ended)
}
