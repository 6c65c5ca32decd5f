package main

import (
	"context"
	"flag"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const page = `<!doctype html>
<title>Caravela</title>
<style>body{font:18px/1.5 system-ui;max-width:34em;margin:4em auto;padding:0 1em}code{background:#eef;padding:.1em .3em}</style>
<h1>It sails.</h1>
<p>Container <code>%s</code> answers you at <code>%s</code>.</p>
<p>Up for %s, request %d.</p>
`

type options struct {
	listen   string
	beat     time.Duration // 0: no beat
	beatSize int           // bytes of each beat's line, newline included
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", ":8080", "address to serve on")
	flags.DurationVar(&o.beat, "beat", 0, "write a line to the log this often")
	flags.IntVar(&o.beatSize, "beat-size", 80, "length of such a line in bytes")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.beat < 0 || o.beatSize < 16 || o.beatSize > 1<<16 {
		return o, errUsage
	}
	return o, nil
}

// serve answers until the container is told to stop, and then lets requests
// end: as process 1 it gets no default signal handling from the kernel.
func serve(args []string, out io.Writer) error {
	opts, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	lines := log.New(out, "", 0)
	server := &http.Server{Addr: opts.listen, Handler: handler(lines), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(grace)
	}()
	if opts.beat > 0 {
		go beat(ctx, lines, opts)
	}
	lines.Printf("web: serving on %s", opts.listen)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return fmt.Errorf("serve on %s: %w", opts.listen, err)
	}
	lines.Print("web: stopped")
	return nil
}

func handler(lines *log.Logger) http.Handler {
	name, started := hostname(), time.Now()
	var count atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lines.Printf("web: %s %s from %s", r.Method, r.URL.Path, r.RemoteAddr)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		up := time.Since(started).Round(time.Second)
		fmt.Fprintf(w, page, html.EscapeString(name), html.EscapeString(r.Host), up, count.Add(1))
	})
}

// beat numbers its lines, so that a reader can tell that none is missing.
func beat(ctx context.Context, lines *log.Logger, o options) {
	tick := time.NewTicker(o.beat)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			head := fmt.Sprintf("beat %010d ", n)
			lines.Print(head + strings.Repeat(".", max(0, o.beatSize-len(head)-1)))
		}
	}
}

func health(args []string) error {
	flags := flag.NewFlagSet("health", flag.ContinueOnError)
	url := flags.String("url", "http://127.0.0.1:8080/", "what to ask")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, *url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", *url, answer.Status)
	}
	return nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
