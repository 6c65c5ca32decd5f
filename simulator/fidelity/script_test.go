//go:build real

package fidelity

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"caravela/market"
)

// The script: nodes of 4 CPUs and 8 GiB sell, and one after the other any of
// them asks for a small container.
const (
	oneWay   = 25 * time.Millisecond
	settle   = 3 * time.Minute
	requests = 80
	every    = 10 * time.Second
	near     = .15 // how far apart the two may be
	least    = .1  // below this, differences are chance
)

// buyersOwn are the messages that a request is charged with.
var buyersOwn = []string{"GetOffers", "GetOffers(relay)", "LaunchContainer"}

// cost is what a run of the script took.
type cost struct {
	placed   int
	messages int // of buyers, questions of their lookups included, until the lease
	lookups  int
	latency  []time.Duration
	kinds    map[string]float64 // all messages of the market during the script, a request
}

func (c *cost) perPlacement() float64 { return float64(c.messages) / float64(max(1, c.placed)) }

// all are the messages of all nodes, their upkeep included, a placement.
func (c *cost) all() (sum float64) {
	for _, n := range c.kinds {
		sum += n
	}
	return sum
}

// rtts is a quantile of the placement latency in round trips.
func (c *cost) rtts(q float64) float64 {
	slices.Sort(c.latency)
	return float64(c.latency[int(q*float64(len(c.latency)-1))]) / float64(2*oneWay)
}

func kindOf(m market.Message) string {
	if g, ok := m.(*market.GetOffers); ok && g.Relay {
		return "GetOffers(relay)"
	}
	return fmt.Sprintf("%T", m)[len("*market."):]
}

// TestPlacements compares what placements cost.
func TestPlacements(t *testing.T) {
	for _, n := range []int{20, 50, 100} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			real, model := realNodes(t, n), simulated(t, n)
			if real.placed != requests || model.placed != requests {
				t.Errorf("%d placed by real nodes, %d by simulated ones; want %d", real.placed, model.placed, requests)
			}
			compare(t, "messages a placement", real.perPlacement(), model.perPlacement())
			compare(t, "all messages a placement", real.all(), model.all())
			compare(t, "lookups a placement", float64(real.lookups)/requests, float64(model.lookups)/requests)
			compare(t, "latency p50 in RTTs", real.rtts(.5), model.rtts(.5))
			compare(t, "latency p95 in RTTs", real.rtts(.95), model.rtts(.95))
			for _, k := range slices.Sorted(maps.Keys(real.kinds)) {
				t.Logf("%-26s real %7.3f  model %7.3f  a request", k, real.kinds[k], model.kinds[k])
			}
		})
	}
}

func compare(t *testing.T, what string, real, model float64) {
	t.Helper()
	within(t, near, what, real, model)
}

func within(t *testing.T, near float64, what string, real, model float64) {
	t.Helper()
	t.Logf("%-26s real %7.3f  model %7.3f  ratio %.2f", what, real, model, model/real)
	if math.Abs(model-real) > near*max(real, least) {
		t.Errorf("%s: %.3f by real nodes, %.3f by simulated ones", what, real, model)
	}
}
