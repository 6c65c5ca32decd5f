package remote

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"caravela/market"
)

// Conduit is the byte stream below a Stream. Its writes must exert
// backpressure: they block while the reader is slow.
type Conduit interface {
	io.ReadWriteCloser
	CloseWrite() error // the other side reads io.EOF
	Reset() error      // both directions at once; pending reads and writes fail
}

// Failed is the error of a stream whose other side gave up with a reason.
type Failed struct{ Reason string }

func (f *Failed) Error() string { return f.Reason }

// Exited is the error of Copy when the other side reported an exit code.
type Exited struct{ Code int }

func (e *Exited) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// Stream carries frames both ways. One goroutine may read while any number
// write. There are no deadlines: a stream may be silent for days.
type Stream struct {
	peer market.PeerID
	c    Conduit

	turn chan struct{} // held by who uses r and buf, Read or Guard; it may last for days
	r    *bufio.Reader
	buf  []byte
	read chan struct{} // a frame was read; capacity 1

	wmu sync.Mutex // one frame is written at a time
	out []byte
}

// NewStream wraps a conduit to peer. Transports call it.
func NewStream(peer market.PeerID, c Conduit) *Stream {
	return &Stream{peer: peer, c: c, turn: make(chan struct{}, 1), r: bufio.NewReaderSize(c, 4<<10), read: make(chan struct{}, 1)}
}

// Guard returns a context that ends when the other side resets the stream or
// is lost, so that a handler which only writes, and seldom, notices. It looks
// ahead by one byte; what it sees is still there for Read. A side that merely
// ends its half does not end the context. Transports call it, once.
func (s *Stream) Guard(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for s.peek() {
			select {
			case <-s.read:
			case <-ctx.Done():
				return
			}
		}
		if !s.ended() {
			cancel()
		}
	}()
	return ctx, cancel
}

func (s *Stream) peek() bool {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	_, err := s.r.Peek(1)
	return err == nil
}

// ended reports whether the other side closed its half in good order.
func (s *Stream) ended() bool {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	_, err := s.r.Peek(1)
	return errors.Is(err, io.EOF)
}

// Peer returns the proven identity of the other side.
func (s *Stream) Peer() market.PeerID { return s.peer }

// Read returns the next frame. Its data is valid until the next Read. io.EOF
// means that the other side will not write any more.
func (s *Stream) Read() (Frame, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	f, err := ReadFrame(s.r, s.buf)
	if err != nil {
		if errors.Is(err, ErrFrame) {
			s.c.Reset()
		}
		return Frame{}, err
	}
	s.buf = f.Data[:0]
	select {
	case s.read <- struct{}{}:
	default:
	}
	return f, nil
}

// Write sends one frame; it blocks while the other side is slow to read.
func (s *Stream) Write(f Frame) error {
	s.wmu.Lock()
	defer s.wmu.Unlock()
	var err error
	if s.out, err = AppendFrame(s.out[:0], f); err != nil {
		return err
	}
	_, err = s.c.Write(s.out)
	return err
}

// Writer returns a writer that sends what it is given as frames of one kind.
func (s *Stream) Writer(kind FrameKind) io.Writer { return frames{s, kind} }

type frames struct {
	s    *Stream
	kind FrameKind
}

func (w frames) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k := min(len(p), MaxFrame)
		if err := w.s.Write(Frame{Kind: w.kind, Data: p[:k]}); err != nil {
			return n, err
		}
		n, p = n+k, p[k:]
	}
	return n, nil
}

// Resize tells the size of the caller's terminal.
func (s *Stream) Resize(rows, cols uint16) error {
	d := binary.BigEndian.AppendUint16(nil, rows)
	return s.Write(Frame{Kind: Resize, Data: binary.BigEndian.AppendUint16(d, cols)})
}

// Exit reports an exit code and ends this side's half.
func (s *Stream) Exit(code int) error {
	if err := s.Write(Frame{Kind: Exit, Data: binary.BigEndian.AppendUint32(nil, uint32(int32(code)))}); err != nil {
		return err
	}
	return s.CloseWrite()
}

// Fail tells the other side's user why it ends, and ends this side's half.
// The text is cut to MaxFrame.
func (s *Stream) Fail(reason string) error {
	if err := s.Write(Frame{Kind: Fail, Data: []byte(reason[:min(len(reason), MaxFrame)])}); err != nil {
		return err
	}
	return s.CloseWrite()
}

// Copy reads until the other side ends and writes data to stdout (Stdout and
// Data) and stderr. It returns nil at the end of the stream, *Exited after an
// exit code, *Failed when the other side gave a reason.
func (s *Stream) Copy(stdout, stderr io.Writer) error {
	for {
		f, err := s.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f.deliver(stdout, stderr)
		}
		if err != nil {
			return err
		}
	}
}

func (f Frame) deliver(stdout, stderr io.Writer) (err error) {
	switch f.Kind {
	case Stdout, Data:
		_, err = stdout.Write(f.Data)
	case Stderr:
		_, err = stderr.Write(f.Data)
	case Exit:
		return &Exited{f.Code()}
	case Fail:
		return &Failed{string(f.Data)}
	}
	return err
}

// CloseWrite ends this side's half; reading goes on.
func (s *Stream) CloseWrite() error { return s.c.CloseWrite() }

// Close ends the stream. What was written before still arrives; what the other
// side still sends is discarded.
func (s *Stream) Close() error { return s.c.Close() }

// Reset ends the stream at once and in both directions.
func (s *Stream) Reset() error { return s.c.Reset() }
