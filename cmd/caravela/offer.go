package main

import (
	"context"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newOffer(a *app) *cobra.Command {
	return group("offer", "See offers, and set what this node sells and asks", "  caravela offer ls\n  caravela offer price --core 0.02 --unit credit",
		newOfferLs(a), newOfferInspect(a), newOfferPause(a), newOfferResume(a), newOfferPrice(a))
}

func newOfferLs(a *app) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:               "ls",
		Short:             "List this node's own offer and those that it holds for others",
		Example:           "  caravela offer ls\n  caravela offer ls -o wide",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				list, err := node.Offers(ctx)
				if err != nil {
					return err
				}
				if quiet {
					return printEach(a.out, list, func(o api.Offer) string { return shortID(o.ID) })
				}
				return a.show(list, func(t *table) { a.offerTable(t, list) })
			})
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "print IDs only")
	return cmd
}

func newOfferInspect(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "inspect OFFER...",
		Short:             "Show all that is known of offers, as JSON",
		Example:           "  caravela offer inspect 3f9a",
		Args:              needs(1, -1, "the ID of an offer, or its beginning"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				found := []api.Offer{}
				err := a.eachOf(ctx, args, func(id string) error {
					o, err := node.Offer(ctx, id)
					if err == nil {
						found = append(found, o)
					}
					return advised(err, api.CodeNotFound, "caravela offer ls")
				})
				if len(found) == 0 && err != nil {
					return err
				}
				return firstError(a.showDetail(found, func(t *table) { a.offerTable(t, found) }), err)
			})
		},
	}
}

func (a *app) offerTable(t *table, list []api.Offer) {
	t.columns("OFFER", "NODE", "FREE", "OF", "PLATFORM", "CLASS", "REACH", "HEARD", "EXPIRES", "+PRICE", "+REGION", "+SEQ", "+LABELS", "+PORTS", "+TOPOLOGY")
	for _, o := range list {
		name := nodeLabel(o.NodeName, o.Node)
		if o.Own {
			name += " (this node)"
		}
		t.row(shortID(o.ID), name, amount(o.Free), amount(o.Total), o.Platform, o.CPUClass, o.Reach, a.ago(o.LastSeenAt), a.until(o.ExpiresAt),
			priceText(o.Terms), o.Region, uitoa(o.Seq), labelList(o.Labels), portSpan(o), o.Topology)
	}
}
