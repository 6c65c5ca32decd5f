package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newNode(a *app) *cobra.Command {
	return group("node", "Look at the peers that this node has seen", "  caravela node ls\n  caravela node inspect cedar",
		newNodeLs(a), newNodeInspect(a))
}

func newNodeLs(a *app) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:               "ls",
		Short:             "List the peers seen, and when",
		Example:           "  caravela node ls\n  caravela node ls -o json",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := node.Nodes(ctx)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(n api.Node) string { return n.ID })
				}
				return a.show(list, func(t *table) { nodeTable(t, list) })
			})
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print peer IDs only")
	return cmd
}

func newNodeInspect(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "inspect NODE...",
		Short:             "Show all that is known of peers, as JSON",
		Example:           "  caravela node inspect cedar\n  caravela node inspect -o yaml 7hT2kQpa",
		Args:              needs(1, -1, "the name or ID of a node"),
		ValidArgsFunction: a.completeNodes(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				found := []api.NodeDetail{}
				err := a.eachOf(ctx, args, func(ref string) error {
					n, err := node.Node(ctx, api.NodeRef(ref))
					if err == nil {
						found = append(found, n)
					}
					return advised(err, api.CodeNotFound, "caravela node ls")
				})
				if len(found) == 0 && err != nil {
					return err
				}
				return firstError(a.showDetail(found, func(t *table) {
					list := make([]api.Node, len(found))
					for i, n := range found {
						list[i] = n.Node
					}
					nodeTable(t, list)
				}), err)
			})
		},
	}
}

func nodeTable(t *table, list []api.Node) {
	t.columns("NODE", "NAME", "SEEN", "LATENCY", "FREE", "PLATFORM", "LABELS", "+VERSION", "+ADDRESSES", "+ID")
	for _, n := range list {
		t.row(shortID(n.ID), n.Name, seen(n), latency(n.LatencyUS), free(n), n.Platform, labelList(n.Labels),
			n.Version, strings.Join(n.Addrs, " "), n.ID)
	}
}

func seen(n api.Node) string {
	switch {
	case n.Self:
		return "this node"
	case n.Connected && n.Relayed:
		return "now, relayed"
	case n.Connected:
		return "now"
	}
	return brief(time.Duration(n.AgeMS)*time.Millisecond) + " ago"
}

func free(n api.Node) string {
	if n.Free == nil {
		return ""
	}
	return amount(*n.Free)
}
