package main

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
)

// The node is found by -H, then $CARAVELA_HOST, then the configuration.
func TestAddress(t *testing.T) {
	newCLI(t, nil) // clears the environment
	t.Setenv("CARAVELA_DATA_DIR", "/srv/oak")
	a := &app{getenv: os.Getenv, environ: os.Environ}
	want := func(address string) {
		t.Helper()
		if got, err := a.address(); err != nil || got != address {
			t.Errorf("%q %v, want %q", got, err, address)
		}
	}
	want("unix:///srv/oak/api.sock")
	t.Setenv("CARAVELA_API_ADDRESS", "tcp://192.0.2.1:7480")
	want("tcp://192.0.2.1:7480")
	t.Setenv("CARAVELA_HOST", "unix:///env.sock")
	want("unix:///env.sock")
	a.flags.host = "unix:///flag.sock"
	want("unix:///flag.sock")
	a.flags.host = "here"
	if _, err := a.address(); err == nil || !strings.Contains(nextOf(err), "unix://") {
		t.Error(err)
	}
}

// someTerminal is a terminal of a size that changes.
type someTerminal struct{ rows uint16 }

func (someTerminal) isTerminal(any) bool         { return true }
func (someTerminal) raw(any) (func(), error)     { return func() {}, nil }
func (s someTerminal) size(any) (api.Size, bool) { return api.Size{Rows: s.rows, Columns: 80}, true }

func TestTerminalIsFollowed(t *testing.T) {
	node := apitest.NewFake()
	apitest.Start(t, node, "web")
	c := newCLI(t, node)
	c.terminal = someTerminal{33}
	done := make(chan result)
	go func() { done <- c.run("exec", "-t", "web", "sizes", "1") }()
	poke := time.NewTicker(5 * time.Millisecond) // until the command listens
	defer poke.Stop()
	for {
		select {
		case <-poke.C:
			c.signals.deliver(syscall.SIGWINCH)
			continue
		case r := <-done:
			if r.code != 0 || r.out != "33x80\n" {
				t.Errorf("%+v", r)
			}
		}
		break
	}
	c.stdin = "typed\x10\x11"
	if r := c.run("exec", "-it", "web", "cat"); r.code != 0 || !strings.Contains(r.err, "detached") {
		t.Errorf("%+v", r)
	}
	if out := c.ok("doctor", "--no-color"); strings.Contains(out, "\x1b[") {
		t.Errorf("%q", out)
	}
	if r := c.run("doctor"); !strings.Contains(r.out, "\x1b[32mok\x1b[0m ") {
		t.Errorf("%q", r.out)
	}
}

func TestPlainWords(t *testing.T) {
	for text, want := range map[string]string{
		"join 10.0.0.1: remote: peer unreachable: no node": "join 10.0.0.1: peer unreachable: no node",
		"identity: data directory in use":                  "data directory in use",
		"remote: market: no: really":                       "no: really",
		"no remote: here":                                  "no remote: here",
	} {
		if got := plainWords(errors.New(text)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestNextOf(t *testing.T) {
	for want, err := range map[string]error{
		"a":                                 advise(errors.New("x"), "a"),
		"b":                                 api.Errorf(api.CodeBusy, "x").WithNext("b"),
		"c":                                 advise(api.Errorf(api.CodeBusy, "x").WithNext("b"), "c"),
		"a longer prefix, or the full name": api.Errorf(api.CodeAmbiguous, "x"),
		"caravela doctor":                   api.Errorf(api.CodeEngineDown, "x"),
		"":                                  errors.New("x"),
	} {
		if got := nextOf(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
