package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"caravela/docker"
	"caravela/market"
)

// Logs copies what the unit has written.
func (e *Engine) Logs(ctx context.Context, lease market.LeaseID, o docker.LogOptions, stdout, stderr io.Writer) error {
	raw, _, err := e.lookup(ctx, lease)
	if err != nil {
		return err
	}
	body, err := e.api.ContainerLogs(ctx, e.container(lease), logsOptions(o))
	if err != nil {
		return explain("read logs", err, unitMissing(err))
	}
	defer body.Close()
	err = copyOutput(body, raw.Config.Tty, docker.Stdio{Out: stdout, Err: stderr})
	return explain("read logs", errors.Join(err, ctx.Err()), docker.ErrEngineFailed)
}

func logsOptions(o docker.LogOptions) container.LogsOptions {
	l := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: o.Follow, Timestamps: o.Timestamps,
		Since: stamp(o.Since), Until: stamp(o.Until), Tail: "all",
	}
	switch {
	case o.Tail > 0:
		l.Tail = strconv.Itoa(o.Tail)
	case o.Tail < 0:
		l.Tail = "0"
	}
	return l
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond())
}

func copyOutput(from io.Reader, tty bool, s docker.Stdio) error {
	if s.Out == nil {
		s.Out = io.Discard
	}
	if s.Err == nil {
		s.Err = io.Discard
	}
	var err error
	if tty {
		_, err = io.Copy(s.Out, from)
	} else {
		_, err = stdcopy.StdCopy(s.Out, s.Err, from)
	}
	return err
}

// Exec runs one more process in the unit.
func (e *Engine) Exec(ctx context.Context, lease market.LeaseID, o docker.ExecOptions, s docker.Stdio, resize <-chan docker.Size) (int, error) {
	if len(o.Cmd) == 0 {
		return 0, fmt.Errorf("exec: %w: no command", docker.ErrBadUnit)
	}
	if err := checkWorkDir(o.WorkDir, nil); err != nil {
		return 0, fmt.Errorf("exec: %w", err)
	}
	_, c, err := e.lookup(ctx, lease)
	if err != nil {
		return 0, err
	}
	if !c.State.Live() {
		return 0, fmt.Errorf("exec: %w; start it", docker.ErrNotRunning)
	}
	created, err := e.api.ContainerExecCreate(ctx, e.container(lease), container.ExecOptions{
		Cmd: o.Cmd, Env: o.Env, User: o.User, WorkingDir: o.WorkDir, Tty: o.TTY,
		AttachStdin: o.Stdin, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, explain("exec", err, docker.ErrStartFailed)
	}
	conn, err := e.api.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{Tty: o.TTY})
	if err != nil {
		return 0, explain("exec", err, docker.ErrStartFailed)
	}
	size := func(sz docker.Size) {
		_ = e.api.ContainerExecResize(ctx, created.ID, resizeOptions(sz)) // of a process that may have ended
	}
	if o.TTY && o.Size != (docker.Size{}) {
		size(o.Size)
	}
	if err := join(ctx, conn, conn.Reader, o.TTY, o.Stdin, s, resize, size); err != nil {
		return 0, explain("exec", err, docker.ErrEngineFailed)
	}
	return e.execCode(ctx, created.ID)
}

// execCode asks for the exit code. The streams may end a little before the
// process does, which closed them itself.
func (e *Engine) execCode(ctx context.Context, id string) (int, error) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		in, err := e.api.ContainerExecInspect(ctx, id)
		if err != nil {
			return 0, explain("ask for the exit code", err, docker.ErrNotRunning)
		}
		if !in.Running {
			return in.ExitCode, nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("exec: %w", ctx.Err())
		}
	}
}

// Attach connects to the main process.
func (e *Engine) Attach(ctx context.Context, lease market.LeaseID, o docker.AttachOptions, s docker.Stdio, resize <-chan docker.Size) error {
	raw, c, err := e.lookup(ctx, lease)
	if err != nil {
		return err
	}
	if !c.State.Live() && !o.Logs {
		return fmt.Errorf("attach: %w; start it", docker.ErrNotRunning)
	}
	conn, err := e.api.ContainerAttach(ctx, e.container(lease), container.AttachOptions{
		Stream: true, Stdin: o.Stdin && raw.Config.OpenStdin, Stdout: true, Stderr: true, Logs: o.Logs,
	})
	if err != nil {
		return explain("attach", err, unitMissing(err))
	}
	size := func(sz docker.Size) { _ = e.Resize(ctx, lease, sz) }
	out := &patient{conn: conn.Conn, from: conn.Reader, over: func() bool {
		_, c, err := e.lookup(ctx, lease)
		return err != nil || !c.State.Live() && c.State != market.Starting
	}}
	err = join(ctx, conn, out, raw.Config.Tty, o.Stdin && raw.Config.OpenStdin, s, resize, size)
	return explain("attach", err, docker.ErrEngineFailed)
}

// Resize sets the size of the main process' terminal.
func (e *Engine) Resize(ctx context.Context, lease market.LeaseID, size docker.Size) error {
	if _, _, err := e.lookup(ctx, lease); err != nil {
		return err
	}
	err := e.api.ContainerResize(ctx, e.container(lease), resizeOptions(size))
	return explain("resize the terminal", err, docker.ErrNotRunning)
}

func resizeOptions(s docker.Size) container.ResizeOptions {
	return container.ResizeOptions{Height: uint(s.Rows), Width: uint(s.Cols)}
}

// join copies between the caller's streams and a process', whose output is
// read from out, until that ends or ctx does. Input that ends first is passed on as such.
//
// The goroutine that reads s.In may outlive the call, blocked in a read of
// the caller's; it ends with the first byte or the end of that stream.
func join(ctx context.Context, conn types.HijackedResponse, out io.Reader, tty, stdin bool, s docker.Stdio, resize <-chan docker.Size, size func(docker.Size)) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, conn.Close) // unblocks both copies
	defer stop()
	done := make(chan struct{})
	defer close(done)
	if stdin && s.In != nil {
		go func() {
			_, _ = io.Copy(conn.Conn, s.In) // its failure shows at the other end
			_ = conn.CloseWrite()
		}()
	}
	go func() {
		for {
			select {
			case sz, ok := <-resize:
				if !ok {
					return
				}
				size(sz)
			case <-done:
				return
			}
		}
	}()
	err := copyOutput(out, tty, s)
	return errors.Join(ctx.Err(), err)
}
