package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

// completionTime bounds the question to the node while a shell waits.
const completionTime = 2 * time.Second

type completer = func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeContainers offers the names of containers, all of them or those
// that run, for the first max arguments (0 = any number).
func (a *app) completeContainers(all bool, most int) completer {
	return a.complete(most, func(ctx context.Context, node api.Backend) ([]string, error) {
		list, err := node.Containers(ctx, api.ListOptions{All: all})
		names := make([]string, len(list))
		for i, c := range list {
			names[i] = cobra.CompletionWithDesc(c.Name, c.Image+" on "+nodeLabel(c.NodeName, c.Node))
		}
		return names, err
	})
}

func (a *app) completeNodes(most int) completer {
	return a.complete(most, func(ctx context.Context, node api.Backend) ([]string, error) {
		list, err := node.Nodes(ctx)
		names := make([]string, len(list))
		for i, n := range list {
			names[i] = nodeLabel(n.Name, n.ID)
		}
		return names, err
	})
}

// completeLeases offers leases by the names of their containers, of one side
// or both.
func (a *app) completeLeases(most int, role api.Role) completer {
	return a.complete(most, func(ctx context.Context, node api.Backend) ([]string, error) {
		list, err := node.Leases(ctx, api.LeaseOptions{Role: role})
		var names []string
		for _, l := range list {
			what := string(l.Role) + ", " + l.Image + " with " + nodeLabel(l.PeerName, l.Peer)
			if l.Name != "" {
				names = append(names, cobra.CompletionWithDesc(l.Name, what))
			}
			names = append(names, cobra.CompletionWithDesc(shortID(l.ID), what))
		}
		return names, err
	})
}

// completePeers offers counterparties, and then peers that were only seen.
func (a *app) completePeers(most int) completer {
	return a.complete(most, func(ctx context.Context, node api.Backend) ([]string, error) {
		known, err := node.Peers(ctx)
		if err != nil {
			return nil, err
		}
		var names []string
		seen := map[string]bool{}
		for _, x := range known {
			seen[x.Peer] = true
			names = append(names, nodeLabel(x.Name, x.Peer))
		}
		nodes, err := node.Nodes(ctx)
		for _, n := range nodes {
			if !seen[n.ID] && !n.Self {
				names = append(names, nodeLabel(n.Name, n.ID))
			}
		}
		return names, err
	})
}

// completeSettlements offers those that wait for this node's user.
func (a *app) completeSettlements() completer {
	return a.complete(0, func(ctx context.Context, node api.Backend) ([]string, error) {
		list, err := node.Settlements(ctx)
		var ids []string
		for _, s := range list {
			if s.State == api.SettlementAsked {
				ids = append(ids, cobra.CompletionWithDesc(shortID(s.ID), paid(s)))
			}
		}
		return ids, err
	})
}

func (a *app) completeTokens(most int) completer {
	return a.complete(most, func(ctx context.Context, node api.Backend) ([]string, error) {
		list, err := node.Tokens(ctx)
		names := make([]string, len(list))
		for i, t := range list {
			names[i] = cobra.CompletionWithDesc(t.ID, t.Name)
		}
		return names, err
	})
}

func (a *app) complete(most int, list func(context.Context, api.Backend) ([]string, error)) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		node, _, err := a.node()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		parent := cmd.Context()
		if parent == nil {
			parent = context.Background()
		}
		ctx, cancel := context.WithTimeout(parent, completionTime)
		defer cancel()
		names, err := list(ctx, node)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
