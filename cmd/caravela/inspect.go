package main

import (
	"context"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newInspect(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect CONTAINER...",
		Short: "Show all that is known of containers, as JSON",
		Example: `  caravela inspect web
  caravela inspect -o yaml web
  caravela inspect --format '{{.NodeName}} {{.State}}' web db`,
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(true, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				found := []api.ContainerDetail{}
				err := a.eachOf(ctx, args, func(ref string) error {
					c, err := node.Container(ctx, api.ContainerRef(ref))
					if err == nil {
						found = append(found, c)
					}
					return err
				})
				if len(found) == 0 && err != nil {
					return err
				}
				return firstError(a.showDetail(found, func(t *table) {
					list := make([]api.Container, len(found))
					for i, c := range found {
						list[i] = c.Container
					}
					a.containerTable(t, list, false)
				}), err)
			})
		},
	}
}

// showDetail is show for commands whose plain form is JSON.
func (a *app) showDetail(v any, rows func(*table)) error {
	if a.flags.output == "" && a.flags.format == "" {
		return writeJSON(a.out, v)
	}
	return a.show(v, rows)
}
