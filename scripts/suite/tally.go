package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// tally counts the tests of one part, subtests included. What is no test of
// Go's (a formatted tree, a coverage gate) counts as one.
type tally struct {
	part                    string
	passed, failed, skipped int
	failures, skips         []string
	again                   []lapse  // failures of the last run that may be the machine's
	flaky                   []string // what failed, and passed when it was run again
	took                    time.Duration
}

// lapse is a package in which tests failed without a race being reported.
type lapse struct {
	pkg            string
	passed, failed int
}

// event is a line of go test -json; see cmd/test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64 // seconds
}

// forgive takes a package's failures back after a second run without any.
func (t *tally) forgive(l lapse, passed int) {
	t.passed += passed - l.passed
	t.failed -= l.failed
	prefix := relative(l.pkg) + " "
	t.failures = slices.DeleteFunc(t.failures, func(name string) bool {
		mine := strings.HasPrefix(name, prefix)
		if mine {
			t.flaky = append(t.flaky, name)
		}
		return mine
	})
}

func (t *tally) pass(string) { t.passed++ }

func (t *tally) fail(name string, err error) {
	t.failed++
	t.failures = append(t.failures, name)
	fmt.Printf("FAIL  %s: %v\n", name, err)
}

// read counts events until the stream ends, and prints a line a package, and
// all that a failed test said.
func (t *tally) read(stream io.Reader, out io.Writer) error {
	run := running{tally: t, out: out, said: map[string][]string{}, failedIn: map[string]int{}, passedIn: map[string]int{}, ran: map[string]int{}, raced: map[string]bool{}}
	t.again = nil
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			run.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

// running is what read remembers between two events.
type running struct {
	*tally
	out      io.Writer
	said     map[string][]string // output by package and test
	failedIn map[string]int      // failed tests by package
	passedIn map[string]int      // passed tests by package
	raced    map[string]bool     // packages in which the race detector found something
	ran      map[string]int      // tests by package
}

func (r *running) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		_, _ = r.out.Write(line) // a wrapper's own words
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		r.said[key] = append(r.said[key], e.Output)
		if strings.Contains(e.Output, "DATA RACE") {
			r.raced[e.Package] = true
		}
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e)
		}
		delete(r.said, key)
	}
}

func (r *running) endTest(e event) {
	name := relative(e.Package) + " " + e.Test
	r.ran[e.Package]++
	switch e.Action {
	case "pass":
		r.passed++
		r.passedIn[e.Package]++
	case "skip":
		r.skipped++
		r.skips = append(r.skips, name+": "+reason(r.said[e.Package+" "+e.Test]))
	case "fail":
		r.failed++
		r.failedIn[e.Package]++
		r.failures = append(r.failures, name)
		fmt.Fprint(r.out, strings.Join(r.said[e.Package+" "+e.Test], ""))
	}
}

// endPackage counts a package that fails without a failing test: it does not
// build, or panics, or runs out of time.
func (r *running) endPackage(e event) {
	name := relative(e.Package)
	switch {
	case e.Action == "fail" && r.failedIn[e.Package] == 0:
		r.failed++
		r.failures = append(r.failures, name)
		r.dump(e.Package)
		fmt.Fprintf(r.out, "FAIL  %s\n", name)
	case e.Action == "fail":
		fmt.Fprintf(r.out, "FAIL  %s: %d tests failed\n", name, r.failedIn[e.Package])
		if !r.raced[e.Package] {
			r.again = append(r.again, lapse{e.Package, r.passedIn[e.Package], r.failedIn[e.Package]})
		}
	case e.Action == "pass":
		fmt.Fprintf(r.out, "ok    %-28s %4d tests %7.1fs\n", name, r.ran[e.Package], e.Elapsed)
	}
}

// dump prints what the package and its unfinished tests said.
func (r *running) dump(pkg string) {
	for key, said := range r.said {
		if strings.HasPrefix(key, pkg+" ") {
			fmt.Fprint(r.out, strings.Join(said, ""))
			delete(r.said, key)
		}
	}
}

// reason is what a skipped test gave as its last words.
func reason(said []string) string {
	for i := len(said) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(said[i]); line != "" && !strings.HasPrefix(line, "---") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no reason given"
}
