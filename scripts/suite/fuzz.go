package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// fuzz runs each fuzz target for a moment: go test takes one at a time. A number
// of inputs is better than a time: on a busy machine go test may take the end
// of the time for a failure ("context deadline exceeded").
func fuzz(each string) func(context.Context, *workshop, *tally) error {
	return func(ctx context.Context, w *workshop, t *tally) error {
		targets, err := w.fuzzTargets(ctx)
		if err != nil {
			return err
		}
		for _, target := range targets {
			fmt.Printf("      %s %s\n", relative(target.pkg), target.name)
			if err := w.test(ctx, t, "-run", "^$", "-fuzz", "^"+target.name+"$", "-fuzztime", each, target.pkg); err != nil {
				t.fail(target.pkg+" "+target.name, err)
			}
		}
		return nil
	}
}

type fuzzTarget struct{ pkg, name string }

func (w *workshop) fuzzTargets(ctx context.Context) ([]fuzzTarget, error) {
	out, err := w.output(ctx, "go", "test", "-list", "^Fuzz", "./...")
	if err != nil {
		return nil, err
	}
	found := parseTargets(out)
	if found == nil {
		return nil, errors.New("no fuzz target found")
	}
	return found, nil
}

// parseTargets reads go test -list: the names, then a line "ok package time".
func parseTargets(out string) []fuzzTarget {
	var found []fuzzTarget
	var names []string
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			names = append(names, fields[0])
		case len(fields) > 1 && fields[0] == "ok":
			for _, name := range names {
				found = append(found, fuzzTarget{fields[1], name})
			}
			names = nil
		}
	}
	return found
}
