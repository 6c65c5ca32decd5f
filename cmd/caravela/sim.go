package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	results "caravela/simulator/report"
	"caravela/simulator/scenario"
	"caravela/simulator/strategies"
)

// codeBound is the exit code of a run that missed an expectation.
const codeBound = 3

func newSim(a *app) *cobra.Command {
	return group("sim", "Simulate a market of up to millions of nodes, offline",
		"  caravela sim run scenarios/small.toml\n  caravela sim run scenarios/workload-s.toml --nodes 16383 --seed 7",
		newSimRun(a), newSimSweep(a), newSimCompare(a), newSimReport(a), newSimReplay(a), newSimFuzz(a))
}

// simFlags change a scenario from the command line.
type simFlags struct {
	nodes    int
	seed     uint64
	strategy string
	set      []string
}

func (f *simFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.nodes, "nodes", 0, "number of nodes, instead of the scenario's")
	cmd.Flags().Uint64Var(&f.seed, "seed", 0, "seed, instead of the scenario's")
	cmd.Flags().StringVar(&f.strategy, "strategy", "", "how containers are placed: "+strings.Join(strategies.Names(), ", "))
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "change one key of the scenario, such as network.loss=0.01; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("strategy", cobra.FixedCompletions(strategies.Names(), cobra.ShellCompDirectiveNoFileComp))
}

// changes lists the flags as changes of the scenario.
func (f *simFlags) changes(cmd *cobra.Command) []string {
	list := append([]string{}, f.set...)
	if cmd.Flags().Changed("nodes") {
		list = append(list, "nodes="+strconv.Itoa(f.nodes))
	}
	if cmd.Flags().Changed("seed") {
		list = append(list, "seed="+strconv.FormatUint(f.seed, 10))
	}
	if f.strategy != "" {
		list = append(list, "strategy="+f.strategy)
	}
	return list
}

func completeScenario(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"toml"}, cobra.ShellCompDirectiveFilterFileExt
}

func newSimRun(a *app) *cobra.Command {
	var f simFlags
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a scenario and write its results",
		Long: `Runs a scenario in virtual time, with the very protocol code of the real node,
and writes a folder of results: summary.json, series.csv and series.parquet,
report.html and each of its plots as SVG. The same scenario and seed give the
same result everywhere; the trace hash tells.

It is safe to press Ctrl-C: what was measured until then is written. The exit
code is 3 when an [expect] bound of the scenario was missed.`,
		Example:           "  caravela sim run scenarios/small.toml\n  caravela sim run scenarios/workload-s.toml --nodes 16383 --set network.loss=0.01 -o json",
		Args:              needs(1, 1, "one scenario file"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := scenario.Load(args[0], f.changes(cmd))
			if err != nil {
				return err
			}
			if err := a.checkMemory(s.Memory(), int(s.Nodes), 1, force); err != nil {
				return err
			}
			dir, err := prepareResults(out, s.Name)
			if err != nil {
				return err
			}
			bar := newSimBar(a, s)
			result := s.Run(cmd.Context(), clientVersion().Version, a.saveMemory(s.Nodes, bar.show))
			bar.finish()
			if err := s.Write(dir, result); err != nil {
				return err
			}
			if err := a.show(result.Summary, func(t *table) { summaryTable(t, result.Summary) }); err != nil {
				return err
			}
			a.sayf("results: %s  (open %s/%s)", dir, dir, results.ReportFile)
			return verdict(result.Summary)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder of the results, which must not exist; results/NAME otherwise, with a number")
	cmd.Flags().BoolVar(&force, "force", false, "start even if the memory will not suffice")
	return cmd
}

// verdict is the exit code of a run that was written.
func verdict(s *results.Summary) error {
	if s.Partial {
		return exitWith(codeInterrupted, fmt.Errorf("interrupted after %s of virtual time; the results are those until then", virtual(s.VirtualSeconds)))
	}
	if s.Met() {
		return nil
	}
	var missed []string
	for _, e := range s.Expectations {
		if e.Met {
			continue
		}
		value := "not measured"
		if e.Value != nil {
			value = strconv.FormatFloat(*e.Value, 'g', 6, 64)
		}
		missed = append(missed, fmt.Sprintf("%s is %s, expected %s", e.Metric, value, e.Bound))
	}
	return exitWith(codeBound, fmt.Errorf("%s", strings.Join(missed, "; ")))
}

func summaryTable(t *table, s *results.Summary) {
	num := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	maybe := func(v *float64) string {
		if v == nil {
			return "not measured"
		}
		return num(*v)
	}
	m, l := s.MessagesPerRequest, s.PlacementLatencyRTTs
	t.pair("scenario", fmt.Sprintf("%s · %s · %s overlay · seed %d", s.Scenario, s.Strategy, s.Overlay, s.Seed))
	t.pair("nodes", fmt.Sprintf("%d for %s", s.Nodes, virtual(s.VirtualSeconds)))
	t.pair("requests", fmt.Sprintf("%d: %d placed, %d missed, %d refused", s.Requests.Total, s.Requests.Placed, s.Requests.Missed, s.Requests.Refused))
	t.pair("placed of feasible", fmt.Sprintf("%.5f  (of all: %.4f)", s.PlacedOfFeasible, s.PlacedOfAll))
	t.pair("messages a request", fmt.Sprintf("mean %s, p50 %s, p95 %s, p99 %s, max %s", num(m.Mean), num(m.P50), num(m.P95), num(m.P99), num(m.Max)))
	t.pair("all messages a placement", maybe(s.AllMessagesPerPlacement.Mean))
	t.pair("lookups a request", maybe(s.LookupsPerRequest.Mean))
	t.pair("placement latency", fmt.Sprintf("p50 %s RTTs, p99 %s RTTs (of %s ms)", num(l.P50), num(l.P99), num(s.MeanRTTMS)))
	t.pair("messages a node and second", fmt.Sprintf("mean %s, busiest %s (%s times)", num(s.NodeMessagesPerSecond.Mean), num(s.NodeMessagesPerSecond.Max), num(s.BusiestNodeToMean)))
	t.pair("bytes a node and second", fmt.Sprintf("mean %s, without requests %s", num(s.NodeBytesPerSecond.Mean), maybe(s.NodeBytesPerSecond.IdleMean)))
	t.pair("invariants", fmt.Sprintf("%d double bookings, %d lost leases, %d untrue refusals; %d peers checked", s.DoubleBookings, s.LostLeases, s.UntrueRefusals, s.PeersChecked))
	t.pair("speed", fmt.Sprintf("%d events in %s s, %.3g node-seconds a CPU second", s.Events, num(s.WallSeconds), s.NodeSecondsPerCPUSecond))
	t.pair("memory", fmt.Sprintf("%s at most, %d bytes of heap a node", size(int64(s.PeakRSSBytes)), s.HeapBytesPerNode))
	t.pair("trace hash", s.TraceHash)
	for _, e := range s.Expectations {
		met := "met"
		if !e.Met {
			met = "MISSED"
		}
		t.pair("expected "+e.Metric, fmt.Sprintf("%s: %s, %s", e.Bound, maybe(e.Value), met))
	}
}
