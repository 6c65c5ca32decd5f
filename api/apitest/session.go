package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"caravela/api"
)

// Logs implements api.Backend.
func (n *Fake) Logs(_ context.Context, ref api.ContainerRef, opts api.LogOptions) (api.Session, error) {
	n.mu.Lock()
	c, err := n.find(ref)
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s api.Stdio) (int, error) {
		s = s.Complete()
		if _, err := io.WriteString(s.Out, c.output); err != nil || !opts.Follow {
			return 0, err
		}
		return 0, n.await(ctx, func() bool { return c.State != "running" })
	}, nil
}

// Exec implements api.Backend. The commands are:
//
//	cat            copy stdin to stdout until it ends
//	upper TEXT     write TEXT to stderr in upper case
//	exit N         exit with N
//	sizes N        print N terminal sizes, one a line
//	flood N        write N bytes to stdout
func (n *Fake) Exec(_ context.Context, ref api.ContainerRef, req api.ExecRequest) (api.Session, error) {
	if _, err := n.running(ref); err != nil {
		return nil, err
	}
	arg := strings.Join(req.Command[1:], " ")
	number, _ := strconv.Atoi(arg)
	return func(ctx context.Context, s api.Stdio) (int, error) {
		s = s.Complete()
		switch req.Command[0] {
		case "cat":
			_, err := io.Copy(s.Out, s.In)
			return 0, err
		case "upper":
			_, err := io.WriteString(s.Err, strings.ToUpper(arg))
			return 0, err
		case "exit":
			return number, nil
		case "sizes":
			return 0, printSizes(ctx, s, number)
		case "flood":
			return 0, flood(s.Out, number)
		}
		return -1, api.Errorf(api.CodeNotFound, "no command %q in the container", req.Command[0])
	}, nil
}

func printSizes(ctx context.Context, s api.Stdio, n int) error {
	for range n {
		select {
		case size := <-s.Resize:
			if _, err := fmt.Fprintf(s.Out, "%dx%d\n", size.Rows, size.Columns); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func flood(w io.Writer, n int) error {
	line := bytes.Repeat([]byte{'x'}, 100_000)
	for n > 0 {
		m, err := w.Write(line[:min(n, len(line))])
		if err != nil {
			return err
		}
		n -= m
	}
	return nil
}

// Attach implements api.Backend: stdin comes back as stdout, and the session
// ends with stdin.
func (n *Fake) Attach(_ context.Context, ref api.ContainerRef, req api.AttachRequest) (api.Session, error) {
	c, err := n.running(ref)
	if api.CodeOf(err) == api.CodeConflict && req.Logs {
		return n.Logs(context.Background(), ref, api.LogOptions{})
	}
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, s api.Stdio) (int, error) {
		s = s.Complete()
		if req.Logs {
			if _, err := io.WriteString(s.Out, c.output); err != nil {
				return -1, err
			}
		}
		_, err := io.Copy(s.Out, s.In)
		return -1, err
	}, nil
}
