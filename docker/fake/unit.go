package fake

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"caravela/docker"
	"caravela/market"
)

// unit is one container. Daemon.mu guards it, but for the process' own parts.
type unit struct {
	key
	docker.Unit
	prog   Program
	ports  []market.Port
	files  Files
	log    *record
	digest string

	state    market.State
	reason   market.Reason
	code     int32
	health   market.State // Running, Healthy or Unhealthy
	restarts uint32
	stopping bool // by a caller: no restart policy applies
	created  time.Time
	started  time.Time
	finished time.Time
	proc     *Process
	in       *io.PipeWriter
	sizes    chan docker.Size
	ended    chan struct{} // closed when the current run is over
}

func (u *unit) running() bool { return u.state == market.Running }

// describe is what List tells of a unit.
func (d *Daemon) describe(u *unit, publish string) docker.Container {
	c := docker.Container{
		Lease: u.lease, Owner: u.Owner, SpecHash: u.SpecHash, State: u.state, Reason: u.reason, ExitCode: u.code,
		Restarts: u.restarts, Created: u.created, Started: u.started, Finished: u.finished,
		Image: u.Spec.Image, Digest: u.digest, Limits: u.Spec.Limits,
	}
	if u.running() {
		c.State = u.health
	}
	for _, p := range u.ports {
		c.Ports = append(c.Ports, market.Binding{Port: p, Addr: publish})
	}
	slices.SortFunc(c.Ports, func(a, b market.Binding) int {
		return cmp.Or(cmp.Compare(a.Port.Container, b.Port.Container), cmp.Compare(a.Port.Host, b.Port.Host))
	})
	return c
}

// start begins a run. The caller holds d.mu.
func (d *Daemon) start(u *unit) {
	in, write := io.Pipe()
	u.in, u.sizes, u.ended = write, make(chan docker.Size, 1), make(chan struct{})
	if !u.Spec.Stdin {
		write.Close()
	}
	u.proc = u.process(u.Spec.Command, u.Spec.Env, docker.Stdio{In: in, Out: u.log.stream(false), Err: u.log.stream(u.isErr())}, u.sizes)
	u.state, u.health, u.reason, u.code = market.Running, market.Running, market.NoReason, -1
	u.started, u.stopping = time.Now().UTC(), false
	u.log.setEnded(false)
	d.tell(u.key, docker.Started, -1)
	prog := u.prog
	if d.strikes(ExitsAtOnce) {
		prog = func(context.Context, *Process) int { return 1 }
	}
	go d.live(u, u.proc, prog, u.ended)
	if u.Spec.Health.Command != "" && !u.Spec.Health.Disable {
		go d.examine(u, u.proc, u.ended)
	}
}

// isErr reports whether stderr is a stream of its own.
func (u *unit) isErr() bool { return !u.Spec.TTY }

// process makes a process of the unit. kill is replaced when it runs.
func (u *unit) process(args, env []string, s docker.Stdio, sizes <-chan docker.Size) *Process {
	return &Process{
		Args: args, Env: env, In: s.In, Out: s.Out, Err: s.Err, Memory: u.Spec.Limits.Memory,
		Sizes: sizes, Files: u.files, kill: func() {},
	}
}

// live runs a main process, tells of its end, and starts it again where the
// restart policy says so.
func (d *Daemon) live(u *unit, p *Process, prog Program, ended chan struct{}) {
	code, oom := p.run(prog)
	d.mu.Lock()
	defer d.mu.Unlock()
	defer close(ended)
	u.in.Close()
	if d.units[u.key] != u {
		u.log.setEnded(true)
		return // destroyed, and told so
	}
	u.state, u.reason, u.code, u.finished = market.Stopped, market.Exited, code, time.Now().UTC()
	if oom {
		u.reason = market.OutOfMemory
		d.tell(u.key, docker.KilledByOOM, -1)
	}
	d.tell(u.key, docker.Died, code)
	if !u.again() {
		u.log.setEnded(true)
		return
	}
	u.state = market.Starting
	u.restarts++
	pause := 100 * time.Millisecond << min(u.restarts-1, 9)
	time.AfterFunc(pause, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.units[u.key] == u && u.state == market.Starting {
			d.start(u)
		}
	})
}

// again says whether the restart policy starts the unit after its exit.
func (u *unit) again() bool {
	r := u.Spec.Restart
	switch r.Policy {
	case market.RestartAlways, market.RestartUnlessStopped:
		return !u.stopping
	case market.RestartOnFailure:
		return !u.stopping && u.code != 0 && (r.Max == 0 || int(u.restarts) < r.Max)
	}
	return false
}

// examine runs the health command until the run ends.
func (d *Daemon) examine(u *unit, p *Process, ended <-chan struct{}) {
	every, retries, failed := u.Spec.Health.Interval, max(u.Spec.Health.Retries, 1), 0
	if every == 0 {
		every = 30 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
		}
		code, _ := u.process(strings.Fields(u.Spec.Health.Command), p.Env, docker.Stdio{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}, nil).run(u.prog)
		if code == 0 {
			failed = 0
			d.setHealth(u, p, market.Healthy, docker.GotHealthy)
		} else if failed++; failed >= retries {
			d.setHealth(u, p, market.Unhealthy, docker.GotUnhealthy)
		}
	}
}

func (d *Daemon) setHealth(u *unit, p *Process, s market.State, kind docker.EventKind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if u.proc == p && u.running() && u.health != s {
		u.health = s
		d.tell(u.key, kind, -1)
	}
}

// destroy removes a container. The caller holds d.mu.
func (d *Daemon) destroy(u *unit) {
	delete(d.units, u.key)
	if u.running() {
		d.tell(u.key, docker.Died, 137)
		u.proc.deliver(sigKill)
	}
	u.log.setEnded(true)
	d.tell(u.key, docker.Destroyed, -1)
}

// newFiles mounts the unit's volumes, making what is missing. The caller
// holds d.mu.
func (d *Daemon) newFiles(e *Engine, u *docker.Unit) Files {
	f := Files{mu: &sync.Mutex{}, root: map[string]string{}}
	for _, m := range u.Spec.Mounts {
		k := e.volumeKey(u, m)
		v, ok := d.volumes[k]
		if !ok {
			v = &volume{files: map[string]string{}, maker: u.Lease, owner: u.Owner, keep: m.Keep}
			d.volumes[k] = v
		}
		f.mounts = append(f.mounts, mounted{target: m.Target, readOnly: m.ReadOnly, files: v.files})
	}
	return f
}
