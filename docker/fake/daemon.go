package fake

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"caravela/docker"
	"caravela/market"
)

// Daemon is a machine's container engine. Its methods may be called at any
// time, from several goroutines.
type Daemon struct {
	mu      sync.Mutex
	cpu     market.MilliCPU
	memory  market.Bytes
	images  map[string]Program // present
	remote  map[string]remote  // in registries
	pulled  map[string]*origin // of those images that were not always there
	free    market.Bytes       // on the disk
	units   map[key]*unit
	busy    map[key]chan struct{} // closed when the launch or removal is over
	volumes map[volumeKey]*volume
	held    map[port]bool // by other processes
	faults  map[Fault]int
	cut     Step
	down    bool
	full    bool
	frozen  chan struct{} // nil, or closed at the thaw
	subs    map[*subscriber]bool
}

// key addresses a unit on the machine.
type key struct {
	scope docker.Scope
	lease market.LeaseID
}

// volumeKey is what a volume's name is made of: the owner, or the lease and
// the target of a nameless one.
type volumeKey struct {
	scope docker.Scope
	owner market.PeerID
	lease market.LeaseID
	name  string
}

type volume struct {
	files map[string]string
	maker market.LeaseID
	owner market.PeerID
	keep  bool
}

type port struct {
	number uint16
	udp    bool
}

// NewDaemon returns the engine of a machine of this size that has no images.
func NewDaemon(cpu market.MilliCPU, memory market.Bytes) *Daemon {
	return &Daemon{
		cpu: cpu, memory: memory,
		images: map[string]Program{}, remote: map[string]remote{}, pulled: map[string]*origin{}, free: market.TiB,
		units: map[key]*unit{}, busy: map[key]chan struct{}{}, volumes: map[volumeKey]*volume{},
		held: map[port]bool{}, faults: map[Fault]int{}, subs: map[*subscriber]bool{},
	}
}

// AddImage makes an image present on the machine.
func (d *Daemon) AddImage(ref string, p Program) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.images[ref] = p
}

// AddRemote puts an image into the registry that the machine pulls from.
func (d *Daemon) AddRemote(ref string, p Program) { d.AddPrivate(ref, p, "") }

// AddPrivate puts an image into the registry that is given for these
// credentials only.
func (d *Daemon) AddPrivate(ref string, p Program, auth docker.Secret) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remote[ref] = remote{prog: p, auth: auth}
}

// SetFree says how much of the machine's disk is free.
func (d *Daemon) SetFree(free market.Bytes) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.free = free
}

// enter waits out a freeze and refuses while the daemon is down. On success
// it returns with d.mu locked.
func (d *Daemon) enter(ctx context.Context) error {
	for {
		d.mu.Lock()
		frozen := d.frozen
		if frozen == nil {
			break
		}
		d.mu.Unlock()
		select {
		case <-frozen:
		case <-ctx.Done():
			return fmt.Errorf("ask the engine: %w", ctx.Err())
		}
	}
	if err := ctx.Err(); err != nil {
		d.mu.Unlock()
		return fmt.Errorf("ask the engine: %w", err)
	}
	if d.down {
		d.mu.Unlock()
		return errDown()
	}
	return nil
}

func errDown() error {
	return fmt.Errorf("ask the engine: %w; start it, such as by systemctl start docker", docker.ErrEngineDown)
}

// published are the host ports of live units.
func (d *Daemon) published() map[port]bool {
	taken := maps.Clone(d.held)
	for _, u := range d.units {
		if u.running() {
			for _, p := range u.ports {
				taken[port{p.Host, p.UDP}] = true
			}
		}
	}
	return taken
}
