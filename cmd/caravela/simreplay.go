package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"caravela/configuration"
	"caravela/market"
	"caravela/simulator"
	results "caravela/simulator/report"
	"caravela/simulator/scenario"
)

// replayed is a peer at a moment of a run, and what it did before.
type replayed struct {
	At      string   `json:"at"`
	Node    uint32   `json:"node"`
	Peer    string   `json:"peer"`
	Up      bool     `json:"up"`
	Free    string   `json:"free"`
	Total   string   `json:"total"`
	Offer   string   `json:"offer"`
	Traders []string `json:"traders"`
	Sold    []string `json:"sold"`
	Bought  []string `json:"bought"`
	Held    []string `json:"held"`
	Sent    uint32   `json:"sent"`
	Heard   uint32   `json:"received"`
	Steps   []string `json:"steps"` // the last ones, oldest first
}

func newSimReplay(a *app) *cobra.Command {
	var until, peer string
	var last int
	cmd := &cobra.Command{
		Use:   "replay DIR --until TIME",
		Short: "Repeat a run up to a moment, and look at a peer",
		Long: `Repeats the run whose results lie in a folder, up to a moment of its virtual
time, and prints the figures until then; with --peer the state of one peer and
what it heard and did in its last steps, too. A peer is named by its number, or
by its ID or the beginning of that.`,
		Example: "  caravela sim replay results/churn --until 54m --peer 763\n  caravela sim replay results/small --until 10m -o json",
		Args:    needs(1, 1, "one folder of results"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := reload(args[0])
			if err != nil {
				return err
			}
			if s.Config.Until, err = configuration.ParseDuration(until); err != nil || s.Config.Until == 0 {
				return advise(fmt.Errorf("--until %q is no moment of virtual time", until), "--until 54m")
			}
			bar := newSimBar(a, s)
			s.Config.Watch = bar.show
			if peer == "" {
				s.Baseline = false
				r := s.Run(cmd.Context(), clientVersion().Version, bar.show)
				bar.finish()
				return a.show(r.Summary, func(t *table) { summaryTable(t, r.Summary) })
			}
			node, err := findPeer(s, peer)
			if err != nil {
				return err
			}
			steps := &stepLog{most: last}
			s.Config.SpyOn, s.Config.Spy = node, steps.add
			sim := simulator.New(s.Config)
			sim.Run(cmd.Context())
			bar.finish()
			view := replayedOf(until, sim.Look(node), steps.lines)
			return a.show(view, func(t *table) { replayTable(t, view) })
		},
	}
	cmd.Flags().StringVar(&until, "until", "", "moment of virtual time, such as 54m or 1h2m3.5s")
	cmd.Flags().StringVar(&peer, "peer", "", "number or ID of the peer to look at")
	cmd.Flags().IntVar(&last, "last", 20, "number of the peer's steps to print")
	_ = cmd.MarkFlagRequired("until")
	return cmd
}

// reload loads the scenario of results, with the changes that it was run with.
func reload(dir string) (*scenario.Scenario, error) {
	summary, err := results.ReadSummary(dir)
	if err != nil {
		return nil, advise(err, "caravela sim run FILE, which makes a folder of results")
	}
	s, err := scenario.Load(filepath.Join(dir, results.ScenarioFile), summary.Changes)
	if err != nil {
		return nil, err
	}
	if s.Digest != summary.Digest {
		return nil, fmt.Errorf("%s is not the scenario of these results any more: its digest is %.12s, that of the results %.12s", results.ScenarioFile, s.Digest, summary.Digest)
	}
	return s, nil
}

func findPeer(s *scenario.Scenario, name string) (uint32, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		if int(n) < s.Config.Nodes {
			return uint32(n), nil
		}
		return 0, advise(fmt.Errorf("there is no node %d", n), "a number below %d", s.Config.Nodes)
	}
	sim := simulator.New(s.Config)
	found, many := uint32(0), 0
	for i := range s.Config.Nodes {
		if id := sim.Look(uint32(i)).ID.String(); strings.HasPrefix(id, name) || strings.HasSuffix(id, name) {
			found, many = uint32(i), many+1
		}
	}
	if many != 1 {
		return 0, advise(fmt.Errorf("%q names %s", name, plural(many, "peer")), "its number, 0 to %d", s.Config.Nodes-1)
	}
	return found, nil
}

// stepLog keeps the last steps of a peer as text.
type stepLog struct {
	most  int
	lines []string
}

func (l *stepLog) add(at time.Duration, ev market.Event, out *market.Outbox) {
	line := fmt.Sprintf("%v  %s", at, eventText(ev))
	for _, s := range out.Saves {
		table, _ := s.Record.Key()
		line += fmt.Sprintf("\n      save to table %d", table)
	}
	for _, s := range out.Sends {
		line += fmt.Sprintf("\n      -> %d  %s", simulator.IndexOf(s.To.Peer), messageText(s.Msg))
	}
	for _, r := range out.Lookups {
		line += fmt.Sprintf("\n      look up %s", shortID(fmt.Sprintf("%x", r.Key[:])))
	}
	for _, r := range out.Runs {
		line += fmt.Sprintf("\n      run %s", shortUnit(r.Unit))
	}
	for _, o := range out.Outcomes {
		line += fmt.Sprintf("\n      outcome %d %s", o.Kind, o.Reason)
	}
	for _, n := range out.Notes {
		line += fmt.Sprintf("\n      note %s %s", n.Kind, n.Text)
	}
	l.lines = append(l.lines, line)
	if over := len(l.lines) - l.most; over > 0 {
		l.lines = l.lines[over:]
	}
}

func eventText(ev market.Event) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", ev), "market.")
	switch ev := ev.(type) {
	case market.Received:
		return fmt.Sprintf("<- %d  %s", simulator.IndexOf(ev.From.Peer), messageText(ev.Msg))
	case market.Undelivered:
		return fmt.Sprintf("undelivered to %d: %s", simulator.IndexOf(ev.To), messageText(ev.Msg))
	case market.Found:
		return fmt.Sprintf("Found %d peers", len(ev.Peers))
	case market.UnitChanged:
		return fmt.Sprintf("engine: %s is %s", shortUnit(ev.Unit), ev.State)
	case market.Boot:
		return fmt.Sprintf("Boot with %d records", len(ev.Records))
	}
	return name
}

func messageText(m market.Message) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "*market.")
	switch m := m.(type) {
	case *market.GetOffers:
		return fmt.Sprintf("%s %v in %v", name, m.Want.Need, m.Region)
	case *market.Offers:
		return fmt.Sprintf("%s: %d offers, %d hints", name, len(m.Offers), len(m.Hints))
	case *market.LaunchContainer:
		return fmt.Sprintf("%s %s, %v", name, shortUnit(m.Lease.ID), m.Lease.Resources)
	case *market.Grant:
		return fmt.Sprintf("%s %s", name, shortUnit(m.Lease.ID))
	case *market.Refusal:
		return fmt.Sprintf("%s: %s, %v free", name, m.Reason, m.Free)
	case *market.CreateOffer:
		return fmt.Sprintf("%s %d, %v free, in %v", name, m.Offer.Seq, m.Offer.Free, m.Region)
	case *market.UpdateOffer:
		return fmt.Sprintf("%s %d, %v free", name, m.Offer.Seq, m.Offer.Free)
	case *market.StatusUpdate:
		return fmt.Sprintf("%s %s is %s", name, shortUnit(m.Status.Lease), m.Status.State)
	}
	return name
}

// shortUnit tells simulated leases apart: their buyer's number, and a nonce.
func shortUnit(u market.LeaseID) string {
	return fmt.Sprintf("%d/%x", uint32(u[0])<<24|uint32(u[1])<<16|uint32(u[2])<<8|uint32(u[3]), u[16:20])
}

func replayedOf(at string, l simulator.Look, steps []string) replayed {
	v := replayed{
		At: at, Node: l.Index, Peer: l.ID.String(), Up: l.Up, Free: l.Free.String(), Total: l.Total.String(), Sent: l.Sent, Heard: l.Received,
		Traders: []string{}, Sold: []string{}, Bought: []string{}, Held: []string{}, Steps: append([]string{}, steps...),
	}
	if l.Peer == nil {
		return v
	}
	if own := l.Peer.OwnOffer(); own.Offer != nil {
		v.Offer = fmt.Sprintf("%d: %v in %v", own.Offer.Seq, own.Offer.Free, own.Region)
		for _, t := range own.Traders {
			v.Traders = append(v.Traders, fmt.Sprintf("%d", simulator.IndexOf(t.Peer.Peer)))
		}
	}
	for _, s := range l.Peer.Sold() {
		v.Sold = append(v.Sold, fmt.Sprintf("%s: %v, %s", shortUnit(s.Lease.Unit()), s.Lease.Resources, stateOf(s.Status)))
	}
	for _, b := range l.Peer.Bought() {
		v.Bought = append(v.Bought, fmt.Sprintf("%s: of %d, %s", shortUnit(b.Lease.Unit()), simulator.IndexOf(b.Lease.Supplier), stateOf(b.Status)))
	}
	for _, h := range l.Peer.Held() {
		v.Held = append(v.Held, fmt.Sprintf("%d: %v", simulator.IndexOf(h.Offer.Supplier), h.Offer.Free))
	}
	return v
}

func stateOf(s *market.SignedStatus) string {
	if s == nil {
		return market.Accepted.String()
	}
	return s.State.String()
}

func replayTable(t *table, v replayed) {
	state := "up"
	if !v.Up {
		state = "down"
	}
	t.pair("node", fmt.Sprintf("%d at %s, %s", v.Node, v.At, state))
	t.pair("peer", v.Peer)
	t.pair("free", v.Free+" of "+v.Total)
	t.pair("offer", v.Offer)
	t.pair("its traders", strings.Join(v.Traders, ", "))
	t.pair("messages", fmt.Sprintf("%d sent, %d received", v.Sent, v.Heard))
	for _, list := range []struct {
		name  string
		items []string
	}{{"sold", v.Sold}, {"bought", v.Bought}, {"holds the offer of", v.Held}} {
		for _, item := range list.items {
			t.pair(list.name, item)
		}
	}
	t.footer = "\n" + strings.Join(v.Steps, "\n") + "\n"
}
