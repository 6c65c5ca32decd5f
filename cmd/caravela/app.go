package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/configuration"
)

// app is what every command is given: the process' surroundings and the
// global flags.
type app struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	environ  func() []string
	now      func() time.Time
	terminal terminal
	signals  *signals
	args     []string // the command line, without the program

	// dial makes the client of a node; nothing is sent yet.
	dial func(address, token string) (api.Backend, error)
	// daemon runs a node until ctx ends or the node has left.
	daemon func(context.Context, configuration.Config, startMode) error

	flags globals
}

// globals are the flags of every command.
type globals struct {
	host     string
	output   string
	format   string
	timeout  string
	logLevel string
	noColor  bool
	config   string
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.args = args
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if interrupted(ctx, err) {
		err = exitWith(codeInterrupted, nil)
	}
	report(a.err, commandError(err))
	return codeOf(err)
}

// sayf writes a line for the user on standard error.
func (a *app) sayf(format string, args ...any) { _, _ = fmt.Fprintf(a.err, format+"\n", args...) }

// yes reports whether the user has agreed beforehand, or agrees now.
func (a *app) yes(given bool, question string) error {
	if given || truth(a.getenv("CARAVELA_YES")) {
		return nil
	}
	if !a.terminal.isTerminal(a.in) {
		return advise(fmt.Errorf("%s needs a confirmation", question), "add -y, or set CARAVELA_YES=1")
	}
	_, _ = fmt.Fprintf(a.err, "%s? [y/N] ", question)
	var answer string
	_, _ = fmt.Fscanln(a.in, &answer)
	if answer != "y" && answer != "Y" && answer != "yes" {
		return fmt.Errorf("nothing was done")
	}
	return nil
}

func truth(s string) bool { return s != "" && s != "0" && s != "false" && s != "no" }

// limited returns a context that ends after --timeout, or after fallback
// where that was not given; 0 is no limit.
func (a *app) limited(cmd *cobra.Command, fallback time.Duration) (context.Context, context.CancelFunc, error) {
	d := fallback
	if a.flags.timeout != "" {
		var err error
		if d, err = configuration.ParseDuration(a.flags.timeout); err != nil {
			return nil, nil, fmt.Errorf("--timeout: %w", err)
		}
	}
	if d == 0 {
		ctx, cancel := context.WithCancel(cmd.Context())
		return ctx, cancel, nil
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), d)
	return ctx, cancel, nil
}

// quick bounds commands that a healthy node answers at once.
const quick = 30 * time.Second

// ask is the frame of most commands: find the node, bound the time, call.
func (a *app) ask(cmd *cobra.Command, fallback time.Duration, call func(context.Context, api.Backend) error) error {
	node, _, err := a.node()
	if err != nil {
		return err
	}
	ctx, cancel, err := a.limited(cmd, fallback)
	if err != nil {
		return err
	}
	defer cancel()
	return call(ctx, node)
}
