package discoverytest

import (
	"fmt"
	"time"

	"caravela/market"
)

// walkers is the number of nodes of a walk; the first of them sell.
const (
	walkers = 5
	sellers = 3
)

// Walk does what data says, two bytes an operation: purchases, commands,
// crashes between any two effects, restarts, engines that go and come, lost,
// doubled, delayed and reordered messages, cuts, clocks that jump. Then it
// puts everything right, lets the world come to rest and returns the first
// broken rule, of any step or of the rest.
func Walk(data []byte) (*World, error) {
	w := NewWalk(data)
	w.Operate(data)
	return w, w.rest()
}

// Operate does what data says, until a rule is broken.
func (w *World) Operate(data []byte) {
	for i := 0; i+1 < len(data) && w.Err == nil; i += 2 {
		w.operate(data[i], data[i+1])
	}
}

// NewWalk returns the market in which a walk begins.
func NewWalk(data []byte) *World {
	w := New()
	w.Jitter, w.keep = 30*time.Millisecond, 256
	w.rng = market.Rand(len(data))
	for _, b := range data {
		w.rng = w.rng*31 + market.Rand(b)
	}
	w.Params.Refresh, w.Params.OfferTTL, w.Params.Resettle = 2*time.Minute, 6*time.Minute, 8*time.Minute
	w.Params.SplitAt, w.Params.Term = 2, 30*time.Minute
	if len(data)%2 == 0 {
		w.Params.SplitAt = 64
	}
	for i := range walkers {
		n := w.Add(string(rune('a' + i)))
		n.Engine.Exits = map[string]time.Duration{"job": 3 * time.Second}
		n.Engine.Fail = map[string]market.Reason{"bad": market.StartFailed, "none": market.ImageMissing}
		if i > 0 && len(data)%3 == 0 { // the others ask for money
			n.Stock.Terms = &market.Terms{Price: market.Price{Unit: "credit", Core: 3_600_000, Parked: 360_000, Start: 500},
				Interval: 20 * time.Second, Bear: 3, Grace: time.Minute, Notice: time.Minute}
			n.Stock.Credit = 10 * time.Hour
		}
		if i < sellers {
			w.Sell(n, market.Resources{CPU: market.MilliCPU(i+1) * 1000, Memory: 4 * market.GiB})
		}
	}
	w.Advance(2 * time.Second)
	return w
}

func (w *World) operate(op, arg byte) {
	n := w.Nodes[int(arg)%walkers]
	rest := int(arg) / walkers
	switch op % 17 {
	case 0, 1, 2:
		w.walkWant(n, rest)
	case 3, 4:
		w.walkOrder(n, rest)
	case 5:
		w.CutLater(n, rest%8)
	case 6:
		if n.Up {
			w.Crash(n)
		}
	case 7:
		if !n.Up {
			w.Boot(n)
		}
	case 8:
		n.Engine.Up = rest%2 == 0
		w.Step(n, market.EngineChanged{Up: n.Engine.Up})
	case 9:
		w.walkPart(n, rest)
	case 10:
		w.lossy(rest)
	case 11:
		n.Engine.Pull = time.Duration(rest%8) * time.Second
	case 12:
		n.skew += time.Duration(rest-25) * 10 * time.Second
	case 13:
		w.walkSupply(n, rest)
	case 14:
		w.replay(rest)
	default:
		w.Advance(time.Duration(rest*rest) * 37 * time.Millisecond)
	}
	w.Advance(time.Duration(rest%4) * 5 * time.Millisecond)
}

// CutLater makes a node crash in its next step that has effects, after some
// of them.
func (w *World) CutLater(n *Node, effects int) { n.CutAt = effects }

func (w *World) walkWant(n *Node, arg int) {
	need := market.Resources{CPU: market.MilliCPU(arg%4+1) * 500, Memory: 256 * market.MiB}
	images := [...]string{"web", "web", "web", "job", "bad", "none"}
	ev := market.Wanted{Spec: &market.Spec{Image: images[arg%len(images)], Limits: need}, Want: market.Want{Need: need}, Replicas: arg%3 + 1}
	switch arg % 7 {
	case 1:
		ev.Apart = true
	case 2:
		ev.Together = true
	case 3:
		ev.Want.Strategy = market.Spread
	case 4:
		ev.Wait = time.Minute
	case 5:
		ev.Spec.Remove = true
	case 6:
		ev.Renew = market.RenewNever
	}
	if n.Up {
		w.Want(n, ev)
	}
}

func (w *World) walkOrder(n *Node, arg int) {
	bought := n.Peer.Bought()
	if !n.Up || len(bought) == 0 {
		return
	}
	ops := [...]market.Op{market.OpRemove, market.OpStop, market.OpStart, market.OpRestart, market.OpRemove, market.OpKill}
	w.Order(n, market.StopContainer{Unit: bought[arg%len(bought)].Lease.Unit(), Op: ops[arg%len(ops)]})
}

func (w *World) walkPart(n *Node, arg int) {
	if arg%3 == 0 {
		w.Heal()
		return
	}
	w.Part(n, w.Nodes[arg%walkers])
}

// lossy makes the network lose and double some messages, or none.
func (w *World) lossy(arg int) {
	share := arg % 4
	some := func(*Node, *Node, market.Message) bool { return w.rng.IntN(8) < share }
	w.Lose, w.Twice = nil, nil
	if arg&4 != 0 {
		w.Lose = some
	}
	if arg&8 != 0 {
		w.Twice = some
	}
}

func (w *World) walkSupply(n *Node, arg int) {
	if n.Stock.Total.IsZero() || !n.Up {
		return
	}
	n.Selling = arg%2 == 0
	w.Step(n, market.Supply{Selling: n.Selling, Stock: new(n.Stock)})
}

// rest heals, boots and waits until the world is settled, or for so long that
// every repetition has had its turn. An offer may just be on its way to
// another region, so that one look is not enough.
func (w *World) rest() (err error) {
	w.Lose, w.Twice = nil, nil
	for _, n := range w.Nodes {
		n.CutAt, n.skew = -1, 0
		if !n.Up {
			w.Boot(n)
		}
		n.Engine.Up = true
		w.Step(n, market.EngineChanged{Up: true})
	}
	w.Heal()
	for range 20 {
		w.Advance(2 * time.Minute)
		if err = w.Settled(); err == nil || w.Err != nil {
			return err
		}
	}
	return err
}

// replay delivers a message once more that somebody sent long ago.
func (w *World) replay(arg int) {
	if len(w.old) == 0 {
		return
	}
	x := w.old[(arg*5)%len(w.old)]
	w.deliver(x.from, x.to, market.Received{From: market.Ref{Peer: x.from.ID}, Msg: x.msg}, 0)
}

// Describe says in words what a walk's data does.
func Describe(data []byte) string {
	s := ""
	for i := 0; i+1 < len(data); i += 2 {
		s += fmt.Sprintf("%d(%d,%d) ", data[i]%17, int(data[i+1])%walkers, int(data[i+1])/walkers)
	}
	return s
}
