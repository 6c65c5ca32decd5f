package discoverytest

import (
	"container/heap"
	"fmt"
	"time"

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
	Signed  bool                                        // real keys and signatures; to be set before the first node is added
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
	if len(effects) > 0 {
		if n.Steps++; n.Steps == n.CutIn {
			n.CutAt = min(n.CutBy, len(effects))
		}
	}
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
			n.Disk[diskKey{t, id}] = w.stored(n, s.Record)
		}
		w.ghost.save(n, s)
	}
}

// stored is a record as the next life reads it.
func (w *World) stored(n *Node, r market.Record) market.Record {
	if !w.Signed {
		return r
	}
	t, _ := r.Key()
	again, err := market.DecodeRecord(t, market.EncodeRecord(r))
	if err != nil {
		w.fail("%s saves a record that cannot be read: %v", n.Name, err)
		return r
	}
	return again
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
	case o.Kind == market.Holding:
		n.quoted = o.Holds[0].ID
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

func peerID(i int) market.PeerID {
	return market.PeerID(market.KeyOf(fmt.Sprint("peer ", i)))
}
