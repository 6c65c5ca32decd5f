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
	Params   market.Params
	Network  market.NetworkID
	Latency  time.Duration // of a message, one way
	Nodes    []*Node
	Refresh  time.Duration
	Trace    func(string)                                // one line an effect; nil = none
	Lose     func(from, to *Node, m market.Message) bool // nil = nothing is lost
	Counts   map[string]int                              // messages sent, by type
	now      time.Duration
	queue    queue
	seq      uint64
	wallSkew map[*Node]time.Duration
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
	side    int // of a partition
	keys    *Keys
	wakeAt  time.Duration
}

type diskKey struct {
	table market.Table
	id    [32]byte
}

// New returns an empty world with the default parameters and 10 ms latency.
func New() *World {
	w := &World{Latency: 10 * time.Millisecond, Counts: map[string]int{}, wallSkew: map[*Node]time.Duration{}}
	w.Network = market.NetworkID{1}
	w.Params = market.DefaultParams(w.Network)
	return w
}

// Now is the virtual time since the world began.
func (w *World) Now() time.Duration { return w.now }

// Time is what a node's driver would tell its machine.
func (w *World) Time(n *Node) market.Time {
	return market.Time{Mono: w.now, Wall: Start.Add(w.now + w.wallSkew[n])}
}

// SkewClock moves a node's wall clock.
func (w *World) SkewClock(n *Node, by time.Duration) { w.wallSkew[n] = by }

// Add starts a node that sells nothing.
func (w *World) Add(name string) *Node {
	n := &Node{Name: name, ID: peerID(len(w.Nodes)), Trader: true, Disk: map[diskKey]market.Record{}}
	n.Stock = market.Stock{Platform: market.Platform{OS: "linux", Arch: "amd64"}, Name: name, PortLow: 20000, PortHigh: 40000}
	n.Engine = Engine{Up: true}
	w.Nodes = append(w.Nodes, n)
	w.Boot(n)
	return n
}

// Sell makes a node offer resources.
func (w *World) Sell(n *Node, total market.Resources) {
	n.Stock.Total, n.Selling = total, true
	w.Step(n, market.Supply{Selling: true, Stock: n.Stock})
}

// Boot starts a node's process from what its disk holds.
func (w *World) Boot(n *Node) {
	n.Up, n.Life = true, n.Life+1
	n.keys = &Keys{self: n.ID}
	n.Peer = discovery.New(discovery.Config{Self: n.ID, Network: w.Network, Params: &w.Params, Sealer: n.keys,
		Seed: uint64(n.ID[1])<<8 | uint64(n.ID[0]) | uint64(n.Life)<<32, Trader: n.Trader})
	var records []market.Record
	for _, r := range n.Disk {
		records = append(records, r)
	}
	slices.SortFunc(records, func(a, b market.Record) int {
		s, x := a.Key()
		t, y := b.Key()
		return cmp.Or(cmp.Compare(s, t), slices.Compare(x[:], y[:]))
	})
	w.Step(n, market.Boot{Records: records})
	w.Step(n, market.EngineChanged{Up: n.Engine.Up})
	if n.Selling {
		w.Step(n, market.Supply{Selling: true, Stock: n.Stock})
	}
	for _, m := range w.Nodes {
		if m != n && m.Up && w.connected(m, n) {
			w.after(w.Latency, m, market.Near{Peer: market.Ref{Peer: n.ID}})
		}
	}
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

// Part puts nodes on the two sides of a cut; Heal joins them again.
func (w *World) Part(side ...*Node) {
	for _, n := range w.Nodes {
		n.side = 0
	}
	for _, n := range side {
		n.side = 1
	}
}

// Heal ends a partition, and lets everybody see everybody.
func (w *World) Heal() {
	w.Part()
	for _, n := range w.Nodes {
		for _, m := range w.Nodes {
			if n != m && n.Up && m.Up {
				w.after(w.Latency, n, market.Near{Peer: market.Ref{Peer: m.ID}})
			}
		}
	}
}

func (w *World) connected(a, b *Node) bool { return a.side == b.side }

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
		if it.node.Up && it.life == it.node.Life {
			if _, tick := it.ev.(market.Tick); tick && it.at != it.node.wakeAt {
				continue
			}
			w.Step(it.node, it.ev)
		}
	}
	w.now = end
}

// Step delivers one event and performs its effects.
func (w *World) Step(n *Node, ev market.Event) {
	var out market.Outbox
	n.Peer.Step(w.Time(n), ev, &out)
	w.perform(n, &out)
	if d := n.Peer.Deadline(); d != market.Never && d != n.wakeAt {
		n.wakeAt = max(d, w.now)
		w.after(n.wakeAt-w.now, n, market.Tick{})
	}
}

func (w *World) perform(n *Node, out *market.Outbox) {
	for _, s := range out.Saves {
		t, id := s.Record.Key()
		if s.Delete {
			delete(n.Disk, diskKey{t, id})
		} else {
			n.Disk[diskKey{t, id}] = s.Record
		}
	}
	for _, s := range out.Sends {
		w.send(n, s)
	}
	for _, l := range out.Lookups {
		w.tracef("%v %s lookup", w.now, n.Name)
		w.after(4*w.Latency, n, market.Found{Ref: l.Ref, Peers: w.nearest(n, l.Key, l.N)})
	}
	for _, r := range out.Runs {
		n.Engine.run(w, n, r)
	}
	for _, c := range out.Controls {
		n.Engine.control(w, n, c)
	}
	n.Result = append(n.Result, out.Outcomes...)
	n.Notes = append(n.Notes, out.Notes...)
}

func (w *World) send(n *Node, s market.Send) {
	kind := fmt.Sprintf("%T", s.Msg)[len("*market."):]
	to := w.byID(s.To.Peer)
	w.Counts[kind]++
	w.tracef("%v %s -> %s %s", w.now, n.Name, to.Name, kind)
	lost := w.Lose != nil && w.Lose(n, to, s.Msg)
	if !to.Up || !w.connected(n, to) || lost {
		w.after(2*w.Latency, n, market.Undelivered{To: s.To.Peer, Msg: s.Msg})
		return
	}
	w.after(w.Latency, to, market.Received{From: market.Ref{Peer: n.ID}, Msg: s.Msg})
}

func (w *World) nearest(n *Node, k market.Key, count int) []market.Ref {
	var up []*Node
	for _, m := range w.Nodes {
		if m.Up && m.Trader && w.connected(n, m) {
			up = append(up, m)
		}
	}
	slices.SortFunc(up, func(a, b *Node) int {
		x, y := market.Distance(a.ID, k), market.Distance(b.ID, k)
		return slices.Compare(x[:], y[:])
	})
	var refs []market.Ref
	for _, m := range up[:min(count, len(up))] {
		refs = append(refs, market.Ref{Peer: m.ID})
	}
	return refs
}

func (w *World) tracef(format string, a ...any) {
	if w.Trace != nil {
		w.Trace(fmt.Sprintf(format, a...))
	}
}

func (w *World) after(d time.Duration, n *Node, ev market.Event) {
	w.seq++
	heap.Push(&w.queue, item{w.now + d, w.seq, n, n.Life, ev})
}

// item is an event on its way; it is lost if its node starts anew.
type item struct {
	at   time.Duration
	seq  uint64
	node *Node
	life int
	ev   market.Event
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
