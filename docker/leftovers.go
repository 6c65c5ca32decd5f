package docker

import "slices"

// SumLeftovers sorts a list by lease, and adds up what is of the same one. It
// is for engines.
func SumLeftovers(list []Leftover) []Leftover {
	slices.SortStableFunc(list, func(a, b Leftover) int { return a.Lease.Compare(b.Lease) })
	var out []Leftover
	for _, l := range list {
		if n := len(out); n > 0 && out[n-1].Lease == l.Lease {
			out[n-1].Volumes += l.Volumes
			continue
		}
		out = append(out, l)
	}
	return out
}
