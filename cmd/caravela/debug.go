package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newDebug(a *app) *cobra.Command {
	return group("debug", "Gather what whoever looks for a fault wants to see", "  caravela debug bundle", newDebugBundle(a))
}

func newDebugBundle(a *app) *cobra.Command {
	var file fileFlag
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Write version, settings, status, events and statistics into one file",
		Long: `Asks the node for a gzipped tar archive to send to whoever looks for a fault:
version, settings, status, checks, events, metrics, statistics of the store and
what the node's goroutines do. Keys, tokens, passwords and the variables of
containers are not in it; names, addresses and peer IDs are. It prints the
file's name.`,
		Example:           "  caravela debug bundle\n  caravela debug bundle -o - | tar tz",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := file.check(); err != nil {
				return err
			}
			return a.ask(cmd, 2*quick, func(ctx context.Context, node api.Backend) error {
				name := "caravela-debug-" + a.now().UTC().Format("20060102-150405") + ".tar.gz"
				return a.save(file, name, func(w io.Writer) error { return node.DebugBundle(ctx, w) })
			})
		},
	}
	file.register(cmd, "caravela-debug-DATE.tar.gz")
	return cmd
}
