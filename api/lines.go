package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// lineWriter writes NDJSON. The answer's header is sent with the first line or
// the first sign of life, so that an early failure is an ordinary problem.
type lineWriter struct {
	mu    sync.Mutex
	w     http.ResponseWriter
	conn  *http.ResponseController
	stall time.Duration
	begun bool
	err   error // of the first write that failed
	alive *time.Ticker
	stop  chan struct{}
	done  chan struct{}
}

// startLines begins a stream. gone is called when the client turns out not to
// be there any more.
func startLines(s *Server, w http.ResponseWriter, gone context.CancelCauseFunc, stall time.Duration) *lineWriter {
	l := &lineWriter{
		w: w, conn: http.NewResponseController(w), stall: stall,
		alive: time.NewTicker(s.cfg.AliveInterval), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go func() {
		defer close(l.done)
		for {
			select {
			case <-l.alive.C:
				if err := l.put([]byte{'\n'}); err != nil {
					gone(err)
					return
				}
			case <-l.stop:
				return
			}
		}
	}()
	return l
}

// write sends one line.
func (l *lineWriter) write(v any) error {
	b, err := json.Marshal(filled(v))
	if err != nil {
		return err
	}
	return l.put(append(b, '\n'))
}

// put sends bytes at once.
func (l *lineWriter) put(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", linesType)
		l.w.WriteHeader(http.StatusOK)
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(l.stall))
	if _, l.err = l.w.Write(b); l.err == nil {
		l.err = l.conn.Flush()
	}
	_ = l.conn.SetWriteDeadline(time.Time{})
	return l.err
}

// finish ends the stream. An error before the first line is returned, to be
// answered as a problem; a later one becomes the last line.
func (l *lineWriter) finish(err error) error {
	close(l.stop)
	<-l.done
	l.alive.Stop()
	if l.err != nil {
		return clientGone()
	}
	if !l.begun && err != nil {
		return err
	}
	if err != nil {
		_ = l.write(map[string]*Error{"error": asError(err)})
		return &answered{err}
	}
	return l.put(nil) // sends the header of an empty stream
}

// answered is an error that the client has been told already: it is to be
// logged and counted only.
type answered struct{ error }

// Unwrap returns the error.
func (a *answered) Unwrap() error { return a.error }

// clientGone is the end of a stream that nobody reads any more.
func clientGone() error { return &answered{Errorf(CodeCancelled, "the client went away")} }
