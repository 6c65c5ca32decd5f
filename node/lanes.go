package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"caravela/docker"
	"caravela/market"
)

// Waiting times of the engine's work.
const (
	engineTimeout   = 30 * time.Second // for a call that only asks
	progressEvery   = 2 * time.Second  // between two statuses of one pull: each is signed and stored on both sides
	engineRetry     = time.Second      // first repetition of a launch whose engine went away; doubles up to engineRetryMax
	engineRetryMax  = 30 * time.Second
	controlOverhead = time.Minute // that the engine may take beyond the grace
	defaultGrace    = 10 * time.Second
)

// lanes does the engine's work: one unit's in order, those of several side by
// side, so that a slow pull delays nobody else.
type lanes struct {
	node *Node
	crew *crew

	mu sync.Mutex
	m  map[market.LeaseID]*lane
}

// lane is the queue of one unit. It exists while there is work.
type lane struct {
	jobs   []job
	cancel context.CancelFunc // of a launch under way; nil = none
}

// job is a launch, a command, or a look at how the unit fares.
type job struct {
	run     *market.Run
	control *market.Control
}

func newLanes(n *Node, c *crew) *lanes {
	return &lanes{node: n, crew: c, m: make(map[market.LeaseID]*lane)}
}

func (l *lanes) run(r market.Run) { l.add(r.Unit, job{run: &r}) }

// control puts a command into its unit's lane. A launch under way gives way
// to it: it takes back what it has made so far.
func (l *lanes) control(c market.Control) {
	l.add(c.Unit, job{control: &c})
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane := l.m[c.Unit]; lane != nil && lane.cancel != nil {
		lane.cancel()
	}
}

// refresh has the unit looked at, unless that is about to happen anyway.
func (l *lanes) refresh(unit market.LeaseID) { l.add(unit, job{}) }

// busy reports whether anything is done to a unit, or will be.
func (l *lanes) busy(unit market.LeaseID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.m[unit] != nil
}

func (l *lanes) add(unit market.LeaseID, j job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.m[unit]
	if at == nil {
		l.m[unit] = &lane{jobs: []job{j}}
		l.crew.run(func(ctx context.Context) { l.work(ctx, unit) })
		return
	}
	if j == (job{}) && len(at.jobs) > 0 {
		if at.jobs[len(at.jobs)-1] == j {
			return
		}
	}
	if j.run != nil && at.cancel != nil {
		return // a launch of this unit is under way, and outlives an engine that restarts
	}
	at.jobs = append(at.jobs, j)
}

func (l *lanes) work(ctx context.Context, unit market.LeaseID) {
	for {
		j, ok := l.next(unit)
		if !ok || ctx.Err() != nil {
			return
		}
		switch {
		case j.run != nil:
			l.launch(ctx, j.run)
		case j.control != nil:
			l.obey(ctx, j.control)
		default:
			l.look(ctx, unit)
		}
	}
}

func (l *lanes) next(unit market.LeaseID) (job, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.m[unit]
	if len(at.jobs) == 0 {
		delete(l.m, unit)
		return job{}, false
	}
	j := at.jobs[0]
	at.jobs = at.jobs[1:]
	return j, true
}

// interruptible returns a context that a command to the unit cancels. Where
// one waits already it is cancelled from the start.
func (l *lanes) interruptible(ctx context.Context, unit market.LeaseID) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.m[unit]
	at.cancel = cancel
	for _, j := range at.jobs {
		if j.control != nil {
			cancel()
		}
	}
	return ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		at.cancel = nil
		cancel()
	}
}

// launch brings a unit up, or finds out how an adopted one fares. Where the
// engine goes away in the middle it is tried again when it is back: what has
// happened is not known, and Launch is idempotent.
func (l *lanes) launch(ctx context.Context, r *market.Run) {
	if l.node.cfg.Engine == nil {
		return
	}
	ctx, done := l.interruptible(ctx, r.Unit)
	defer done()
	if r.Adopt && !l.adopt(ctx, r.Unit) {
		return
	}
	unit := docker.Unit{
		Lease: r.Unit, Owner: r.Owner, SpecHash: market.HashSpec(r.Spec), Spec: *r.Spec, Auth: docker.Secret(r.Auth),
	}
	for wait := engineRetry; ; wait = min(2*wait, engineRetryMax) {
		c, err := l.node.cfg.Engine.Launch(ctx, unit, l.progress(ctx, r))
		switch {
		case ctx.Err() != nil: // a command, or the node's end: whoever came in between tells
			return
		case errors.Is(err, docker.ErrEngineDown):
			l.node.log.Warn("container engine went away during a launch", "unit", r.Unit.Short(), "error", err)
			if !pause(ctx, wait) {
				return
			}
		case err != nil:
			l.node.log.Info("launch failed", "unit", r.Unit.Short(), "image", r.Spec.Image, "error", err)
			l.node.post(ctx, market.UnitChanged{
				Unit: r.Unit, State: market.Failed, Reason: docker.ReasonOf(err), ExitCode: -1, Detail: plain(err),
			})
			return
		default:
			l.node.post(ctx, l.changed(c, 0))
			return
		}
	}
}

// adopt tells how a container of an earlier life fares, and reports whether
// it must be launched after all, since it was made and never started.
func (l *lanes) adopt(ctx context.Context, unit market.LeaseID) bool {
	c, err := l.inspect(ctx, unit)
	switch {
	case errors.Is(err, docker.ErrNoSuchUnit):
		l.node.post(ctx, market.UnitChanged{Unit: unit, State: market.Lost, Reason: market.Vanished, ExitCode: -1,
			Detail: "the container was removed while this node did not run"})
	case err != nil:
		l.node.log.Warn("container not found again", "unit", unit.Short(), "error", err)
	case c.State == market.Starting:
		return true
	default:
		l.node.post(ctx, l.changed(c, 0))
	}
	return false
}

// progress reports how far a pull is, now and then.
func (l *lanes) progress(ctx context.Context, r *market.Run) func(docker.Progress) {
	var last time.Time
	var pulled bool
	return func(p docker.Progress) {
		if p.State == market.Starting && !pulled || p.State == market.Pulling && time.Since(last) < progressEvery {
			return
		}
		last, pulled = time.Now(), true
		ev := market.UnitChanged{Unit: r.Unit, State: p.State, ExitCode: -1}
		if p.State == market.Pulling {
			ev.Detail = pullText(p)
		}
		l.node.post(ctx, ev)
	}
}

// obey carries a command out. The answer carries the command's number; where
// the engine could not do it, the state Unknown and why.
func (l *lanes) obey(ctx context.Context, c *market.Control) {
	e := l.node.cfg.Engine
	if e == nil {
		return
	}
	grace := c.Grace
	if grace < 0 {
		grace = l.ownGrace(c.Unit)
	}
	call, cancel := context.WithTimeout(ctx, grace+controlOverhead)
	defer cancel()
	stop := docker.StopOptions{Signal: c.Signal, Grace: grace}
	var err error
	switch c.Op {
	case market.OpStop:
		err = e.Stop(call, c.Unit, stop)
	case market.OpStart:
		err = e.Start(call, c.Unit)
	case market.OpRestart:
		err = e.Restart(call, c.Unit, stop)
	case market.OpKill:
		err = e.Kill(call, c.Unit, c.Signal)
	case market.OpRemove:
		if grace > 0 {
			err = e.Stop(call, c.Unit, stop)
		}
		if err == nil || errors.Is(err, docker.ErrNoSuchUnit) {
			err = e.Remove(call, c.Unit, true)
		}
	default:
		err = fmt.Errorf("%w: command %d", docker.ErrUnsupported, c.Op)
	}
	if ctx.Err() != nil {
		return
	}
	if errors.Is(err, docker.ErrNoSuchUnit) && (c.Op == market.OpStop || c.Op == market.OpKill) {
		// Its launch gave way to this command.
		l.node.post(ctx, market.UnitChanged{Unit: c.Unit, Ref: c.Ref, State: market.Failed, Reason: market.StoppedByOwner,
			ExitCode: -1, Detail: "stopped before it was started"})
		return
	}
	if err != nil {
		l.node.log.Info("command to a container failed", "unit", c.Unit.Short(), "command", c.Op.String(), "error", err)
		l.node.post(ctx, market.UnitChanged{Unit: c.Unit, Ref: c.Ref, State: market.Unknown, Reason: docker.ReasonOf(err), ExitCode: -1, Detail: plain(err)})
		return
	}
	if c.Op == market.OpRemove {
		l.node.post(ctx, market.UnitChanged{Unit: c.Unit, Ref: c.Ref, State: market.Ended, ExitCode: -1})
		return
	}
	l.tell(ctx, c.Unit, c.Ref)
}

// ownGrace is what the container's own specification asks for.
func (l *lanes) ownGrace(unit market.LeaseID) time.Duration {
	if s := l.node.board.soldUnit(unit); s != nil {
		return cmp.Or(s.Spec.Unpack().StopGrace, defaultGrace)
	}
	return defaultGrace
}

// look tells how a unit fares by itself.
func (l *lanes) look(ctx context.Context, unit market.LeaseID) { l.tell(ctx, unit, 0) }

// tell reports a unit as the engine sees it now.
func (l *lanes) tell(ctx context.Context, unit market.LeaseID, ref uint64) {
	c, err := l.inspect(ctx, unit)
	switch {
	case errors.Is(err, docker.ErrNoSuchUnit) && ref == 0:
		if l.node.board.soldUnit(unit) == nil {
			return // removed by us
		}
		l.node.post(ctx, market.UnitChanged{Unit: unit, State: market.Lost, Reason: market.Vanished, ExitCode: -1,
			Detail: "the container was removed on the supplier"})
	case err != nil:
		l.node.post(ctx, market.UnitChanged{Unit: unit, Ref: ref, State: market.Unknown, Reason: docker.ReasonOf(err), ExitCode: -1, Detail: plain(err)})
	default:
		l.node.post(ctx, l.changed(c, ref))
	}
}

func (l *lanes) inspect(ctx context.Context, unit market.LeaseID) (docker.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, engineTimeout)
	defer cancel()
	d, err := l.node.cfg.Engine.Inspect(ctx, unit)
	return d.Container, err
}

// changed translates the engine's view of a unit. Ports that are published
// everywhere are told with the address that others reach this node at.
func (l *lanes) changed(c docker.Container, ref uint64) market.UnitChanged {
	ports := make([]market.Binding, len(c.Ports))
	for i, b := range c.Ports {
		ports[i] = b
		if ip, err := netip.ParseAddr(b.Addr); err != nil || ip.IsUnspecified() {
			ports[i].Addr = l.node.publicIP()
		}
	}
	return market.UnitChanged{
		Unit: c.Lease, Ref: ref, State: c.State, Reason: c.Reason, ExitCode: c.ExitCode, Restarts: c.Restarts,
		Detail: c.Detail, Ports: ports, Digest: c.Digest,
	}
}
