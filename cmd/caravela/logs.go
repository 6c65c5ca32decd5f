package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"caravela/api"
	"caravela/configuration"
)

func newLogs(a *app) *cobra.Command {
	var opts api.LogOptions
	var tail, since, until string
	cmd := &cobra.Command{
		Use:   "logs [FLAGS] CONTAINER...",
		Short: "Show what containers have written",
		Long: `Shows the output of containers, standard output and standard error apart. Of
several containers each line begins with the container's name.`,
		Example: `  caravela logs -f web
  caravela logs -n 100 --since 1h web db`,
		Args:              needs(1, -1, "the name or ID of a container"),
		ValidArgsFunction: a.completeContainers(true, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Tail, err = parseTail(tail); err != nil {
				return err
			}
			if opts.Since, err = a.pastTime("--since", since); err != nil {
				return err
			}
			if opts.Until, err = a.pastTime("--until", until); err != nil {
				return err
			}
			return a.ask(cmd, 0, func(ctx context.Context, node api.Backend) error {
				if len(args) == 1 {
					return copyLogs(ctx, node, args[0], opts, a.out, a.err)
				}
				return a.manyLogs(ctx, node, args, opts)
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&opts.Follow, "follow", "f", false, "go on with what is written from now on")
	f.BoolVarP(&opts.Timestamps, "timestamps", "t", false, "begin each line with its date")
	f.StringVarP(&tail, "tail", "n", "all", "number of last lines, or all")
	f.StringVar(&since, "since", "", "only what is younger: 10m, or 2006-01-02T15:04:05Z")
	f.StringVar(&until, "until", "", "only what is older")
	return cmd
}

func parseTail(s string) (int, error) {
	if s == "all" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("--tail: %q is neither a number of lines nor all", s)
	}
	if n == 0 {
		return -1, nil // the API's "none"
	}
	return n, nil
}

// pastTime reads a date, or a duration before now; "" is the zero time.
func (a *app) pastTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := configuration.ParseDuration(s); err == nil {
		return a.now().Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		return time.Unix(n, 0), nil
	}
	return time.Time{}, fmt.Errorf("%s: %q is neither a duration such as 10m nor a date such as 2006-01-02T15:04:05Z", flag, s)
}

func copyLogs(ctx context.Context, node api.Backend, ref string, opts api.LogOptions, out, errOut io.Writer) error {
	session, err := node.Logs(ctx, api.ContainerRef(ref), opts)
	if err != nil {
		return err
	}
	_, err = session(ctx, api.Stdio{Out: out, Err: errOut})
	return err
}

// manyLogs follows several containers at once, a line at a time.
func (a *app) manyLogs(ctx context.Context, node api.Backend, refs []string, opts api.LogOptions) error {
	width := 0
	for _, ref := range refs {
		width = max(width, len(ref))
	}
	var mu sync.Mutex // one line at a time
	errs := make([]error, len(refs))
	var wg sync.WaitGroup
	for i, ref := range refs {
		wg.Go(func() {
			prefix := fmt.Sprintf("%-*s | ", width, ref)
			out, errOut := &prefixer{to: a.out, mu: &mu, prefix: prefix}, &prefixer{to: a.err, mu: &mu, prefix: prefix}
			errs[i] = copyLogs(ctx, node, ref, opts, out, errOut)
			out.flush()
			errOut.flush()
		})
	}
	wg.Wait()
	next := 0
	return a.eachOf(ctx, refs, func(string) error { next++; return errs[next-1] })
}

// maxLine is where a line that does not end is broken.
const maxLine = 64 << 10

// prefixer writes whole lines with a prefix.
type prefixer struct {
	to     io.Writer
	mu     *sync.Mutex
	prefix string
	rest   []byte
}

func (p *prefixer) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		i := bytes.IndexByte(p.rest, '\n')
		if i < 0 && len(p.rest) < maxLine {
			return len(b), nil
		}
		if i < 0 {
			i = len(p.rest) - 1
		}
		if err := p.line(p.rest[:i+1]); err != nil {
			return 0, err
		}
		p.rest = p.rest[i+1:]
	}
}

func (p *prefixer) line(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err := fmt.Fprintf(p.to, "%s%s\n", p.prefix, bytes.TrimRight(b, "\n"))
	return err
}

func (p *prefixer) flush() {
	if len(p.rest) > 0 {
		_ = p.line(p.rest) // the stream is over; nobody is left to be told
	}
}
