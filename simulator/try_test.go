package simulator

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"testing"
	"time"

	"caravela/discovery"
	"caravela/market"
)

var logs = map[uint32][]string{}
var shown int
var dbg = map[string]int{}

func TestTry(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, _ = strconv.Atoi(os.Getenv("N"))
	c.Workers = 1
	m, _ := strconv.Atoi(os.Getenv("MIN"))
	c.Duration = time.Duration(m) * time.Minute
	c.Params.Refresh, c.Params.OfferTTL = 15*time.Minute, 45*time.Minute
	if x, err := strconv.Atoi(os.Getenv("SPLIT")); err == nil {
		c.Params.SplitAt = x
	}
	c.Network.Dialled = os.Getenv("DIAL") == ""
	s := New(c)
	if os.Getenv("DBG") != "" {
		missed = func(s *Sim, i uint32, need market.Resources, class market.CPUClass, x *news) {
			if at := s.nodes[i].freeLog[3].since; len(dbg) > 0 && shown < 12 && x.at.Seconds() > 1500 {
				shown++
				own := s.nodes[i].machine.(*discovery.Peer).OwnOffer()
				mine := s.nodes[x.node].machine.(*discovery.Peer).OwnOffer()
				fmt.Printf("--- MISSP %d at %.3f asked %.3f by %d of %d.%d; node %d of %d.%d free %v since %.3f\n", x.req.profile, x.at.Seconds(), x.req.since.Seconds(), x.node, mine.Region.Depth, mine.Region.Shard, i, own.Region.Depth, own.Region.Shard, s.nodes[i].freeLog[3].free, at.Seconds())
				for _, l := range logs[x.node] {
					fmt.Println("     ", l)
				}
			}
			dbg["MISS "+s.why(i, need, class, x.at)]++
			dbg[fmt.Sprint("MISSP ", x.req.profile)]++
		}
		debug = func(n *node, at time.Duration, o *market.Outbox) {
			for i := range o.Outcomes {
				x := &o.Outcomes[i]
				switch x.Kind {
				case market.Searched:
					dbg["searched"]++
					if len(x.Offers) == 0 {
						dbg["searched none"]++
					}
				case market.Refused:
					dbg["refused "+x.Reason.String()]++
				case market.GaveUp:
					dbg["gaveup "+x.Reason.String()]++
				}
			}
			for i := range o.Sends {
				dbg[fmt.Sprintf("%T", o.Sends[i].Msg)]++
				if m, ok := o.Sends[i].Msg.(*market.Offers); ok {
					to := indexOf(o.Sends[i].To.Peer)
					h := ""
					for _, x := range m.Hints {
						h += fmt.Sprintf(" %d.%d", x.Summary.Region.Depth, x.Summary.Region.Shard)
					}
					pp := uint32(0)
					for _, x := range m.Tally.Misses {
						if x.Kind == market.MissPromised {
							pp = x.Count
						}
					}
					logs[to] = append(logs[to], fmt.Sprintf("%.3f %d says of %d.%d: %d offers, prom %d hints%s", at.Seconds(), n.index, m.Region.Depth, m.Region.Shard, len(m.Offers), pp, h))
					if len(logs[to]) > 20 {
						logs[to] = logs[to][1:]
					}
					pr := 0
					for _, x := range m.Tally.Misses {
						if x.Kind == market.MissPromised {
							pr = 1
						}
					}
					dbg[fmt.Sprintf("ANS depth %d offers %v hints %d promised %d", m.Region.Depth, len(m.Offers) > 0, min(2, len(m.Hints)), pr)]++
				}
			}
			dbg["lookups"] += len(o.Lookups)
		}
	}
	fmt.Print(s.Run(context.Background()))
	l := s.M.latency
	fmt.Println("latency p90 p95 p98 p99 p999", quantile(l, .9), quantile(l, .95), quantile(l, .98), quantile(l, .99), quantile(l, .999))
	var ks []string
	for k := range dbg {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	for _, k := range ks {
		fmt.Println(k, dbg[k])
	}
	byNode := make([]int, len(s.nodes))
	for i := range byNode {
		byNode[i] = i
	}
	sort.Slice(byNode, func(i, j int) bool {
		a, b := &s.nodes[byNode[i]], &s.nodes[byNode[j]]
		return a.sent+a.heard > b.sent+b.heard
	})
	for _, i := range byNode[:8] {
		n := &s.nodes[i]
		fmt.Println(i, n.sent, n.heard, traderOf(n))
	}
}

func traderOf(n *node) string { return fmt.Sprint(len(machineHeld(n)), regions(n)) }
