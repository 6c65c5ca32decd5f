package main

import (
	"fmt"
	"io"
	"strings"

	"caravela/api"
)

// noOfferFits begins the table of a search that found nothing.
const noOfferFits = "no offer fits"

// writeWhyNot explains a search that found nothing: how much was asked, what
// was missing how often, and what would have fitted nearly.
func writeWhyNot(w io.Writer, r *api.SearchResult) {
	_, _ = fmt.Fprintf(w, "%s  (asked %s, %s, %s)\n", noOfferFits,
		plural(len(r.Regions), "region"), plural(r.OffersSeen, "offer"), plural(r.NodesSeen, "node"))
	rows := make([][]string, 0, len(r.WhyNot))
	for _, t := range r.WhyNot {
		rows = append(rows, []string{fmt.Sprintf("%4d", t.Count), printable(detailed(t.Reason, t.Detail))})
	}
	_, _ = io.WriteString(w, align(rows))
	writeIncomplete(w, r)
	writeNearest(w, r)
	switch {
	case r.OffersSeen > 0 || r.Incomplete:
	case len(r.Regions) == 0:
		_, _ = fmt.Fprintln(w, "nobody was asked: caravela peer ls shows whom this node has blocked")
	default:
		_, _ = fmt.Fprintln(w, "nobody sells anything here yet: caravela join <ip> on another machine, or caravela doctor")
	}
}

// writeIncomplete says what a search has not seen: there may be more.
func writeIncomplete(w io.Writer, r *api.SearchResult) {
	switch {
	case !r.Incomplete:
	case r.OffersSeen == 0:
		_, _ = fmt.Fprintf(w, "nobody could say what is for sale: %s; try again, or caravela doctor\n", printable(r.IncompleteBy))
	default:
		_, _ = fmt.Fprintf(w, "there may be more: %s\n", printable(r.IncompleteBy))
	}
}

// writeNearest tells of the offer that misses least.
func writeNearest(w io.Writer, r *api.SearchResult) {
	if n := r.Nearest; n != nil {
		line := "nearest: " + nodeLabel(n.NodeName, n.Node) + " " + n.Detail
		switch {
		case strings.HasPrefix(n.Next, "-"): // only the flag that would make it fit
			line += " -> caravela run " + n.Next + " ..."
		case n.Next != "":
			line += " -> " + n.Next
		}
		_, _ = fmt.Fprintln(w, printable(line))
	}
}
