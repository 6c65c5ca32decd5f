package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newToken(a *app) *cobra.Command {
	return group("token", "Make and take back tokens that let nodes join", "  caravela token create --expires 7d\n  caravela token ls",
		newTokenCreate(a), newTokenLs(a), newTokenRm(a))
}

func newTokenCreate(a *app) *cobra.Command {
	var req api.TokenRequest
	var expires string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a join token; it is shown once",
		Long: `Makes a token for "caravela join". It names this node and its addresses, and
proves to the newcomer that it joins the right network. It is printed once.
From then on this node deals with machines at public addresses, and lets those
join that hold a token.`,
		Example:           "  caravela token create --name laptop --expires 1h --uses 1\n  ssh other caravela join -d $(caravela token create)",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if req.ExpiresInMS, err = millis("--expires", expires); err != nil {
				return err
			}
			if req.MaxUses < 0 {
				return fmt.Errorf("--uses: %d is not a number from 0 on", req.MaxUses)
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				token, err := node.CreateToken(ctx, req)
				if err != nil {
					return err
				}
				return a.show(token, func(t *table) { t.row(token.Text) })
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&req.Name, "name", "", "what it is for")
	f.StringVar(&expires, "expires", "24h", "when it ends, such as 1h or 7d; 0s = never")
	f.IntVar(&req.MaxUses, "uses", 0, "how many nodes may join with it; 0 = any number")
	return cmd
}

func newTokenLs(a *app) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:               "ls",
		Short:             "List tokens, without their secrets",
		Example:           "  caravela token ls",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := node.Tokens(ctx)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(t api.Token) string { return t.ID })
				}
				return a.show(list, func(t *table) { a.tokenTable(t, list) })
			})
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	return cmd
}

func (a *app) tokenTable(t *table, list []api.Token) {
	t.columns("TOKEN", "NAME", "CREATED", "EXPIRES", "USES")
	for _, k := range list {
		expires, uses := a.until(k.ExpiresAt), fmt.Sprint(k.Uses)
		if expires == "" {
			expires = "never"
		}
		if k.MaxUses > 0 {
			uses = fmt.Sprintf("%d of %d", k.Uses, k.MaxUses)
		}
		t.row(k.ID, k.Name, a.ago(k.CreatedAt), expires, uses)
	}
}

func newTokenRm(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "rm TOKEN...",
		Short:             "Take tokens back; nodes that have joined stay",
		Example:           "  caravela token rm 3f9a1c",
		Args:              needs(1, -1, "the ID of a token"),
		ValidArgsFunction: a.completeTokens(0),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd, args, "removed", quick, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
				return advised(node.RemoveToken(ctx, string(ref)), api.CodeNotFound, "caravela token ls")
			})
		},
	}
}
