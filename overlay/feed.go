package overlay

import (
	"context"
	"sync"

	"caravela/market"
)

// Feed hands changes to any number of watchers. The zero value is ready.
// Publish never blocks: each watcher has a queue that holds at most one
// change a peer, so its size is bounded by the routing table.
type Feed struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{}
}

type watcher struct {
	queue []Change
	wake  chan struct{} // capacity 1
}

// Publish tells every watcher.
func (f *Feed) Publish(c Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.watchers {
		w.put(c)
	}
}

// Watch adds a watcher that lives as long as ctx.
func (f *Feed) Watch(ctx context.Context) <-chan Change {
	w, out := &watcher{wake: make(chan struct{}, 1)}, make(chan Change)
	f.mu.Lock()
	if f.watchers == nil {
		f.watchers = make(map[*watcher]struct{})
	}
	f.watchers[w] = struct{}{}
	f.mu.Unlock()
	go f.pump(ctx, w, out)
	return out
}

func (f *Feed) pump(ctx context.Context, w *watcher, out chan<- Change) {
	defer close(out)
	defer f.drop(w)
	for {
		c, ok := f.next(w)
		if !ok {
			select {
			case <-w.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		select {
		case out <- c:
		case <-ctx.Done():
			return
		}
	}
}

func (f *Feed) next(w *watcher) (Change, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(w.queue) == 0 {
		return Change{}, false
	}
	c := w.queue[0]
	w.queue = w.queue[1:]
	return c, true
}

func (f *Feed) drop(w *watcher) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.watchers, w)
}

// put appends c; an older change of the same peer that nobody has read yet
// is forgotten, since the newer one says where the peer stands.
func (w *watcher) put(c Change) {
	w.queue = append(without(w.queue, c.Peer.ID), c)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func without(queue []Change, id market.PeerID) []Change {
	for i, c := range queue {
		if c.Peer.ID == id {
			return append(queue[:i:i], queue[i+1:]...)
		}
	}
	return queue
}
