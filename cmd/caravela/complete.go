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
