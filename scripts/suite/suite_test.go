package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// stream is what go test -json says of a package with one test of each fate,
// of one that does not build, and of one that panics in a test.
const stream = `{"Action":"start","Package":"caravela/a"}
{"Action":"run","Package":"caravela/a","Test":"TestGood"}
{"Action":"pass","Package":"caravela/a","Test":"TestGood","Elapsed":0}
{"Action":"output","Package":"caravela/a","Test":"TestBad","Output":"    a_test.go:7: got 1, want 2\n"}
{"Action":"fail","Package":"caravela/a","Test":"TestBad","Elapsed":0}
{"Action":"output","Package":"caravela/a","Test":"TestLater","Output":"=== RUN   TestLater\n"}
{"Action":"output","Package":"caravela/a","Test":"TestLater","Output":"    a_test.go:9: needs a moon\n"}
{"Action":"output","Package":"caravela/a","Test":"TestLater","Output":"--- SKIP: TestLater (0.00s)\n"}
{"Action":"skip","Package":"caravela/a","Test":"TestLater","Elapsed":0}
{"Action":"fail","Package":"caravela/a","Elapsed":0.1}
{"ImportPath":"caravela/b","Action":"build-output","Output":"b.go:3: undefined: x\n"}
{"Action":"fail","Package":"caravela/b","Elapsed":0,"FailedBuild":"caravela/b"}
{"Action":"run","Package":"caravela/c","Test":"TestPanics"}
{"Action":"output","Package":"caravela/c","Test":"TestPanics","Output":"panic: overboard\n"}
{"Action":"fail","Package":"caravela/c","Elapsed":0.1}
{"Action":"skip","Package":"caravela/d","Elapsed":0}
withengine: lab is closed
`

func TestTallyCountsEveryFate(t *testing.T) {
	var got tally
	var out bytes.Buffer
	if err := got.read(strings.NewReader(stream), &out); err != nil {
		t.Fatal(err)
	}
	if got.passed != 1 || got.failed != 3 || got.skipped != 1 {
		t.Errorf("passed, failed, skipped = %d, %d, %d, want 1, 3, 1", got.passed, got.failed, got.skipped)
	}
	if want := []string{"a TestBad", "b", "c"}; !slices.Equal(got.failures, want) {
		t.Errorf("failures = %q, want %q", got.failures, want)
	}
	if want := []string{"a TestLater: a_test.go:9: needs a moon"}; !slices.Equal(got.skips, want) {
		t.Errorf("skips = %q, want %q", got.skips, want)
	}
	for _, said := range []string{"got 1, want 2", "undefined: x", "panic: overboard", "withengine: lab is closed"} {
		if !strings.Contains(out.String(), said) {
			t.Errorf("output lacks %q:\n%s", said, out.String())
		}
	}
}

// Two binaries have met market; one of them reached its second block.
const profile = `mode: set
caravela/market/ids.go:10.2,12.3 9 1
caravela/market/ids.go:14.2,15.3 1 0
caravela/trader/trader.go:5.1,6.2 8 1
caravela/trader/trader.go:7.1,9.2 2 0
caravela/market/ids.go:10.2,12.3 9 0
caravela/market/ids.go:14.2,15.3 1 1
`

func TestCoverageGate(t *testing.T) {
	covered, err := readProfile(strings.NewReader(profile))
	if err != nil {
		t.Fatal(err)
	}
	if got := covered["market"]; got != (coverage{10, 10}) {
		t.Errorf("market = %+v, want 10 of 10", got)
	}
	var got tally
	got.gate(covered, []string{"market", "trader", "buyer"}, 90)
	if got.passed != 1 || got.failed != 2 {
		t.Errorf("passed, failed = %d, %d, want 1, 2 (trader has 80 %%, buyer is missing)", got.passed, got.failed)
	}
}

func TestSummaryEndsWithTheTotals(t *testing.T) {
	var out bytes.Buffer
	failed := summarise(&out, []*tally{{part: "unit", passed: 2, skipped: 1}, {part: "race", passed: 3, failed: 1, failures: []string{"a TestBad"}}}, time.Minute)
	if !failed {
		t.Error("failed = false")
	}
	if want := "failed   race: a TestBad\n\nFAIL in 1m0s\n5 passed, 1 failed, 1 skipped\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("summary =\n%s\nwant it to end with\n%s", out.String(), want)
	}
}

func TestParseTargets(t *testing.T) {
	const out = "FuzzA\nFuzzB\nok  \tcaravela/market\t0.1s\nok  \tcaravela/trader\t0.1s\n?   \tcaravela\t[no test files]\nFuzzC\nok  \tcaravela/remote\t0.1s\n"
	want := []fuzzTarget{{"caravela/market", "FuzzA"}, {"caravela/market", "FuzzB"}, {"caravela/remote", "FuzzC"}}
	if got := parseTargets(out); !slices.Equal(got, want) {
		t.Errorf("targets = %v, want %v", got, want)
	}
}

func TestChoose(t *testing.T) {
	chosen, err := choose(parts("1x"), "race,unit")
	if err != nil || len(chosen) != 2 || chosen[0].name != "unit" {
		t.Errorf("chosen = %v, %v, want unit and race in the order of the table", chosen, err)
	}
	if _, err := choose(parts("1x"), "unit,moon"); err == nil {
		t.Error("no error for a part that does not exist")
	}
}

// A package that fails and then passes counts as passed, and is told; one in
// which a race was found is not run again.
func TestSecondChance(t *testing.T) {
	stream := `{"Action":"pass","Package":"caravela/slow","Test":"TestA"}
{"Action":"fail","Package":"caravela/slow","Test":"TestB"}
{"Action":"fail","Package":"caravela/slow"}
{"Action":"output","Package":"caravela/raced","Test":"TestC","Output":"WARNING: DATA RACE"}
{"Action":"fail","Package":"caravela/raced","Test":"TestC"}
{"Action":"fail","Package":"caravela/raced"}
`
	var counts tally
	if err := counts.read(strings.NewReader(stream), io.Discard); err != nil {
		t.Fatal(err)
	}
	if len(counts.again) != 1 || counts.again[0] != (lapse{"caravela/slow", 1, 1}) {
		t.Fatalf("runs again %+v", counts.again)
	}
	counts.forgive(counts.again[0], 2)
	if counts.passed != 2 || counts.failed != 1 || len(counts.flaky) != 1 || counts.flaky[0] != "slow TestB" || counts.failures[0] != "raced TestC" {
		t.Errorf("counts %+v", counts)
	}
}
