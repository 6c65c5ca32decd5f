package discoverytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/market"
)

// Do carries out one script command and returns what is to be seen:
//
//	peers a b c            add nodes
//	sell a cpu=4 mem=8g [label=k=v] [ports]   make a node offer
//	unsell a               make it sell nothing
//	advance 10s            let time pass
//	run a cpu=1 mem=64m [image=i] [replicas=n] [apart] [together] [spread] [on=b] [constraint=k==v] [wait=1m] [term=1h] [dry]
//	order a N rm|stop|start|kill|restart    a command to the N-th unit (1, 2, ...) that a bought
//	crash a | boot a       kill a process, start it again
//	engine a up|down|fail=image:reason      change a node's engine
//	part a b | heal        cut these nodes off, join all again
//	skew a 10m             move a node's wall clock
//	leave a [end]          say goodbye
//	offers                 who holds whose offer
//	units                  who runs what for whom
//	free                   what each supplier has left
//	counts                 messages since the last counts, by type
//	trace                  what was sent since the last trace
func (w *World) Do(cmd string, args []string) string {
	switch cmd {
	case "peers":
		for _, a := range args {
			w.Add(a)
		}
	case "params":
		return w.setParams(args)
	case "sell":
		return w.sell(args)
	case "unsell":
		n := w.Node(args[0])
		n.Selling = false
		w.Step(n, market.Supply{Stock: n.Stock})
	case "advance":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return err.Error()
		}
		w.Advance(d)
	case "run":
		return w.run(args)
	case "order":
		return w.order(args)
	case "crash":
		w.Crash(w.Node(args[0]))
	case "boot":
		w.Boot(w.Node(args[0]))
	case "engine":
		return w.engine(args)
	case "part":
		var side []*Node
		for _, a := range args {
			side = append(side, w.Node(a))
		}
		w.Part(side...)
	case "heal":
		w.Heal()
	case "skew":
		d, _ := time.ParseDuration(args[1])
		w.SkewClock(w.Node(args[0]), d)
	case "leave":
		n := w.Node(args[0])
		w.Step(n, market.Leave{End: len(args) > 1})
	case "offers":
		return w.offers()
	case "units":
		return w.units()
	case "free":
		return w.free()
	case "counts":
		return w.counts()
	default:
		return "unknown command " + cmd
	}
	return ""
}

func (w *World) setParams(args []string) string {
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		d, _ := time.ParseDuration(v)
		switch k {
		case "split":
			fmt.Sscan(v, &w.Params.SplitAt)
		case "refresh":
			w.Params.Refresh = d
		case "ttl":
			w.Params.OfferTTL = d
		case "resettle":
			w.Params.Resettle = d
		default:
			return "unknown parameter " + k
		}
	}
	return ""
}

func (w *World) sell(args []string) string {
	n := w.Node(args[0])
	r, rest, err := quantities(args[1:])
	if err != nil {
		return err.Error()
	}
	for _, a := range rest {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "label":
			key, val, _ := strings.Cut(v, "=")
			n.Stock.Labels = append(n.Stock.Labels, market.Label{Key: key, Value: val})
		case "units":
			fmt.Sscan(v, &n.Stock.Units)
		default:
			return "unknown argument " + a
		}
	}
	w.Sell(n, r)
	return ""
}

func quantities(args []string) (r market.Resources, rest []string, err error) {
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "cpu":
			r.CPU, err = market.ParseCPU(v)
		case "mem":
			r.Memory, err = market.ParseBytes(v)
		default:
			rest = append(rest, a)
		}
		if err != nil {
			return r, nil, err
		}
	}
	return r, rest, nil
}

func (w *World) run(args []string) string {
	n := w.Node(args[0])
	need, rest, err := quantities(args[1:])
	if err != nil {
		return err.Error()
	}
	spec := &market.Spec{Image: "web", Limits: need}
	ev := market.Wanted{Spec: spec, Want: market.Want{Need: need}, Replicas: 1}
	for _, a := range rest {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "image":
			spec.Image = v
		case "port":
			var p uint16
			fmt.Sscan(v, &p)
			spec.Ports = append(spec.Ports, market.Port{Container: 80, Host: p})
			ev.Want.Ports, ev.Want.Publishes = append(ev.Want.Ports, p), true
		case "replicas":
			fmt.Sscan(v, &ev.Replicas)
		case "apart":
			ev.Apart = true
		case "together":
			ev.Together = true
		case "spread":
			ev.Want.Strategy = market.Spread
		case "on":
			ev.Want.On = w.Node(v).ID
		case "constraint":
			c, err := market.ParseConstraint(v)
			if err != nil {
				return err.Error()
			}
			ev.Want.Constraints = append(ev.Want.Constraints, c)
		case "wait":
			ev.Wait, _ = time.ParseDuration(v)
		case "term":
			ev.Term, _ = time.ParseDuration(v)
		case "norenew":
			ev.Renew = market.RenewNever
		case "rm":
			spec.Remove = true
		case "dry":
			ev.DryRun = true
		default:
			return "unknown argument " + a
		}
	}
	w.Want(n, ev)
	return ""
}

func (w *World) order(args []string) string {
	n := w.Node(args[0])
	var i int
	fmt.Sscan(args[1], &i)
	bought := n.Peer.Bought()
	if i < 1 || i > len(bought) {
		return "no such unit"
	}
	ops := map[string]market.Op{"stop": market.OpStop, "start": market.OpStart, "restart": market.OpRestart, "kill": market.OpKill, "rm": market.OpRemove}
	w.Order(n, market.StopContainer{Unit: bought[i-1].Lease.Unit(), Op: ops[args[2]]})
	return ""
}

func (w *World) engine(args []string) string {
	n := w.Node(args[0])
	k, v, _ := strings.Cut(args[1], "=")
	switch k {
	case "up", "down":
		n.Engine.Up = k == "up"
		w.Step(n, market.EngineChanged{Up: n.Engine.Up})
	case "pull":
		n.Engine.Pull, _ = time.ParseDuration(v)
	case "exits":
		n.Engine.Exits = map[string]time.Duration{v: time.Second}
	case "fail":
		image, reason, _ := strings.Cut(v, ":")
		reasons := map[string]market.Reason{"missing": market.ImageMissing, "start": market.StartFailed, "port": market.PortTaken, "none": market.NoReason}
		n.Engine.Fail = map[string]market.Reason{image: reasons[reason]}
	case "vanish":
		for u := range n.Engine.Units {
			delete(n.Engine.Units, u)
			w.Step(n, market.UnitChanged{Unit: u, State: market.Lost, Reason: market.Vanished})
		}
	default:
		return "unknown argument " + args[1]
	}
	return ""
}

// Results returns and forgets what a node's user was told.
func (n *Node) Results() string {
	var b strings.Builder
	for _, o := range n.Result {
		switch o.Kind {
		case market.Searched:
			fmt.Fprintf(&b, "%s: searched %d regions, %d offers, %d fit%s\n", n.Name, o.Tally.Regions, o.Tally.Offers, o.Tally.Fit, misses(o.Tally))
		case market.Asking:
			fmt.Fprintf(&b, "%s: asking %s\n", n.Name, o.Offer.Name)
		case market.Refused:
			fmt.Fprintf(&b, "%s: refused: %v\n", n.Name, o.Reason)
		case market.Leased:
			fmt.Fprintf(&b, "%s: leased %v on %s\n", n.Name, o.Lease.Resources, o.Offer.Name)
		case market.Progress:
			fmt.Fprintf(&b, "%s: %v\n", n.Name, o.Status.State)
		case market.GaveUp:
			fmt.Fprintf(&b, "%s: gave up: %v%s\n", n.Name, o.Reason, misses(o.Tally))
		case market.Done:
			fmt.Fprintf(&b, "%s: done: %v\n", n.Name, o.Reason)
		}
	}
	n.Result = nil
	return b.String()
}

func misses(t *market.Tally) string {
	s := ""
	for _, m := range t.Misses {
		s += fmt.Sprintf("; %d %v", m.Count, m.Kind)
		if m.Detail != "" {
			s += " " + m.Detail
		}
	}
	return s
}

func (w *World) offers() string {
	var b strings.Builder
	for _, n := range w.Nodes {
		if !n.Up {
			continue
		}
		for _, h := range n.Peer.Held() {
			fmt.Fprintf(&b, "%s holds %s: %v free in %v\n", n.Name, w.byID(h.Offer.Supplier).Name, h.Offer.Free, h.Region)
		}
	}
	return b.String()
}

func (w *World) units() string {
	var b strings.Builder
	for _, n := range w.Nodes {
		if !n.Up {
			continue
		}
		for _, s := range n.Peer.Sold() {
			state := "accepted"
			if s.Status != nil {
				state = s.Status.State.String()
				if s.Status.Reason != market.NoReason {
					state += " (" + s.Status.Reason.String() + ")"
				}
			}
			fmt.Fprintf(&b, "%s sold %v to %s: %s\n", n.Name, s.Lease.Resources, w.byID(s.Lease.Buyer).Name, state)
		}
		for _, s := range n.Peer.Bought() {
			state := "asked"
			if s.Status != nil {
				state = s.Status.State.String()
			}
			if s.Undo {
				state += ", to be undone"
			}
			fmt.Fprintf(&b, "%s bought %v of %s: %s\n", n.Name, s.Lease.Resources, w.byID(s.Lease.Supplier).Name, state)
		}
		if len(n.Engine.Units) > 0 {
			fmt.Fprintf(&b, "%s runs %d, ran %d\n", n.Name, len(n.Engine.Units), n.Engine.Ran)
		}
	}
	return b.String()
}

func (w *World) free() string {
	var b strings.Builder
	for _, n := range w.Nodes {
		if n.Up && n.Selling {
			fmt.Fprintf(&b, "%s: %v\n", n.Name, n.Peer.Free())
		}
	}
	return b.String()
}

func (w *World) counts() string {
	var kinds []string
	for k := range w.Counts {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "%s %d\n", k, w.Counts[k])
	}
	clear(w.Counts)
	return b.String()
}
