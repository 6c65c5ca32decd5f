package engine

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// reading returns a patient reader of a daemon's connection, and the daemon's
// end of it.
func reading(t *testing.T, over func() bool) (*patient, net.Conn) {
	ours, daemons := net.Pipe()
	t.Cleanup(func() { _ = ours.Close(); _ = daemons.Close() })
	return &patient{conn: ours, from: ours, over: over}, daemons
}

// TestAttachedTooLate: the daemon replays the log of a process that ended
// while we attached, and then says nothing for ever.
func TestAttachedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, daemon := reading(t, func() bool { return true })
		go func() {
			_, _ = daemon.Write([]byte("hello\n"))
			time.Sleep(firstLook + lastWords/2) // still on its way when we know of the end
			_, _ = daemon.Write([]byte("bye\n"))
		}()
		start := time.Now()
		out, err := io.ReadAll(r)
		if string(out) != "hello\nbye\n" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the end was seen after %v", took)
		}
	})
}

// TestSilentProcess: one that runs may be silent for as long as it likes, and
// is asked after ever more rarely.
func TestSilentProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		r, daemon := reading(t, func() bool { looks++; return false })
		go func() {
			time.Sleep(time.Hour)
			_, _ = daemon.Write([]byte("at last"))
			_ = daemon.Close()
		}()
		out, err := io.ReadAll(r)
		if string(out) != "at last" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		if looks > int(time.Hour/rareLook)+10 {
			t.Errorf("asked %d times in an hour", looks)
		}
	})
}

// TestSlowReader: what waits for a slow reader is not the process' silence.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, daemon := reading(t, func() bool { return true })
		go func() {
			for range 3 {
				_, _ = daemon.Write([]byte("x"))
			}
			_ = daemon.Close()
		}()
		var out []byte
		for buf := make([]byte, 1); ; time.Sleep(time.Hour) {
			n, err := r.Read(buf)
			out = append(out, buf[:n]...)
			if err != nil {
				break
			}
		}
		if string(out) != "xxx" {
			t.Errorf("%q", out)
		}
	})
}
