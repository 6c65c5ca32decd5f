package fake

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"caravela/docker"
)

// record is what a container has written, in pieces.
type record struct {
	mu     sync.Mutex
	pieces []piece
	ended  bool
	more   chan struct{} // closed at each change
}

type piece struct {
	at    time.Time
	isErr bool
	text  []byte
}

func newRecord() *record { return &record{more: make(chan struct{})} }

// stream returns a writer of one of the two streams.
func (r *record) stream(isErr bool) io.Writer { return stream{r, isErr} }

type stream struct {
	r     *record
	isErr bool
}

func (s stream) Write(p []byte) (int, error) {
	s.r.change(func() {
		s.r.pieces = append(s.r.pieces, piece{time.Now().UTC(), s.isErr, bytes.Clone(p)})
	})
	return len(p), nil
}

func (r *record) change(how func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how()
	close(r.more)
	r.more = make(chan struct{})
}

func (r *record) setEnded(ended bool) { r.change(func() { r.ended = ended }) }

// from returns the pieces from i on, whether there will be more, and how to
// wait for them.
func (r *record) from(i int) (ps []piece, ended bool, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pieces[i:], r.ended, r.more
}

// copy writes pieces from i on and, with follow, those that come.
func (r *record) copy(ctx context.Context, i int, follow bool, want func(piece) []byte, s docker.Stdio) error {
	for {
		ps, ended, more := r.from(i)
		i += len(ps)
		for _, p := range ps {
			w := s.Out
			if p.isErr {
				w = s.Err
			}
			if text := want(p); w != nil && len(text) > 0 {
				if _, err := w.Write(text); err != nil {
					return err
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if ended || !follow {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// count is how many pieces there are.
func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pieces)
}
