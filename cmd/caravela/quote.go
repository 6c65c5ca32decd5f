package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newQuote(a *app) *cobra.Command {
	var r runFlags
	var hold bool
	cmd := &cobra.Command{
		Use:   "quote [FLAGS] IMAGE",
		Short: "Say what a container would cost, and reserve it on demand",
		Long: `Asks the market as "caravela run" with the same flags would, and says where the
container would run and what that costs. Nothing is leased. With --hold its
supplier keeps the resources at this price for a minute: long enough for
"caravela run --hold ID" with the same flags. Several replicas are held
together or not at all. The exit code is 2 when nothing fits.`,
		Example: `  caravela quote --cpus 2 -m 1g --lease 7d web
  caravela quote --strategy cheapest --max-price 0.05/h web
  caravela run -d --hold $(caravela quote --hold -q web) web`,
		Args:              needs(1, 1, "an image"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := r.quote(args[0])
			if err != nil {
				return err
			}
			req.Hold = hold
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				q, err := node.Quote(ctx, req)
				if err != nil {
					return err
				}
				return a.showQuote(&q, r.quiet, args[0])
			})
		},
	}
	r.want.register(cmd, a)
	r.registerReplicas(cmd)
	f := cmd.Flags()
	f.StringVar(&r.pids, "pids-limit", "", "most processes (default the supplier's)")
	f.BoolVar(&hold, "hold", false, "have it reserved for a minute")
	f.BoolVarP(&r.quiet, "quiet", "q", false, "print IDs of holds only")
	return cmd
}

// quote turns the flags that matter to a price into a question.
func (r *runFlags) quote(image string) (api.QuoteRequest, error) {
	var req api.QuoteRequest
	if err := r.check(); err != nil {
		return req, err
	}
	if err := r.parse(); err != nil {
		return req, err
	}
	pids, err := r.processes()
	if err != nil {
		return req, err
	}
	req.Spec = api.Spec{Image: image, Platform: r.platform, Ports: r.ports, Resources: r.resources(), Pids: pids}
	if _, err := req.Spec.Market(); err != nil {
		return req, err
	}
	req.Policy, err = r.policy()
	return req, err
}

func (a *app) showQuote(q *api.Quote, quiet bool, image string) error {
	if quiet {
		return printEach(a.out, holdsOf(q), func(h *api.Hold) string { return h.ID })
	}
	if err := a.show(q, func(t *table) { a.quoteTable(t, q) }); err != nil {
		return err
	}
	if a.machine() {
		return nil
	}
	for _, h := range holdsOf(q) {
		a.sayf("held until %s: caravela run --hold %s ... %s", a.clock(h.UntilAt), h.ID, printable(image))
	}
	return nil
}

func holdsOf(q *api.Quote) (out []*api.Hold) {
	for _, p := range q.Parts {
		if p.Hold != nil {
			out = append(out, p.Hold)
		}
	}
	return out
}

func (a *app) quoteTable(t *table, q *api.Quote) {
	term := briefMS(q.TermMS)
	t.columns("NODE", "RATE", "START", "FOR "+term, "PLATFORM", "CLASS", "HOLD", "+FREE", "+LABELS", "+ID")
	for _, p := range q.Parts {
		hold := ""
		if p.Hold != nil {
			hold = shortID(p.Hold.ID) + " " + a.until(p.Hold.UntilAt)
		}
		t.row(nodeLabel(p.Offer.NodeName, p.Offer.Node), rate(p.Cost), due(p.Cost.StartMicro, p.Cost.Unit), termCost(p.Cost),
			p.Offer.Platform, p.Offer.CPUClass, hold, amount(p.Offer.Free), labelList(p.Offer.Labels), shortID(p.Offer.ID))
	}
	if len(q.Parts) < 2 {
		return
	}
	for _, c := range q.Totals {
		t.footer += fmt.Sprintf("in all: %s, %s for %s\n", rate(c), termCost(c), term)
	}
}

// termCost is what a whole term costs at most.
func termCost(c api.Cost) string {
	if c.Unit == "" {
		return freeText
	}
	return money(c.TermMicro, c.Unit)
}

// processes reads --pids-limit; 0 = the supplier's.
func (r *runFlags) processes() (int64, error) {
	if r.pids == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(r.pids, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("--pids-limit: %q is not a number above 0; a supplier never lends all of its processes", r.pids)
	}
	return n, nil
}
