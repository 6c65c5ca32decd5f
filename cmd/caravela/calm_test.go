package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Whatever others cause, the log grows slowly, and says what it leaves out.
func TestCalm(t *testing.T) {
	var buf bytes.Buffer
	h := newCalm(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
	now := time.Now()
	say := func(h slog.Handler, level slog.Level, what string) {
		if err := h.Handle(context.Background(), slog.NewRecord(now, level, what, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		say(h, slog.LevelWarn, "flood")
		say(h.WithAttrs([]slog.Attr{slog.Int("n", 1)}).WithGroup("g"), slog.LevelWarn, "flood")
		say(h, slog.LevelDebug, "wanted")
	}
	say(h, slog.LevelInfo, "other")
	if s := buf.String(); strings.Count(s, "flood") != 20 || strings.Count(s, "other") != 1 || strings.Count(s, "wanted") != 1000 {
		t.Errorf("%d, %d, %d lines", strings.Count(s, "flood"), strings.Count(s, "other"), strings.Count(s, "wanted"))
	}
	buf.Reset()
	now = now.Add(time.Minute)
	say(h, slog.LevelWarn, "flood")
	say(h, slog.LevelWarn, "flood")
	if s := buf.String(); strings.Count(s, "left_out=1980") != 1 || strings.Count(s, "flood") != 2 {
		t.Errorf("%s", s)
	}
	for i := range 5000 {
		say(h, slog.LevelInfo, strings.Repeat("x", i))
	}
	if n := len(h.counts.of); n > calmMessages {
		t.Errorf("%d messages are counted", n)
	}
}
