package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
	"caravela/remote"
)

// The kinds of streams that a node serves. All but about belong to a lease.
//
// The serving side first agrees, by an empty Data frame, or gives a reason,
// by a Fail frame that holds an api.Error. Then follow: for logs, exec and
// attach Stdout and Stderr frames and an Exit frame; for stats one Data frame
// a sample; for inspect and about Data frames that make one JSON document.
// The asking side sends Stdin frames, an empty one at the end of its input,
// and Resize frames.
const (
	kindAbout   = "about"
	kindLogs    = "logs"
	kindExec    = "exec"
	kindAttach  = "attach"
	kindStats   = "stats"
	kindInspect = "inspect"
	kindResize  = "resize"
)

// maxDocument bounds a JSON document of a stream, in bytes.
const maxDocument = 1 << 20

type logsArgs struct {
	Follow     bool      `json:"follow"`
	Tail       int       `json:"tail"`
	Since      time.Time `json:"since,omitzero"`
	Until      time.Time `json:"until,omitzero"`
	Timestamps bool      `json:"timestamps"`
}

type statsArgs struct {
	Follow bool `json:"follow"`
}

// open opens a stream about a bought unit at its supplier, which may be this
// node. It returns once the other side has agreed.
func (n *Node) open(ctx context.Context, b *market.Bought, kind string, args any) (*remote.Stream, error) {
	raw, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	h := remote.Header{Kind: kind, Lease: b.Lease.Unit(), Args: raw}
	s, err := n.cfg.Transport.Open(ctx, remote.Peer{ID: b.Supplier.Peer, Addrs: b.Supplier.Addrs}, h)
	if err != nil {
		return nil, api.Errorf(api.CodeUnreachable, "%s of %s: its supplier %s does not answer: %v", kind, h.Lease.Short(), b.Supplier.Peer.Short(), err).
			WithNext("caravela node inspect %s", b.Supplier.Peer.Short())
	}
	f, err := readWithin(ctx, s)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = api.Errorf(api.CodeUnreachable, "%s of %s: the supplier broke off: %v", kind, h.Lease.Short(), err)
	case f.Kind == remote.Fail:
		err = refusal(f.Data)
	case f.Kind != remote.Data || len(f.Data) != 0:
		err = api.Errorf(api.CodeInternal, "%s of %s: the supplier answers in a way that this node does not understand", kind, h.Lease.Short())
	default:
		return s, nil
	}
	_ = s.Reset() // err says more
	return nil, err
}

// agreementWait is how long a supplier may think about a stream. It looks the
// container up with its engine first, which takes seconds on a busy machine.
const agreementWait = time.Minute

// readWithin reads the first frame, which says whether the supplier agrees.
func readWithin(ctx context.Context, s *remote.Stream) (remote.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, agreementWait)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	f, err := s.Read()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("it has not answered for %v", agreementWait)
	}
	return f, err
}

// refusal reads a Fail frame.
func refusal(b []byte) error {
	var e api.Error
	if json.Unmarshal(b, &e) != nil || e.Code == "" {
		return api.Errorf(api.CodeConflict, "%s", foreign(string(b), 512))
	}
	return &api.Error{Code: e.Code, Detail: foreign(e.Detail, 1024), Next: foreignNext(e.Next)}
}

// session copies between a stream that was agreed to and a user.
func (n *Node) session(s *remote.Stream, wholeLogs bool) api.Session {
	return func(ctx context.Context, stdio api.Stdio) (int, error) {
		defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
		defer s.Close()
		if !wholeLogs {
			n.input(s, stdio)
		}
		code, err := output(s, stdio)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return code, err
	}
}

// input sends what the user types. Nobody waits for a Read of the user's.
func (n *Node) input(s *remote.Stream, stdio api.Stdio) {
	if stdio.In == nil {
		_ = s.Write(remote.Frame{Kind: remote.Stdin}) // a broken stream shows in output
	} else {
		n.crew.loose(func() {
			_, err := io.Copy(s.Writer(remote.Stdin), stdio.In)
			if err == nil {
				err = s.Write(remote.Frame{Kind: remote.Stdin})
			}
			if err != nil {
				n.log.Debug("input ended", "error", err)
			}
		})
	}
	if stdio.Resize != nil {
		n.crew.loose(func() {
			for size := range stdio.Resize {
				if s.Resize(size.Rows, size.Columns) != nil {
					return
				}
			}
		})
	}
}

func output(s *remote.Stream, stdio api.Stdio) (int, error) {
	out, errs := stdio.Out, stdio.Err
	if out == nil {
		out = io.Discard
	}
	if errs == nil {
		errs = io.Discard
	}
	err := s.Copy(out, errs)
	var exited *remote.Exited
	var failed *remote.Failed
	switch {
	case errors.As(err, &exited):
		return exited.Code, nil
	case errors.As(err, &failed):
		return -1, refusal([]byte(failed.Reason))
	case err == nil:
		return -1, nil
	}
	return -1, api.Errorf(api.CodeUnreachable, "the stream broke off: %v", err)
}

// readAll reads the agreement and then one document.
func readAll(s *remote.Stream, most int) ([]byte, error) {
	var out []byte
	for {
		f, err := s.Read()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		case f.Kind == remote.Fail:
			return nil, refusal(f.Data)
		case f.Kind == remote.Exit:
			return out, nil
		case len(out)+len(f.Data) > most:
			return nil, api.Errorf(api.CodeInternal, "the supplier's answer is too long")
		}
		out = append(out, f.Data...)
	}
}

// Accept implements remote.Handler.
func (n *Node) Accept(ctx context.Context, from market.PeerID, h remote.Header, s *remote.Stream) {
	n.stats.streams.Add(1)
	defer n.stats.streams.Add(-1)
	err := n.serve(ctx, from, h, s)
	if err == nil || ctx.Err() != nil {
		return
	}
	n.log.Debug("stream refused or broken", "peer", from.Short(), "kind", h.Kind, "unit", h.Lease.Short(), "error", err)
	b, jerr := json.Marshal(streamError(err))
	if jerr == nil {
		_ = s.Fail(string(b)) // a peer that is gone needs no reason
	}
}

// streamError is what the lease's owner may read of a failure.
func streamError(err error) *api.Error {
	var e *api.Error
	if errors.As(err, &e) {
		return e
	}
	switch {
	case errors.Is(err, docker.ErrNotRunning):
		return api.Errorf(api.CodeConflict, "the container does not run").WithNext("caravela start CONTAINER")
	case errors.Is(err, docker.ErrNoSuchUnit):
		return api.Errorf(api.CodeNotFound, "the supplier has no container of this lease (any more)").WithNext("caravela inspect CONTAINER")
	}
	return api.Errorf(api.CodeOfReason(docker.ReasonOf(err)), "%s", plain(err))
}

// serve does what a stream asks for, if its lease allows that.
func (n *Node) serve(ctx context.Context, from market.PeerID, h remote.Header, s *remote.Stream) error {
	if h.Kind == kindAbout {
		return document(s, about{Name: n.cfg.Name, Version: n.cfg.Version.Version, NowMS: time.Now().UnixMilli()})
	}
	sold := n.board.soldUnit(h.Lease)
	switch {
	case sold == nil:
		return docker.ErrNoSuchUnit
	case sold.Lease.Buyer != from:
		n.log.Warn("peer asked for another's container", "peer", from.Short(), "kind", h.Kind, "unit", h.Lease.Short())
		return api.Errorf(api.CodeNotOwner, "the lease is another peer's")
	case n.cfg.Engine == nil:
		return docker.ErrEngineDown
	}
	switch h.Kind {
	case kindLogs:
		return withArgs(h, func(a logsArgs) error { return n.serveLogs(ctx, h.Lease, a, s) })
	case kindExec:
		return withArgs(h, func(a api.ExecRequest) error { return n.serveExec(ctx, h.Lease, a, s) })
	case kindAttach:
		return withArgs(h, func(a api.AttachRequest) error { return n.serveAttach(ctx, h.Lease, a, s) })
	case kindStats:
		return withArgs(h, func(a statsArgs) error { return n.serveStats(ctx, h.Lease, a, s) })
	case kindResize:
		return withArgs(h, func(a api.Size) error { return n.serveResize(ctx, h.Lease, a, s) })
	case kindInspect:
		return n.serveInspect(ctx, h.Lease, s)
	}
	return api.Errorf(api.CodeUnsupported, "the supplier's version of caravela does not know %q", clip(h.Kind, 32))
}

func withArgs[T any](h remote.Header, f func(T) error) error {
	var a T
	if err := json.Unmarshal(h.Args, &a); err != nil {
		return api.Errorf(api.CodeInvalid, "arguments of %s: %v", h.Kind, err)
	}
	return f(a)
}

func agree(s *remote.Stream) error { return s.Write(remote.Frame{Kind: remote.Data}) }

// document agrees and sends v as JSON.
func document(s *remote.Stream, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		err = agree(s)
	}
	if err == nil {
		_, err = s.Writer(remote.Data).Write(b)
	}
	if err == nil {
		err = s.CloseWrite()
	}
	return err
}

func (n *Node) serveLogs(ctx context.Context, unit market.LeaseID, a logsArgs, s *remote.Stream) error {
	if _, err := n.cfg.Engine.Inspect(ctx, unit); err != nil {
		return err
	}
	if err := agree(s); err != nil {
		return err
	}
	o := docker.LogOptions{Follow: a.Follow, Tail: a.Tail, Since: a.Since, Until: a.Until, Timestamps: a.Timestamps}
	if err := n.cfg.Engine.Logs(ctx, unit, o, s.Writer(remote.Stdout), s.Writer(remote.Stderr)); err != nil {
		return err
	}
	return s.Exit(0)
}

func (n *Node) serveExec(ctx context.Context, unit market.LeaseID, a api.ExecRequest, s *remote.Stream) error {
	if len(a.Command) == 0 {
		return api.Errorf(api.CodeInvalid, "no command to run").WithNext("caravela exec CONTAINER COMMAND")
	}
	d, err := n.cfg.Engine.Inspect(ctx, unit)
	if err == nil && !d.State.Live() {
		err = docker.ErrNotRunning
	}
	if err == nil {
		err = agree(s)
	}
	if err != nil {
		return err
	}
	stdio, sizes, done := n.receive(ctx, s, a.Stdin)
	defer done()
	code, err := n.cfg.Engine.Exec(ctx, unit, docker.ExecOptions{
		Cmd: a.Command, Env: a.Env, User: a.User, WorkDir: a.WorkDir, TTY: a.TTY, Stdin: a.Stdin,
		Size: docker.Size{Rows: a.Size.Rows, Cols: a.Size.Columns},
	}, stdio, sizes)
	if err != nil {
		return err
	}
	return s.Exit(code)
}

// serveAttach connects to the main process; of one that has ended already it
// tells what it has written and how it ended.
func (n *Node) serveAttach(ctx context.Context, unit market.LeaseID, a api.AttachRequest, s *remote.Stream) error {
	e := n.cfg.Engine
	d, err := e.Inspect(ctx, unit)
	if err == nil {
		err = agree(s)
	}
	if err != nil {
		return err
	}
	if d.State.Live() {
		if a.Size != (api.Size{}) {
			_ = e.Resize(ctx, unit, docker.Size{Rows: a.Size.Rows, Cols: a.Size.Columns}) // without a terminal it has none
		}
		stdio, sizes, done := n.receive(ctx, s, a.Stdin)
		err = e.Attach(ctx, unit, docker.AttachOptions{Stdin: a.Stdin, Logs: a.Logs}, stdio, sizes)
		done()
	} else {
		err = docker.ErrNotRunning
	}
	if errors.Is(err, docker.ErrNotRunning) { // it ended before, or just now
		err = nil
		if a.Logs {
			err = e.Logs(ctx, unit, docker.LogOptions{}, s.Writer(remote.Stdout), s.Writer(remote.Stderr))
		}
	}
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	exit, err := e.Wait(wait, unit)
	if err != nil {
		return s.Exit(-1) // it goes on
	}
	return s.Exit(int(exit.Code))
}

// receive turns the frames that come in into the ends of a process' streams.
// When the process has ended done must be called: input that nobody reads any
// more would hold the stream's goroutine and buffers for good.
func (n *Node) receive(ctx context.Context, s *remote.Stream, stdin bool) (stdio docker.Stdio, resize <-chan docker.Size, done func()) {
	r, w := io.Pipe()
	sizes := make(chan docker.Size, 1)
	n.crew.loose(func() {
		defer close(sizes)
		err := n.pump(ctx, s, w, sizes)
		_ = w.CloseWithError(err) // nil is io.EOF; it never fails
	})
	done = func() { _ = r.Close() } // what comes is dropped; it never fails
	stdio = docker.Stdio{Out: s.Writer(remote.Stdout), Err: s.Writer(remote.Stderr)}
	if stdin {
		stdio.In = r
	} else {
		done()
	}
	return stdio, sizes, done
}

func (n *Node) pump(ctx context.Context, s *remote.Stream, w *io.PipeWriter, sizes chan<- docker.Size) error {
	for {
		f, err := s.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case f.Kind == remote.Stdin && len(f.Data) == 0:
			_ = w.Close() // never fails
		case f.Kind == remote.Stdin:
			_, _ = w.Write(f.Data) // a process that reads no more is none of the sender's business
		case f.Kind == remote.Resize:
			rows, cols := f.Size()
			select {
			case sizes <- docker.Size{Rows: rows, Cols: cols}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

func (n *Node) serveStats(ctx context.Context, unit market.LeaseID, a statsArgs, s *remote.Stream) error {
	d, err := n.cfg.Engine.Inspect(ctx, unit)
	if err == nil && !d.State.Live() {
		err = docker.ErrNotRunning
	}
	if err == nil {
		err = agree(s)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err = n.cfg.Engine.Stats(ctx, unit, a.Follow, func(st docker.Stats) {
		b, err := json.Marshal(st)
		if err == nil {
			err = s.Write(remote.Frame{Kind: remote.Data, Data: b})
		}
		if err != nil {
			cancel(err)
		}
	})
	if err != nil {
		return err
	}
	return s.CloseWrite()
}

func (n *Node) serveResize(ctx context.Context, unit market.LeaseID, size api.Size, s *remote.Stream) error {
	if err := n.cfg.Engine.Resize(ctx, unit, docker.Size{Rows: size.Rows, Cols: size.Columns}); err != nil {
		return err
	}
	return document(s, struct{}{})
}

func (n *Node) serveInspect(ctx context.Context, unit market.LeaseID, s *remote.Stream) error {
	d, err := n.cfg.Engine.Inspect(ctx, unit)
	if err != nil {
		return err
	}
	return document(s, engineDetails{
		Created: d.Created, Started: d.Started, Finished: d.Finished, JSON: d.JSON,
	})
}

// engineDetails is what inspect tells.
type engineDetails struct {
	Created  time.Time       `json:"created"`
	Started  time.Time       `json:"started"`
	Finished time.Time       `json:"finished"`
	JSON     json.RawMessage `json:"engine"`
}
