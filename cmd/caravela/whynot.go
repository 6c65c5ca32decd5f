package main

import (
	"fmt"
	"io"

	"caravela/api"
)

// writeWhyNot explains a search that found nothing: how much was asked, what
// was missing how often, and what would have fitted nearly.
func writeWhyNot(w io.Writer, r *api.SearchResult) {
	_, _ = fmt.Fprintf(w, "no offer fits  (asked %s, %s, %s)\n",
		plural(len(r.Regions), "region"), plural(r.OffersSeen, "offer"), plural(r.NodesSeen, "node"))
	rows := make([][]string, 0, len(r.WhyNot))
	for _, t := range r.WhyNot {
		rows = append(rows, []string{fmt.Sprintf("%4d", t.Count), printable(detailed(t.Reason, t.Detail))})
	}
	_, _ = io.WriteString(w, align(rows))
	if r.Incomplete {
		_, _ = fmt.Fprintf(w, "not everything was asked: %s\n", printable(r.IncompleteBy))
	}
	if n := r.Nearest; n != nil {
		line := "nearest: " + nodeLabel(n.NodeName, n.Node) + " " + n.Detail
		if n.Next != "" {
			line += " -> " + n.Next
		}
		_, _ = fmt.Fprintln(w, printable(line))
	}
	if r.OffersSeen == 0 {
		_, _ = fmt.Fprintln(w, "nobody sells anything here yet: caravela join <ip> on another machine, or caravela doctor")
	}
}
