package node

import (
	"context"
	"sync"
	"time"

	"caravela/market"
	"caravela/node/loop"
)

// requests are the local user's questions that wait for Outcomes.
type requests struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*request
}

// request collects the outcomes of one question.
type request struct {
	ref  uint64
	all  *requests
	mu   sync.Mutex
	got  []market.Outcome
	wake chan struct{} // capacity 1
}

// newRequests begins to number at a time, so that a supplier that remembers a
// command from before our restart does not take a new one for it.
func newRequests() *requests {
	return &requests{last: uint64(time.Now().UnixMilli()) << 20, open: make(map[uint64]*request)}
}

func (r *requests) begin() *request {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	q := &request{ref: r.last, all: r, wake: make(chan struct{}, 1)}
	r.open[q.ref] = q
	return q
}

// deliver hands an outcome to whom it concerns, if anybody still waits.
func (r *requests) deliver(o market.Outcome) {
	r.mu.Lock()
	q := r.open[o.Ref]
	r.mu.Unlock()
	if q == nil {
		return
	}
	q.mu.Lock()
	q.got = append(q.got, o)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *request) end() {
	q.all.mu.Lock()
	defer q.all.mu.Unlock()
	delete(q.all.open, q.ref)
}

// take returns what has come since the last call, without waiting.
func (q *request) take() []market.Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	got := q.got
	q.got = nil
	return got
}

// wait returns the outcome that ends the request, Done or GaveUp, and what
// came before.
func (q *request) wait(ctx context.Context, stopped <-chan struct{}) (before []market.Outcome, end market.Outcome, err error) {
	for {
		for _, o := range q.take() {
			if o.Kind == market.Done || o.Kind == market.GaveUp {
				return before, o, nil
			}
			before = append(before, o)
		}
		select {
		case <-q.wake:
		case <-stopped:
			return before, end, loop.ErrStopped
		case <-ctx.Done():
			return before, end, context.Cause(ctx)
		}
	}
}
