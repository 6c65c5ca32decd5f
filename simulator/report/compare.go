package report

import "fmt"

// Row is one metric of several results.
type Row struct {
	Metric string     `json:"metric"`
	Values []*float64 `json:"values"` // null = not measured
	Ratios []*float64 `json:"ratios"` // to the first; null where that is 0 or missing
}

// Compare sets the metrics of several results side by side.
func Compare(list []*Summary) (rows []Row) {
	for _, name := range Metrics() {
		r := Row{Metric: name}
		for _, s := range list {
			var value, ratio *float64
			if v, ok := s.Metric(name); ok {
				value = &v
			}
			if len(r.Values) > 0 && value != nil && r.Values[0] != nil && *r.Values[0] != 0 {
				q := round(*value / *r.Values[0])
				ratio = &q
			}
			r.Values, r.Ratios = append(r.Values, value), append(r.Ratios, ratio)
		}
		rows = append(rows, r)
	}
	return rows
}

// Differences says in what, besides the strategy, results differ that one
// would want to be equal.
func Differences(list []*Summary) (notes []string) {
	first := list[0]
	for i, s := range list[1:] {
		note := func(what string, a, b any) {
			if a != b {
				notes = append(notes, fmt.Sprintf("%s of result %d is %v, of the first one %v", what, i+2, b, a))
			}
		}
		note("scenario", first.Scenario, s.Scenario)
		note("seed", first.Seed, s.Seed)
		note("number of nodes", first.Nodes, s.Nodes)
		note("overlay", first.Overlay, s.Overlay)
		note("virtual time", first.VirtualSeconds, s.VirtualSeconds)
		note("program", first.Program, s.Program)
		if s.Partial || first.Partial {
			notes = append(notes, fmt.Sprintf("result %d or the first one was interrupted", i+2))
		}
	}
	return notes
}
