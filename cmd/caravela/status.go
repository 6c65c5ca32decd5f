package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
)

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "status",
		Short:             "Show how this node stands in its network",
		Example:           "  caravela status\n  caravela status -o json",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				s, err := node.Status(ctx)
				if err != nil {
					return err
				}
				return a.show(s, func(t *table) { a.statusTable(t, &s) })
			})
		},
	}
}

func (a *app) statusTable(t *table, s *api.Status) {
	t.pair("Node", s.Name+"  "+s.ID)
	t.pair("Network", networkText(s))
	t.pair("State", fmt.Sprintf("%s, up %s, version %s, profile %s", s.State, brief(time.Duration(s.UptimeMS)*time.Millisecond), s.Version, s.Profile))
	t.pair("Reached", a.reachText(s.Reach))
	t.pair("Listens", strings.Join(s.Listen, "  "))
	t.pair("Announces", strings.Join(s.Announce, "  "))
	t.pair("API", strings.Join(s.API, "  "))
	t.pair("Peers", fmt.Sprintf("%d connected, %d in the routing table", s.Peers, s.TablePeers))
	t.pair("Trader", traderText(s))
	a.offerPairs(t, s.Offer)
	t.pair("Engine", detailed(strings.TrimSpace(string(s.Engine.State)+" "+s.Engine.Version+" "+s.Engine.Address), s.Engine.Detail))
	for _, w := range s.Engine.Warnings {
		t.pair(" ", "warning: "+w)
	}
	t.pair("Leases", fmt.Sprintf("%d bought, %d sold, %d under way", s.Leases.Bought, s.Leases.Sold, s.Leases.Pending))
	t.pair("Data", s.DataDir)
}

func networkText(s *api.Status) string {
	text := strings.TrimSpace(s.NetworkName + "  " + shortID(s.NetworkID))
	if s.Private {
		text += "  private"
	}
	if s.Open {
		text += "  open to public addresses"
	}
	return text
}

func (a *app) reachText(r api.Reach) string {
	text := detailed(string(r.State), r.Detail)
	if len(r.Relays) > 0 {
		text += ", by " + plural(len(r.Relays), "relay")
	}
	if !r.CheckedAt.IsZero() {
		text += " (checked " + a.ago(r.CheckedAt) + ")"
	}
	return text
}

func traderText(s *api.Status) string {
	if !s.Trader {
		return "no"
	}
	return "yes, holds " + plural(s.HeldOffers, "offer")
}

func (a *app) offerPairs(t *table, o *api.OwnOffer) {
	if o == nil {
		t.pair("Offer", "none: this node sells nothing")
		return
	}
	text := fmt.Sprintf("%s free of %s, %s leased", amount(o.Free), amount(o.Total), amount(o.Leased))
	if o.Paused {
		text += ", paused"
	}
	t.pair("Offer", detailed(text, o.Detail))
	t.pair("Price", priceText(o.Terms))
	names := make([]string, len(o.Holders))
	for i, h := range o.Holders {
		names[i] = nodeLabel(h.Name, h.ID)
	}
	held := "nobody yet"
	if len(names) > 0 {
		held = strings.Join(names, ", ")
	}
	t.pair("Held by", fmt.Sprintf("%s (sequence %d)", held, o.Seq))
}
