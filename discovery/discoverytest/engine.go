package discoverytest

import (
	"time"

	"caravela/market"
)

// Engine runs containers by name only. Its containers outlive the node's
// process; a launch under way does not.
type Engine struct {
	Up    bool
	Pull  time.Duration                   // how long starting takes
	Fail  map[string]market.Reason        // by image
	Exits map[string]time.Duration        // images whose process ends after this time
	Units map[market.LeaseID]market.State // Running or Stopped
	Ran   int                             // containers ever created

	launching map[market.LeaseID]int // the number of the launch under way
	launches  int
}

// forget ends the launches of a process that died.
func (e *Engine) forget() { e.launching = nil }

func (e *Engine) run(w *World, n *Node, r market.Run) {
	say := func(ev market.UnitChanged) { w.later(0, n, ev) }
	switch {
	case e.Up && e.Units[r.Unit] != market.Unknown:
		say(market.UnitChanged{Unit: r.Unit, State: e.Units[r.Unit], Reason: exited(e.Units[r.Unit])})
	case r.Adopt && e.Up:
		say(market.UnitChanged{Unit: r.Unit, State: market.Lost, Reason: market.Vanished})
	case r.Adopt || e.launching[r.Unit] != 0:
		// nobody to ask, or under way already
	default:
		if e.launching == nil {
			e.launching = map[market.LeaseID]int{}
		}
		e.launches++
		e.launching[r.Unit] = e.launches
		say(market.UnitChanged{Unit: r.Unit, State: market.Pulling})
		e.finish(w, n, r, e.launches, e.Pull)
	}
}

func exited(s market.State) market.Reason {
	if s == market.Stopped {
		return market.Exited
	}
	return market.NoReason
}

// finish creates the container once the image is there, and tries again
// while the engine is down.
func (e *Engine) finish(w *World, n *Node, r market.Run, launch int, in time.Duration) {
	life := n.Life
	w.do(in, func() {
		switch fail := e.Fail[r.Spec.Image]; {
		case !n.Up || n.Life != life || e.launching[r.Unit] != launch:
			return
		case !e.Up:
			e.finish(w, n, r, launch, time.Second)
			return
		case fail != market.NoReason:
			w.later(0, n, market.UnitChanged{Unit: r.Unit, State: market.Failed, Reason: fail})
		default:
			e.create(w, n, r)
		}
		delete(e.launching, r.Unit)
	})
}

func (e *Engine) create(w *World, n *Node, r market.Run) {
	if e.Units == nil {
		e.Units = map[market.LeaseID]market.State{}
	}
	e.Units[r.Unit] = market.Running
	e.Ran++
	w.later(0, n, market.UnitChanged{Unit: r.Unit, State: market.Running})
	if d, ok := e.Exits[r.Spec.Image]; ok {
		w.do(d, func() {
			if e.Units[r.Unit] == market.Running {
				e.Units[r.Unit] = market.Stopped
				w.after(0, n, market.UnitChanged{Unit: r.Unit, State: market.Stopped, Reason: market.Exited, ExitCode: 7})
			}
		})
	}
}

func (e *Engine) control(w *World, n *Node, c market.Control) {
	ev := market.UnitChanged{Unit: c.Unit, Ref: c.Ref}
	_, exists := e.Units[c.Unit]
	switch {
	case !e.Up:
		ev.State, ev.Reason = market.Unknown, market.EngineDown
	case c.Op == market.OpRemove:
		delete(e.launching, c.Unit)
		delete(e.Units, c.Unit)
		ev.State = market.Ended
	case !exists:
		ev.State, ev.Reason = market.Unknown, market.NoSuchLease
	case c.Op == market.OpStop || c.Op == market.OpKill:
		e.Units[c.Unit] = market.Stopped
		ev.State, ev.Reason = market.Stopped, market.Exited
	default:
		e.Units[c.Unit] = market.Running
		ev.State = market.Running
	}
	w.later(w.Latency, n, ev)
}
