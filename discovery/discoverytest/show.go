package discoverytest

import (
	"fmt"
	"slices"
	"strings"

	"caravela/market"
)

// Results returns and forgets what a node's user was told.
func (n *Node) Results() string {
	var b strings.Builder
	for _, o := range n.Result {
		switch o.Kind {
		case market.Searched:
			fmt.Fprintf(&b, "%s: searched %d regions, %d offers, %d fit%s\n", n.Name, o.Tally.Regions, o.Tally.Offers, o.Tally.Fit, misses(o.Tally))
		case market.Asking:
			fmt.Fprintf(&b, "%s: asking %s\n", n.Name, o.Offer.Name)
		case market.Refused:
			fmt.Fprintf(&b, "%s: refused: %v\n", n.Name, o.Reason)
		case market.Leased:
			fmt.Fprintf(&b, "%s: leased %v on %s\n", n.Name, o.Lease.Resources, o.Offer.Name)
		case market.Progress:
			fmt.Fprintf(&b, "%s: %v\n", n.Name, o.Status.State)
		case market.GaveUp:
			fmt.Fprintf(&b, "%s: gave up: %v%s\n", n.Name, o.Reason, misses(o.Tally))
		case market.Holding:
			fmt.Fprintf(&b, "%s: held by", n.Name)
			for i, h := range o.Holds {
				fmt.Fprintf(&b, " %s at %d", o.Offers[i].Offer.Name, h.Hourly)
			}
			b.WriteString("\n")
		case market.Done:
			fmt.Fprintf(&b, "%s: done: %v\n", n.Name, o.Reason)
		}
	}
	n.Result = nil
	return b.String()
}

func misses(t *market.Tally) string {
	s := ""
	for _, m := range t.Misses {
		s += fmt.Sprintf("; %d %v", m.Count, m.Kind)
		if m.Detail != "" {
			s += " " + m.Detail
		}
	}
	return s
}

func (w *World) offers() string {
	var b strings.Builder
	for _, n := range w.Nodes {
		if !n.Up {
			continue
		}
		for _, h := range n.Peer.Held() {
			fmt.Fprintf(&b, "%s holds %s: %v free in %v\n", n.Name, w.byID(h.Offer.Supplier).Name, h.Offer.Free, h.Region)
		}
	}
	return b.String()
}

func (w *World) units() string {
	var b strings.Builder
	for _, n := range w.Nodes {
		if !n.Up {
			continue
		}
		for _, s := range n.Peer.Sold() {
			state := "accepted"
			if s.Status != nil {
				state = s.Status.State.String()
				if s.Status.Reason != market.NoReason {
					state += " (" + s.Status.Reason.String() + ")"
				}
			}
			fmt.Fprintf(&b, "%s sold %v to %s: %s\n", n.Name, s.Lease.Resources, w.byID(s.Lease.Buyer).Name, state)
		}
		for _, s := range n.Peer.Bought() {
			state := "asked"
			if s.Status != nil {
				state = s.Status.State.String()
			}
			if s.Undo {
				state += ", to be undone"
			}
			fmt.Fprintf(&b, "%s bought %v of %s: %s\n", n.Name, s.Lease.Resources, w.byID(s.Lease.Supplier).Name, state)
		}
		if len(n.Engine.Units) > 0 {
			fmt.Fprintf(&b, "%s runs %d, ran %d\n", n.Name, len(n.Engine.Units), n.Engine.Ran)
		}
	}
	return b.String()
}

func (w *World) free() string {
	var b strings.Builder
	for _, n := range w.Nodes {
		if n.Up && n.Selling {
			fmt.Fprintf(&b, "%s: %v\n", n.Name, n.Peer.Free())
		}
	}
	return b.String()
}

func (w *World) counts() string {
	var kinds []string
	for k := range w.Counts {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "%s %d\n", k, w.Counts[k])
	}
	clear(w.Counts)
	return b.String()
}

func (w *World) traders(n *Node) string {
	own := n.Peer.OwnOffer()
	if own.Offer == nil {
		return n.Name + " offers nothing"
	}
	s := fmt.Sprintf("%s: %v free in %v, kept by", n.Name, own.Offer.Free, own.Region)
	for _, t := range own.Traders {
		s += " " + w.byID(t.Peer.Peer).Name
		if !t.Acked {
			s += "?"
		}
	}
	return s
}

// notes returns and forgets what a node's machine noted, by kind.
func (n *Node) notes() string {
	counts := map[int]int{}
	for _, x := range n.Notes {
		counts[int(x.Kind)]++
	}
	n.Notes = nil
	s := ""
	for k := range market.NoteKind(32) {
		if c := counts[int(k)]; c > 0 {
			s += fmt.Sprintf("%s: %v %d\n", n.Name, k, c)
		}
	}
	return s
}
