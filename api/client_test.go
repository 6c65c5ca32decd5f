package api_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

// TestAddresses: an address is one of two forms.
func TestAddresses(t *testing.T) {
	for _, good := range []string{"unix:///run/caravela/api.sock", "tcp://127.0.0.1:7400", "tcp://[::1]:7400", "tcp://oak.lan:80"} {
		if _, err := api.New(good, ""); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "unix://", "unix://relative", "/run/api.sock", "tcp://", "tcp://host", "tcp://host:x", "tcp://:80", "tcp://h:99999", "http://h:1"} {
		if _, err := api.New(bad, ""); !errors.Is(err, api.ErrBadAddress) {
			t.Errorf("%s: %v", bad, err)
		}
		if _, err := api.Listen(bad, ""); !errors.Is(err, api.ErrBadAddress) {
			t.Errorf("listen %s: %v", bad, err)
		}
	}
}

// wantError checks an error's code, and that its words name the address and
// the next step is there.
func wantError(t *testing.T, err error, code api.Code, says string) {
	t.Helper()
	var e *api.Error
	if !errors.As(err, &e) || e.Code != code || e.Next == "" || !strings.Contains(e.Detail, says) {
		t.Errorf("got %#v, want %s that says %q", err, code, says)
	}
}

// TestNoNode: a client explains why it reaches nobody.
func TestNoNode(t *testing.T) {
	missing := unixAddress(t)
	_, err := dial(t, missing, "").Status(t.Context())
	wantError(t, err, api.CodeUnreachable, missing)

	stale := unixAddress(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: strings.TrimPrefix(stale, "unix://"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	_, err = dial(t, stale, "").Status(t.Context())
	wantError(t, err, api.CodeUnreachable, "is it running")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dial(t, missing, "").Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestWrongToken: a client over TCP without the token learns what to do.
func TestWrongToken(t *testing.T) {
	address := serve(t, apitest.NewFake(), "tcp://127.0.0.1:0", api.Config{Token: secret})
	_, err := dial(t, address, "wrong").Status(t.Context())
	wantError(t, err, api.CodeUnauthorized, "token")
	_, err = dial(t, address, "").Exec(t.Context(), "web", api.ExecRequest{Command: []string{"cat"}})
	wantError(t, err, api.CodeUnauthorized, "token")
	_, err = dial(t, address, secret).ExportIdentity(t.Context())
	wantError(t, err, api.CodeUnauthorized, "Unix socket")
}

// TestStrangers: what listens at the address need not be a node.
func TestStrangers(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>nginx</h1>", http.StatusNotFound) },
		"a lying problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(500)
			fmt.Fprint(w, "not json")
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		},
		"half a JSON": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"x`) },
		"hanging up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(answer)
			defer s.Close()
			c := dial(t, "tcp://"+s.Listener.Addr().String(), secret)
			var e *api.Error
			if _, err := c.Status(t.Context()); !errors.As(err, &e) || e.Code != api.CodeInternal && e.Code != api.CodeUnreachable {
				t.Errorf("status: %#v", err)
			}
			if session, err := c.Exec(t.Context(), "web", api.ExecRequest{}); !errors.As(err, &e) {
				t.Errorf("exec: %v, %v", session, err)
			}
			if err := c.Events(t.Context(), api.EventOptions{}, func(api.Event) error { return nil }); !errors.As(err, &e) {
				t.Errorf("events: %v", err)
			}
		})
	}
}

// Example shows the whole way: a node on a socket, and a client of it.
func Example() {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	address := "unix://" + filepath.Join(dir, "api.sock")

	// The node's side; apitest.NewFake stands for a real one.
	server, err := api.NewServer(apitest.NewFake(), api.Config{})
	if err != nil {
		panic(err)
	}
	listener, err := api.Listen(address, "")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listener) }()

	// The user's side.
	client, err := api.New(address, "")
	if err != nil {
		panic(err)
	}
	want := api.RunRequest{Spec: api.Spec{Image: "web", Name: "web", Resources: api.Resources{MilliCPU: 500, MemoryBytes: 64 << 20}}}
	err = client.Run(ctx, want, func(e api.RunEvent) error {
		if e.Type == api.RunLeased {
			fmt.Println("leased on", e.NodeName)
		}
		return nil
	})
	fmt.Println("run:", err)
	echo, err := client.Exec(ctx, "web", api.ExecRequest{Command: []string{"cat"}, Stdin: true})
	if err != nil {
		panic(err)
	}
	code, err := echo(ctx, api.Stdio{In: strings.NewReader("hello\n"), Out: os.Stdout})
	fmt.Println("exit:", code, err)
	err = client.Remove(ctx, "web", api.RemoveOptions{})
	fmt.Println(api.CodeOf(err)+":", err)

	client.Close()
	stop()
	fmt.Println("served:", <-served)
	// Output:
	// leased on cedar
	// run: <nil>
	// hello
	// exit: 0 <nil>
	// conflict: container web is running
	// served: <nil>
}

// BenchmarkStatus is what the API adds to a short question.
func BenchmarkStatus(b *testing.B) {
	s, err := api.NewServer(apitest.NewFake(), api.Config{})
	if err != nil {
		b.Fatal(err)
	}
	address := "unix://" + filepath.Join(b.TempDir(), "api.sock")
	l, err := api.Listen(address, "")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	c, err := api.New(address, "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.Status(ctx); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	if err := <-served; err != nil {
		b.Error(err)
	}
}
