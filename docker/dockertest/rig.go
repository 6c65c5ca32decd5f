package dockertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"testing"
	"time"

	"caravela/docker"
	"caravela/market"
)

// Rig is one daemon under test.
type Rig struct {
	// New returns an engine on the daemon.
	New func(t *testing.T, scope docker.Scope, cfg docker.Config) docker.Engine

	Config docker.Config // that works on the daemon
	Image  string        // the toolbox, present on the daemon
	Remote string        // the toolbox in a registry, not present; "" = no registry
	Absent string        // a reference that the registry of Remote does not have
	Broken string        // a reference to a registry that does not answer
	Login  string        // the toolbox in a registry that wants credentials, not present
	Auth   docker.Secret // for Login

	// SetFree leaves so much of the daemon's disk free until the test ends.
	SetFree func(t *testing.T, free market.Bytes)

	// BreakPull prepares what pulling Broken needs in order to fail; may be nil.
	BreakPull func(t *testing.T)
	// HoldPort occupies a TCP port of the host until the test ends.
	HoldPort func(t *testing.T) uint16
	// StallPull returns a reference whose pull never ends, and how to know that
	// one has begun.
	StallPull func(t *testing.T) (ref string, begun func() bool)
	// Vanish removes a unit's container behind the engine's back.
	Vanish func(t *testing.T, e docker.Engine, lease market.LeaseID)
	// FillDisk leaves no space for containers until free is called.
	FillDisk func(t *testing.T) (free func())
	// CutAt takes the daemon away when a launch reaches a step, "pull",
	// "create" or "start"; back brings it back.
	CutAt func(t *testing.T, step string) (back func())
	// Freeze makes the daemon accept calls and answer none, until thaw.
	Freeze func(t *testing.T) (thaw func())
}

// patience bounds every wait of the battery: nothing is measured by it.
const patience = 60 * time.Second

// Run runs every property.
func Run(t *testing.T, rig Rig) {
	for _, p := range []struct {
		name string
		test func(*testing.T, Rig)
	}{
		{"Info", testInfo},
		{"Launch", testLaunch},
		{"Refuse", testRefuse},
		{"Ports", testPorts},
		{"Volumes", testVolumes},
		{"Lifecycle", testLifecycle},
		{"Streams", testStreams},
		{"Events", testEvents},
		{"Scopes", testScopes},
		{"Pull", testPull},
		{"Images", testImages},
		{"Faults", testFaults},
	} {
		t.Run(p.name, func(t *testing.T) { p.test(t, rig) })
	}
}

// scope makes a scope of the test's own, so that tests share a daemon.
func scope(t *testing.T, n int) docker.Scope {
	name := fmt.Sprint(t.Name(), n)
	return docker.Scope{
		Network:  market.NetworkID(sha256.Sum256([]byte("network" + name))),
		Supplier: market.PeerID(sha256.Sum256([]byte("supplier" + name))),
	}
}

// bench is one engine and the test that uses it.
type bench struct {
	docker.Engine
	t    *testing.T
	ctx  context.Context
	rig  Rig
	next byte
}

func newBench(t *testing.T, rig Rig) *bench { return newBenchAs(t, rig, scope(t, 0)) }

// newBenchAs removes all that is left in the scope when the test ends.
func newBenchAs(t *testing.T, rig Rig, s docker.Scope) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	b := &bench{Engine: rig.New(t, s, rig.Config), t: t, ctx: ctx, rig: rig}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		units, err := b.List(ctx)
		if err != nil {
			t.Errorf("list what is left: %v", err)
		}
		for _, u := range units {
			if err := b.Remove(ctx, u.Lease, true); err != nil {
				t.Errorf("clean up: %v", err)
			}
		}
		b.Close()
	})
	return b
}

func owner(n byte) market.PeerID { return market.PeerID{n, 'o', 'w', 'n'} }

// unit makes a unit of the first owner that runs a verb of the toolbox.
func (b *bench) unit(verb ...string) docker.Unit {
	b.next++
	u := docker.Unit{
		Lease: market.LeaseID(sha256.Sum256([]byte{b.next})),
		Owner: owner(1),
		Spec: market.Spec{
			Image: b.rig.Image, Command: verb, Pull: market.PullNever,
			Limits: market.Resources{CPU: 500, Memory: 64 * market.MiB},
		},
	}
	u.SpecHash = sha256.Sum256(fmt.Append(nil, u.Spec))
	return u
}

func (b *bench) launch(u docker.Unit) docker.Container {
	b.t.Helper()
	c, err := b.Launch(b.ctx, u, nil)
	if err != nil {
		b.t.Fatalf("launch %v: %v", u.Spec.Command, err)
	}
	return c
}

func (b *bench) list() []docker.Container {
	b.t.Helper()
	l, err := b.List(b.ctx)
	if err != nil {
		b.t.Fatalf("list: %v", err)
	}
	return l
}

func (b *bench) details(lease market.LeaseID) docker.Details {
	b.t.Helper()
	d, err := b.Inspect(b.ctx, lease)
	if err != nil {
		b.t.Fatalf("inspect: %v", err)
	}
	return d
}

func (b *bench) wait(lease market.LeaseID) docker.Exit {
	b.t.Helper()
	x, err := b.Wait(b.ctx, lease)
	if err != nil {
		b.t.Fatalf("wait: %v", err)
	}
	return x
}

// exec runs a verb in the unit and returns its output and code.
func (b *bench) exec(lease market.LeaseID, verb ...string) (string, int) {
	b.t.Helper()
	var out buffer
	code, err := b.Exec(b.ctx, lease, docker.ExecOptions{Cmd: append([]string{"/toolbox"}, verb...)},
		docker.Stdio{Out: &out, Err: &out}, nil)
	if err != nil {
		b.t.Fatalf("exec %v: %v", verb, err)
	}
	return out.String(), code
}

// eventually polls until ok holds.
func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			b.t.Fatalf("never happened: %s", what)
		}
	}
}

// buffer is written by an engine and read by the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
