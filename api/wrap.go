package api

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"
)

// wrap makes a handler of a function that may fail: it checks access, bounds
// the number of requests, counts, turns errors into problems and survives
// panics. The name is the metrics' label.
func (s *Server) wrap(name string, f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, stall: s.cfg.AnswerStall}
		_ = rec.conn().SetWriteDeadline(time.Time{}) // of the connection's last answer
		begun := time.Now()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		err := s.guarded(rec, r, f)
		s.answerError(rec, r, err)
		s.metrics.observe(name, rec.status, time.Since(begun))
	})
}

// guarded runs f unless access is refused or the server is full.
func (s *Server) guarded(w *recorder, r *http.Request, f func(http.ResponseWriter, *http.Request) error) (err error) {
	if !doorOf(r).local {
		if done, err := s.admit(w, r); done || err != nil {
			return err
		}
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return Errorf(CodeBusy, "%d requests are under way already", cap(s.slots)).WithNext("try again in a moment")
	}
	s.metrics.open.Inc()
	defer s.metrics.open.Dec()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f(w, r)
}

// answerError tells the client and, where it is our fault, the log.
func (s *Server) answerError(w *recorder, r *http.Request, err error) {
	if err == nil {
		return
	}
	e := asError(err)
	if e.Code == CodeInternal {
		s.cfg.Log.Error("api request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	var told *answered
	switch {
	case errors.As(err, &told):
		return
	case w.status != 0: // too late: break the answer off visibly
		panic(http.ErrAbortHandler)
	case e.Code == CodeUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="caravela"`)
	case e.Code == CodeBusy:
		w.Header().Set("Retry-After", "1")
	}
	_ = writeJSON(w, e.Status, problemType, e) // an *Error can be encoded
}

// recorder remembers the status of an answer, and gives it a deadline when it
// begins; streams set their own, line by line.
type recorder struct {
	http.ResponseWriter
	stall  time.Duration
	status int
}

func (w *recorder) conn() *http.ResponseController {
	return http.NewResponseController(w.ResponseWriter)
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
		_ = w.conn().SetWriteDeadline(time.Now().Add(w.stall))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Hijack implements http.Hijacker.
func (w *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := w.conn().Hijack()
	if err == nil {
		w.status = http.StatusSwitchingProtocols
	}
	return conn, buf, err
}

// Unwrap lets http.ResponseController find flushing and deadlines.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
