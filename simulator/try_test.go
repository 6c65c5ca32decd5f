package simulator

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strconv"
	"testing"
	"time"

	"caravela/market"
)

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
	s := New(c)
	if os.Getenv("DBG") != "" {
		missed = func(s *Sim, i uint32, need market.Resources, class market.CPUClass, x *news) {
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
