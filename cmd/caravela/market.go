package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newMarket(a *app) *cobra.Command {
	return group("market", "Look at what is for sale", "  caravela market search --cpus 2 -m 1g\n  caravela market explain --cpus 64",
		newSearch(a), newExplain(a))
}

func newSearch(a *app) *cobra.Command {
	var w want
	var limit int
	var order string
	cmd := &cobra.Command{
		Use:   "search",
		Short: "Find suppliers for a container, and lease nothing",
		Long: `Asks the market as "caravela run" with the same flags would. RATE is what an hour
of the resources costs there. The exit code is 2 when nothing fits, and standard
error says why.`,
		Example: `  caravela market search
  caravela market search --cpus 2 -m 1g --constraint node.labels.region==eu
  caravela market search --max-price 0.05/h --sort price
  caravela market search --platform linux/arm64 -o json`,
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.parse(); err != nil {
				return err
			}
			req := w.search(limit)
			if order == sortPrice && req.Strategy == "" {
				req.Strategy = api.StrategyCheapest // else --limit might leave the cheapest out
			}
			if order != "" && order != sortPrice && order != sortRTT {
				return fmt.Errorf("--sort: %q is neither %s nor %s", order, sortPrice, sortRTT)
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				r, err := node.Search(ctx, req)
				if err != nil {
					return err
				}
				sortCandidates(r.Offers, order)
				err = a.show(r.Offers, func(t *table) {
					if len(r.Offers) > 0 {
						candidateTable(t, a, r.Offers)
					}
				})
				return a.nothingFits(err, &r)
			})
		},
	}
	w.register(cmd, a)
	cmd.Flags().IntVar(&limit, "limit", 20, "most offers to show")
	cmd.Flags().StringVar(&order, "sort", "", "price or rtt (default as run would choose)")
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions([]string{sortPrice, sortRTT}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// The orders of a search's answer.
const (
	sortPrice = "price" // within a unit; units by name, what is free first
	sortRTT   = "rtt"   // those that were not measured last
)

func sortCandidates(list []api.Candidate, order string) {
	slices.SortStableFunc(list, func(x, y api.Candidate) int {
		switch order {
		case sortPrice:
			return cmp.Or(strings.Compare(x.Cost.Unit, y.Cost.Unit), cmp.Compare(x.Cost.HourlyMicro, y.Cost.HourlyMicro),
				cmp.Compare(x.Cost.StartMicro, y.Cost.StartMicro))
		case sortRTT:
			unknown := func(us int64) int64 { return (us - 1) & math.MaxInt64 } // 0 comes last
			return cmp.Compare(unknown(x.LatencyUS), unknown(y.LatencyUS))
		}
		return 0
	})
}

// nothingFits explains an empty answer on standard error, and says there where
// one may lack something.
func (a *app) nothingFits(err error, r *api.SearchResult) error {
	if err != nil {
		return err
	}
	if len(r.Offers) > 0 {
		writeIncomplete(a.err, r)
		return nil
	}
	writeWhyNot(a.err, r)
	return exitWith(codeNothing, nil)
}

func newExplain(a *app) *cobra.Command {
	var w want
	cmd := &cobra.Command{
		Use:   "explain",
		Short: "Say of each offer why it fits a container or does not",
		Example: `  caravela market explain --cpus 8 -m 16g
  caravela market explain --on cedar -p 443:443`,
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := w.parse(); err != nil {
				return err
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				r, err := node.Explain(ctx, w.search(0))
				if err != nil {
					return err
				}
				err = a.show(r, func(t *table) { verdictTable(t, &r) })
				if err != nil || len(r.Offers) > 0 {
					return err
				}
				writeNearest(a.err, &r)
				return exitWith(codeNothing, nil)
			})
		},
	}
	w.register(cmd, a)
	return cmd
}

func verdictTable(t *table, r *api.SearchResult) {
	t.columns("NODE", "FREE", "PLATFORM", "FITS", "WHY", "+REGION", "+OFFER")
	for _, v := range r.Verdicts {
		fits := "no"
		if v.Fits {
			fits = "yes"
		}
		t.row(nodeLabel(v.Offer.NodeName, v.Offer.Node), amount(v.Offer.Free), v.Offer.Platform, fits,
			detailed(v.Reason, v.Detail), v.Offer.Region, shortID(v.Offer.ID))
	}
	t.footer = "\n" + summary(r) + "\n"
}

// summary says how many offers fit, and what it took to know that.
func summary(r *api.SearchResult) string {
	found := "without asking anybody" // this node holds them
	if r.Messages > 0 {
		found = "with " + plural(r.Messages, "message")
	}
	return fmt.Sprintf("offers that fit: %d of %d, from %s in %s, found %s", len(r.Offers), r.OffersSeen,
		plural(r.NodesSeen, "node"), plural(len(r.Regions), "region"), found)
}

func candidateTable(t *table, a *app, list []api.Candidate) {
	t.columns("NODE", "FREE", "PLATFORM", "CLASS", "REACH", "LATENCY", "RATE", "LABELS", "+START", "+TERM", "+ID", "+REGION", "+PORTS", "+EXPIRES", "+TOPOLOGY")
	for _, c := range list {
		t.row(nodeLabel(c.NodeName, c.Node), amount(c.Free), c.Platform, c.CPUClass, c.Reach, latency(c.LatencyUS), rate(c.Cost), labelList(c.Labels),
			due(c.Cost.StartMicro, c.Cost.Unit), termCost(c.Cost), shortID(c.ID), c.Region, portSpan(c.Offer), a.until(c.ExpiresAt), c.Topology)
	}
}

func portSpan(o api.Offer) string {
	if o.PortHigh == 0 {
		return "none"
	}
	return fmt.Sprintf("%d-%d", o.PortLow, o.PortHigh)
}
