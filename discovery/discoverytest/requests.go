package discoverytest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/market"
)

func (w *World) run(n *Node, args []string) string {
	ev, err := w.wanted(n, args)
	if err != "" {
		return err
	}
	w.Want(n, ev)
	return ""
}

// wanted reads a request.
func (w *World) wanted(n *Node, args []string) (market.Wanted, string) {
	need, rest, err := quantities(args)
	if err != nil {
		return market.Wanted{}, err.Error()
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
		case "class":
			fmt.Sscan(v, &ev.Want.Class)
		case "on":
			ev.Want.On = w.Node(v).ID
		case "constraint":
			c, err := market.ParseConstraint(v)
			if err != nil {
				return ev, err.Error()
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
			if err := w.wantMoney(n, &ev, k, v); err != nil {
				return ev, err.Error()
			}
		}
	}
	return ev, ""
}

// searches makes dry runs, one after the other, and counts their results.
func (w *World) searches(n *Node, args []string) string {
	count, every := 1, 50*time.Millisecond
	var rest []string
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "n":
			fmt.Sscan(v, &count)
		case "every":
			every, _ = time.ParseDuration(v)
		default:
			rest = append(rest, a)
		}
	}
	ev, bad := w.wanted(n, rest)
	if bad != "" {
		return bad
	}
	ev.DryRun = true
	for range count {
		w.Want(n, ev)
		w.Advance(every)
	}
	w.Advance(10 * time.Second)
	found := map[int]int{}
	for _, o := range n.Result {
		if o.Kind == market.Searched {
			found[len(o.Offers)]++
		}
	}
	n.Result = nil
	return tabulate(found, "%d searches found %d offers\n")
}

// tabulate prints a histogram in the order of its keys.
func tabulate(counts map[int]int, format string) string {
	var keys []int
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	s := ""
	for _, k := range keys {
		s += fmt.Sprintf(format, counts[k], k)
	}
	return s
}

func (w *World) order(n *Node, args []string) string {
	var i int
	fmt.Sscan(args[0], &i)
	bought := n.Peer.Bought()
	if i < 1 || i > len(bought) {
		return "no such unit"
	}
	ops := map[string]market.Op{"stop": market.OpStop, "start": market.OpStart, "restart": market.OpRestart, "kill": market.OpKill, "rm": market.OpRemove}
	w.Order(n, market.StopContainer{Unit: bought[i-1].Lease.Unit(), Op: ops[args[1]]})
	return ""
}

func (w *World) engine(n *Node, arg string) string {
	k, v, _ := strings.Cut(arg, "=")
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
		for u := range n.Engine.Units { // one, in the scripts
			delete(n.Engine.Units, u)
			w.Step(n, market.UnitChanged{Unit: u, State: market.Lost, Reason: market.Vanished})
		}
	default:
		return "unknown argument " + arg
	}
	return ""
}
