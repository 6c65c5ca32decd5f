package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	results "caravela/simulator/report"
	"caravela/simulator/scenario"
)

// sweepPoint is one combination of parameters, over all seeds.
type sweepPoint struct {
	Changes []string                    `json:"changes"`
	Hashes  []string                    `json:"trace_hashes"`
	Metrics map[string]results.Interval `json:"metrics"`
}

// sweepColumns are the metrics of the table; -o json has all.
func sweepColumns() []string {
	return []string{"placed_of_feasible", "placed_of_all", "messages_per_request.mean", "messages_per_request.p95", "placement_latency_rtts.p50", "busiest_node_to_mean"}
}

func newSimSweep(a *app) *cobra.Command {
	var f simFlags
	var seeds int
	var vary []string
	var out string
	cmd := &cobra.Command{
		Use:   "sweep FILE",
		Short: "Run a scenario with several seeds and parameters, and average",
		Long: `Runs a scenario with each combination of the parameters that --vary names, and
each of them with several seeds, on all cores: one run a core. Each metric is
printed as its mean and half the width of its 95 % interval (Student's t).
CPU time and memory are those of the whole process, and so left out.`,
		Example:           "  caravela sim sweep scenarios/small.toml --seeds 10\n  caravela sim sweep scenarios/small.toml --vary network.loss=0,0.01,0.05 --vary nodes=300,1000",
		Args:              needs(1, 1, "one scenario file"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, args []string) error {
			points, jobs, err := planSweep(args[0], f.changes(cmd), vary, seeds)
			if err != nil {
				return err
			}
			workers := min(len(jobs), runtime.GOMAXPROCS(0))
			if err := a.checkMemory(largest(jobs).Memory(), int(largest(jobs).Nodes), workers, false); err != nil {
				return err
			}
			if err := a.runSweep(cmd.Context(), jobs, workers); err != nil {
				return err
			}
			for i := range jobs {
				points[jobs[i].point].add(jobs[i].summary)
			}
			for i := range points {
				points[i].finish()
			}
			if err := writeSweep(out, points); err != nil {
				return err
			}
			return a.show(points, func(t *table) { sweepTable(t, points) })
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&seeds, "seeds", 5, "number of seeds, from the scenario's on")
	cmd.Flags().StringArrayVar(&vary, "vary", nil, "a key and its values, such as network.loss=0,0.01; may be repeated")
	cmd.Flags().StringVar(&out, "out", "", "write the result as JSON to this file, which must not exist")
	return cmd
}

type sweepJob struct {
	*scenario.Scenario
	point   int
	summary *results.Summary
}

// maxSweep bounds the runs of a sweep.
const maxSweep = 10_000

// planSweep loads a scenario for each combination and seed, so that all
// mistakes show before the first run.
func planSweep(file string, set, vary []string, seeds int) (points []sweepPoint, jobs []sweepJob, err error) {
	combinations := [][]string{{}}
	for _, v := range vary {
		key, values, ok := strings.Cut(v, "=")
		if !ok || values == "" {
			return nil, nil, advise(fmt.Errorf("--vary %s is not KEY=VALUE[,VALUE]", v), "--vary network.loss=0,0.01,0.05")
		}
		var next [][]string
		for _, c := range combinations {
			for _, value := range strings.Split(values, ",") {
				next = append(next, append(append([]string{}, c...), key+"="+value))
			}
		}
		combinations = next
	}
	if seeds < 1 || len(combinations)*seeds > maxSweep {
		return nil, nil, fmt.Errorf("%d runs are not between 1 and %d", len(combinations)*seeds, maxSweep)
	}
	for i, c := range combinations {
		points = append(points, sweepPoint{Changes: c, Metrics: map[string]results.Interval{}})
		base, err := scenario.Load(file, append(append([]string{}, set...), c...))
		if err != nil {
			return nil, nil, err
		}
		for k := range seeds {
			s := *base
			s.Config.Seed += uint64(k)
			s.Config.Workers, s.Baseline = 1, base.Baseline
			jobs = append(jobs, sweepJob{Scenario: &s, point: i})
		}
	}
	return points, jobs, nil
}

func largest(jobs []sweepJob) *scenario.Scenario {
	best := jobs[0].Scenario
	for _, j := range jobs {
		if j.Nodes > best.Nodes {
			best = j.Scenario
		}
	}
	return best
}

// runSweep runs the jobs, so many at once.
func (a *app) runSweep(ctx context.Context, jobs []sweepJob, workers int) error {
	live := a.terminal.isTerminal(a.err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, done := 0, 0
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(jobs) {
					return
				}
				jobs[i].summary = jobs[i].Run(ctx, clientVersion().Version, nil).Summary
				mu.Lock()
				done++
				if live {
					_, _ = fmt.Fprintf(a.err, "\r\x1b[K%d of %d runs", done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if live {
		_, _ = fmt.Fprint(a.err, "\r\x1b[K")
	}
	return ctx.Err()
}

// ofProcess are metrics of the whole process, not of one of several runs.
func ofProcess(metric string) bool {
	for _, p := range []string{"wall_", "cpu_", "peak_", "heap_", "events_per", "node_seconds", "workers"} {
		if strings.HasPrefix(metric, p) {
			return true
		}
	}
	return false
}

func (p *sweepPoint) add(s *results.Summary) {
	p.Hashes = append(p.Hashes, s.TraceHash)
	for _, name := range results.Metrics() {
		if v, ok := s.Metric(name); ok && !ofProcess(name) {
			i := p.Metrics[name]
			i.Runs = append(i.Runs, v)
			p.Metrics[name] = i
		}
	}
}

func (p *sweepPoint) finish() {
	for name, i := range p.Metrics {
		p.Metrics[name] = results.IntervalOf(i.Runs)
	}
}

func writeSweep(path string, points []sweepPoint) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(filepath.Clean(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640) //nolint:gosec // results are for colleagues, too
	if err != nil {
		return advise(fmt.Errorf("write the sweep: %w", err), "--out a file that does not exist")
	}
	e := json.NewEncoder(f)
	e.SetIndent("", "  ")
	if err := e.Encode(points); err != nil {
		_ = f.Close()
		return fmt.Errorf("write the sweep: %w", err)
	}
	return f.Close()
}

func sweepTable(t *table, points []sweepPoint) {
	heads := []string{"PARAMETERS", "RUNS"}
	for _, c := range sweepColumns() {
		heads = append(heads, strings.ToUpper(strings.ReplaceAll(c, "_", " ")))
	}
	t.columns(heads...)
	for _, p := range points {
		name := strings.Join(p.Changes, " ")
		if name == "" {
			name = "as written"
		}
		cells := []string{name, fmt.Sprint(len(p.Hashes))}
		for _, c := range sweepColumns() {
			cells = append(cells, interval(p.Metrics[c]))
		}
		t.row(cells...)
	}
}
