package api_test

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

const secret = "a-token-of-at-least-thirty-two-characters"

// serve puts b on an address until the test ends and returns where.
func serve(t *testing.T, b api.Backend, address string, cfg api.Config) string {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s, err := api.NewServer(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen(address, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if l.Addr().Network() == "tcp" {
		return "tcp://" + l.Addr().String()
	}
	return address
}

func dial(t *testing.T, address, token string) *api.Client {
	t.Helper()
	c, err := api.New(address, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func unixAddress(t *testing.T) string {
	return "unix://" + filepath.Join(t.TempDir(), "api.sock")
}

// TestWays: a node is the same directly, through its Unix socket and over TCP.
func TestWays(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, b api.Backend) api.Backend{
		"direct": func(_ *testing.T, b api.Backend) api.Backend { return b },
		"unix": func(t *testing.T, b api.Backend) api.Backend {
			return dial(t, serve(t, b, unixAddress(t), api.Config{}), "")
		},
		"tcp": func(t *testing.T, b api.Backend) api.Backend {
			return dial(t, serve(t, b, "tcp://127.0.0.1:0", api.Config{Token: secret}), secret)
		},
	} {
		t.Run(name, func(t *testing.T) { apitest.Run(t, open) })
	}
}
