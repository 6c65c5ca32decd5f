package engine

import (
	"errors"
	"io"
	"net"
	"os"
	"time"
)

// The first look after a silent process, how far apart looks become, and how
// long the last output may be on its way once the process is known to be over.
const (
	firstLook = 250 * time.Millisecond
	rareLook  = 30 * time.Second
	lastWords = 2 * time.Second
)

// patient reads a main process' output and ends with the process. The daemon
// attaches to one that has just ended without a word, and would leave the
// reader waiting for ever for its next start; so a reader that has waited for
// a while asks whether the process is over.
type patient struct {
	conn net.Conn  // whose reads have a deadline
	from io.Reader // reads conn
	over func() bool

	pause time.Duration
	last  bool // the process is over: one silent pause more is the end
}

// Read implements io.Reader.
func (r *patient) Read(p []byte) (int, error) {
	for {
		if err := r.conn.SetReadDeadline(time.Now().Add(r.next())); err != nil {
			return 0, err
		}
		n, err := r.from.Read(p)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if r.last {
			return 0, io.EOF
		}
		r.last = r.over()
	}
}

// next is how long to wait now: ever longer, as a stream that was attached in
// time ends by itself.
func (r *patient) next() time.Duration {
	if r.last {
		return lastWords
	}
	r.pause = min(max(2*r.pause, firstLook), rareLook)
	return r.pause
}
