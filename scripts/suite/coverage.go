package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// minimumCoverage is in percent of statements, for each package of the core.
const minimumCoverage = 90

// core is the protocol itself: pure machines, which have no excuse for an
// untested line. Roles are told by scripts that run whole peers, so what a
// package's statements are reached by is the tests of all of the core.
var core = []string{"market", "trader", "supplier", "buyer", "discovery"}

func cover(ctx context.Context, w *workshop, t *tally) error {
	profile := filepath.Join(w.dir, "core.cover")
	var packages, tests []string
	for _, pkg := range core {
		packages = append(packages, "caravela/"+pkg)
		tests = append(tests, "./"+pkg+"/...")
	}
	args := []string{"test", "-coverprofile", profile, "-coverpkg", strings.Join(packages, ",")}
	if out, err := w.output(ctx, "go", append(args, tests...)...); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	text, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	covered, err := readProfile(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read coverage profile: %w", err)
	}
	t.gate(covered, core, minimumCoverage)
	return nil
}

// gate counts a check for each package that must be covered.
func (t *tally) gate(covered map[string]coverage, packages []string, minimum float64) {
	for _, pkg := range packages {
		got := covered[pkg].percent()
		if got < minimum {
			t.fail("coverage of "+pkg, fmt.Errorf("%.1f%% of statements, want at least %.0f%%", got, minimum))
			continue
		}
		fmt.Printf("ok    %-28s %5.1f%% of %d statements\n", pkg, got, covered[pkg].statements)
		t.pass("coverage of " + pkg)
	}
}

type coverage struct{ statements, reached int }

func (c coverage) percent() float64 {
	if c.statements == 0 {
		return 0
	}
	return 100 * float64(c.reached) / float64(c.statements)
}

// block is a run of statements: "file.go:12.2,15.3".
type block struct {
	statements int
	reached    bool
}

// readProfile adds up a coverage profile by package. A block occurs once for
// each test binary that could have reached it.
func readProfile(r io.Reader) (map[string]coverage, error) {
	blocks := map[string]block{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "mode:") {
			continue
		}
		var where string
		var statements, times int
		if _, err := fmt.Sscanf(lines.Text(), "%s %d %d", &where, &statements, &times); err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		blocks[where] = block{statements, blocks[where].reached || times > 0}
	}
	found := map[string]coverage{}
	for where, b := range blocks {
		file, _, _ := strings.Cut(where, ":")
		pkg := relative(path.Dir(file))
		c := found[pkg]
		c.statements += b.statements
		if b.reached {
			c.reached += b.statements
		}
		found[pkg] = c
	}
	return found, lines.Err()
}
