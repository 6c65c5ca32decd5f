package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"caravela/simulator/scenario"
)

// fuzzed is what `sim fuzz` found.
type fuzzed struct {
	Runs       int      `json:"runs"`
	Seed       *uint64  `json:"failing_seed"` // null: nothing failed
	Violations []string `json:"violations"`
	Changes    []string `json:"changes"`
	Scenario   string   `json:"scenario"` // the smallest that still fails
}

func newSimFuzz(a *app) *cobra.Command {
	var runs int
	var seed uint64
	cmd := &cobra.Command{
		Use:   "fuzz",
		Short: "Run random scenarios with all invariants on",
		Long: `Runs random small markets in which nodes come, go, crash between any two effects
of a step, lie and are cut off, and checks after each virtual minute that nothing
is sold twice, no lease is lost and no offer outlives its supplier. The first
failure is made as small as possible and printed as a scenario file; the exit
code is then 1.`,
		Example:           "  caravela sim fuzz --runs 1000\n  caravela sim fuzz --seed 4711 --runs 1",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runs < 1 {
				return fmt.Errorf("--runs %d: at least one", runs)
			}
			found, err := a.fuzz(cmd.Context(), seed, runs)
			if err != nil {
				return err
			}
			if err := a.show(found, func(t *table) { fuzzTable(t, found) }); err != nil {
				return err
			}
			if found.Seed != nil {
				return exitWith(codeError, advise(fmt.Errorf("seed %d violates an invariant", *found.Seed), "caravela sim fuzz --seed %d --runs 1", *found.Seed))
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&runs, "runs", 200, "number of scenarios")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "seed of the first one; the next ones follow")
	return cmd
}

// fuzz tries the seeds on all cores, and shrinks the lowest that fails.
func (a *app) fuzz(ctx context.Context, first uint64, runs int) (*fuzzed, error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	f := &fuzzed{Violations: []string{}, Changes: []string{}}
	next := 0
	live := a.terminal.isTerminal(a.err)
	for range min(runs, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				stop := i >= runs || f.Seed != nil || failed != nil
				next++
				mu.Unlock()
				if stop {
					return
				}
				seed := first + uint64(i)
				violations, err := scenario.Try(ctx, scenario.Random(seed))
				mu.Lock()
				f.Runs++
				switch {
				case err != nil && ctx.Err() == nil:
					failed = fmt.Errorf("seed %d: %w", seed, err)
				case len(violations) > 0 && (f.Seed == nil || seed < *f.Seed):
					f.Seed, f.Violations = &seed, violations
				}
				if live {
					_, _ = fmt.Fprintf(a.err, "\r\x1b[K%d of %d scenarios", f.Runs, runs)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if live {
		_, _ = fmt.Fprint(a.err, "\r\x1b[K")
	}
	if err := errors.Join(failed, ctx.Err()); err != nil {
		return nil, err
	}
	if f.Seed != nil {
		a.sayf("seed %d fails; making it small", *f.Seed)
		f.Changes = scenario.Shrink(ctx, scenario.Random(*f.Seed), func(changes []string) bool {
			v, err := scenario.Try(ctx, changes)
			if err == nil && len(v) > 0 {
				f.Violations = v
			}
			return err == nil && len(v) > 0
		})
		f.Scenario = scenario.FuzzText(f.Changes)
	}
	return f, nil
}

func fuzzTable(t *table, f *fuzzed) {
	t.pair("scenarios", fmt.Sprint(f.Runs))
	if f.Seed == nil {
		t.pair("violations", "none")
		return
	}
	t.pair("failing seed", fmt.Sprint(*f.Seed))
	for _, v := range f.Violations {
		head, _, _ := strings.Cut(v, "\n")
		t.pair("violation", head)
	}
	t.footer = "\nThe smallest scenario that still fails:\n\n" + f.Scenario
}
