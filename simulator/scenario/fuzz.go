package scenario

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"caravela/market"
)

// fuzzBase is the scenario that Random changes: small, so that a thousand of
// them take minutes.
const fuzzBase = `name = "fuzz"
nodes = 60
duration = "25m"
warmup = "2m"
workload = "r"
baseline = false
sample = "5m"
[load]
arrivals = "poisson"
rate = 8
lifetime = { law = "exponential", mean = "6m" }
[life]
[network]
`

// Random draws the changes that make a random scenario.
func Random(seed uint64) []string {
	r := market.Rand(seed*0x9e3779b97f4a7c15 + 1)
	r.Uint64()
	pick := func(options ...string) string { return options[r.IntN(len(options))] }
	changes := []string{
		fmt.Sprintf("seed=%d", seed),
		fmt.Sprintf("nodes=%d", 8+r.IntN(150)),
		fmt.Sprintf("load.rate=%d", 1+r.IntN(30)),
	}
	maybe := func(share int, change string) {
		if r.IntN(100) < share {
			changes = append(changes, change)
		}
	}
	maybe(30, "duration="+quoted(pick("15m", "45m", "90m")))
	maybe(40, "network.loss="+pick("0.001", "0.01", "0.05", "0.2"))
	maybe(20, "network.nat="+pick("0.1", "0.5"))
	maybe(10, `network.bandwidth="100k"`)
	maybe(20, "overlay.model="+quoted("oracle"))
	maybe(20, "overlay.bucket="+pick("3", "8"))
	maybe(15, "network.dialled=true")
	maybe(25, fmt.Sprintf(`partition=[{from="%dm", until="%dm", regions=["us"]}]`, 4+r.IntN(4), 9+r.IntN(4)))
	maybe(15, fmt.Sprintf(`partition=[{from="5m", until="7m", every="4m", share=0.%d}]`, 1+r.IntN(8)))
	maybe(20, fmt.Sprintf(`outage=[{from="%dm", until="%dm", regions=["eu"]}]`, 4+r.IntN(4), 9+r.IntN(4)))
	if r.IntN(100) < 60 {
		changes = append(changes,
			fmt.Sprintf(`life.session={law=%q, median="%dm", shape=%s}`, "weibull", 2+r.IntN(20), pick("0.5", "1.0", "2.0")),
			fmt.Sprintf(`life.absence={law="exponential", mean="%ds"}`, 10+r.IntN(400)),
			"life.crash="+pick("0.1", "0.5", "1"))
		maybe(30, "life.lose_disk="+pick("0.1", "0.5"))
		maybe(50, "life.keep="+pick("0.2", "0.5"))
	}
	for _, fault := range []string{"slow", "silent", "boasters", "refusers", "stale", "engine_fail"} {
		maybe(15, "faults."+fault+"="+pick("0.02", "0.1", "0.15"))
	}
	maybe(20, `load.lifetime={law="always", value="30s"}`)
	maybe(15, `profile=[{class=1, cpus=0.5, memory="100m", share=60, replicas=3, place="apart"}, {class=1, cpus=0.5, memory="100m", share=40, replicas=2, place="together", prefer="spread"}]`)
	maybe(10, "market.split_at="+pick("4", "16"))
	maybe(10, "workload="+quoted(pick("s", "t")))
	return changes
}

func quoted(s string) string { return fmt.Sprintf("%q", s) }

// blind is the share of the feasible that must be placed where nothing goes
// wrong, so that a search which finds nothing does not pass.
const blind = 0.9

// Try runs the scenario of some changes with all invariants on, and returns
// what was violated; a panic is a violation, too.
func Try(ctx context.Context, changes []string) (violations []string, err error) {
	s, err := Parse("fuzz.toml", fuzzBase, changes)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			violations = []string{fmt.Sprintf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	s.Config.Workers, s.Config.Check = 1, 1_000_000
	r := s.Run(ctx, "", nil)
	if r.Measures.Partial {
		return nil, ctx.Err()
	}
	violations = r.Measures.Violations
	if n := r.Summary.UntrueRefusals; n > 0 {
		violations = append(violations, fmt.Sprintf("%d requests were given up without a reason", n))
	}
	if share := r.Summary.PlacedOfFeasible; share < blind && r.Summary.Requests.Total > 50 && peaceful(changes) {
		violations = append(violations, fmt.Sprintf("nothing went wrong, and only %.3f of the feasible were placed", share))
	}
	return violations, nil
}

// peaceful reports whether nothing is made to go wrong.
func peaceful(changes []string) bool {
	return !slices.ContainsFunc(changes, func(c string) bool {
		for _, trouble := range []string{"network.", "partition", "outage", "life.", "faults.", "profile", "market."} {
			if strings.HasPrefix(c, trouble) {
				return true
			}
		}
		return false
	})
}

// Shrink takes away what a failure does not need: changes one by one, then
// nodes. What it returns still fails.
func Shrink(ctx context.Context, changes []string, fails func([]string) bool) []string {
	for again := true; again && ctx.Err() == nil; {
		again = false
		for i := 0; i < len(changes) && ctx.Err() == nil; i++ {
			if strings.HasPrefix(changes[i], "seed=") || strings.HasPrefix(changes[i], "nodes=") {
				continue
			}
			if less := slices.Delete(slices.Clone(changes), i, i+1); fails(less) {
				changes, again = less, true
				i--
			}
		}
		if less, ok := fewer(changes); ok && fails(less) {
			changes, again = less, true
		}
	}
	return changes
}

// fewer halves the nodes.
func fewer(changes []string) ([]string, bool) {
	nodes, at := 60, -1
	for i, c := range changes {
		if n, err := fmt.Sscanf(c, "nodes=%d", &nodes); n == 1 && err == nil {
			at = i
		}
	}
	if nodes < 6 {
		return nil, false
	}
	out, change := slices.Clone(changes), fmt.Sprintf("nodes=%d", nodes/2)
	if at < 0 {
		return append(out, change), true
	}
	out[at] = change
	return out, true
}

// FuzzText is the scenario of some changes as a file for `sim run`.
func FuzzText(changes []string) string {
	var top, rest []string
	for _, c := range changes {
		key, value, _ := strings.Cut(c, "=")
		rest = append(rest, key+" = "+value)
	}
	for _, line := range strings.Split(fuzzBase, "\n") {
		key, _, _ := strings.Cut(line, " =")
		if strings.HasPrefix(line, "[load]") {
			break
		}
		if !slices.ContainsFunc(rest, func(c string) bool { return strings.HasPrefix(c, key+" = ") }) && line != "" {
			top = append(top, line)
		}
	}
	for _, line := range []string{`load.arrivals = "poisson"`, "load.rate = 8", `load.lifetime = { law = "exponential", mean = "6m" }`} {
		key, _, _ := strings.Cut(line, " =")
		if !slices.ContainsFunc(rest, func(c string) bool { return strings.HasPrefix(c, key+" = ") }) {
			top = append(top, line)
		}
	}
	return strings.Join(append(top, rest...), "\n") + "\n"
}
