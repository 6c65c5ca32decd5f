package discoverytest

import (
	"cmp"
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
)

// Node is one peer, its disk and its engine.
type Node struct {
	Name    string
	ID      market.PeerID
	Peer    *discovery.Peer
	Up      bool
	Trader  bool
	Engine  Engine
	Disk    map[diskKey]market.Record
	Life    int // counts starts
	Result  []market.Outcome
	Notes   []market.Note
	Stock   market.Stock
	Selling bool
	Log     []Entry // of this life, while World.Record
	CutAt   int     // crash in the next step with effects, after this many of them; 0 = before its Saves, -1 = never
	Steps   int     // steps that had effects, in all lives
	CutIn   int     // crash in that step, after CutBy of its effects; 0 = never
	CutBy   int

	Lie func(*World, market.Message) market.Message // nil = it sends what its peer says

	side   int            // of a partition
	cutOn  map[string]int // crash like this when a message of that kind comes
	wanted uint64         // its newest request
	skew   time.Duration
	keys   market.Sealer
	quoted market.HoldID // the newest that its user was told of
	wakeAt time.Duration
	spins  int // ticks in a row at the same time
	asked  map[uint64]*asked
	told   bool // its peer knows the stock
}

// Entry is one step of a node's life.
type Entry struct {
	Now market.Time
	Ev  market.Event
	Out market.Outbox
}

// asked is what a local user waits for.
type asked struct {
	replicas int
	dry      bool
	units    []market.LeaseID // asked for so far
}

type diskKey struct {
	table market.Table
	id    [32]byte
}

// Time is what a node's driver would tell its machine.
func (w *World) Time(n *Node) market.Time {
	return market.Time{Mono: w.now, Wall: Start.Add(w.now + n.skew)}
}

// SkewClock sets how far a node's wall clock is ahead.
func (w *World) SkewClock(n *Node, by time.Duration) { n.skew = by }

// Add starts a node that sells nothing.
func (w *World) Add(name string) *Node {
	n := &Node{Name: name, ID: peerID(len(w.Nodes)), Trader: true, Disk: map[diskKey]market.Record{}, CutAt: -1}
	n.keys = &Keys{self: n.ID}
	if w.Signed {
		k := Keyring(len(w.Nodes))
		n.ID, n.keys = k.Self(), k
	}
	n.Stock.Wares = market.Wares{Platform: market.Platform{OS: "linux", Arch: "amd64"}, Name: name, PortLow: 20000, PortHigh: 40000}
	n.Engine = Engine{Up: true}
	w.Nodes = append(w.Nodes, n)
	w.Boot(n)
	return n
}

// Sell makes a node offer resources.
func (w *World) Sell(n *Node, total market.Resources) {
	n.Stock.Total, n.Selling, n.told = total, true, true
	w.Step(n, market.Supply{Selling: true, Stock: new(n.Stock)})
}

// Config is what a node's peer is made of in its present life.
func (w *World) Config(n *Node) discovery.Config {
	return discovery.Config{Self: n.ID, Network: w.Network, Params: &w.Params, Sealer: n.keys,
		Seed: uint64(n.ID[1])<<8 | uint64(n.ID[0]) | uint64(n.Life)<<32, Trader: n.Trader}
}

// Boot starts a node's process from what its disk holds.
func (w *World) Boot(n *Node) {
	n.Up, n.Life, n.Log, n.CutAt, n.cutOn, n.wakeAt = true, n.Life+1, nil, -1, nil, market.Never
	n.asked = map[uint64]*asked{}
	n.Engine.forget()
	n.told = false
	n.Peer = discovery.New(w.Config(n))
	w.Step(n, market.Boot{Records: n.records()})
	w.Step(n, market.EngineChanged{Up: n.Engine.Up})
	if !n.Stock.Total.IsZero() {
		n.told = true
		w.Step(n, market.Supply{Selling: n.Selling, Stock: new(n.Stock)})
	}
	for _, m := range w.Nodes {
		if m != n && m.Up && w.connected(m, n) {
			w.after(w.Latency, m, market.Near{Peer: market.Ref{Peer: n.ID}})
		}
	}
}

func (n *Node) records() []market.Record {
	var records []market.Record
	for _, r := range n.Disk {
		if _, log := r.(*market.Entry); !log { // which no peer reads
			records = append(records, r)
		}
	}
	slices.SortFunc(records, func(a, b market.Record) int {
		s, x := a.Key()
		t, y := b.Key()
		return cmp.Or(cmp.Compare(s, t), slices.Compare(x[:], y[:]))
	})
	return records
}

// Crash stops a node's process at once; its disk and its engine stay.
func (w *World) Crash(n *Node) {
	n.Up = false
	for _, m := range w.Nodes {
		if m.Up && w.connected(m, n) {
			w.after(w.Latency, m, market.Gone{Peer: n.ID})
		}
	}
}

// Want is a local user's request; its outcomes are collected in Result.
func (w *World) Want(n *Node, ev market.Wanted) {
	w.seq++
	ev.Ref, n.wanted = w.seq, w.seq
	n.asked[ev.Ref] = &asked{replicas: max(1, ev.Replicas), dry: ev.DryRun}
	w.Step(n, ev)
}

// Order is a local user's command.
func (w *World) Order(n *Node, cmd market.StopContainer) {
	w.seq++
	w.Step(n, market.Ordered{Ref: w.seq, Cmd: cmd})
}

// Node finds a node by its name; nil when there is none.
func (w *World) Node(name string) *Node {
	for _, n := range w.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}
