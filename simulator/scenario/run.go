package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"caravela/simulator"
	"caravela/simulator/report"
)

// Result is a run's outcome.
type Result struct {
	Summary  *report.Summary
	Measures *simulator.Measures
}

// Run runs the scenario, and once more without requests where it has a
// baseline and was not interrupted. watch may be nil; program is the version
// that the summary names.
func (s *Scenario) Run(ctx context.Context, program string, watch func(simulator.Progress)) Result {
	c := s.Config
	c.Watch = watch
	m := simulator.New(c).Run(ctx)
	var idle *simulator.Measures
	if s.Baseline && !m.Partial {
		c.Load.Arrivals, c.Sample = simulator.NoArrivals, 0
		if idle = simulator.New(c).Run(ctx); idle.Partial {
			idle = nil
		}
	}
	return Result{report.Summarise(s.about(program), m, idle), m}
}

func (s *Scenario) about(program string) report.About {
	return report.About{
		Scenario: s.Name, Digest: s.Digest, Strategy: s.Strategy, Overlay: s.Overlay.Model, Program: program, Seed: s.Config.Seed,
		Workers: s.Config.Partitions(), Changes: s.Set, Bounds: s.Bounds,
	}
}

// Memory estimates the peak of a run's resident memory, in bytes.
func (s *Scenario) Memory() uint64 {
	// 10 KiB a node in a full market, and what any run needs; measured.
	return 64<<20 + uint64(s.Config.Nodes)*10<<10
}

// Write writes a run's results into a prepared folder, with the scenario and
// the files that it names, so that the run can be repeated from there.
func (s *Scenario) Write(dir string, r Result) error {
	for _, f := range s.Files {
		if !filepath.IsLocal(f.Path) {
			continue // named by a path of this machine: only its digest is kept
		}
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fmt.Errorf("copy %s: %w", f.Path, err)
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o640); err != nil { //nolint:gosec // results are for colleagues, too
			return fmt.Errorf("copy %s: %w", f.Path, err)
		}
	}
	return report.Write(dir, r.Summary, r.Measures, s.Text)
}
