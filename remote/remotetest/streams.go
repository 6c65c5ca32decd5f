package remotetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"caravela/market"
	"caravela/remote"
)

type accept = func(ctx context.Context, from market.PeerID, h remote.Header, s *remote.Stream)

// pair starts two nodes and opens a stream that f serves.
func (w *world) pair(t *testing.T, f accept) (*remote.Stream, []remote.Transport) {
	t.Helper()
	ts := w.nodes(t, &Handler{}, &Handler{OnAccept: f})
	s, err := ts[0].Open(within(t), ts[1].Self(), remote.Header{Kind: "exec", Lease: market.LeaseID{7}, Args: []byte(`{"a":1}`)})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s, ts
}

func testHalfClose(t *testing.T, w *world) {
	type opened struct {
		head remote.Header
		from market.PeerID
	}
	heard := make(chan opened, 1)
	s, ts := w.pair(t, func(_ context.Context, p market.PeerID, h remote.Header, s *remote.Stream) {
		heard <- opened{h, p}
		var in bytes.Buffer
		for {
			f, err := s.Read()
			if errors.Is(err, io.EOF) { // the client is done; we go on
				s.Writer(remote.Stderr).Write([]byte("end"))
				s.Writer(remote.Stdout).Write(in.Bytes())
				return
			}
			if err != nil {
				return
			}
			in.Write(f.Data)
		}
	})
	s.Writer(remote.Stdin).Write([]byte("one "))
	s.Writer(remote.Stdin).Write([]byte("two"))
	must(t, s.CloseWrite())
	var out, errs bytes.Buffer
	must(t, s.Copy(&out, &errs))
	if out.String() != "one two" || errs.String() != "end" {
		t.Errorf("got %q and %q", out.String(), errs.String())
	}
	o := <-heard
	if head, from := o.head, o.from; head.Kind != "exec" || head.Lease != (market.LeaseID{7}) || string(head.Args) != `{"a":1}` || from != ts[0].Self().ID {
		t.Errorf("header %+v from %v", head, from)
	}
	if s.Peer() != ts[1].Self().ID {
		t.Errorf("peer is %v", s.Peer())
	}
}

func testExitCode(t *testing.T, w *world) {
	s, _ := w.pair(t, func(_ context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		f, err := s.Read()
		if err != nil || f.Kind != remote.Resize {
			s.Fail("no resize")
			return
		}
		rows, cols := f.Size()
		s.Writer(remote.Stdout).Write([]byte("bye"))
		s.Exit(int(rows)*1000 + int(cols))
	})
	must(t, s.Resize(24, 80))
	var out bytes.Buffer
	var exit *remote.Exited
	if err := s.Copy(&out, io.Discard); !errors.As(err, &exit) || exit.Code != 24080 || out.String() != "bye" {
		t.Errorf("got %v after %q", err, out.String())
	}
}

func testFailure(t *testing.T, w *world) {
	s, _ := w.pair(t, func(_ context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		s.Fail("not the lease's owner")
	})
	var failed *remote.Failed
	if err := s.Copy(io.Discard, io.Discard); !errors.As(err, &failed) || failed.Reason != "not the lease's owner" {
		t.Errorf("got %v", err)
	}
}

// testBackpressure proves that a writer cannot run far ahead of its reader.
func testBackpressure(t *testing.T, w *world) {
	const total, most = 64 << 20, 32 << 20 // libp2p's largest window is 16 MiB
	var wrote atomic.Int64
	s, _ := w.pair(t, func(ctx context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		chunk := make([]byte, remote.MaxFrame)
		for wrote.Load() < total {
			n, err := s.Writer(remote.Stdout).Write(chunk)
			if err != nil {
				return
			}
			wrote.Add(int64(n))
		}
	})
	_, err := s.Read() // one frame, and no more
	must(t, err)
	for last := int64(-1); last != wrote.Load(); { // until it stands still
		last = wrote.Load()
		Eventually(t, "a pause", quiet(&wrote))
	}
	if n := wrote.Load(); n > most {
		t.Errorf("wrote %d bytes to a reader that does not read", n)
	}
	s.Reset()
}

// quiet returns a condition that holds once n has not moved for 20 looks.
func quiet(n *atomic.Int64) func() bool {
	last, same := n.Load(), 0
	return func() bool {
		if now := n.Load(); now != last {
			last, same = now, 0
		}
		same++
		return same > 20
	}
}

func testIntact(t *testing.T, w *world) {
	const size = 10 << 20
	content := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(content)
	s, _ := w.pair(t, func(_ context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		s.Writer(remote.Data).Write(content)
	})
	h := sha256.New()
	must(t, s.Copy(h, io.Discard))
	if [32]byte(h.Sum(nil)) != sha256.Sum256(content) {
		t.Error("content changed on the way")
	}
}

func testStreamToSelf(t *testing.T, w *world) {
	h := &Handler{OnAccept: func(_ context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		s.Writer(remote.Stdout).Write([]byte("me"))
		s.Exit(3)
	}}
	ts := w.nodes(t, h)
	s, err := ts[0].Open(within(t), ts[0].Self(), remote.Header{Kind: "logs"})
	must(t, err)
	defer s.Close()
	var out strings.Builder
	var exit *remote.Exited
	if err := s.Copy(&out, io.Discard); !errors.As(err, &exit) || out.String() != "me" {
		t.Errorf("got %v after %q", err, out.String())
	}
}

// testStreamCancel proves that a handler which neither reads nor writes hears
// that nobody listens any more.
func testStreamCancel(t *testing.T, w *world) {
	gone := make(chan struct{})
	ts := w.nodes(t, &Handler{}, &Handler{OnAccept: func(ctx context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		s.Writer(remote.Stdout).Write([]byte("ready"))
		<-ctx.Done()
		close(gone)
	}})
	ctx, cancel := context.WithCancel(within(t))
	s, err := ts[0].Open(ctx, ts[1].Self(), remote.Header{Kind: "logs"})
	must(t, err)
	_, err = s.Read()
	must(t, err)
	cancel()
	select {
	case <-gone:
	case <-within(t).Done():
		t.Error("the handler was not told")
	}
	if _, err := s.Read(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read after cancel: %v", err)
	}
}

func testStreamPeerDies(t *testing.T, w *world) {
	s, ts := w.pair(t, func(ctx context.Context, _ market.PeerID, _ remote.Header, s *remote.Stream) {
		s.Writer(remote.Stdout).Write([]byte("ready"))
		<-ctx.Done()
	})
	_, err := s.Read()
	must(t, err)
	must(t, ts[1].Close())
	if _, err := s.Read(); err == nil {
		t.Error("read from a dead peer")
	}
}

func testBadHeader(t *testing.T, w *world) {
	ts := w.nodes(t, &Handler{}, &Handler{})
	for _, kind := range []string{"", "Logs", "a b", strings.Repeat("x", remote.MaxKind+1)} {
		_, err := ts[0].Open(within(t), ts[1].Self(), remote.Header{Kind: kind})
		wantErr(t, err, remote.ErrMalformed)
	}
}
