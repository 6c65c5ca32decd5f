package discoverytest

import (
	"time"

	"caravela/market"
)

// Engine runs containers by name only. It outlives its node's process.
type Engine struct {
	Up    bool
	Pull  time.Duration                   // how long starting takes
	Fail  map[string]market.Reason        // by image
	Exits map[string]time.Duration        // images whose process ends after this time
	Units map[market.LeaseID]market.State // Running or Stopped
	Ran   int                             // containers ever created
}

func (e *Engine) run(w *World, n *Node, r market.Run) {
	say := func(d time.Duration, ev market.UnitChanged) { w.after(d, n, ev) }
	switch {
	case !e.Up:
		return // the driver repeats it when the engine is back
	case e.Units[r.Unit] != market.Unknown:
		say(0, market.UnitChanged{Unit: r.Unit, State: e.Units[r.Unit]})
	case r.Adopt:
		say(0, market.UnitChanged{Unit: r.Unit, State: market.Lost, Reason: market.Vanished})
	case e.Fail[r.Spec.Image] != market.NoReason:
		say(e.Pull, market.UnitChanged{Unit: r.Unit, State: market.Failed, Reason: e.Fail[r.Spec.Image]})
	default:
		e.start(w, n, r)
	}
}

func (e *Engine) start(w *World, n *Node, r market.Run) {
	if e.Units == nil {
		e.Units = map[market.LeaseID]market.State{}
	}
	e.Units[r.Unit] = market.Running
	e.Ran++
	w.after(0, n, market.UnitChanged{Unit: r.Unit, State: market.Pulling})
	w.after(e.Pull, n, market.UnitChanged{Unit: r.Unit, State: market.Running})
	if d, ok := e.Exits[r.Spec.Image]; ok {
		e.Units[r.Unit] = market.Stopped
		w.after(e.Pull+d, n, market.UnitChanged{Unit: r.Unit, State: market.Stopped, Reason: market.Exited, ExitCode: 7})
	}
}

func (e *Engine) control(w *World, n *Node, c market.Control) {
	ev := market.UnitChanged{Unit: c.Unit, Ref: c.Ref}
	switch {
	case !e.Up:
		ev.State, ev.Reason = market.Unknown, market.EngineDown
	case c.Op == market.OpRemove:
		delete(e.Units, c.Unit)
		ev.State = market.Ended
	case c.Op == market.OpStop || c.Op == market.OpKill:
		e.Units[c.Unit] = market.Stopped
		ev.State, ev.Reason = market.Stopped, market.Exited
	default:
		e.Units[c.Unit] = market.Running
		ev.State = market.Running
	}
	w.after(w.Latency, n, ev)
}
