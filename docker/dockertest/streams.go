package dockertest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"caravela/docker"
)

func testStreams(t *testing.T, rig Rig) {
	t.Run("logs keep the streams apart", func(t *testing.T) {
		b := newBench(t, rig)
		for verb, want := range map[string][2]string{"print": {"a\nb\n", ""}, "complain": {"", "a\nb\n"}} {
			u := b.unit(verb, "a", "b")
			b.launch(u)
			b.wait(u.Lease)
			var out, errs buffer
			if err := b.Logs(b.ctx, u.Lease, docker.LogOptions{Follow: true}, &out, &errs); err != nil {
				t.Fatal(err)
			}
			if out.String() != want[0] || errs.String() != want[1] {
				t.Errorf("%s: stdout %q, stderr %q", verb, out.String(), errs.String())
			}
		}
	})
	t.Run("tail, dates and timestamps", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("print", "a", "b", "c")
		c := b.launch(u)
		b.wait(u.Lease)
		read := func(o docker.LogOptions) string {
			var out buffer
			if err := b.Logs(b.ctx, u.Lease, o, &out, nil); err != nil {
				t.Fatal(err)
			}
			return out.String()
		}
		if got := read(docker.LogOptions{Tail: 2}); got != "b\nc\n" {
			t.Errorf("tail 2: %q", got)
		}
		if got := read(docker.LogOptions{Tail: docker.NoLines}); got != "" {
			t.Errorf("no lines: %q", got)
		}
		if got := read(docker.LogOptions{Since: c.Created.Add(time.Hour)}); got != "" {
			t.Errorf("since later: %q", got)
		}
		if got := read(docker.LogOptions{Until: c.Created.Add(-time.Hour)}); got != "" {
			t.Errorf("until earlier: %q", got)
		}
		stamp, text, _ := strings.Cut(read(docker.LogOptions{Tail: 1, Timestamps: true}), " ")
		if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil || text != "c\n" {
			t.Errorf("timestamp %q, text %q", stamp, text)
		}
	})
	t.Run("following ends with ctx", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("count")
		b.launch(u)
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		out := &trigger{after: "3\n", do: cancel}
		if err := b.Logs(ctx, u.Lease, docker.LogOptions{Follow: true}, out, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("logs: %v", err)
		}
		if !strings.HasPrefix(out.String(), "0\n1\n2\n3\n") {
			t.Errorf("followed %q", out.String())
		}
	})
	t.Run("exec passes input, output and code", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		b.launch(u)
		var out, errs buffer
		code, err := b.Exec(b.ctx, u.Lease, docker.ExecOptions{Cmd: []string{"/toolbox", "cat"}, Stdin: true},
			docker.Stdio{In: strings.NewReader("through"), Out: &out, Err: &errs}, nil)
		if err != nil || code != 0 || out.String() != "through" || errs.String() != "" {
			t.Errorf("cat: code %d, %v, out %q, err %q", code, err, out.String(), errs.String())
		}
		if _, code := b.exec(u.Lease, "exit", "7"); code != 7 {
			t.Errorf("exit 7: code %d", code)
		}
		env := docker.ExecOptions{Cmd: []string{"/toolbox", "env", "K"}, Env: []string{"K=v"}}
		var v buffer
		if _, err := b.Exec(b.ctx, u.Lease, env, docker.Stdio{Out: &v}, nil); err != nil || v.String() != "v\n" {
			t.Errorf("env: %q, %v", v.String(), err)
		}
	})
	t.Run("exec in a stopped unit", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("exit", "0")
		b.launch(u)
		b.wait(u.Lease)
		_, err := b.Exec(b.ctx, u.Lease, docker.ExecOptions{Cmd: []string{"/toolbox", "id"}}, docker.Stdio{}, nil)
		if !errors.Is(err, docker.ErrNotRunning) {
			t.Errorf("exec: %v", err)
		}
	})
	t.Run("a terminal has a size that changes", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		b.launch(u)
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		resize := make(chan docker.Size)
		out := &buffer{}
		ended := make(chan error, 1)
		go func() {
			_, err := b.Exec(ctx, u.Lease, docker.ExecOptions{Cmd: []string{"/toolbox", "size"}, TTY: true, Size: docker.Size{Rows: 20, Cols: 50}},
				docker.Stdio{Out: out}, resize)
			ended <- err
		}()
		b.eventually("the first size", func() bool { return strings.Contains(out.String(), "20 50\r\n") })
		resize <- docker.Size{Rows: 30, Cols: 99}
		b.eventually("the next size", func() bool { return strings.Contains(out.String(), "30 99\r\n") })
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("exec: %v", err)
		}
	})
	t.Run("attach passes input and replays", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("cat")
		u.Spec.Stdin = true
		b.launch(u)
		in, write := io.Pipe()
		defer in.Close()
		defer write.Close()
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		out := &buffer{}
		ended := make(chan error, 1)
		go func() {
			ended <- b.Attach(ctx, u.Lease, docker.AttachOptions{Stdin: true}, docker.Stdio{In: in, Out: out}, nil)
		}()
		io.WriteString(write, "hello\n")
		b.eventually("the echo", func() bool { return out.String() == "hello\n" })
		again := &trigger{after: "hello\n", do: func() { b.Kill(b.ctx, u.Lease, "") }}
		if err := b.Attach(b.ctx, u.Lease, docker.AttachOptions{Logs: true}, docker.Stdio{Out: again}, nil); err != nil {
			t.Errorf("attach again: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("attach: %v", err)
		}
		if x := b.wait(u.Lease); x.Code != 137 {
			t.Errorf("exit: %+v", x)
		}
	})
	t.Run("the end of the input reaches the main process", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("cat")
		u.Spec.Stdin = true
		b.launch(u)
		out := &buffer{}
		if err := b.Attach(b.ctx, u.Lease, docker.AttachOptions{Stdin: true}, docker.Stdio{In: strings.NewReader("piped"), Out: out}, nil); err != nil {
			t.Fatal(err)
		}
		if x := b.wait(u.Lease); x.Code != 0 || out.String() != "piped" {
			t.Errorf("exit %+v, output %q", x, out.String())
		}
	})
	t.Run("attach ends with a unit that is about to end", func(t *testing.T) {
		b := newBench(t, rig)
		for range 8 { // some come too early, some too late
			u := b.unit("exit", "7")
			b.launch(u)
			err := b.Attach(b.ctx, u.Lease, docker.AttachOptions{Logs: true}, docker.Stdio{}, nil)
			if err != nil && !errors.Is(err, docker.ErrNotRunning) {
				t.Fatal(err)
			}
			if x := b.wait(u.Lease); x.Code != 7 {
				t.Fatalf("exit: %+v", x)
			}
		}
	})
	t.Run("attach needs a running unit", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("print", "x")
		b.launch(u)
		b.wait(u.Lease)
		if err := b.Attach(b.ctx, u.Lease, docker.AttachOptions{}, docker.Stdio{}, nil); !errors.Is(err, docker.ErrNotRunning) {
			t.Errorf("attach: %v", err)
		}
	})
}

// trigger does something once it has been written a text.
type trigger struct {
	buffer
	after string
	do    func()
	done  bool
}

func (g *trigger) Write(p []byte) (int, error) {
	n, err := g.buffer.Write(p)
	if !g.done && strings.Contains(g.String(), g.after) {
		g.done = true
		g.do()
	}
	return n, err
}

var _ io.Writer = (*trigger)(nil)
