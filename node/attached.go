package node

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"caravela/api"
	"caravela/market"
)

// lastOutput is how long a stream may say nothing after its supplier has
// signed that the process is over.
const lastOutput = 10 * time.Second

// overdue ends a session whose process is over without a word in its stream.
type overdue struct{ exit api.Exit }

func (*overdue) Error() string { return "the process is over, and its stream goes on" }

// attended makes a session with a main process end with it, also where the
// supplier's stream does not: what the supplier has signed counts.
func (n *Node) attended(unit market.LeaseID, session api.Session) api.Session {
	began := n.lastStatus(unit)
	return func(ctx context.Context, stdio api.Stdio) (int, error) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		var passed traffic
		stdio.Out, stdio.Err = passed.through(stdio.Out), passed.through(stdio.Err)
		n.crew.loose(func() {
			if exit, ok := n.awaitOverdue(ctx, unit, began, &passed); ok {
				cancel(&overdue{exit})
			}
		})
		code, err := session(ctx, stdio)
		var late *overdue
		if errors.As(err, &late) {
			n.log.Warn("supplier did not end a stream with its process", "unit", unit.Short())
			return late.exit.ExitCode, nil
		}
		return code, err
	}
}

// lastStatus is the number of the newest status of a unit, 0 before the first.
func (n *Node) lastStatus(unit market.LeaseID) uint64 {
	if b, _, _ := n.board.boughtUnit(unit); b != nil && b.Status != nil {
		return b.Status.Seq
	}
	return 0
}

// awaitOverdue returns when a unit has been over for a while without output;
// a status up to began may be of an earlier life. It reports false when ctx
// ends first.
func (n *Node) awaitOverdue(ctx context.Context, unit market.LeaseID, began uint64, passed *traffic) (api.Exit, bool) {
	silent := false // at the last look it was over, with as much passed as now
	for seen := int64(0); ; {
		b, removed, changed := n.board.boughtUnit(unit)
		over := b == nil || removed || b.Status != nil && b.Status.Seq > began && stopped(b.Status.State)
		switch now, writing := passed.now(); {
		case over && silent && now == seen && !writing:
			if b == nil {
				return exitOf(nil), true
			}
			return exitOf(b.Status), true
		case over:
			seen, silent = now, true
			if !pause(ctx, lastOutput) {
				return api.Exit{}, false
			}
			continue
		}
		silent = false
		select {
		case <-changed:
		case <-ctx.Done():
			return api.Exit{}, false
		}
	}
}

// traffic counts the writes of one goroutine: a reader that is slow to take
// what has come is not a silent writer. It is odd during a write.
type traffic struct{ n atomic.Int64 }

func (t *traffic) now() (n int64, writing bool) {
	n = t.n.Load()
	return n, n%2 == 1
}

func (t *traffic) through(w io.Writer) io.Writer {
	if w == nil {
		w = io.Discard
	}
	return counted{t, w}
}

type counted struct {
	t *traffic
	w io.Writer
}

// Write implements io.Writer.
func (c counted) Write(p []byte) (int, error) {
	c.t.n.Add(1)
	defer c.t.n.Add(1)
	return c.w.Write(p)
}
