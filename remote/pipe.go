package remote

import (
	"errors"
	"io"
	"sync"
)

// ErrReset is what reads and writes of a Pipe return after Reset.
var ErrReset = errors.New("remote: stream reset")

// Pipe returns the two ends of a conduit within this process. Each direction
// holds at most 64 KiB that nobody has read yet.
func Pipe() (Conduit, Conduit) {
	a, b := newHalf(), newHalf()
	return &end{in: a, out: b}, &end{in: b, out: a}
}

const pipeBuffer = 64 << 10

type end struct{ in, out *half }

func (e *end) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *end) Write(p []byte) (int, error) { return e.out.write(p) }
func (e *end) CloseWrite() error           { e.out.end(io.EOF, false); return nil }

func (e *end) Close() error {
	e.out.end(io.EOF, false)
	e.in.end(ErrReset, true)
	return nil
}

func (e *end) Reset() error {
	e.out.end(ErrReset, true)
	e.in.end(ErrReset, true)
	return nil
}

// half is one direction.
type half struct {
	mu   sync.Mutex
	cond sync.Cond
	buf  []byte
	err  error // what read returns once buf is empty; not nil = no more writes
}

func newHalf() *half {
	h := &half{}
	h.cond.L = &h.mu
	return h
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.buf) == 0 && h.err == nil {
		h.cond.Wait()
	}
	if len(h.buf) == 0 {
		return 0, h.err
	}
	n := copy(p, h.buf)
	h.buf = append(h.buf[:0], h.buf[n:]...)
	h.cond.Broadcast()
	return n, nil
}

func (h *half) write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(p) > 0 {
		for len(h.buf) >= pipeBuffer && h.err == nil {
			h.cond.Wait()
		}
		if h.err != nil {
			return n, ErrReset
		}
		k := min(len(p), pipeBuffer-len(h.buf))
		h.buf = append(h.buf, p[:k]...)
		n, p = n+k, p[k:]
		h.cond.Broadcast()
	}
	return n, nil
}

// end finishes the direction; discard drops what was not read.
func (h *half) end(err error, discard bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil || discard {
		h.err = err
	}
	if discard {
		h.buf = nil
	}
	h.cond.Broadcast()
}
