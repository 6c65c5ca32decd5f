package node

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"caravela/market"
	"caravela/remote"
)

// Bounds of the messages on their way.
const (
	sendWorkers = 128
	sendQueue   = 8192
	threadQueue = 64
	sendTimeout = 15 * time.Second
)

// mail sends messages side by side, except what one peer is told of one unit:
// the grant goes before the first status, and each status before the next. The
// machines bear another order; people would read odd reasons.
type mail struct {
	node    *Node
	pool    pool
	pending atomic.Int64 // messages that are not delivered yet

	mu      sync.Mutex
	threads map[thread][]market.Send // what waits behind the message under way
}

// thread is what must stay in order.
type thread struct {
	peer market.PeerID
	unit market.LeaseID // zero = no order is needed
}

func newMail(n *Node, c *crew) *mail {
	return &mail{node: n, pool: pool{crew: c, workers: sendWorkers, depth: sendQueue}, threads: make(map[thread][]market.Send)}
}

func threadOf(s market.Send) thread {
	t := thread{peer: s.To.Peer}
	switch m := s.Msg.(type) {
	case *market.Grant:
		t.unit = m.Lease.Unit()
	case *market.StatusUpdate:
		t.unit = m.Status.Lease
	case *market.StopAck:
		t.unit = m.Unit
	}
	return t
}

// send delivers a message. To itself a peer speaks without a network.
func (m *mail) send(s market.Send) []market.Event {
	if s.To.Peer == m.node.self {
		return []market.Event{market.Received{From: m.node.ref(), Msg: s.Msg}}
	}
	m.pending.Add(1)
	if !m.put(s) {
		m.pending.Add(-1)
		return []market.Event{market.Undelivered{To: s.To.Peer, Msg: s.Msg, Busy: true}}
	}
	return nil
}

// put queues a message, and reports false when too many wait already.
func (m *mail) put(s market.Send) bool {
	t := threadOf(s)
	if t.unit.IsZero() {
		return m.pool.do(func(ctx context.Context) { m.deliver(ctx, s) })
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if waiting, open := m.threads[t]; open {
		if len(waiting) >= threadQueue {
			return false
		}
		m.threads[t] = append(waiting, s)
		return true
	}
	if !m.pool.do(func(ctx context.Context) { m.follow(ctx, t, s) }) {
		return false
	}
	m.threads[t] = nil
	return true
}

// follow delivers a thread's messages one after the other.
func (m *mail) follow(ctx context.Context, t thread, s market.Send) {
	for more := true; more; s, more = m.next(t) {
		m.deliver(ctx, s)
	}
}

func (m *mail) next(t thread) (market.Send, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	waiting := m.threads[t]
	if len(waiting) == 0 {
		delete(m.threads, t)
		return market.Send{}, false
	}
	m.threads[t] = waiting[1:]
	return waiting[0], true
}

func (m *mail) deliver(ctx context.Context, s market.Send) {
	defer m.pending.Add(-1)
	n := m.node
	send, cancel := context.WithTimeout(ctx, sendTimeout)
	err := n.cfg.Transport.Send(send, remote.Peer{ID: s.To.Peer, Addrs: s.To.Addrs}, s.Msg)
	cancel()
	n.stats.sent(s.Msg, err)
	if err != nil {
		n.log.Debug("message not delivered", "peer", s.To.Peer.Short(), "message", messageName(s.Msg), "error", err)
		n.post(ctx, undelivered(s, err))
	}
}

func undelivered(s market.Send, err error) market.Undelivered {
	return market.Undelivered{To: s.To.Peer, Msg: s.Msg, Busy: errors.Is(err, remote.ErrBusy)}
}
