package apitest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"caravela/api"
)

// day is the date of everything that a Fake reports.
var day = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

// Fake is an api.Backend in memory: one node that buys from a neighbour named
// cedar, which has 4 CPUs and 8 GiB. Use NewFake. A test that needs another
// behaviour embeds *Fake in a struct and replaces the method.
//
// Its containers run commands of their own, in Exec and as the main process'
// output: see session.go. The image "missing" does not exist.
type Fake struct {
	mu         sync.Mutex
	state      api.NodeState
	containers []*container
	tokens     []api.Token
	settings   []api.Setting
	events     []api.Event
	changed    chan struct{} // closed and replaced at every change
	made       int           // IDs given out

	account     api.Account // of cedar
	settlements []api.Settlement
	sale        api.Sale
}

// Peer IDs of a Fake's world.
const (
	SelfID  = "12D3KooWSelf1111111111111111111111111111111111111111"
	CedarID = "12D3KooWCedar111111111111111111111111111111111111111"
)

// cedarTotal is what the neighbour sells.
var cedarTotal = api.Resources{MilliCPU: 4000, MemoryBytes: 8 << 30, DiskBytes: 100 << 30}

// container is a leased unit and its output.
type container struct {
	api.Container
	spec   api.Spec
	output string
}

var _ api.Backend = (*Fake)(nil)

// NewFake makes a node without containers.
func NewFake() *Fake {
	return &Fake{
		state:   api.NodeReady,
		changed: make(chan struct{}),
		account: account(),
		sale:    sale(),
		settings: []api.Setting{
			{Key: "node.name", Value: "oak", Origin: "file", Description: "name shown to other nodes", NeedsRestart: true},
			{Key: "offer.cpus", Value: "2", Origin: "default", Default: "2", Description: "CPUs for sale"},
		},
	}
}

// update changes the node under its lock and wakes those that wait.
func (n *Fake) update(f func() error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := f()
	close(n.changed)
	n.changed = make(chan struct{})
	return err
}

// await blocks until f, called under the lock at every change, is true.
func (n *Fake) await(ctx context.Context, f func() bool) error {
	for {
		n.mu.Lock()
		done, changed := f(), n.changed
		n.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// id makes the next ID. The caller holds the lock.
func (n *Fake) id(kind string) string {
	n.made++
	h := sha256.Sum256(fmt.Appendf(nil, "%s %d", kind, n.made))
	return hex.EncodeToString(h[:])
}

// record adds an event. The caller holds the lock.
func (n *Fake) record(c *container, action string) {
	e := api.Event{At: day, Seq: uint64(len(n.events) + 1), Type: "container", Action: action}
	if c != nil {
		e.Container, e.Name, e.Node, e.ExitCode = c.ID, c.Name, c.Node, c.ExitCode
	}
	n.events = append(n.events, e)
}

// Version implements api.Backend.
func (n *Fake) Version(context.Context) (api.Version, error) {
	return api.Version{Version: "0.1.0-test", Commit: "abc1234", APIVersion: "v1", GoVersion: "go1.26", OS: "linux", Arch: "amd64"}, nil
}

// Status implements api.Backend.
func (n *Fake) Status(context.Context) (api.Status, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return api.Status{
		ID: SelfID, Name: "oak", NetworkID: strings.Repeat("ab", 32), NetworkName: "home", State: n.state,
		Version: "0.1.0-test", Profile: "server", DataDir: "/var/lib/caravela", StartedAt: day, UptimeMS: 1000,
		Reach:  api.Reach{State: api.ReachDirect, Detail: "cedar dialled back", Relays: []string{}, CheckedAt: day},
		Listen: []string{"/ip4/127.0.0.1/tcp/7401"}, Announce: []string{}, API: []string{"unix:///run/caravela/api.sock"},
		Peers: 1, TablePeers: 1, Trader: true, HeldOffers: 1,
		Offer: &api.OwnOffer{
			Offer:   n.offer(SelfID),
			Holders: []api.OfferHolder{{ID: CedarID, Name: "cedar", Seq: 1, AckAt: day}},
		},
		Engine: api.EngineStatus{State: api.EngineUp, Address: "unix:///var/run/docker.sock", Version: "28.5.2", Warnings: []string{}},
		Leases: api.LeaseCounts{Bought: len(n.containers)},
	}, nil
}

// Doctor implements api.Backend.
func (n *Fake) Doctor(context.Context) (api.Diagnosis, error) {
	return api.Diagnosis{Checks: []api.Check{
		{Name: "engine answers", State: api.CheckOK, Detail: "Docker 28.5.2"},
		{Name: "reachable", State: api.CheckWarn, Detail: "nobody dialled back", Cause: "one peer only", Remedy: "caravela join ADDRESS"},
	}}, nil
}

// Leave implements api.Backend.
func (n *Fake) Leave(_ context.Context, req api.LeaveRequest, emit func(api.LeaveEvent) error) error {
	n.mu.Lock()
	running := len(n.containers)
	n.mu.Unlock()
	if running > 0 && !req.Drain && !req.Force {
		return api.Errorf(api.CodeConflict, "%d containers run", running).WithNext("caravela leave --drain")
	}
	for _, t := range []api.LeaveEventType{api.LeaveOffer, api.LeaveHandover, api.LeaveLeft} {
		if err := emit(api.LeaveEvent{Type: t, At: day}); err != nil {
			return err
		}
	}
	return n.update(func() error { n.state = api.NodeLeaving; return nil })
}

// Nodes implements api.Backend.
func (n *Fake) Nodes(context.Context) ([]api.Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return []api.Node{n.node(SelfID), n.node(CedarID)}, nil
}

// Node implements api.Backend.
func (n *Fake) Node(_ context.Context, ref api.NodeRef) (api.NodeDetail, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range []string{SelfID, CedarID} {
		if v := n.node(id); string(ref) == id || string(ref) == v.Name {
			return api.NodeDetail{Node: v, Offers: []api.Offer{n.offer(id)}, Containers: []api.Container{}, Refusals: []api.Refusal{}}, nil
		}
	}
	return api.NodeDetail{}, api.Errorf(api.CodeNotFound, "no node %q", ref).WithNext("caravela node ls")
}

func (n *Fake) node(id string) api.Node {
	free := n.offer(id).Free
	v := api.Node{
		ID: id, Name: "cedar", Connected: true, LatencyUS: 18000, Addrs: []string{"/ip4/10.0.0.2/tcp/7401"},
		Version: "0.1.0-test", FirstSeenAt: day, LastSeenAt: day, Free: &free, Platform: "linux/amd64", Labels: []api.Label{},
	}
	if id == SelfID {
		v.Name, v.Self, v.LatencyUS = "oak", true, 0
	}
	return v
}

// Tokens implements api.Backend.
func (n *Fake) Tokens(context.Context) ([]api.Token, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.tokens), nil
}

// CreateToken implements api.Backend.
func (n *Fake) CreateToken(_ context.Context, req api.TokenRequest) (t api.NewToken, err error) {
	return t, n.update(func() error {
		t = api.NewToken{Token: api.Token{ID: n.id("token")[:12], Name: req.Name, CreatedAt: day, MaxUses: req.MaxUses}}
		if req.ExpiresInMS > 0 {
			t.ExpiresAt = day.Add(time.Duration(req.ExpiresInMS) * time.Millisecond)
		}
		t.Text = "crv1-" + t.ID
		n.tokens = append(n.tokens, t.Token)
		return nil
	})
}

// RemoveToken implements api.Backend.
func (n *Fake) RemoveToken(_ context.Context, id string) error {
	return n.update(func() error {
		i := slices.IndexFunc(n.tokens, func(t api.Token) bool { return t.ID == id })
		if i < 0 {
			return api.Errorf(api.CodeNotFound, "no token %q", id).WithNext("caravela token ls")
		}
		n.tokens = slices.Delete(n.tokens, i, i+1)
		return nil
	})
}

// Settings implements api.Backend.
func (n *Fake) Settings(context.Context) ([]api.Setting, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.settings), nil
}

// Setting implements api.Backend.
func (n *Fake) Setting(_ context.Context, key string) (api.Setting, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, err := n.setting(key)
	if err != nil {
		return api.Setting{}, err
	}
	return *s, nil
}

// SetSetting implements api.Backend.
func (n *Fake) SetSetting(_ context.Context, key, value string) (out api.Setting, err error) {
	return out, n.update(func() error {
		s, err := n.setting(key)
		if err != nil {
			return err
		}
		s.Value, s.Origin = value, "file"
		out = *s
		return nil
	})
}

func (n *Fake) setting(key string) (*api.Setting, error) {
	i := slices.IndexFunc(n.settings, func(s api.Setting) bool { return s.Key == key })
	if i < 0 {
		return nil, api.Errorf(api.CodeNotFound, "no setting %q", key).WithNext("caravela config get")
	}
	return &n.settings[i], nil
}

// ExportIdentity implements api.Backend.
func (n *Fake) ExportIdentity(context.Context) (api.Identity, error) {
	return api.Identity{ID: SelfID, Key: "not a key\n"}, nil
}

// Events implements api.Backend.
func (n *Fake) Events(ctx context.Context, opts api.EventOptions, emit func(api.Event) error) error {
	n.mu.Lock()
	sent := len(n.events)
	n.mu.Unlock()
	if !opts.Since.IsZero() && !opts.Since.After(day) {
		sent = 0
	}
	for {
		n.mu.Lock()
		fresh := slices.Clone(n.events[sent:])
		n.mu.Unlock()
		for _, e := range fresh {
			if opts.Type != "" && opts.Type != e.Type {
				continue
			}
			if err := emit(e); err != nil {
				return err
			}
		}
		sent += len(fresh)
		if !opts.Follow {
			return nil
		}
		if err := n.await(ctx, func() bool { return len(n.events) > sent }); err != nil {
			return err
		}
	}
}
