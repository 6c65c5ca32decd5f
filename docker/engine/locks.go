package engine

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// locks are read-write locks by name, which give up when ctx ends. A name
// costs memory only while somebody holds it or waits for it.
type locks struct {
	mu sync.Mutex
	m  map[string]*lock
}

type lock struct {
	users int
	sem   *semaphore.Weighted
}

const everyone = 1 << 20 // more holders than there can be

// share waits until nobody holds name alone.
func (l *locks) share(ctx context.Context, name string) (release func(), err error) {
	return l.acquire(ctx, name, 1)
}

// alone waits until nobody else holds name.
func (l *locks) alone(ctx context.Context, name string) (release func(), err error) {
	return l.acquire(ctx, name, everyone)
}

// tryAlone is alone for those who had rather not wait; ok says whether name
// is held.
func (l *locks) tryAlone(name string) (release func(), ok bool) {
	k := l.use(name)
	if !k.sem.TryAcquire(everyone) {
		l.leave(name, k)
		return nil, false
	}
	return func() {
		k.sem.Release(everyone)
		l.leave(name, k)
	}, true
}

func (l *locks) acquire(ctx context.Context, name string, weight int64) (func(), error) {
	k := l.use(name)
	if err := k.sem.Acquire(ctx, weight); err != nil {
		l.leave(name, k)
		return nil, err
	}
	return func() {
		k.sem.Release(weight)
		l.leave(name, k)
	}, nil
}

func (l *locks) use(name string) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]*lock)
	}
	k, ok := l.m[name]
	if !ok {
		k = &lock{sem: semaphore.NewWeighted(everyone)}
		l.m[name] = k
	}
	k.users++
	return k
}

func (l *locks) leave(name string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.m, name)
	}
}
