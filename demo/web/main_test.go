package main

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		args, in, out, err string
	}{
		{args: "say hello world", out: "hello world\n"},
		{args: "echo", in: "abc", out: "abc"},
		{args: "exit 7", err: "exit 7"},
		{args: "exit 999", err: "not in 0..255"},
		{args: "exit", err: "usage"},
		{args: "dance", err: `unknown command "dance"`},
		{args: "-beat-size 1", err: "usage"},
		{args: "serve -beat-size 1", err: "usage"},
	} {
		t.Run(c.args, func(t *testing.T) {
			var out bytes.Buffer
			err := run(strings.Fields(c.args), strings.NewReader(c.in), &out)
			if out.String() != c.out {
				t.Errorf("out = %q, want %q", out.String(), c.out)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("err = %v, want %q", err, c.err)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	var code exitCode
	if err := run([]string{"exit", "7"}, nil, nil); !errors.As(err, &code) || code != 7 {
		t.Fatalf("err = %v, want exit code 7", err)
	}
}

func TestPage(t *testing.T) {
	var lines bytes.Buffer
	server := httptest.NewServer(handler(log.New(&lines, "", 0)))
	defer server.Close()
	answer, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), "It sails.") || !strings.Contains(string(body), hostname()) {
		t.Errorf("page = %s", body)
	}
	if !strings.Contains(lines.String(), "GET /") {
		t.Errorf("log = %q", lines.String())
	}
	if err := health([]string{"-url", server.URL}); err != nil {
		t.Errorf("health: %v", err)
	}
}

func TestHealthFails(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if err := health([]string{"-url", server.URL}); err == nil {
		t.Error("health: no error for 404")
	}
}
