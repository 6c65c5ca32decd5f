package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newStats(a *app) *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "stats [FLAGS] [CONTAINER...]",
		Short: "Show what containers use, live",
		Long: `Shows CPU, memory, network and disk use of the named containers, or of all that
run. On a terminal the table is redrawn every second until Ctrl-C; elsewhere,
and with --no-stream, one sample is printed. -o json streams one object a line.`,
		Example:           "  caravela stats\n  caravela stats --no-stream web",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeContainers(false, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				refs, err := runningOr(ctx, node, args)
				if err != nil {
					return err
				}
				if once || !a.machine() && !a.terminal.isTerminal(a.out) {
					return a.statsOnce(ctx, node, refs)
				}
				return a.statsLive(ctx, node, refs)
			})
		},
	}
	cmd.Flags().BoolVar(&once, "no-stream", false, "print one sample and return")
	return cmd
}

func runningOr(ctx context.Context, node api.Backend, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	list, err := node.Containers(ctx, api.ListOptions{})
	refs := make([]string, len(list))
	for i, c := range list {
		refs[i] = c.ID
	}
	return refs, err
}

func (a *app) statsOnce(ctx context.Context, node api.Backend, refs []string) error {
	samples := []api.Stats{}
	err := a.eachOf(ctx, refs, func(ref string) error {
		return node.Stats(ctx, api.ContainerRef(ref), api.StatsOptions{}, func(s api.Stats) error {
			samples = append(samples, s)
			return nil
		})
	})
	return firstError(a.show(samples, func(t *table) { statsTable(t, samples) }), err)
}

// statsLive follows all containers at once and redraws the table, or prints
// each sample for a program.
func (a *app) statsLive(ctx context.Context, node api.Backend, refs []string) error {
	var mu sync.Mutex
	samples := make([]api.Stats, len(refs))
	errs := make([]error, len(refs))
	var wg sync.WaitGroup
	for i, ref := range refs {
		wg.Go(func() {
			errs[i] = node.Stats(ctx, api.ContainerRef(ref), api.StatsOptions{Follow: true}, func(s api.Stats) error {
				mu.Lock()
				defer mu.Unlock()
				samples[i] = s
				if a.machine() {
					return a.line(s, nil)
				}
				return a.redraw(samples)
			})
		})
	}
	wg.Wait()
	next := 0
	return a.eachOf(ctx, refs, func(string) error { next++; return errs[next-1] })
}

func (a *app) redraw(samples []api.Stats) error {
	if _, err := fmt.Fprint(a.out, "\x1b[H\x1b[2J"); err != nil {
		return err
	}
	t := &table{wide: a.flags.output == "wide"}
	statsTable(t, samples)
	return t.write(a.out)
}

func statsTable(t *table, samples []api.Stats) {
	t.columns("CONTAINER ID", "NAME", "CPU", "OF", "MEMORY", "OF", "NET IN", "NET OUT", "+DISK READ", "+DISK WRITTEN", "PIDS")
	for _, s := range samples {
		if s.Container == "" {
			continue // has not answered yet
		}
		t.row(shortID(s.Container), s.Name, cpus(s.MilliCPU), cpus(s.MilliCPULimit), size(s.MemoryBytes), size(s.MemoryLimitBytes),
			size(s.NetReceivedBytes), size(s.NetSentBytes), size(s.DiskReadBytes), size(s.DiskWrittenBytes), fmt.Sprint(s.Pids))
	}
}
