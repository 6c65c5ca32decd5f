package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newLeave(a *app) *cobra.Command {
	var req api.LeaveRequest
	var deadline string
	var yes bool
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Say goodbye to the network and stop this node",
		Long: `Takes the node's offer off the market, hands the offers that it held for others
to the next traders, and stops the node. Containers that this node bought run
on until their leases end.

Containers that others run here are in the way: --drain waits for them, --force
ends their leases.`,
		Example:           "  caravela leave\n  caravela leave --drain --deadline 1h\n  caravela leave --force -y",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if req.DeadlineMS, err = millis("--deadline", deadline); err != nil {
				return err
			}
			if req.DeadlineMS > 0 && !req.Drain {
				return advise(fmt.Errorf("--deadline says how long --drain waits"), "caravela leave --drain --deadline %s", deadline)
			}
			if req.Force {
				if err := a.yes(yes, "End the leases of all containers that others run here"); err != nil {
					return err
				}
			}
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				err := node.Leave(ctx, req, func(e api.LeaveEvent) error { return a.leaveLine(e) })
				return advised(err, api.CodeConflict, "caravela leave --drain, or --force to end the leases of others")
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&req.Drain, "drain", false, "wait until the containers that others run here have ended")
	f.StringVar(&deadline, "deadline", "", "longest wait of --drain, such as 1h")
	f.BoolVar(&req.Force, "force", false, "end the leases of containers that others run here")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask (CARAVELA_YES)")
	return cmd
}

func (a *app) leaveLine(e api.LeaveEvent) error {
	if a.machine() {
		return a.line(e, nil)
	}
	text := map[api.LeaveEventType]string{
		api.LeaveDraining:  fmt.Sprintf("waiting for %s (Ctrl-C is safe: the node then goes on)", plural(e.Remaining, "container")),
		api.LeaveContainer: fmt.Sprintf("%s ended, %d left", shortID(e.Container), e.Remaining),
		api.LeaveOffer:     "offer taken off the market",
		api.LeaveHandover:  "offers of others handed over",
		api.LeaveLeft:      "left the network",
	}[e.Type]
	_, err := io.WriteString(a.err, detailed(text, e.Detail)+"\n")
	return err
}
