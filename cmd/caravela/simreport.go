package main

import (
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	results "caravela/simulator/report"
)

func newSimReport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "report DIR",
		Short:   "Print the summary of results, and draw their plots and page again",
		Example: "  caravela sim report results/small",
		Args:    needs(1, 1, "one folder of results"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, d, err := results.Read(args[0])
			if err != nil {
				return advise(err, "caravela sim run FILE, which makes a folder of results")
			}
			if err := results.Render(args[0], s, d); err != nil {
				return err
			}
			a.sayf("drawn: %s", filepath.Join(args[0], results.ReportFile))
			return a.show(s, func(t *table) { summaryTable(t, s) })
		},
	}
}

func newSimCompare(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "compare DIR DIR...",
		Short: "Set the figures of several results side by side",
		Long: `Sets the figures of several results side by side, the first one as the base of
the ratios. Results of another version of the program's summary are refused, and
a note says where scenario, seed or size differ.`,
		Example: "  caravela sim compare results/small results/small-2\n  caravela sim compare results/* -o json",
		Args:    needs(2, -1, "at least two folders of results"),
		RunE: func(_ *cobra.Command, args []string) error {
			var list []*results.Summary
			for _, dir := range args {
				s, err := results.ReadSummary(dir)
				if err != nil {
					return advise(err, "caravela sim run FILE, which makes a folder of results")
				}
				list = append(list, s)
			}
			for _, note := range results.Differences(list) {
				a.sayf("note: %s", note)
			}
			rows := results.Compare(list)
			return a.show(rows, func(t *table) {
				heads := []string{"METRIC"}
				for i, dir := range args {
					heads = append(heads, filepath.Base(dir))
					if i > 0 {
						heads = append(heads, "RATIO")
					}
				}
				t.columns(heads...)
				for _, r := range rows {
					cells := []string{r.Metric}
					for i := range r.Values {
						cells = append(cells, maybeNumber(r.Values[i]))
						if i > 0 {
							cells = append(cells, maybeNumber(r.Ratios[i]))
						}
					}
					t.row(cells...)
				}
			})
		},
	}
}

func maybeNumber(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'g', 6, 64)
}

func interval(i results.Interval) string {
	if i.N < 2 {
		return fmt.Sprintf("%.6g", i.Mean)
	}
	return fmt.Sprintf("%.6g ± %.2g", i.Mean, i.Half)
}
