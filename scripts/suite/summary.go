package main

import (
	"fmt"
	"io"
	"time"
)

// summarise prints the table of parts, what failed and what was skipped, and
// closes with the totals. It tells whether anything failed.
func summarise(out io.Writer, tallies []*tally, took time.Duration) (failed bool) {
	var sum tally
	fmt.Fprintf(out, "\n%-8s %7s %7s %7s %9s\n", "part", "passed", "failed", "skipped", "time")
	for _, t := range tallies {
		fmt.Fprintf(out, "%-8s %7d %7d %7d %9s\n", t.part, t.passed, t.failed, t.skipped, t.took.Round(100*time.Millisecond))
		sum.passed += t.passed
		sum.failed += t.failed
		sum.skipped += t.skipped
		for _, name := range t.failures {
			sum.failures = append(sum.failures, t.part+": "+name)
		}
		for _, name := range t.flaky {
			sum.flaky = append(sum.flaky, t.part+": "+name)
		}
		for _, name := range t.skips {
			sum.skips = append(sum.skips, t.part+": "+name)
		}
	}
	for _, name := range sum.skips {
		fmt.Fprintln(out, "skipped ", name)
	}
	for _, name := range sum.flaky {
		fmt.Fprintln(out, "flaky   ", name, "(passed when its package was run again)")
	}
	for _, name := range sum.failures {
		fmt.Fprintln(out, "failed  ", name)
	}
	verdict := "ok"
	if sum.failed > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(out, "\n%s in %s\n%d passed, %d failed, %d skipped\n", verdict, took.Round(time.Second), sum.passed, sum.failed, sum.skipped)
	return sum.failed > 0
}
