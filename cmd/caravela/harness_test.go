package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
	"caravela/configuration"
)

// noTerminal is a process without one.
type noTerminal struct{}

func (noTerminal) isTerminal(any) bool              { return false }
func (noTerminal) raw(any) (func(), error)          { return func() {}, nil }
func (noTerminal) size(stream any) (api.Size, bool) { return api.Size{}, false }

// cli is a command line on a made-up node behind a real socket.
type cli struct {
	t        *testing.T
	address  string
	terminal terminal
	signals  *signals
	daemon   func(context.Context, configuration.Config, startMode) error
	stdin    string
	direct   api.Backend // in place of the one behind the socket
}

// lockedBuffer is written by several streams at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newCLI serves a backend on a Unix socket and returns its command line. No
// variable of the machine's own node is seen.
func newCLI(t *testing.T, backend api.Backend) *cli {
	t.Helper()
	dir, err := os.MkdirTemp("", "cli") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "CARAVELA_") || name == "DOCKER_HOST" || name == "NO_COLOR" {
			t.Setenv(name, "")
		}
	}
	t.Setenv("XDG_DATA_HOME", dir+"/data")
	t.Setenv("XDG_CONFIG_HOME", dir+"/config")
	t.Setenv("CARAVELA_DATA_DIR", dir+"/data/caravela")
	c := &cli{t: t, address: "unix://" + filepath.Join(dir, "api.sock"), terminal: noTerminal{}, signals: &signals{resized: make(chan struct{}, 1)}}
	c.signals.handler = func(os.Signal) {}
	if backend != nil {
		c.serve(backend)
	}
	return c
}

func (c *cli) serve(backend api.Backend) {
	c.t.Helper()
	l, err := api.Listen(c.address, "")
	if err != nil {
		c.t.Fatal(err)
	}
	s, err := api.NewServer(backend, api.Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	c.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			c.t.Error(err)
		}
	})
}

// result is what a command line left behind.
type result struct {
	out, err string
	code     int
}

func (c *cli) run(args ...string) result {
	c.t.Helper()
	return c.runContext(c.t.Context(), args...)
}

func (c *cli) runContext(ctx context.Context, args ...string) result {
	c.t.Helper()
	var out, errOut lockedBuffer
	a := &app{
		in: strings.NewReader(c.stdin), out: &out, err: &errOut, getenv: os.Getenv, environ: os.Environ,
		now:      func() time.Time { return time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC) },
		terminal: c.terminal, signals: c.signals, dial: dialNode, daemon: c.daemon,
	}
	if c.direct != nil {
		a.dial = func(string, string) (api.Backend, error) { return c.direct, nil }
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if c.address != "" {
		args = append([]string{"-H", c.address}, args...)
	}
	code := a.run(ctx, args)
	return result{out.String(), errOut.String(), code}
}

// ok runs a command line that must succeed, and returns what it printed.
func (c *cli) ok(args ...string) string {
	c.t.Helper()
	r := c.run(args...)
	if r.code != 0 {
		c.t.Fatalf("caravela %q: code %d\n%s%s", args, r.code, r.out, r.err)
	}
	return r.out
}

// recorder remembers the requests of run, and answers them as told.
type recorder struct {
	*apitest.Fake
	requests []api.RunRequest
	killed   chan string
	events   []api.RunEvent
	err      error
	exit     int
	exec     error
}

func record() *recorder {
	return &recorder{Fake: apitest.NewFake(), killed: make(chan string, 8)}
}

const recordedID = "3f9a1c00112233445566778899aabbccddeeff00112233445566778899aabbcc"

func (r *recorder) Run(ctx context.Context, req api.RunRequest, emit func(api.RunEvent) error) error {
	r.requests = append(r.requests, req)
	for _, e := range r.events {
		if err := emit(e); err != nil {
			return err
		}
	}
	return r.err
}

// Attach writes a line to each stream and ends with the exit code.
func (r *recorder) Attach(_ context.Context, ref api.ContainerRef, _ api.AttachRequest) (api.Session, error) {
	if ref != recordedID {
		return nil, errors.New("attached to another container")
	}
	return func(_ context.Context, s api.Stdio) (int, error) {
		_, _ = io.WriteString(s.Out, "to out\n")
		_, _ = io.WriteString(s.Err, "to err\n")
		if s.In != nil {
			_, _ = io.Copy(s.Out, s.In)
		}
		return r.exit, nil
	}, nil
}

func (r *recorder) Wait(context.Context, api.ContainerRef) (api.Exit, error) {
	return api.Exit{ExitCode: 9}, nil
}

func (r *recorder) Logs(context.Context, api.ContainerRef, api.LogOptions) (api.Session, error) {
	return func(_ context.Context, s api.Stdio) (int, error) {
		_, err := io.WriteString(s.Out, "last words\n")
		return 0, err
	}, nil
}

func (r *recorder) Exec(ctx context.Context, ref api.ContainerRef, req api.ExecRequest) (api.Session, error) {
	if r.exec != nil {
		return nil, r.exec
	}
	return r.Fake.Exec(ctx, ref, req)
}

func (r *recorder) Kill(_ context.Context, _ api.ContainerRef, req api.KillRequest) error {
	r.killed <- req.Signal
	return nil
}

// placed are the events of a run that goes well.
func placed() []api.RunEvent {
	return []api.RunEvent{
		{Type: api.RunSearching, Search: &api.SearchRound{Round: 1, Regions: 2, Offers: 9}},
		{Type: api.RunAsked, Node: apitest.CedarID, NodeName: "cedar"},
		{Type: api.RunLeased, Node: apitest.CedarID, NodeName: "cedar", Lease: &api.Leased{
			ContainerID: recordedID, Name: "web", Resources: api.Resources{MilliCPU: 2000, MemoryBytes: 512 << 20},
			TermMS: 86400000, Renews: true, Labels: []api.Label{{Key: "disk", Value: "ssd"}, {Key: "region", Value: "eu"}}, LatencyUS: 17600,
		}},
		{Type: api.RunStatus, Status: &api.ContainerLife{State: "running", Reason: "none", Ports: []api.PublishedPort{
			{ContainerPort: 80, HostPort: 8080, Protocol: "tcp", Address: "192.0.2.7", Reachable: true}}}},
		{Type: api.RunDone, Containers: []string{recordedID}},
	}
}
