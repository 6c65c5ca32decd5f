package api

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// output is an operation that answers with a stream of output frames.
func output[In any](src source[In], open func(context.Context, Backend, string, In) (Session, error)) endpoint {
	return endpoint{
		kind: kindFrames, params: src.params, in: src.in, needed: src.needed,
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error {
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithCancelCause(r.Context())
			defer cancel(nil)
			session, err := open(ctx, s.backend, ref, in)
			if err != nil {
				return err
			}
			w.Header().Set("Content-Type", framesType)
			w.WriteHeader(http.StatusOK)
			conn := http.NewResponseController(w)
			_ = conn.Flush()
			f := s.startFrames(flusher{w, conn, s.cfg.StreamStall}, cancel)
			return f.finish(session(ctx, Stdio{Out: f.writer(FrameOutput), Err: f.writer(FrameErrors)}))
		},
	}
}

// interactive is an operation that switches to frames in both directions.
func interactive[In any](src source[In], open func(context.Context, Backend, string, In) (Session, error)) endpoint {
	return endpoint{
		kind: kindUpgrade, params: src.params, in: src.in, needed: src.needed,
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error {
			if !strings.EqualFold(r.Header.Get("Upgrade"), upgradeProtocol) {
				return Errorf(CodeInvalid, "this needs the headers Connection: Upgrade and Upgrade: %s", upgradeProtocol)
			}
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			// A hijacked connection has no request context of its own any more:
			// the session lives until the client or the server goes.
			ctx, cancel := context.WithCancelCause(doorOf(r).life)
			defer cancel(nil)
			away := context.AfterFunc(r.Context(), func() { cancel(context.Canceled) })
			session, err := open(ctx, s.backend, ref, in)
			if err != nil {
				away()
				return err
			}
			away()
			return s.interact(ctx, cancel, w, session)
		},
	}
}

// interact takes the connection over and serves a session on it.
func (s *Server) interact(ctx context.Context, cancel context.CancelCauseFunc, w http.ResponseWriter, session Session) error {
	s.streams.Add(1)
	defer s.streams.Done()
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		cancel(err)
		_, _ = session(ctx, Stdio{}) // it must be called once
		return fmt.Errorf("take over the connection: %w", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Time{})
	out := &deadlined{Conn: conn, stall: s.cfg.StreamStall}
	defer context.AfterFunc(ctx, out.hurry)()
	_, err = fmt.Fprintf(out, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", upgradeProtocol)
	if err != nil {
		cancel(err)
	}

	f := s.startFrames(out, cancel)
	in := startInput(buf.Reader, cancel)
	err = f.finish(session(ctx, Stdio{In: in.stdin, Out: f.writer(FrameOutput), Err: f.writer(FrameErrors), Resize: in.sizes}))
	in.drain(conn, f.broken())
	return err
}

// frameWriter sends the output side of a session.
type frameWriter struct {
	frameSender
	stop, done chan struct{}
}

// startFrames begins to send frames to w. gone is called when the client turns
// out not to be there any more.
func (s *Server) startFrames(w io.Writer, gone context.CancelCauseFunc) *frameWriter {
	f := &frameWriter{frameSender: frameSender{w: w}, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		alive := time.NewTicker(s.cfg.AliveInterval)
		defer alive.Stop()
		for {
			select {
			case <-alive.C:
				if err := f.send(FrameAlive, nil); err != nil {
					gone(err)
					return
				}
			case <-f.stop:
				return
			}
		}
	}()
	return f
}

// writer returns what turns bytes into frames of type t.
func (f *frameWriter) writer(t FrameType) io.Writer { return chunks{&f.frameSender, t} }

// finish sends the last frame.
func (f *frameWriter) finish(code int, err error) error {
	close(f.stop)
	<-f.done
	if err == nil {
		_ = f.send(FrameExit, exitPayload(code))
		return nil
	}
	if f.send(FrameFailure, failurePayload(asError(err))) != nil {
		return clientGone()
	}
	return &answered{err}
}

// flusher writes to an answer, each time at once and within a time.
type flusher struct {
	w     io.Writer
	conn  *http.ResponseController
	stall time.Duration
}

// Write implements io.Writer.
func (f flusher) Write(p []byte) (int, error) {
	_ = f.conn.SetWriteDeadline(time.Now().Add(f.stall))
	n, err := f.w.Write(p)
	if err == nil {
		err = f.conn.Flush()
	}
	_ = f.conn.SetWriteDeadline(time.Time{})
	return n, err
}

// deadlined writes to a connection, each time within a time.
type deadlined struct {
	net.Conn
	mu    sync.Mutex
	stall time.Duration
}

// Write implements io.Writer.
func (d *deadlined) Write(p []byte) (int, error) {
	d.mu.Lock()
	_ = d.SetWriteDeadline(time.Now().Add(d.stall))
	d.mu.Unlock()
	return d.Conn.Write(p)
}

// hurry leaves little time to the write under way and to later ones.
func (d *deadlined) hurry() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stall = min(d.stall, lastFrameTimeout)
	_ = d.SetWriteDeadline(time.Now().Add(d.stall))
}

// inputReader turns the client's frames into stdin and sizes.
type inputReader struct {
	stdin *io.PipeReader
	sizes chan Size
	done  chan struct{}
}

// startInput begins to read frames until r fails, which means that the client
// is gone.
func startInput(r *bufio.Reader, gone context.CancelCauseFunc) *inputReader {
	stdin, pipe := io.Pipe()
	in := &inputReader{stdin: stdin, sizes: make(chan Size, 1), done: make(chan struct{})}
	go func() {
		defer close(in.done)
		err := in.copy(&frameReader{r: r}, pipe)
		pipe.CloseWithError(err)
		gone(fmt.Errorf("client gone: %w", err))
	}()
	return in
}

// copy reads frames until the stream fails, and returns why.
func (in *inputReader) copy(frames *frameReader, stdin *io.PipeWriter) error {
	for {
		t, p, err := frames.next()
		if err != nil {
			return err
		}
		switch t {
		case FrameAlive:
		case FrameInput:
			// A process that has closed its stdin does not stop the resizing.
			if _, err := stdin.Write(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
				return err
			}
		case FrameInputEnd:
			_ = stdin.Close() // never fails
		case FrameResize:
			in.resize(resizeOf(p))
		default:
			return fmt.Errorf("%w: type %d from a client", ErrBadFrame, t)
		}
	}
}

// resize passes a size on; a newer one replaces one that nobody took.
func (in *inputReader) resize(s Size) {
	if s.Rows == 0 || s.Columns == 0 {
		return
	}
	select {
	case <-in.sizes:
	default:
	}
	in.sizes <- s // there is room: nobody else sends
}

// drain closes our half and waits a little for the client to close its own. A
// TCP connection that is closed with input unread is reset, and the reset may
// overtake the exit code. A broken connection is closed at once.
func (in *inputReader) drain(conn net.Conn, broken bool) {
	_ = in.stdin.Close() // stdin.Write fails from now on: frames are thrown away
	if broken {
		_ = conn.Close()
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(lastFrameTimeout))
	<-in.done
}
