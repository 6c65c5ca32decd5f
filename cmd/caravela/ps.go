package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newPs(a *app) *cobra.Command {
	var all, quiet, noTrunc, sold bool
	var filters []string
	cmd := &cobra.Command{
		Use:     "ps",
		Aliases: []string{"ls"},
		Short:   "List the containers that this node bought",
		Long: `Lists containers with what is left of their leases and what is due for them so
far, renewals included: COST is what the buyer has acknowledged. -o wide adds
the rate.`,
		Example: `  caravela ps -a
  caravela ps -f node=cedar -f state=running
  caravela ps --sold                 # those that run here for others
  caravela ps -q | xargs caravela stop`,
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := api.ListOptions{All: all}
			if sold {
				opts.Role = api.RoleSold
			}
			for _, f := range filters {
				key, value, ok := strings.Cut(f, "=")
				if !ok || key == "" {
					return advise(fmt.Errorf("-f %q is not KEY=VALUE", f), "-f name=web; keys are name, id, state, node, image and label.<key>")
				}
				opts.Filters = append(opts.Filters, api.Filter{Key: key, Value: value})
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := node.Containers(ctx, opts)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(c api.Container) string { return cut(c.ID, noTrunc) })
				}
				return a.show(list, func(t *table) { a.containerTable(t, list, noTrunc) })
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "also those that do not run")
	f.BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	f.BoolVar(&noTrunc, "no-trunc", false, "print IDs in full")
	f.BoolVar(&sold, "sold", false, "those that run here for others, instead")
	f.StringArrayVarP(&filters, "filter", "f", nil, "KEY=VALUE of name, id, state, node, image or label.<key> (repeatable)")
	return cmd
}

func (a *app) containerTable(t *table, list []api.Container, full bool) {
	t.columns("CONTAINER ID", "NAME", "IMAGE", "NODE", "STATE", "PORTS", "LEASE LEFT", "COST", "+RATE", "+RESOURCES", "+COMMAND", "+CREATED", "+RESTARTS", "+OWNER")
	for _, c := range list {
		t.row(cut(c.ID, full), c.Name, c.Image, nodeLabel(c.NodeName, c.Node), a.stateText(c), portList(c.Ports), leaseEnd(c),
			dueFor(c.AmountMicro, c.Cost), rate(c.Cost), amount(c.Resources), c.Command, a.ago(c.CreatedAt), fmt.Sprint(c.Restarts), shortID(c.Owner))
	}
}

func cut(id string, full bool) string {
	if full {
		return id
	}
	return shortID(id)
}

// stateText says in a few words where a container stands and since when.
func (a *app) stateText(c api.Container) string {
	text := c.State
	switch {
	case c.ExitCode != nil:
		text += fmt.Sprintf(" (%d)", *c.ExitCode)
	case c.Reason != "none" && c.Reason != "":
		text += " (" + c.Reason + ")"
	}
	since := c.StartedAt
	if c.FinishedAt.After(c.StartedAt) {
		since = c.FinishedAt
	}
	if !c.UnreachableSince.IsZero() {
		return fmt.Sprintf("%s? (%s unreachable %s)", text, nodeLabel(c.NodeName, c.Node), brief(a.now().Sub(c.UnreachableSince)))
	}
	if !since.IsZero() {
		text += " " + brief(a.now().Sub(since))
	}
	return text
}

func leaseEnd(c api.Container) string {
	switch {
	case c.State == "ended":
		return ""
	case c.LeftMS == 0:
		return "over"
	}
	return left(c.LeftMS, c.Renews)
}
