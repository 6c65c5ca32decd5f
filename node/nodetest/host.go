package nodetest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"time"

	"caravela/api"
	"caravela/discovery"
	"caravela/docker"
	"caravela/docker/fake"
	"caravela/market"
	"caravela/node"
	"caravela/node/identity"
	"caravela/node/store"
	"caravela/overlay"
	"caravela/remote"
)

// Image is present on every host; see fake.Toolbox for what it does.
const Image = "toolbox"

// Host is a machine. Disk and Daemon outlive its node.
type Host struct {
	*node.Node // nil before Start
	Name       string
	ID         market.PeerID
	Disk       *store.Memory
	Daemon     *fake.Daemon
	Sale       node.Sale
	Sells      bool
	Labels     []market.Label
	Webhook    node.Webhook
	Keep       time.Duration // see node.Config
	// PriceCommand says the price, in place of Sale.Terms.
	PriceCommand []string
	Settings     node.Settings

	world     *World
	key       ed25519.PrivateKey
	dir       *identity.Dir
	transport remote.Transport
	over      overlay.Overlay
	cancel    context.CancelFunc
	ended     chan struct{}
	err       error
	starts    uint64
}

func newHost(w *World, name string, key ed25519.PrivateKey) *Host {
	h := &Host{
		Name: name, ID: market.NewKeyring(key).Self(), Disk: store.NewMemory(), Sale: Sale(), Sells: true,
		Daemon: fake.NewDaemon(4000, 8*market.GiB), world: w, key: key,
	}
	h.Daemon.AddImage(Image, fake.Toolbox)
	return h
}

// Key is the node's identity.
func (h *Host) Key() ed25519.PrivateKey { return h.key }

// Scope is whose containers the host's node makes.
func (h *Host) Scope() docker.Scope {
	return docker.Scope{Network: h.world.network.ID(), Supplier: h.ID}
}

// Engine is the engine that the host's node uses; it keeps a gibibyte of its
// disk free.
func (h *Host) Engine() *fake.Engine {
	cfg := docker.DefaultConfig()
	cfg.DiskFloor = market.GiB
	return h.Daemon.Engine(h.Scope(), cfg)
}

// Start starts the node and returns once it is in its network.
func (h *Host) Start() {
	h.world.t.Helper()
	w := h.world
	var err error
	if h.dir, err = identity.Open(w.path(h.Name)); err != nil {
		w.fatal("%s: %v", h.Name, err)
	}
	if err := os.WriteFile(identity.KeyPath(h.dir.Path()), identity.FormatKey(h.key), 0o600); err != nil {
		w.fatal("%s: %v", h.Name, err)
	}
	network, err := h.network()
	if err != nil {
		w.fatal("%s: %v", h.Name, err)
	}
	bootstrap := w.bootstrap()
	h.transport, h.over = w.wires.Connect(w.t, h, w.network.ID())
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	h.Node, err = node.New(ctx, h.config(network, bootstrap))
	if err != nil {
		w.fatal("%s: %v", h.Name, err)
	}
	h.ended = make(chan struct{})
	go func(n *node.Node, ended chan struct{}) {
		h.err = n.Serve(ctx)
		close(ended)
	}(h.Node, h.ended)
	select {
	case <-h.Ready():
	case <-h.ended:
		w.fatal("%s ended: %v", h.Name, h.err)
	}
}

// network is what an earlier life has kept, or the world's.
func (h *Host) network() (*identity.Network, error) {
	n, err := h.dir.Network()
	if errors.Is(err, fs.ErrNotExist) {
		n = h.world.membership()
		err = h.dir.SaveNetwork(n)
	}
	return n, err
}

func (h *Host) config(network *identity.Network, bootstrap []overlay.Peer) node.Config {
	ring := market.NewKeyring(h.key)
	h.starts++
	c := node.Config{
		Name: h.Name, Profile: "server", Version: api.Version{Version: "test"}, Network: network,
		Peer: discovery.New(discovery.Config{
			Self: h.ID, Network: h.world.network.ID(), Params: &h.world.network.Params, Sealer: ring,
			Seed: uint64(h.ID[0])<<32 | h.starts, Trader: true,
		}),
		Store: h.Disk, Dir: h.dir, Transport: h.transport, Overlay: h.over, Sale: h.Sale, Trader: true,
		Buy: node.Buy{Term: 24 * time.Hour, Strategy: market.Spread}, Bootstrap: bootstrap, Log: logger(),
		Webhook: h.Webhook, Keep: h.Keep, PriceCommand: h.PriceCommand, Settings: h.Settings,
	}
	c.Sale.Labels = h.Labels
	if h.Sells {
		c.Engine = h.Engine()
	}
	return c
}

// Neighbours are the peers in the node's routing table.
func (h *Host) Neighbours() []overlay.Peer { return h.over.Neighbours() }

// Transport is the node's way to others.
func (h *Host) Transport() remote.Transport { return h.transport }

// Membership is what the host's data directory says of its network.
func (h *Host) Membership() (*identity.Network, error) {
	d, err := identity.Open(h.world.path(h.Name))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Network()
}

// Known are the peers in the host's data directory.
func (h *Host) Known() ([]identity.Known, error) {
	d, err := identity.Open(h.world.path(h.Name))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Peers()
}

// Running reports whether the node runs.
func (h *Host) Running() bool {
	if h.ended == nil {
		return false
	}
	select {
	case <-h.ended:
		return false
	default:
		return true
	}
}

// Ended waits for the node's end and returns what Serve did.
func (h *Host) Ended() error {
	<-h.ended
	h.unplug()
	return h.err
}

// Stop ends the node in good order.
func (h *Host) Stop() {
	if h.cancel == nil {
		return
	}
	h.cancel()
	<-h.ended
	h.unplug()
}

// Kill ends the node as kill -9 does: from here on it writes nothing to its
// disk and says nothing to anybody.
func (h *Host) Kill() {
	h.Disk = h.Disk.Reopen()
	h.transport.Close()
	h.Stop()
}

func (h *Host) unplug() {
	h.transport.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = h.over.Leave(ctx) // it may have left already
	h.dir.Close()
	h.cancel()
	h.Disk = h.Disk.Reopen()
}

// Restart is Stop, if need be, and Start.
func (h *Host) Restart() {
	h.world.t.Helper()
	h.Stop()
	h.Start()
}

// Run asks for a container and returns its ID, and the events on the way.
func (h *Host) Run(ctx context.Context, req api.RunRequest) (id string, events []api.RunEvent, err error) {
	err = h.Node.Run(ctx, req, func(e api.RunEvent) error {
		events = append(events, e)
		if e.Type == api.RunDone && len(e.Containers) > 0 {
			id = e.Containers[0]
		}
		return nil
	})
	return id, events, err
}

// Request is a small container of the toolbox image with this command.
func Request(command ...string) api.RunRequest {
	return api.RunRequest{Spec: api.Spec{
		Image: Image, Command: command, Resources: api.Resources{MilliCPU: 500, MemoryBytes: int64(64 * market.MiB)},
	}}
}

// MustRun is Run for what has to succeed.
func (h *Host) MustRun(req api.RunRequest) api.ContainerRef {
	h.world.t.Helper()
	id, _, err := h.Run(context.Background(), req)
	if err != nil {
		h.world.fatal("%s: run: %v", h.Name, err)
	}
	return api.ContainerRef(id)
}

// Output runs a session to its end without input.
func Output(s api.Session, err error) (stdout string, code int, _ error) {
	if err != nil {
		return "", -1, err
	}
	var out bytes.Buffer
	code, err = s(context.Background(), api.Stdio{Out: &out})
	return out.String(), code, err
}

// Units lists the containers on the host's engine.
func (h *Host) Units() []docker.Container {
	h.world.t.Helper()
	all, err := h.Engine().List(context.Background())
	if err != nil {
		h.world.fatal("%s: list containers: %v", h.Name, err)
	}
	return all
}

// Plant makes a container that no lease keeps, as a crash may leave one.
func (h *Host) Plant(unit market.LeaseID) error {
	spec := market.Spec{Image: Image, Command: []string{"sleep"}, Limits: market.Resources{CPU: 100, Memory: 64 * market.MiB}}
	_, err := h.Engine().Launch(context.Background(), docker.Unit{Lease: unit, Owner: h.ID, SpecHash: market.HashSpec(&spec), Spec: spec}, nil)
	return err
}

// PlantVolume makes a volume that no lease keeps, likewise.
func (h *Host) PlantVolume(unit market.LeaseID) error {
	spec := market.Spec{Image: Image, Command: []string{"sleep"}, Limits: market.Resources{CPU: 100, Memory: 64 * market.MiB},
		Mounts: []market.Mount{{Target: "/data"}}}
	e, ctx := h.Engine(), context.Background()
	_, err := e.Launch(ctx, docker.Unit{Lease: unit, Owner: h.ID, SpecHash: market.HashSpec(&spec), Spec: spec}, nil)
	return errors.Join(err, e.Remove(ctx, unit, false))
}

// State is the state of a bought container, "" when there is none.
func (h *Host) State(ref api.ContainerRef) string {
	c, err := h.Container(context.Background(), ref)
	if errors.Is(err, &api.Error{Code: api.CodeNotFound}) {
		return ""
	}
	if err != nil {
		h.world.fatal("%s: inspect %s: %v", h.Name, ref, err)
	}
	return c.State
}

// Until waits until ok, for at most five minutes of whatever time it is.
func (w *World) Until(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); {
		if time.Now().After(deadline) {
			w.fatal("in vain waited for: %s", what)
		}
		pause(20 * time.Millisecond)
	}
}

func pause(d time.Duration) { <-time.After(d) }
