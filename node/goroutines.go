package node

import (
	"context"
	"sync"
	"time"
)

// crew is every goroutine that a node starts. Its context ends with the node.
type crew struct {
	ctx context.Context
	wg  sync.WaitGroup

	mu    sync.Mutex
	ended bool
}

// run starts something that the node waits for when it ends: f returns soon
// after ctx does. When the node has ended it starts nothing any more.
func (c *crew) run(f func(ctx context.Context)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		f(c.ctx)
	}()
	return true
}

// loose starts something that may be stuck in a Read of the user's; nobody
// waits for it.
func (c *crew) loose(f func()) { go f() }

// wait returns when all are done, or after d, and reports which.
func (c *crew) wait(d time.Duration) bool {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() { c.wg.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(d):
		return false
	}
}

// pool is a bounded number of workers and a bounded queue in front of them.
// Workers exist only while there is work.
type pool struct {
	crew    *crew
	workers int
	depth   int

	mu      sync.Mutex
	busy    int
	waiting []func(ctx context.Context)
}

// do has f run, and reports false when too many wait already. It never blocks.
func (p *pool) do(f func(ctx context.Context)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.busy < p.workers:
		p.busy++
		return p.crew.run(func(ctx context.Context) { p.work(ctx, f) })
	case len(p.waiting) < p.depth:
		p.waiting = append(p.waiting, f)
	default:
		return false
	}
	return true
}

func (p *pool) work(ctx context.Context, f func(ctx context.Context)) {
	for f != nil {
		f(ctx)
		f = p.next()
	}
}

func (p *pool) next() func(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.busy--
		return nil
	}
	f := p.waiting[0]
	p.waiting = p.waiting[1:]
	return f
}

// pause waits for d, and reports whether ctx lives still.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
