package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newEvents(a *app) *cobra.Command {
	var follow bool
	var since, kind string
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened at this node",
		Long: `Shows events of the last hour, or since --since, and with -f what happens from
now on until Ctrl-C. Notices tell of leases that will end: not renewed, taken
back, not acknowledged, out of credit, at the most that they may cost. -o json
prints one object a line.`,
		Example:           "  caravela events -f\n  caravela events -f --type notice\n  caravela events --since 24h --type lease -o json",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := a.pastTime("--since", since)
			if err != nil {
				return err
			}
			if from.IsZero() && !follow {
				from = a.now().Add(-time.Hour)
			}
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				return node.Events(ctx, api.EventOptions{Since: from, Follow: follow, Type: kind}, func(e api.Event) error {
					return a.line(e, func(w io.Writer) { eventLine(w, e) })
				})
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "go on with what happens from now on")
	f.StringVar(&since, "since", "", "begin there: 10m, or 2006-01-02T15:04:05Z (default 1h, with -f now)")
	f.StringVar(&kind, "type", "", "only "+strings.Join(eventTypes(), ", "))
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(eventTypes(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// eventTypes are what an event may be about.
func eventTypes() []string {
	return []string{"container", "lease", "notice", "bill", "ledger", "offer", "peer", "node", "engine", "webhook"}
}

func eventLine(w io.Writer, e api.Event) {
	parts := []string{e.At.Local().Format("2006-01-02T15:04:05.000"), e.Type}
	if e.Action != e.Type {
		parts = append(parts, e.Action)
	}
	for _, part := range []string{e.Name, shortID(e.Container), shortID(e.Node)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.ExitCode != nil {
		parts = append(parts, fmt.Sprintf("exit=%d", *e.ExitCode))
	}
	if e.Reason != "" && e.Reason != "none" {
		parts = append(parts, "("+e.Reason+")")
	}
	if e.Detail != "" {
		parts = append(parts, "-", e.Detail)
	}
	_, _ = fmt.Fprintln(w, printable(strings.Join(parts, " ")))
}
