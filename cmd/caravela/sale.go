package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/market"
)

func newOfferPause(a *app) *cobra.Command {
	var req api.PauseRequest
	cmd := &cobra.Command{
		Use:   "pause",
		Short: "Sell nothing new; what is leased goes on",
		Long: `Takes this node's offer off the market until "caravela offer resume", over
restarts too. Containers that run here stay, and their leases may be renewed.`,
		Example:           "  caravela offer pause --reason \"backup tonight\"",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				return a.showSale(node.PauseOffer(ctx, req))
			})
		},
	}
	cmd.Flags().StringVar(&req.Reason, "reason", "", "why, for caravela status")
	return cmd
}

func newOfferResume(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "resume",
		Short:             "Sell again after a pause",
		Example:           "  caravela offer resume",
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				return a.showSale(node.ResumeOffer(ctx))
			})
		},
	}
}

// priceFlags hold the parts of a price as they were given.
type priceFlags struct {
	core, memory, disk, parked, start, unit string
	reset                                   bool
}

func newOfferPrice(a *app) *cobra.Command {
	var p priceFlags
	cmd := &cobra.Command{
		Use:   "price",
		Short: "Show or set what this node asks for what it sells",
		Long: `Without flags, shows the price in force and where it comes from. With flags,
sets it for what is sold from now on, over restarts too; parts that are not named
stay. Leases that run keep the price that was agreed, until they are renewed.
Amounts have up to six decimals; the unit is any word that both sides
understand: no money moves here.`,
		Example: `  caravela offer price
  caravela offer price --core 0.02 --memory 0.005 --start 0.01 --unit credit
  caravela offer price --core 0
  caravela offer price --reset         # back to the configuration`,
		Args:              needs(0, 0, "no arguments"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			req, err := p.request(cmd)
			if err != nil {
				return err
			}
			return a.ask(cmd, quick, func(ctx context.Context, node api.Backend) error {
				if req == (api.PriceRequest{}) {
					return a.showSale(node.Sale(ctx))
				}
				return a.showSale(node.SetPrice(ctx, req))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.core, "core", "", "of a core and hour while a container runs")
	f.StringVar(&p.memory, "memory", "", "of a GiB of memory and hour while it runs")
	f.StringVar(&p.disk, "disk", "", "of a GiB of disk and hour while it runs")
	f.StringVar(&p.parked, "parked", "", "of an hour while its owner keeps it stopped")
	f.StringVar(&p.start, "start", "", "of the first start, once")
	f.StringVar(&p.unit, "unit", "", "what the amounts are counted in, such as credit or EUR")
	f.BoolVar(&p.reset, "reset", false, "back to the configured price, or to the configured command")
	return cmd
}

// request reads the flags that were given; those that were not stay as the
// node has them.
func (p *priceFlags) request(cmd *cobra.Command) (api.PriceRequest, error) {
	r := api.PriceRequest{Reset: p.reset}
	for _, f := range []struct {
		name, text string
		into       **int64
	}{
		{"core", p.core, &r.CoreHourMicro}, {"memory", p.memory, &r.MemoryHourMicro}, {"disk", p.disk, &r.DiskHourMicro},
		{"parked", p.parked, &r.ParkedHourMicro}, {"start", p.start, &r.StartMicro},
	} {
		if !cmd.Flags().Changed(f.name) {
			continue
		}
		m, err := market.ParseMicro(f.text)
		if err != nil {
			return r, plainFlag("--"+f.name, err)
		}
		if m > market.MaxMicro {
			return r, fmt.Errorf("--%s: %q is more than %v, the highest rate", f.name, f.text, market.MaxMicro)
		}
		micro := int64(m)
		*f.into = &micro
	}
	if cmd.Flags().Changed("unit") {
		r.Unit = &p.unit
	}
	return r, nil
}

// example is what a price is shown for.
func example() market.Resources { return market.Resources{CPU: 1000, Memory: market.GiB} }

func (a *app) showSale(s api.Sale, err error) error {
	if err != nil {
		return err
	}
	return a.show(s, func(t *table) { saleTable(t, &s) })
}

func saleTable(t *table, s *api.Sale) {
	selling := "yes"
	switch {
	case s.Paused:
		selling = "paused"
	case !s.Selling:
		selling = "no"
	}
	t.pair("Selling", detailed(selling, strings.TrimPrefix(s.Detail, "paused: ")))
	t.pair("Price", priceText(s.Terms))
	t.pair("From", priceOrigin(s))
	if s.Terms != nil {
		p := s.Terms.Price.Market()
		t.pair("Such as", fmt.Sprintf("%s/h for %v", money(int64(p.Hourly(example())), p.Unit), example()))
		t.pair("Notes", fmt.Sprintf("every %s; a lease may end after %d without an answer and %s more",
			briefMS(s.Terms.IntervalMS), s.Terms.Bear, briefMS(s.Terms.GraceMS)))
		t.pair("Notice", briefMS(s.Terms.NoticeMS)+" before a lease is taken back")
		t.pair("Credit", "unknown peers may owe "+briefMS(s.CreditMS)+" of what they lease")
	}
	t.pair("Leased", takenText(s))
}

// takenText says what of a sale is leased or held.
func takenText(s *api.Sale) string {
	text := "nothing"
	if s.Leased != (api.Resources{}) {
		text = amount(s.Leased)
	}
	text += " of " + amount(s.Total)
	if s.Holds > 0 {
		text += fmt.Sprintf(", and %s held by %s", amount(s.Held), plural(s.Holds, "hold"))
	}
	return text
}

// priceOrigin says where the price in force comes from.
func priceOrigin(s *api.Sale) string {
	text := map[api.PriceOrigin]string{
		api.PriceConfigured: "the configuration", api.PriceByCommand: "the configured command", api.PriceByUser: "caravela offer price",
	}[s.PriceFrom]
	return strings.TrimPrefix(detailed(text, s.PriceDetail), ": ")
}

func briefMS(ms int64) string { return brief(time.Duration(ms) * time.Millisecond) }

func briefSeconds(s uint64) string { return brief(time.Duration(s) * time.Second) }
