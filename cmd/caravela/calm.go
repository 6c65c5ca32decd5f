package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Bounds of the log: many of its lines are caused by other nodes, and none of
// them may fill this one's disk.
const (
	calmLines    = 20 // of one message
	calmTime     = time.Minute
	calmMessages = 1024 // that are counted; all are constants of the program
)

// calm is a log handler that writes each message a few times a minute. The
// first line after that tells how many were left out. What is below info is
// only written on demand, and then in full.
type calm struct {
	slog.Handler
	counts *messageCounts
}

type messageCounts struct {
	mu sync.Mutex
	of map[string]*messageCount
}

type messageCount struct {
	since   time.Time
	written int
	leftOut int
}

func newCalm(h slog.Handler) calm {
	return calm{h, &messageCounts{of: make(map[string]*messageCount)}}
}

// Handle implements slog.Handler.
func (c calm) Handle(ctx context.Context, r slog.Record) error {
	if r.Level < slog.LevelInfo {
		return c.Handler.Handle(ctx, r)
	}
	leftOut, ok := c.counts.admit(r.Message, r.Time)
	if !ok {
		return nil
	}
	if leftOut > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (c calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calm{c.Handler.WithAttrs(attrs), c.counts}
}

// WithGroup implements slog.Handler.
func (c calm) WithGroup(name string) slog.Handler {
	return calm{c.Handler.WithGroup(name), c.counts}
}

// admit reports whether a message may be written, and how many like it were
// not before.
func (m *messageCounts) admit(message string, now time.Time) (leftOut int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.of[message]
	if n == nil {
		if len(m.of) >= calmMessages {
			clear(m.of)
		}
		n = &messageCount{since: now}
		m.of[message] = n
	}
	if now.Sub(n.since) >= calmTime {
		leftOut = n.leftOut
		*n = messageCount{since: now}
	}
	if n.written >= calmLines {
		n.leftOut++
		return 0, false
	}
	n.written++
	return leftOut, true
}
