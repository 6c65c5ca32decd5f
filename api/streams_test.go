package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
)

// runner is a node whose Run the test writes.
type runner struct {
	*apitest.Fake
	run func(ctx context.Context, emit func(api.RunEvent) error) error
}

// Run calls the test's function.
func (r runner) Run(ctx context.Context, _ api.RunRequest, emit func(api.RunEvent) error) error {
	return r.run(ctx, emit)
}

var small = api.Spec{Image: "web", Resources: api.Resources{MilliCPU: 100, MemoryBytes: 64 << 20}}

// leaveRun runs through a client that leaves after its first event, and
// returns how the node's Run ended: after the client has gone it emits until
// ctx ends or emit fails, 200 times at most.
func leaveRun(t *testing.T, first api.RunEventType, attach bool) error {
	t.Helper()
	left := make(chan struct{})
	ended := make(chan error, 1)
	b := runner{apitest.NewFake(), func(ctx context.Context, emit func(api.RunEvent) error) error {
		err := emit(api.RunEvent{Type: first})
		<-left
		for i := 0; i < 200 && err == nil && ctx.Err() == nil; i++ {
			err = emit(api.RunEvent{Type: api.RunPulling})
			select { // the server needs a moment to notice
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
		ended <- errors.Join(err, ctx.Err())
		return err
	}}
	c := dial(t, serve(t, b, unixAddress(t), api.Config{}), "")
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Run(ctx, api.RunRequest{Spec: small, Attach: attach}, func(api.RunEvent) error { cancel(); return nil })
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(left)
	return <-ended
}

// TestRunOutlivesClient: once leased, a run goes on without its client, unless
// the client meant to attach; before, it ends.
func TestRunOutlivesClient(t *testing.T) {
	if err := leaveRun(t, api.RunLeased, false); err != nil {
		t.Errorf("leased: %v", err)
	}
	if err := leaveRun(t, api.RunLeased, true); err == nil {
		t.Error("leased and attached: the run went on")
	}
	if err := leaveRun(t, api.RunSearching, false); err == nil {
		t.Error("searching: the run went on")
	}
}

// TestAttachedRunEndsSilently: a run whose client meant to attach ends with the
// client even when it has nothing to tell.
func TestAttachedRunEndsSilently(t *testing.T) {
	ended := make(chan struct{})
	b := runner{apitest.NewFake(), func(ctx context.Context, emit func(api.RunEvent) error) error {
		defer close(ended)
		if err := emit(api.RunEvent{Type: api.RunLeased}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	c := dial(t, serve(t, b, unixAddress(t), api.Config{}), "")
	stop := errors.New("stop")
	if err := c.Run(t.Context(), api.RunRequest{Spec: small, Attach: true}, func(api.RunEvent) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	<-ended
}

// TestRunEndsWithServer: a run that outlived its client ends with the server.
func TestRunEndsWithServer(t *testing.T) {
	leased, ended := make(chan struct{}), make(chan error, 1)
	b := runner{apitest.NewFake(), func(ctx context.Context, emit func(api.RunEvent) error) error {
		err := emit(api.RunEvent{Type: api.RunLeased})
		close(leased)
		<-ctx.Done()
		ended <- err
		return ctx.Err()
	}}
	s, err := api.NewServer(b, api.Config{})
	if err != nil {
		t.Fatal(err)
	}
	address := unixAddress(t)
	l, err := api.Listen(address, "")
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(life, l) }()
	told := make(chan error, 1)
	go func() {
		told <- dial(t, address, "").Run(t.Context(), api.RunRequest{Spec: small}, func(api.RunEvent) error { return nil })
	}()
	<-leased
	stop()
	if err := errors.Join(<-ended, <-served); err != nil {
		t.Error(err)
	}
	if err := <-told; api.CodeOf(err) != api.CodeCancelled {
		t.Errorf("the client was told %v", err)
	}
}

// endless is a node whose streams end only when their client goes.
type endless struct {
	*apitest.Fake
	ended chan error
}

// Logs write for ever.
func (e endless) Logs(context.Context, api.ContainerRef, api.LogOptions) (api.Session, error) {
	return func(ctx context.Context, s api.Stdio) (int, error) {
		for {
			if _, err := io.WriteString(s.Out, strings.Repeat("x", 1000)); err != nil || ctx.Err() != nil {
				e.ended <- errors.Join(err, ctx.Err())
				return 0, err
			}
		}
	}, nil
}

// Exec waits for ever.
func (e endless) Exec(context.Context, api.ContainerRef, api.ExecRequest) (api.Session, error) {
	return func(ctx context.Context, _ api.Stdio) (int, error) {
		<-ctx.Done()
		e.ended <- ctx.Err()
		return -1, ctx.Err()
	}, nil
}

// Stats come for ever.
func (e endless) Stats(_ context.Context, _ api.ContainerRef, _ api.StatsOptions, emit func(api.Stats) error) error {
	for {
		if err := emit(api.Stats{Name: strings.Repeat("x", 1000)}); err != nil {
			e.ended <- err
			return err
		}
	}
}

// TestClientGoes: a stream ends at the node when its client goes.
func TestClientGoes(t *testing.T) {
	b := endless{apitest.NewFake(), make(chan error, 1)}
	for _, address := range []string{unixAddress(t), "tcp://127.0.0.1:0"} {
		c := dial(t, serve(t, b, address, api.Config{Token: secret}), secret)

		stop := errors.New("stop")
		if err := c.Stats(t.Context(), "web", api.StatsOptions{}, func(api.Stats) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("stats: %v", err)
		}
		if <-b.ended == nil {
			t.Error("stats went on")
		}

		logs, err := c.Logs(t.Context(), "web", api.LogOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, w := io.Pipe()
		r.CloseWithError(stop)
		if _, err := logs(t.Context(), api.Stdio{Out: w}); !errors.Is(err, stop) {
			t.Errorf("logs: %v", err)
		}
		if <-b.ended == nil {
			t.Error("logs went on")
		}

		ctx, cancel := context.WithCancel(t.Context())
		exec, err := c.Exec(ctx, "web", api.ExecRequest{Command: []string{"cat"}})
		if err != nil {
			t.Fatal(err)
		}
		cancel() // the ctx that opened it
		if _, err := exec(t.Context(), api.Stdio{}); !errors.Is(err, context.Canceled) {
			t.Errorf("exec: %v", err)
		}
		if <-b.ended == nil {
			t.Error("exec went on")
		}
	}
}

// rawRequest sends bytes to a Unix socket and never reads.
func rawRequest(t *testing.T, address, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", strings.TrimPrefix(address, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSlowReader: a client that does not read holds a stream for a bounded
// time, and a run not at all once it is leased.
func TestSlowReader(t *testing.T) {
	b := endless{apitest.NewFake(), make(chan error, 1)}
	cfg := api.Config{StreamStall: 20 * time.Millisecond, AnswerStall: 20 * time.Millisecond}
	address := serve(t, b, unixAddress(t), cfg)
	for _, path := range []string{"stats", "logs"} {
		rawRequest(t, address, fmt.Sprintf("GET /v1/containers/web/%s HTTP/1.1\r\nHost: x\r\n\r\n", path))
		if <-b.ended == nil {
			t.Errorf("%s: no error", path)
		}
	}

	done := make(chan error, 1)
	run := runner{apitest.NewFake(), func(ctx context.Context, emit func(api.RunEvent) error) error {
		err := emit(api.RunEvent{Type: api.RunLeased})
		for i := 0; i < 5000 && err == nil; i++ {
			err = emit(api.RunEvent{Type: api.RunPulling, Detail: strings.Repeat("x", 1000)})
		}
		done <- errors.Join(err, ctx.Err())
		return err
	}}
	body := `{"spec":` + spec + `}`
	rawRequest(t, serve(t, run, unixAddress(t), cfg),
		fmt.Sprintf("POST /v1/run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	if err := <-done; err != nil {
		t.Errorf("the run was held up: %v", err)
	}
}

// TestStopsDespiteSlowClients: a server does not wait for clients that do not
// read.
func TestStopsDespiteSlowClients(t *testing.T) {
	fake := apitest.NewFake()
	apitest.Start(t, fake, "web")
	s, err := api.NewServer(fake, api.Config{})
	if err != nil {
		t.Fatal(err)
	}
	address := unixAddress(t)
	l, err := api.Listen(address, "")
	if err != nil {
		t.Fatal(err)
	}
	life, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(life, l) }()
	conn := rawRequest(t, address, upgradeRequest(`{"command":["flood","99000000"]}`))
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// upgradeRequest is an exec on the wire.
func upgradeRequest(body string) string {
	return fmt.Sprintf("POST /v1/containers/web/exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: caravela-stream/1\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// huge is a node with an answer that no socket's buffer holds.
type huge struct{ *apitest.Fake }

// Nodes lists many.
func (h huge) Nodes(context.Context) ([]api.Node, error) {
	return slices.Repeat([]api.Node{{ID: strings.Repeat("x", 1000)}}, 10_000), nil
}

// TestSlowAnswer: a client that does not read its answer is given up.
func TestSlowAnswer(t *testing.T) {
	cfg := api.Config{AnswerStall: 20 * time.Millisecond, MaxRequests: 1}
	address := serve(t, huge{apitest.NewFake()}, unixAddress(t), cfg)
	conn := rawRequest(t, address, "GET /v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := conn.Read(make([]byte, 1)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	c := dial(t, address, "")
	for {
		_, err := c.Status(t.Context())
		if err == nil {
			return
		}
		if api.CodeOf(err) != api.CodeBusy {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
}

// TestBusy: over the bound on requests a client is told to come back.
func TestBusy(t *testing.T) {
	fake := apitest.NewFake()
	apitest.Start(t, fake, "web")
	c := dial(t, serve(t, fake, unixAddress(t), api.Config{MaxRequests: 1}), "")
	opened := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		_ = c.Events(ctx, api.EventOptions{Since: time.Unix(0, 0), Follow: true}, func(api.Event) error { close(opened); return nil })
	}()
	<-opened
	if _, err := c.Status(t.Context()); api.CodeOf(err) != api.CodeBusy {
		t.Errorf("got %v", err)
	}
}

// TestNotBusyForEver: a request that has ended makes room.
func TestNotBusyForEver(t *testing.T) {
	c := dial(t, serve(t, apitest.NewFake(), unixAddress(t), api.Config{MaxRequests: 1}), "")
	for range 3 {
		if _, err := c.Status(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := c.Node(t.Context(), "nobody"); api.CodeOf(err) != api.CodeNotFound {
			t.Error(err)
		}
	}
}

// TestAliveStreams: signs of life disturb nobody.
func TestAliveStreams(t *testing.T) {
	apitest.Run(t, func(t *testing.T, b api.Backend) api.Backend {
		return dial(t, serve(t, b, unixAddress(t), api.Config{AliveInterval: 50 * time.Microsecond}), "")
	})
}

// TestBadFrames: a client that sends nonsense loses its session.
func TestBadFrames(t *testing.T) {
	b := endless{apitest.NewFake(), make(chan error, 1)}
	address := serve(t, b, unixAddress(t), api.Config{})
	for name, bytes := range map[string]string{
		"unknown type":    "\x63\x00\x00\x00\x00",
		"too long":        "\x01\x00\x00\x80\x01",
		"output":          "\x04\x00\x00\x00\x01x",
		"exit":            "\x06\x00\x00\x00\x04\x00\x00\x00\x00",
		"resize of one":   "\x03\x00\x00\x00\x01x",
		"end with a body": "\x02\x00\x00\x00\x01x",
	} {
		conn := rawRequest(t, address, upgradeRequest(`{"command":["cat"]}`))
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, "101 Switching Protocols") {
			t.Fatalf("%s: %q, %v", name, line, err)
		}
		if _, err := io.WriteString(conn, bytes); err != nil {
			t.Fatal(err)
		}
		if <-b.ended == nil {
			t.Errorf("%s: the session went on", name)
		}
	}
}
