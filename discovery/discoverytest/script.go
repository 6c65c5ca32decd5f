package discoverytest

import (
	"fmt"
	"strings"
	"time"

	"caravela/market"
)

// Do carries out one script command and returns what is to be seen:
//
//	peers a b c            add nodes
//	params split=4 refresh=1m ttl=3m resettle=5m term=1h grant=5s
//	sell a cpu=4 mem=8g [label=k=v] [units=n] [starting=n] [longest=1h] [allow=image] [class=n] [reach=relayed]
//	unsell a               make it sell nothing
//	trader a on|off        whether it keeps others' offers
//	advance 10s            let time pass
//	run a cpu=1 mem=64m [image=i] [port=n] [replicas=n] [apart] [together] [spread] [on=b] [constraint=k==v] [wait=1m] [term=1h] [norenew] [rm] [dry]
//	searches a n=100 every=50ms cpu=1 mem=64m   dry runs; prints how many found how much
//	abandon a              its newest request is not waited for any more
//	order a N rm|stop|start|kill|restart    a command to the N-th unit (1, 2, ...) that a bought
//	crash a | boot a       kill a process, start it again
//	cut a N [KIND]         crash a in its next step with effects, after N of them (0 = before it saves);
//	                       with KIND, in the step that takes the next message of that kind
//	engine a up|down|pull=10s|vanish|exits=image|fail=image:missing|start|port|none
//	lose|busy|drop|twice|slow KIND [n=1] [from=a] [to=b] [by=3s]     the next n messages are lost, not taken for want of time, lost without a word, doubled, delayed
//	part a b | heal        cut these nodes off, join all again
//	skew a 10m             move a node's wall clock
//	price a core=36 [mem=1] [disk=1] [parked=1] [start=5] [unit=credit] [interval=1m] [bear=3] [grace=5m] [notice=10m] [credit=1h] | free
//	                       what a asks for, in micro-units an hour; run takes cheapest, maxprice=N, unit=u, maxcost=N, quote, held
//	renew a N [term=1h]    ask for a new term of the N-th unit that a bought
//	reclaim a N [notice=1h] [now] [cancel]    take the N-th unit that a sold back
//	settle a b N [owed]    a says that it paid b, or that b paid it
//	peer a b block|unblock|trust|limit=N      what a thinks of b
//	bills a                what a has acknowledged
//	balances               who owes whom
//	notices a              what a's user was warned of since the last notes
//	leave a [end]          say goodbye
//	keep NAME KIND         remember the newest message of a kind
//	forge a b NAME         deliver it (or the newest of a kind) to b as if a had sent it
//	lie a empty|misfit|elsewhere|flood|stale|split|off     make a trader a liar
//	lie a overbill|underbill                               or a supplier, by ten minutes
//	offers                 who holds whose offer
//	traders a              where a's offer is, and who has confirmed it
//	units                  who runs what for whom
//	free                   what each supplier has left
//	notes a                what a's machine noted since the last notes, by kind
//	counts [off]           messages and lookups since the last counts, by type; off forgets them
//	settled                hold the world against what must be true at rest
func (w *World) Do(cmd string, args []string) string {
	if need := map[string]int{"order": 3, "engine": 2, "skew": 2, "trader": 2, "cut": 2, "keep": 2, "forge": 3, "lie": 2,
		"sell": 1, "unsell": 1, "run": 1, "searches": 1, "abandon": 1, "crash": 1, "boot": 1, "leave": 1, "traders": 1, "notes": 1,
		"price": 2, "renew": 2, "reclaim": 2, "settle": 3, "peer": 3, "bills": 1, "notices": 1,
		"lose": 1, "busy": 1, "drop": 1, "twice": 1, "slow": 1, "advance": 1}[cmd]; len(args) < need {
		return cmd + " needs more"
	}
	switch cmd {
	case "peers":
		for _, a := range args {
			w.Add(a)
		}
		return ""
	case "params":
		return w.setParams(args)
	case "advance":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return err.Error()
		}
		w.Advance(d)
		return ""
	case "part":
		var side []*Node
		for _, a := range args {
			side = append(side, w.Node(a))
		}
		w.Part(side...)
		return ""
	case "heal":
		w.Heal()
		return ""
	case "lose", "busy", "drop", "twice", "slow":
		return w.disturb(cmd, args)
	case "keep":
		w.kept[args[0]] = w.last[args[1]]
		return ""
	case "offers":
		return w.offers()
	case "units":
		return w.units()
	case "free":
		return w.free()
	case "balances":
		return w.balances()
	case "counts":
		said := w.counts()
		if len(args) > 0 {
			return ""
		}
		return said
	case "settled":
		if err := w.Settled(); err != nil {
			return err.Error()
		}
		return "settled"
	}
	if len(args) == 0 || w.Node(args[0]) == nil {
		return "unknown command or node: " + cmd
	}
	return w.doNode(cmd, w.Node(args[0]), args[1:])
}

// doNode carries out a command that is about one node.
func (w *World) doNode(cmd string, n *Node, args []string) string {
	switch cmd {
	case "sell":
		return w.sell(n, args)
	case "unsell":
		n.Selling = false
		w.Step(n, market.Supply{Stock: new(n.Stock)})
	case "trader":
		n.Trader = args[0] == "on"
		n.Peer.EnableTrader(n.Trader)
	case "run":
		return w.run(n, args)
	case "searches":
		return w.searches(n, args)
	case "abandon":
		w.Step(n, market.Abandon{Ref: n.wanted})
	case "order":
		return w.order(n, args)
	case "crash":
		w.Crash(n)
	case "boot":
		w.Boot(n)
	case "cut":
		at := -1
		fmt.Sscan(args[0], &at)
		if len(args) > 1 {
			n.cutOn = map[string]int{args[1]: at}
		} else {
			n.CutAt = at
		}
	case "engine":
		return w.engine(n, args[0])
	case "skew":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			return err.Error()
		}
		w.SkewClock(n, d)
	case "leave":
		n.Selling = false
		w.Step(n, market.Leave{End: len(args) > 0})
	case "forge":
		return w.forge(n, args)
	case "lie":
		return n.lie(args[0])
	case "traders":
		return w.traders(n)
	case "notes":
		return n.notes()
	default:
		return w.doMoney(cmd, n, args)
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
		case "term":
			w.Params.Term = d
		case "grant":
			w.Params.Grant = d
		default:
			return "unknown parameter " + k
		}
	}
	return ""
}

func (w *World) sell(n *Node, args []string) string {
	r, rest, err := quantities(args)
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
		case "starting":
			fmt.Sscan(v, &n.Stock.Starting)
		case "class":
			fmt.Sscan(v, &n.Stock.Class)
		case "longest":
			n.Stock.Longest, err = time.ParseDuration(v)
		case "allow":
			n.Stock.Allow = append(n.Stock.Allow, v)
		case "reach":
			n.Stock.Reach = map[string]market.Reach{"relayed": market.ReachRelayed, "public": market.ReachPublic}[v]
		default:
			return "unknown argument " + a
		}
	}
	if err != nil {
		return err.Error()
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
