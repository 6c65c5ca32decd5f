//go:build hosts

// Bench measures the figures that the project promises, on nodes and engines
// of its own: a lab of test hosts, see package hosts.
//
//	scripts/bench [-n 15] [-only start,run,search,idle,crowd]
//
// It prints one table: what was measured, what was promised, and whether it
// holds. Where two things are compared they take turns in one run, since the
// speed of a machine changes by the minute. It needs root.
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
)

func main() { os.Exit(status()) }

func status() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// section is a group of figures that share nodes.
type section struct {
	name string
	run  func(context.Context, *bench) error
}

func sections() []section {
	return []section{{"start", start}, {"run", buy}, {"search", search}, {"idle", idle}, {"crowd", crowd}}
}

func run(ctx context.Context, args []string) (err error) {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.StringVar(&b.caravela, "caravela", "bin/caravela", "the program")
	flags.StringVar(&b.web, "web", "bin/web", "the static program of the image, demo/web")
	flags.StringVar(&b.tests, "tests", "bin/real.test", "the tests of node/realtest, built with the tag real")
	flags.IntVar(&b.n, "n", 15, "how often each thing is measured; at least 10")
	only := flags.String("only", "", "measure these sections only, separated by commas")
	_ = flags.Parse(args)
	if b.n < 10 {
		return errors.New("-n: at least 10")
	}
	if err := b.open(ctx); err != nil {
		return errors.Join(err, b.close(ctx))
	}
	defer func() { err = errors.Join(err, b.close(ctx)) }()
	about()
	for _, s := range sections() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	b.table.print(os.Stdout)
	about()
	return nil
}
