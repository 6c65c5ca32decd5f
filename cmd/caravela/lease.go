package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newLease(a *app) *cobra.Command {
	return group("lease", "Look at leases, bought and sold, and change them",
		"  caravela lease ls\n  caravela lease renew web\n  caravela lease export web",
		newLeaseLs(a), newLeaseInspect(a), newLeaseRenew(a), newLeaseCancel(a), newLeaseReclaim(a), newLeaseExport(a), newLeaseVerify(a))
}

func newLeaseLs(a *app) *cobra.Command {
	var all, quiet, noTrunc, sold, bought bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List leases, what is left of them and what is due",
		Long: `Lists the leases that this node bought and those that it sold. DUE is what
the buyer has acknowledged: no more is ever billed. -o wide also shows what the
supplier has noted beyond that.`,
		Example: `  caravela lease ls
  caravela lease ls --sold -o wide
  caravela lease ls -a                # also those that are over`,
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts := api.LeaseOptions{All: all}
			switch {
			case sold && bought:
			case sold:
				opts.Role = api.RoleSold
			case bought:
				opts.Role = api.RoleBought
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := node.Leases(ctx, opts)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(l api.Lease) string { return cut(l.ID, noTrunc) })
				}
				return a.show(list, func(t *table) { a.leaseTable(t, list, noTrunc) })
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "also those that are over")
	f.BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	f.BoolVar(&noTrunc, "no-trunc", false, "print IDs in full")
	f.BoolVar(&sold, "sold", false, "only those that this node sold")
	f.BoolVar(&bought, "bought", false, "only those that this node bought")
	return cmd
}

func newLeaseInspect(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "inspect LEASE...",
		Short: "Show all that is known of leases, as JSON",
		Long: `Shows leases with their terms, what was metered, notices and receipts. A lease
is named by its ID, the beginning of it, or its container.`,
		Example: `  caravela lease inspect web
  caravela lease inspect --format '{{.LeftMS}} {{.AmountMicro}}' web`,
		Args:              needs(1, -1, "a lease, or the name of its container"),
		ValidArgsFunction: a.completeLeases(0, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				found := []api.LeaseDetail{}
				err := a.eachOf(ctx, args, func(ref string) error {
					l, err := node.Lease(ctx, api.LeaseRef(ref))
					if err == nil {
						found = append(found, l)
					}
					return noLease(err)
				})
				if len(found) == 0 && err != nil {
					return err
				}
				return firstError(a.showDetail(found, func(t *table) {
					list := make([]api.Lease, len(found))
					for i, l := range found {
						list[i] = l.Lease
					}
					a.leaseTable(t, list, false)
				}), err)
			})
		},
	}
}

// noLease adds what to try where a lease was not found.
func noLease(err error) error { return advised(err, api.CodeNotFound, "caravela lease ls -a") }

func (a *app) leaseTable(t *table, list []api.Lease, full bool) {
	t.columns("LEASE", "CONTAINER", "SIDE", "PEER", "STATE", "LEFT", "DUE",
		"+RATE", "+UNACKED", "+AT MOST", "+RUN", "+RESOURCES", "+IMAGE", "+RECEIPT", "+ENDS", "+CONTAINER ID")
	for i := range list {
		l := &list[i]
		t.row(cut(l.ID, full), l.Name, string(l.Role), nodeLabel(l.PeerName, l.Peer), a.leaseState(l), leaseLeft(l), dueFor(l.AmountMicro, l.Cost),
			rate(l.Cost), unacked(l), due(l.MaxMicro, l.Cost.Unit), ran(l.Bill), amount(l.Resources), l.Image, string(l.Receipt), a.clock(l.EndsAt),
			cut(l.ContainerID, full))
	}
}

// leaseState is the container's state, and what may end the lease soon.
func (a *app) leaseState(l *api.Lease) string {
	text := l.State
	if l.Reason != "" && l.Reason != "none" {
		text += " (" + l.Reason + ")"
	}
	if n := l.Notice; n != nil && n.Kind != "withdrawn" && l.LeftMS > 0 {
		text += ", " + n.Kind + " " + a.until(n.DeadlineAt)
	}
	return text
}

func leaseLeft(l *api.Lease) string {
	if l.LeftMS == 0 {
		return "over"
	}
	return left(l.LeftMS, l.Renews)
}

// unacked is what the supplier has noted and the buyer not acknowledged yet.
func unacked(l *api.Lease) string {
	if l.UnackedNotes == 0 && l.UnackedMicro == 0 {
		return ""
	}
	return fmt.Sprintf("%s in %s", money(l.UnackedMicro, l.Cost.Unit), plural(int(l.UnackedNotes), "note"))
}

// ran is the time that is billed.
func ran(b api.Bill) string {
	if b.NoteSeq == 0 {
		return ""
	}
	text := briefSeconds(b.RunningS)
	if b.ParkedS > 0 {
		text += " and " + briefSeconds(b.ParkedS) + " stopped"
	}
	return text
}
