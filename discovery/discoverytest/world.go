package discoverytest

import (
	"cmp"
	"container/heap"
	"fmt"
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
)

// World is a market in virtual time. Its fields may be changed between calls.
type World struct {
	Params  market.Params
	Network market.NetworkID
	Latency time.Duration // of a message, one way
	Jitter  time.Duration // added to the latency at random: messages overtake each other
	Nodes   []*Node
	Trace   func(string)                                // one line an effect; nil = none
	Lose    func(from, to *Node, m market.Message) bool // nil = nothing is lost
	Twice   func(from, to *Node, m market.Message) bool // nil = nothing arrives twice
	Counts  map[string]int                              // messages sent, by type
	Record  bool                                        // keep each node's events and effects in its Log
	Err     error                                       // the first broken rule; see check.go

	now   time.Duration
	queue queue
	seq   uint64
	rng   market.Rand
	ghost ghost

	disturbed []*disturbance
	last      map[string]market.Message // the newest of each kind
	kept      map[string]market.Message // by a name
	old       []letter                  // the newest keep messages, to be replayed
	keep      int
}

type letter struct {
	from, to *Node
	msg      market.Message
}

// Start is the wall clock at virtual time zero.
const Start market.Wall = 1_700_000_000_000

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

	Lie func(*World, market.Message) market.Message // nil = it sends what its peer says

	side   int            // of a partition
	cutOn  map[string]int // crash like this when a message of that kind comes
	wanted uint64         // its newest request
	skew   time.Duration
	keys   *Keys
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
	placed   bool
}

type diskKey struct {
	table market.Table
	id    [32]byte
}

// New returns an empty world with the default parameters and 10 ms latency.
func New() *World {
	w := &World{Latency: 10 * time.Millisecond, Counts: map[string]int{}, ghost: newGhost(),
		last: map[string]market.Message{}, kept: map[string]market.Message{}}
	w.Network = market.NetworkID{1}
	w.Params = market.DefaultParams(w.Network)
	return w
}

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return w.now }

// Time is what a node's driver would tell its machine.
func (w *World) Time(n *Node) market.Time {
	return market.Time{Mono: w.now, Wall: Start.Add(w.now + n.skew)}
}

// SkewClock sets how far a node's wall clock is ahead.
func (w *World) SkewClock(n *Node, by time.Duration) { n.skew = by }

// Add starts a node that sells nothing.
func (w *World) Add(name string) *Node {
	n := &Node{Name: name, ID: peerID(len(w.Nodes)), Trader: true, Disk: map[diskKey]market.Record{}, CutAt: -1}
	n.Stock = market.Stock{Platform: market.Platform{OS: "linux", Arch: "amd64"}, Name: name, PortLow: 20000, PortHigh: 40000}
	n.Engine = Engine{Up: true}
	w.Nodes = append(w.Nodes, n)
	w.Boot(n)
	return n
}

// Sell makes a node offer resources.
func (w *World) Sell(n *Node, total market.Resources) {
	n.Stock.Total, n.Selling, n.told = total, true, true
	w.Step(n, market.Supply{Selling: true, Stock: n.Stock})
}

// Config is what a node's peer is made of in its present life.
func (w *World) Config(n *Node) discovery.Config {
	return discovery.Config{Self: n.ID, Network: w.Network, Params: &w.Params, Sealer: n.keys,
		Seed: uint64(n.ID[1])<<8 | uint64(n.ID[0]) | uint64(n.Life)<<32, Trader: n.Trader}
}

// Boot starts a node's process from what its disk holds.
func (w *World) Boot(n *Node) {
	n.Up, n.Life, n.Log, n.CutAt, n.cutOn, n.wakeAt = true, n.Life+1, nil, -1, nil, market.Never
	n.keys, n.asked = &Keys{self: n.ID}, map[uint64]*asked{}
	n.Engine.forget()
	n.told = false
	n.Peer = discovery.New(w.Config(n))
	w.Step(n, market.Boot{Records: n.records()})
	w.Step(n, market.EngineChanged{Up: n.Engine.Up})
	if !n.Stock.Total.IsZero() {
		n.told = true
		w.Step(n, market.Supply{Selling: n.Selling, Stock: n.Stock})
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
		records = append(records, r)
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

func (w *World) byID(id market.PeerID) *Node {
	for _, n := range w.Nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Advance lets virtual time pass.
func (w *World) Advance(d time.Duration) {
	end := w.now + d
	for len(w.queue) > 0 && w.queue[0].at <= end {
		it := heap.Pop(&w.queue).(item)
		w.now = it.at
		if it.do != nil {
			it.do()
			continue
		}
		if !it.node.Up || it.life != 0 && it.life != it.node.Life {
			continue
		}
		if _, tick := it.ev.(market.Tick); tick && it.at != it.node.wakeAt {
			continue
		}
		w.Step(it.node, it.ev)
	}
	w.now = end
}

// Step delivers one event and performs its effects.
func (w *World) Step(n *Node, ev market.Event) {
	if !n.Up {
		return
	}
	var out market.Outbox
	now := w.Time(n)
	n.Peer.Step(now, ev, &out)
	if w.Record {
		n.Log = append(n.Log, Entry{now, ev, out})
	}
	w.watchSpin(n, ev)
	w.perform(n, &out)
	w.checkNode(n)
	if !n.Up {
		return
	}
	if d := n.Peer.Deadline(); d != market.Never && d != n.wakeAt && n.spins <= maxSpins {
		n.wakeAt = max(d, w.now)
		w.later(n.wakeAt-w.now, n, market.Tick{})
	} else if d == market.Never {
		n.wakeAt = d
	}
}

// perform does what a driver must do, in its order; a node that is to crash
// does so after CutAt effects.
func (w *World) perform(n *Node, out *market.Outbox) {
	effects := w.effects(n, out)
	cut := n.CutAt
	if cut < 0 || len(effects) == 0 {
		cut = len(effects)
	}
	for _, do := range effects[:min(cut, len(effects))] {
		do()
	}
	if n.CutAt >= 0 && len(effects) > 0 {
		n.CutAt = -1
		w.Crash(n)
	}
}

func (w *World) effects(n *Node, out *market.Outbox) (list []func()) {
	do := func(f func()) { list = append(list, f) }
	if len(out.Saves) > 0 {
		do(func() { w.save(n, out.Saves) })
	}
	for _, s := range out.Sends {
		do(func() { w.send(n, s) })
	}
	for _, l := range out.Lookups {
		do(func() { w.lookup(n, l) })
	}
	for _, r := range out.Runs {
		do(func() { w.ghost.run(w, n, r); n.Engine.run(w, n, r) })
	}
	for _, c := range out.Controls {
		do(func() { n.Engine.control(w, n, c) })
	}
	for _, o := range out.Outcomes {
		do(func() { w.tell(n, o) })
	}
	n.Notes = append(n.Notes, out.Notes...)
	return list
}

// save is one durable commit.
func (w *World) save(n *Node, saves []market.Save) {
	for _, s := range saves {
		t, id := s.Record.Key()
		if s.Delete {
			delete(n.Disk, diskKey{t, id})
		} else {
			n.Disk[diskKey{t, id}] = s.Record
		}
		w.ghost.save(n, s)
	}
}

// tell gives the local user news.
func (w *World) tell(n *Node, o market.Outcome) {
	n.Result = append(n.Result, o)
	a := n.asked[o.Ref]
	switch {
	case a == nil:
	case o.Kind == market.Asking:
		a.units = append(a.units, o.Unit)
	case o.Kind == market.Leased:
		w.checkLeased(n, o)
	case o.Kind == market.Done:
		delete(n.asked, o.Ref)
	case o.Kind == market.GaveUp:
		w.ghost.gaveUp(n, a.units)
		delete(n.asked, o.Ref)
	}
}

func (w *World) tracef(format string, a ...any) {
	if w.Trace != nil {
		w.Trace(w.now.String() + " " + fmt.Sprintf(format, a...))
	}
}

// after delivers an event to whatever life the node is in then.
func (w *World) after(d time.Duration, n *Node, ev market.Event) {
	w.push(item{at: w.now + d, node: n, ev: ev})
}

// later delivers an event to this life of the node only.
func (w *World) later(d time.Duration, n *Node, ev market.Event) {
	w.push(item{at: w.now + d, node: n, life: n.Life, ev: ev})
}

// do runs f in the world.
func (w *World) do(d time.Duration, f func()) { w.push(item{at: w.now + d, do: f}) }

func (w *World) push(it item) {
	w.seq++
	it.seq = w.seq
	heap.Push(&w.queue, it)
}

// item is an event on its way; life 0 = any.
type item struct {
	at   time.Duration
	seq  uint64
	node *Node
	life int
	ev   market.Event
	do   func()
}

type queue []item

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(item)) }
func (q *queue) Pop() any {
	x := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return x
}

func peerID(i int) market.PeerID {
	return market.PeerID(market.KeyOf(fmt.Sprint("peer ", i)))
}
