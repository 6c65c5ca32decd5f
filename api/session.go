package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// upgradeProtocol is the name of the framed protocol in the Upgrade header.
const upgradeProtocol = "caravela-stream/1"

// framesType is the media type of framed output without input.
const framesType = "application/vnd.caravela.stream"

// read opens a stream of output frames, such as logs.
func (c *Client) read(ctx context.Context, path string, query url.Values) (Session, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := c.send(ctx, http.MethodGet, path, query, nil, nil) //nolint:bodyclose // the session closes it
	if err != nil {
		cancel(nil)
		return nil, err
	}
	return func(caller context.Context, s Stdio) (int, error) {
		defer cancel(nil)
		defer resp.Body.Close()
		defer context.AfterFunc(caller, func() { cancel(context.Cause(caller)) })()
		code, err := copyOutput(resp.Body, s)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return code, err
	}, nil
}

// upgrade opens a stream of frames in both directions.
func (c *Client) upgrade(ctx context.Context, path string, req any) (Session, error) {
	header := http.Header{"Connection": {"Upgrade"}, "Upgrade": {upgradeProtocol}}
	resp, err := c.send(ctx, http.MethodPost, path, nil, req, header)
	if err != nil {
		return nil, err
	}
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != upgradeProtocol {
		_ = resp.Body.Close()
		return nil, Errorf(CodeUnsupported, "%s does not speak %s: is it a caravela node of this version?", c.where, upgradeProtocol).complete()
	}
	opened, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(opened, func() { _ = conn.Close() })
	return func(caller context.Context, s Stdio) (int, error) {
		defer cancel(nil) // closes conn, which ends the goroutines of sendInput
		defer context.AfterFunc(caller, func() { cancel(context.Cause(caller)) })()
		sendInput(opened, cancel, conn, s)
		code, err := copyOutput(conn, s)
		if err != nil && opened.Err() != nil {
			err = context.Cause(opened)
		}
		return code, err
	}, nil
}

// sendInput starts to send stdin and sizes. An error of stdin ends the session
// through cancel. Nobody waits for these goroutines: a Read of a terminal may
// block for ever.
func sendInput(ctx context.Context, cancel context.CancelCauseFunc, conn io.Writer, s Stdio) {
	w := &frameSender{w: conn}
	in := s.Complete().In
	go func() {
		if err := copyInput(w, in); err != nil {
			cancel(err)
		}
	}()
	if s.Resize == nil {
		return
	}
	go func() {
		for {
			select {
			case size, ok := <-s.Resize:
				if !ok || w.send(FrameResize, resizePayload(size)) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
}

// copyInput sends in until it ends and returns in's error. What the conn
// suffers is left to copyOutput, which knows more.
func copyInput(w *frameSender, in io.Reader) error {
	_, err := io.Copy(chunks{w, FrameInput}, in)
	if w.broken() {
		return nil
	}
	if err == nil {
		_ = w.send(FrameInputEnd, nil)
	}
	return err
}

// copyOutput writes output frames to s until the last frame.
func copyOutput(r io.Reader, s Stdio) (int, error) {
	s = s.Complete()
	frames := frameReader{r: r}
	for {
		t, p, err := frames.next()
		if err != nil {
			return -1, brokenStream(err)
		}
		switch t {
		case FrameOutput:
			_, err = s.Out.Write(p)
		case FrameErrors:
			_, err = s.Err.Write(p)
		case FrameExit:
			return exitOf(p), nil
		case FrameFailure:
			return -1, problemOf(p)
		}
		if err != nil {
			return -1, err
		}
	}
}

func brokenStream(err error) error {
	if errors.Is(err, ErrBadFrame) {
		return err
	}
	return Errorf(CodeUnreachable, "the connection to the node broke: %v", err).WithNext("caravela status").complete()
}

// problemOf decodes a problem; garbage becomes an internal error.
func problemOf(b []byte) *Error {
	var e Error
	if json.Unmarshal(b, &e) != nil || e.Code == "" {
		return Errorf(CodeInternal, "the node's answer cannot be read: %s", clip(string(b))).complete()
	}
	return &e
}

// frameSender writes whole frames; it may be shared. After an error it stays
// broken: half a frame may have been sent.
type frameSender struct {
	mu  sync.Mutex
	w   io.Writer
	buf []byte
	err error
}

func (f *frameSender) send(t FrameType, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.buf = appendFrame(f.buf[:0], t, payload)
		_, f.err = f.w.Write(f.buf)
	}
	return f.err
}

// broken reports whether a frame could not be sent.
func (f *frameSender) broken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err != nil
}

// chunks turns bytes into frames of one type.
type chunks struct {
	f *frameSender
	t FrameType
}

// Write implements io.Writer.
func (c chunks) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), MaxFrame)]
		if err := c.f.send(c.t, part); err != nil {
			return n, err
		}
		n, p = n+len(part), p[len(part):]
	}
	return n, nil
}
