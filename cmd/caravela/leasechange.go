package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newLeaseRenew(a *app) *cobra.Command {
	var term string
	cmd := &cobra.Command{
		Use:   "renew LEASE...",
		Short: "Ask the supplier for a new term now, at its price of now",
		Long: `Asks the supplier of a container for a new lease that follows the present one.
The container runs on. The new term begins now and is as long as the old one
unless --lease says otherwise; the supplier's terms of this moment hold. It
prints the ID of the new lease.`,
		Example:           "  caravela lease renew web\n  caravela lease renew --lease 7d web",
		Args:              needs(1, -1, "a lease, or the name of its container"),
		ValidArgsFunction: a.completeLeases(0, api.RoleBought),
		RunE: func(cmd *cobra.Command, args []string) error {
			ms, err := millis("--lease", term)
			if err != nil {
				return err
			}
			return a.changeLeases(cmd, args, func(ctx context.Context, node api.Backend, ref api.LeaseRef) (api.Lease, string, error) {
				l, err := node.RenewLease(ctx, ref, api.RenewRequest{TermMS: ms})
				return l, fmt.Sprintf("renewed %s on %s · %s · %s", l.Name, nodeLabel(l.PeerName, l.Peer), rate(l.Cost), a.ending(l.LeftMS, l.EndsAt, l.Renews)), err
			})
		},
	}
	cmd.Flags().StringVar(&term, "lease", "", "term of the new lease, such as 24h or 7d (default as long as the old one)")
	return cmd
}

func newLeaseCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel LEASE...",
		Short: "End leases that this node bought, and remove their containers",
		Long: `Ends leases before their time and removes their containers, running or not, as
"caravela rm -f" does. What ran until now stays due.`,
		Example:           "  caravela lease cancel web",
		Args:              needs(1, -1, "a lease, or the name of its container"),
		ValidArgsFunction: a.completeLeases(0, api.RoleBought),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd, args, "cancelled", 2*quick, func(ctx context.Context, node api.Backend, ref api.ContainerRef) error {
				return noLease(node.CancelLease(ctx, api.LeaseRef(ref)))
			})
		},
	}
}

func newLeaseReclaim(a *app) *cobra.Command {
	var notice, why string
	var req api.ReclaimRequest
	cmd := &cobra.Command{
		Use:   "reclaim LEASE...",
		Short: "Take back what this node sold, after the agreed notice",
		Long: `Announces to the owners of containers that run here that their leases end, with
a deadline of now and the notice that was agreed, or a longer one. The owner
sees it as an event and moves on. --now ends a lease at once: its receipt then
says, for everybody to see, that this node ended it early.`,
		Example: `  caravela lease reclaim 3f9a1c00 --notice 30m --why "the machine is needed"
  caravela lease reclaim --cancel 3f9a1c00
  caravela lease reclaim --now $(caravela lease ls --sold -q)`,
		Args:              needs(1, -1, "a lease that this node sold"),
		ValidArgsFunction: a.completeLeases(0, api.RoleSold),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if req.NoticeMS, err = millis("--notice", notice); err != nil {
				return err
			}
			req.Detail = why
			if err := req.Validate(); err != nil {
				return advise(fmt.Errorf("--notice, --now, --cancel, --why: %w", err), "%s --help", cmd.CommandPath())
			}
			return a.changeLeases(cmd, args, func(ctx context.Context, node api.Backend, ref api.LeaseRef) (api.Lease, string, error) {
				l, err := node.ReclaimLease(ctx, ref, req)
				return l, a.reclaimed(&l, req), err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&notice, "notice", "", "time until the end, if longer than the agreed notice")
	f.BoolVar(&req.Now, "now", false, "end it at once, which the receipt shows")
	f.BoolVar(&req.Cancel, "cancel", false, "take back an announced end")
	f.StringVar(&why, "why", "", "words for the owner")
	return cmd
}

// reclaimed says what a reclaim has led to.
func (a *app) reclaimed(l *api.Lease, req api.ReclaimRequest) string {
	who := nodeLabel(l.PeerName, l.Peer)
	what := fmt.Sprintf("%s, leased to %s,", nodeLabel(l.Name, l.ContainerID), who)
	switch {
	case req.Cancel:
		return fmt.Sprintf("%s stays; %s is told", what, who)
	case req.Now:
		return what + " is ended before its time"
	case l.Notice != nil:
		return fmt.Sprintf("%s ends %s; %s is told", what, a.until(l.Notice.DeadlineAt), who)
	}
	return fmt.Sprintf("%s ends after the agreed notice; %s is told", what, who)
}

// changeLeases does the same to several leases: words for people on standard
// error, the leases' IDs, or the leases in the wanted form, on standard output.
func (a *app) changeLeases(cmd *cobra.Command, refs []string, change func(context.Context, api.Backend, api.LeaseRef) (api.Lease, string, error)) error {
	return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
		changed := []api.Lease{}
		err := a.eachOf(ctx, refs, func(ref string) error {
			l, words, err := change(ctx, node, api.LeaseRef(ref))
			if err != nil {
				return noLease(err)
			}
			changed = append(changed, l)
			a.sayf("%s", printable(words))
			return nil
		})
		if len(changed) == 0 && err != nil {
			return err
		}
		if a.flags.output == "" && a.flags.format == "" {
			return firstError(printEach(a.out, changed, func(l api.Lease) string { return l.ID }), err)
		}
		return firstError(a.show(changed, func(t *table) { a.leaseTable(t, changed, false) }), err)
	})
}

// ending says when a lease ends: "24h, until Sun 14:00, renews".
func (a *app) ending(leftMS int64, at time.Time, renews bool) string {
	text := fmt.Sprintf("%s, until %s", brief(time.Duration(leftMS)*time.Millisecond), a.clock(at))
	if renews {
		text += ", renews"
	}
	return text
}
