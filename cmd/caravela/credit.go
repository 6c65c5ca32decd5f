package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newLedgerCredit(a *app) *cobra.Command {
	var limit, unit string
	var standard bool
	cmd := &cobra.Command{
		Use:   "credit PEER [--limit AMOUNT | --default]",
		Short: "Show or set how much a peer may owe this node",
		Long: `A peer that owes its limit buys nothing more here, and what it runs is ended
before it would owe more, after a notice. Peers without a limit of their own may
owe what their leases cost in the time that the setting credit.unknown says;
trusted peers owe without a limit. A limit of 0 sells only what is free.`,
		Example: `  caravela ledger credit cedar
  caravela ledger credit cedar --limit 10 --unit credit
  caravela ledger credit cedar --default`,
		Args:              needs(1, 1, "a peer"),
		ValidArgsFunction: a.completePeers(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			set := cmd.Flags().Changed("limit")
			if set && standard || !set && unit != "" {
				return advise(errors.New("--limit goes with --unit, and excludes --default"), "%s --help", cmd.CommandPath())
			}
			req := api.CreditRequest{Default: standard}
			if set {
				var err error
				if req.LimitMicro, req.Unit, err = parseMoney("--limit", limit, unit); err != nil {
					return err
				}
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				if !set && !standard {
					x, err := account(ctx, node, args[0])
					return a.showAccount(x, err)
				}
				x, err := node.SetCredit(ctx, api.NodeRef(args[0]), req)
				return a.showAccount(x, noPeer(err))
			})
		},
	}
	cmd.DisableFlagsInUseLine = true
	f := cmd.Flags()
	f.StringVar(&limit, "limit", "", "most that it may owe, such as 10")
	f.StringVar(&unit, "unit", "", "unit of the limit, such as credit or EUR")
	f.BoolVar(&standard, "default", false, "take a limit of its own away")
	return cmd
}

// showAccount prints what is known of one peer.
func (a *app) showAccount(x api.Account, err error) error {
	if err != nil {
		return err
	}
	return a.show(x, func(t *table) { peerTable(t, []api.Account{x}) })
}
