package remotetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"caravela/market"
	"caravela/remote"
)

func testDelivery(t *testing.T, w *world) {
	var sender atomic.Pointer[remote.Peer]
	h := &Handler{OnReceive: func(_ context.Context, p remote.Peer, _ string) error { sender.Store(&p); return nil }}
	ts := w.nodes(t, &Handler{}, h)
	for _, text := range []string{"", "hello", strings.Repeat("x", remote.MaxMessage)} {
		must(t, ts[0].Send(within(t), ts[1].Self(), Text{Data: text}))
	}
	if got := h.Heard(); len(got) != 3 || got[1] != "hello" || len(got[2]) != remote.MaxMessage {
		t.Errorf("heard %d messages", len(got))
	}
	if from := sender.Load(); from.ID != ts[0].Self().ID || len(from.Addrs) == 0 {
		t.Errorf("sender is %v; want %v with addresses", from, ts[0].Self().ID)
	}
	// An answer goes back without the addresses: the connection is there.
	must(t, ts[1].Send(within(t), remote.Peer{ID: ts[0].Self().ID}, Text{Data: "back"}))
}

func testToSelf(t *testing.T, w *world) {
	h := &Handler{}
	ts := w.nodes(t, h)
	must(t, ts[0].Send(within(t), ts[0].Self(), Text{Data: "note to self"}))
	if got := h.Heard(); len(got) != 1 {
		t.Errorf("heard %q", got)
	}
}

func testConcurrentSends(t *testing.T, w *world) {
	const senders, each = 3, 100
	h := &Handler{}
	ts := w.nodes(t, h, &Handler{}, &Handler{}, &Handler{})
	var wg sync.WaitGroup
	for i := range senders {
		for lane := range 4 {
			wg.Go(func() {
				for k := range each / 4 {
					if err := ts[i+1].Send(within(t), ts[0].Self(), Text{Data: fmt.Sprint(i, lane, k)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	wg.Wait()
	got := h.Heard()
	slices.Sort(got)
	if n := len(slices.Compact(got)); n != senders*each {
		t.Errorf("%d different messages arrived; want %d", n, senders*each)
	}
}

func testUnknownPeer(t *testing.T, w *world) {
	ts := w.nodes(t, &Handler{})
	nobody := remote.Peer{ID: market.PeerID{1, 2, 3}, Addrs: []string{"/ip4/127.0.0.1/tcp/1", "not an address"}}
	wantErr(t, ts[0].Send(within(t), nobody, Text{}), remote.ErrUnreachable)
	_, err := ts[0].Open(within(t), nobody, remote.Header{Kind: "logs"})
	wantErr(t, err, remote.ErrUnreachable)
}

func testOversized(t *testing.T, w *world) {
	h := &Handler{}
	ts := w.nodes(t, &Handler{}, h)
	err := ts[0].Send(within(t), ts[1].Self(), Text{Data: strings.Repeat("x", remote.MaxMessage+1)})
	wantErr(t, err, remote.ErrTooLarge)
	_, err = ts[0].Open(within(t), ts[1].Self(), remote.Header{Kind: "logs", Args: make([]byte, remote.MaxArgs+1)})
	wantErr(t, err, remote.ErrTooLarge)
	if len(h.Heard()) != 0 {
		t.Error("it arrived")
	}
}

func testAnswers(t *testing.T, w *world) {
	h := &Handler{OnReceive: func(_ context.Context, _ remote.Peer, text string) error {
		return map[string]error{"busy": remote.ErrBusy, "malformed": remote.ErrMalformed, "refused": errors.New("no")}[text]
	}}
	ts := w.nodes(t, &Handler{}, h)
	for text, want := range map[string]error{
		"busy": remote.ErrBusy, "malformed": remote.ErrMalformed, "refused": remote.ErrRefused, "fine": nil,
	} {
		if err := ts[0].Send(within(t), ts[1].Self(), Text{Data: text}); !errors.Is(err, want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func testUndecodable(t *testing.T, w *world) {
	h := &Handler{}
	ts := w.nodes(t, &Handler{}, h)
	wantErr(t, ts[0].Send(within(t), ts[1].Self(), Text{Data: "undecodable"}), remote.ErrMalformed)
	must(t, ts[0].Send(within(t), ts[1].Self(), Text{Data: "next"}))
	if got := h.Heard(); len(got) != 1 {
		t.Errorf("heard %q", got)
	}
}

func testSlowReceiver(t *testing.T, w *world) {
	release := make(chan struct{})
	slow := &Handler{OnReceive: func(context.Context, remote.Peer, string) error { <-release; return nil }}
	ts := w.nodes(t, &Handler{}, slow, &Handler{})
	stuck := make(chan error, 1)
	go func() { stuck <- ts[0].Send(within(t), ts[1].Self(), Text{Data: "wait"}) }()
	Eventually(t, "the slow receiver has it", func() bool { return len(slow.Heard()) == 1 })
	for range 20 {
		must(t, ts[0].Send(within(t), ts[2].Self(), Text{Data: "quick"}))
	}
	close(release)
	must(t, <-stuck)
}

func testSilentHandler(t *testing.T, w *world) {
	release := make(chan struct{})
	h := &Handler{OnReceive: func(_ context.Context, _ remote.Peer, text string) error {
		if text == "stay" {
			<-release
		}
		return nil
	}}
	ts := w.nodes(t, &Handler{}, h)
	t.Cleanup(func() { close(release) }) // before the nodes are closed
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := ts[0].Send(ctx, ts[1].Self(), Text{Data: "stay"})
	if !errors.Is(err, remote.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v; want unknown outcome, deadline exceeded", err)
	}
	must(t, ts[0].Send(within(t), ts[1].Self(), Text{Data: "go on"}))
}

func testCancelledSend(t *testing.T, w *world) {
	h := &Handler{}
	ts := w.nodes(t, &Handler{}, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, ts[0].Send(ctx, ts[1].Self(), Text{Data: "late"}), context.Canceled)
}

func testBeforeServe(t *testing.T, w *world) {
	ts := w.nodes(t, &Handler{}, nil)
	wantErr(t, ts[1].Send(within(t), ts[0].Self(), Text{}), remote.ErrNotServing)
	_, err := ts[1].Open(within(t), ts[0].Self(), remote.Header{Kind: "logs"})
	wantErr(t, err, remote.ErrNotServing)
	wantErr(t, ts[0].Send(within(t), ts[1].Self(), Text{}), remote.ErrForeign)
}

func testForeign(t *testing.T, w *world) {
	a, b := &Handler{}, &Handler{}
	ts := w.nodes(t, a, nil)
	must(t, ts[1].Serve(networkID("two"), b))
	wantErr(t, ts[0].Send(within(t), ts[1].Self(), Text{Data: "who are you"}), remote.ErrForeign)
	_, err := ts[1].Open(within(t), ts[0].Self(), remote.Header{Kind: "logs"})
	wantErr(t, err, remote.ErrForeign)
	if len(a.Heard())+len(b.Heard())+len(ts[0].Peers())+len(ts[1].Peers()) != 0 {
		t.Error("two networks mixed")
	}
}

func testAfterClose(t *testing.T, w *world) {
	ts := w.nodes(t, &Handler{}, &Handler{})
	must(t, ts[0].Send(within(t), ts[1].Self(), Text{}))
	to := ts[1].Self()
	must(t, ts[1].Close())
	must(t, ts[1].Close())
	if err := ts[0].Send(within(t), to, Text{}); err == nil {
		t.Error("sent to a closed node")
	}
	wantErr(t, ts[1].Send(within(t), ts[0].Self(), Text{}), remote.ErrClosed)
}
