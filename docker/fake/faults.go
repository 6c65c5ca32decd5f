package fake

import (
	"caravela/docker"
	"caravela/market"
)

// Fault is a failure that can be injected.
type Fault uint8

// The faults. Each strikes launches, the last one attaches, as often as Inject
// says.
const (
	PullFails   Fault = iota + 1 // the registry does not answer
	PullStalls                   // the pull never ends
	StartFails                   // the container cannot be started
	ExitsAtOnce                  // the main process ends with code 1 before it did anything
	PortsTaken                   // any host port turns out to be taken
	EndMissed                    // an attach goes on after the process' end
)

// Inject makes the next times launches or attaches that reach the fault fail
// by it.
func (d *Daemon) Inject(f Fault, times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults[f] = times
}

// Left is how often an injected fault has yet to strike.
func (d *Daemon) Left(f Fault) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults[f]
}

// strikes consumes one injected fault. The caller holds d.mu.
func (d *Daemon) strikes(f Fault) bool {
	if d.faults[f] == 0 {
		return false
	}
	d.faults[f]--
	return true
}

// Step is a place in a launch where the daemon can be taken away.
type Step string

// The steps of a launch.
const (
	AtPull   Step = "pull"
	AtCreate Step = "create"
	AtStart  Step = "start"
)

// CutAt takes the daemon away when the next launch reaches a step, before the
// step has had any effect.
func (d *Daemon) CutAt(s Step) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cut = s
}

// reach is called at each step of a launch, with d.mu held.
func (d *Daemon) reach(s Step) error {
	if d.cut == s {
		d.cut = ""
		d.goDown()
	}
	if d.down {
		return errDown()
	}
	return nil
}

// GoDown stops the daemon: calls fail, subscriptions end. Containers live on.
func (d *Daemon) GoDown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.goDown()
}

func (d *Daemon) goDown() {
	d.down = true
	for s := range d.subs {
		s.end()
		delete(d.subs, s)
	}
}

// ComeBack starts the daemon again.
func (d *Daemon) ComeBack() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = false
}

// Freeze makes the daemon answer nothing until thaw is called.
func (d *Daemon) Freeze() (thaw func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	frozen := make(chan struct{})
	d.frozen = frozen
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.frozen == frozen {
			d.frozen = nil
			close(frozen)
		}
	}
}

// Vanish removes a unit's container as somebody at the machine might.
func (d *Daemon) Vanish(scope docker.Scope, lease market.LeaseID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if u, ok := d.units[key{scope, lease}]; ok {
		d.destroy(u)
	}
}

// HoldPort lets another process of the machine listen on a TCP port.
func (d *Daemon) HoldPort(number uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held[port{number, false}] = true
}

// FillDisk leaves no space for new containers and images, or frees it.
func (d *Daemon) FillDisk(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}
