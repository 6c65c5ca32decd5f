package main

import "fmt"

// minimumCoverage is in percent of statements, for each package of the core.
const minimumCoverage = 90

// core is the protocol itself: pure machines, which have no excuse for an
// untested line.
var core = [...]string{"market", "trader", "supplier", "buyer", "discovery"}

// gate counts a check for each package that must be covered.
func (t *tally) gate(packages [len(core)]string, minimum float64) {
	for _, pkg := range packages {
		switch got, ok := t.coverage[pkg]; {
		case !ok:
			t.fail("coverage of "+pkg, fmt.Errorf("not measured"))
		case got < minimum:
			t.fail("coverage of "+pkg, fmt.Errorf("%.1f%% of statements, want at least %.0f%%", got, minimum))
		default:
			t.pass("coverage of " + pkg)
		}
	}
}
