// Suite runs every test that the repository has, part by part, and counts.
//
//	go run ./scripts/suite [-only part,...] [-fuzztime 5s|3000x] [-list]
//
// scripts/test installs what the parts need and then calls it. A part whose
// need is missing fails; nothing is left out in silence.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(status(os.Args[1:])) }

func status(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := run(ctx, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
	}
	if failed || err != nil {
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string) (failed bool, err error) {
	flags := flag.NewFlagSet("suite", flag.ExitOnError)
	only := flags.String("only", "", "run these parts only, separated by commas")
	fuzzTime := flags.String("fuzztime", "3000x", "how long, or how often, to fuzz each target")
	list := flags.Bool("list", false, "print the parts and what each does")
	_ = flags.Parse(args)

	all := parts(*fuzzTime)
	if *list {
		for _, p := range all {
			fmt.Printf("%-9s %s\n", p.name, p.does)
		}
		return false, nil
	}
	chosen, err := choose(all, *only)
	if err != nil {
		return false, err
	}
	work, err := newWorkshop()
	if err != nil {
		return false, err
	}
	defer work.clean()

	began := time.Now()
	var tallies []*tally
	for _, p := range chosen {
		fmt.Printf("\n=== %s: %s\n", p.name, p.does)
		t := &tally{part: p.name}
		start := time.Now()
		if err := p.run(ctx, work, t); err != nil {
			t.fail(p.name, err)
		}
		t.took = time.Since(start)
		tallies = append(tallies, t)
		if ctx.Err() != nil {
			return true, errors.New("interrupted")
		}
	}
	return summarise(os.Stdout, tallies, time.Since(began)), nil
}

func choose(all []part, only string) ([]part, error) {
	if only == "" {
		return all, nil
	}
	names := strings.Split(only, ",")
	var chosen []part
	for _, p := range all {
		if i := slices.Index(names, p.name); i >= 0 {
			chosen, names = append(chosen, p), slices.Delete(names, i, i+1)
		}
	}
	if len(names) > 0 {
		return nil, fmt.Errorf("no part is called %s: see -list", strings.Join(names, ", "))
	}
	return chosen, nil
}
