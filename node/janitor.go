package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
)

// janitorGrace is how long a container without a lease must have been seen
// before it is removed.
const janitorGrace = 2 * time.Minute

// janitor removes containers and volumes that carry this node's labels and
// belong to no lease of its: leftovers of a crash in the middle of a launch or
// removal.
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

// orphan is what the engine has of a lease that may be over.
type orphan struct {
	unit  market.LeaseID
	owner market.PeerID
	what  string
}

func (n *Node) sweep(ctx context.Context, orphans map[market.LeaseID]time.Time, now time.Time) {
	all, err := n.onEngine(ctx)
	if err != nil {
		n.log.Debug("janitor cannot see the engine", "error", err)
		return
	}
	present := map[market.LeaseID]bool{}
	for _, o := range all {
		if n.leased(o.unit) || n.fx.lanes.busy(o.unit) {
			continue
		}
		present[o.unit] = true
		first, known := orphans[o.unit]
		switch {
		case !known:
			n.log.Warn("leftovers without a lease found", "unit", o.unit.Short(), "what", o.what, "owner", o.owner.Short(), "removal_in", janitorGrace)
			orphans[o.unit] = now
			n.happened(o.event("found", fmt.Sprintf("no lease is known for it; it is removed in %v unless one turns up", janitorGrace)))
		case now.Sub(first) >= janitorGrace:
			n.log.Warn("leftovers without a lease removed", "unit", o.unit.Short(), "what", o.what, "owner", o.owner.Short())
			n.happened(o.event("removed", "no lease was known for it"))
			n.fx.lanes.control(market.Control{Unit: o.unit, Op: market.OpRemove, Keep: true})
			delete(orphans, o.unit)
		}
	}
	for unit := range orphans {
		if !present[unit] {
			delete(orphans, unit)
		}
	}
}

// onEngine lists containers, and the volumes of leases that have none.
func (n *Node) onEngine(ctx context.Context) (all []orphan, err error) {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	containers, err := n.cfg.Engine.List(ctx)
	if err != nil {
		return nil, err
	}
	left, err := n.cfg.Engine.Leftovers(ctx)
	for _, c := range containers {
		all = append(all, orphan{c.Lease, c.Owner, "a container"})
	}
	for _, l := range left {
		if !slices.ContainsFunc(containers, func(c docker.Container) bool { return c.Lease == l.Lease }) {
			all = append(all, orphan{l.Lease, l.Owner, fmt.Sprintf("%d volumes", l.Volumes)})
		}
	}
	return all, err
}

// event tells of what has no lease before, and when, it goes.
func (o orphan) event(action, detail string) api.Event {
	return api.Event{Type: "container", Action: "orphan-" + action, Container: o.unit.String(), Node: o.owner.String(), Detail: o.what + ": " + detail}
}

// leased reports whether a lease keeps a container of this name.
func (n *Node) leased(unit market.LeaseID) bool {
	s := n.board.soldUnit(unit)
	return s != nil && (s.Status == nil || s.Status.State != market.Ended)
}
