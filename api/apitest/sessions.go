package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"caravela/api"
)

// exec opens a session or fails the test.
func exec(t *testing.T, b api.Backend, command ...string) api.Session {
	t.Helper()
	s, err := b.Exec(t.Context(), "web", api.ExecRequest{Command: command, Stdin: true, TTY: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open1 opens a way to a node with one container, web.
func open1(t *testing.T, open opener) (via api.Backend, direct *Fake) {
	t.Helper()
	direct = NewFake()
	Start(t, direct, "web")
	return open(t, direct), direct
}

// execEchoes: stdin arrives, its end too, and the exit code comes back.
func execEchoes(t *testing.T, open opener) {
	b, _ := open1(t, open)
	var out bytes.Buffer
	code, err := exec(t, b, "cat")(t.Context(), api.Stdio{In: strings.NewReader("one\ntwo\n"), Out: &out})
	if code != 0 || err != nil || out.String() != "one\ntwo\n" {
		t.Errorf("cat: %q, code %d, %v", out.String(), code, err)
	}
	for _, want := range []int{0, 1, 137, 255} {
		if code, err := exec(t, b, "exit", strconv.Itoa(want))(t.Context(), api.Stdio{}); code != want || err != nil {
			t.Errorf("exit %d: code %d, %v", want, code, err)
		}
	}
	if _, err := exec(t, b, "nonsense")(t.Context(), api.Stdio{}); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("nonsense: %v", err)
	}
}

// execSeparates: stdout and stderr stay apart.
func execSeparates(t *testing.T, open opener) {
	b, _ := open1(t, open)
	var out, errs bytes.Buffer
	code, err := exec(t, b, "upper", "oh no")(t.Context(), api.Stdio{Out: &out, Err: &errs})
	if code != 0 || err != nil || out.Len() != 0 || errs.String() != "OH NO" {
		t.Errorf("stdout %q, stderr %q, code %d, %v", out.String(), errs.String(), code, err)
	}
}

// execResizes: terminal sizes arrive while the session runs.
func execResizes(t *testing.T, open opener) {
	b, _ := open1(t, open)
	sizes := make(chan api.Size)
	seen, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		code, err := exec(t, b, "sizes", "2")(t.Context(), api.Stdio{Out: w, Resize: sizes})
		if code != 0 {
			err = errors.Join(err, errors.New("exit code is not 0"))
		}
		w.Close()
		done <- err
	}()
	line := make([]byte, len("24x80\n"))
	for _, s := range []api.Size{{Rows: 24, Columns: 80}, {Rows: 50, Columns: 99}} {
		sizes <- s
		if _, err := io.ReadFull(seen, line); err != nil || string(line) != strconv.Itoa(int(s.Rows))+"x"+strconv.Itoa(int(s.Columns))+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// execCarriesMuch: many bytes both ways arrive whole.
func execCarriesMuch(t *testing.T, open opener) {
	b, _ := open1(t, open)
	const n = 5_000_000
	in := bytes.Repeat([]byte("0123456789"), n/10)
	var out bytes.Buffer
	if _, err := exec(t, b, "cat")(t.Context(), api.Stdio{In: bytes.NewReader(in), Out: &out}); err != nil || !bytes.Equal(out.Bytes(), in) {
		t.Errorf("%d bytes of %d came back: %v", out.Len(), n, err)
	}
	out.Reset()
	if code, err := exec(t, b, "flood", strconv.Itoa(n))(t.Context(), api.Stdio{Out: &out}); code != 0 || err != nil || out.Len() != n {
		t.Errorf("%d bytes of %d came: code %d, %v", out.Len(), n, code, err)
	}
}

// detached is an input that ends in a way of its own.
type detached struct{}

var errDetached = errors.New("detached")

// Read implements io.Reader.
func (detached) Read([]byte) (int, error) { return 0, errDetached }

// sessionEndsWithInput: an input that fails ends the session with its error,
// which is how a terminal detaches.
func sessionEndsWithInput(t *testing.T, open opener) {
	b, _ := open1(t, open)
	if _, err := exec(t, b, "cat")(t.Context(), api.Stdio{In: detached{}}); !errors.Is(err, errDetached) {
		t.Errorf("got %v", err)
	}
}

// sessionIsCancelled: a session ends when the caller's ctx or the one that
// opened it does.
func sessionIsCancelled(t *testing.T, open opener) {
	b, _ := open1(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	s := exec(t, b, "sizes", "1")
	cancel()
	if _, err := s(ctx, api.Stdio{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// logsFollow: logs come at once and end with the container.
func logsFollow(t *testing.T, open opener) {
	b, direct := open1(t, open)
	var out bytes.Buffer
	s, err := b.Logs(t.Context(), "web", api.LogOptions{Tail: 10, Since: day})
	if err != nil {
		t.Fatal(err)
	}
	if code, err := s(t.Context(), api.Stdio{Out: &out}); code != 0 || err != nil || out.String() != "hello\n" {
		t.Errorf("logs %q, code %d, %v", out.String(), code, err)
	}

	if s, err = b.Logs(t.Context(), "web", api.LogOptions{Follow: true}); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := s(t.Context(), api.Stdio{Out: w})
		done <- err
	}()
	if _, err := io.ReadFull(r, make([]byte, len("hello\n"))); err != nil {
		t.Fatal(err)
	}
	if err := direct.Stop(t.Context(), "web", api.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("followed logs ended with %v", err)
	}
}

// attachReplays: an attached terminal sees what was written before, even by a
// process that has ended.
func attachReplays(t *testing.T, open opener) {
	b, direct := open1(t, open)
	s, err := b.Attach(t.Context(), "web", api.AttachRequest{Stdin: true, Logs: true, Size: api.Size{Rows: 24, Columns: 80}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code, err := s(t.Context(), api.Stdio{In: strings.NewReader("you\n"), Out: &out})
	if code != -1 || err != nil || out.String() != "hello\nyou\n" {
		t.Errorf("attach %q, code %d, %v", out.String(), code, err)
	}

	if err := direct.Stop(t.Context(), "web", api.StopRequest{}); err != nil {
		t.Fatal(err)
	}
	if s, err = b.Attach(t.Context(), "web", api.AttachRequest{Logs: true}); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if _, err := s(t.Context(), api.Stdio{Out: &out}); err != nil || out.String() != "hello\n" {
		t.Errorf("attach to an ended one: %q, %v", out.String(), err)
	}
	if _, err := b.Attach(t.Context(), "web", api.AttachRequest{}); api.CodeOf(err) != api.CodeConflict {
		t.Errorf("attach without logs to an ended one: %v", err)
	}
}
