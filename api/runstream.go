package api

import (
	"context"
	"net/http"
	"reflect"
	"sync/atomic"
)

// runEndpoint is the stream of a run. Unlike other streams a run outlives its
// client: once a lease is granted, somebody owes for it, and breaking off would
// leave it to chance what became of the other replicas. Only when the client
// meant to attach does the run end with it.
func runEndpoint() endpoint {
	src := body[RunRequest]()
	return endpoint{
		kind: kindLines, in: src.in, needed: true, out: reflect.TypeFor[RunEvent](),
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, _ string) error {
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			return s.run(w, r, in)
		},
	}
}

func (s *Server) run(w http.ResponseWriter, r *http.Request, in RunRequest) error {
	var granted atomic.Bool
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	defer cancel(nil)
	gone := func(cause error) {
		if in.Attach || !granted.Load() {
			cancel(cause)
		}
	}
	defer context.AfterFunc(r.Context(), func() { gone(context.Canceled) })()
	defer context.AfterFunc(doorOf(r).life, func() { cancel(context.Canceled) })()

	lw := startLines(s, w, gone, s.cfg.AnswerStall)
	return lw.finish(s.backend.Run(ctx, in, func(e RunEvent) error {
		if e.Type == RunLeased {
			granted.Store(true)
		}
		err := lw.write(e)
		if err != nil && granted.Load() && !in.Attach {
			return nil // the run goes on
		}
		return err
	}))
}
