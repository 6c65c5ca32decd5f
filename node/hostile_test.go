package node_test

import (
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/remote"
)

// TestUnreadInput sends more input than a process reads: its end frees what
// the supplier keeps for the stream.
func TestUnreadInput(t *testing.T) {
	w := nodetest.New(t)
	defer w.Close()
	hosts := w.Start("cedar", "birch")
	buyer, seller := hosts[0], hosts[1]
	w.Until("two offers", func() bool { return offers(t, buyer) == 2 })
	req := nodetest.Request("sleep", "1h")
	req.Policy.Node = "birch"
	ref := buyer.MustRun(req)
	unit, err := market.ParseLeaseID(string(ref))
	if err != nil {
		t.Fatal(err)
	}
	args, err := json.Marshal(api.ExecRequest{Command: []string{"/toolbox", "exit", "0"}, Stdin: true})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	const streams = 50
	for range streams {
		s, err := buyer.Transport().Open(t.Context(), seller.Transport().Self(), remote.Header{Kind: "exec", Lease: unit, Args: args})
		if err != nil {
			t.Fatal(err)
		}
		go func() { // until the stream is reset
			for s.Write(remote.Frame{Kind: remote.Stdin, Data: make([]byte, remote.MaxFrame)}) == nil {
				continue
			}
		}()
		var exited *remote.Exited
		if err := s.Copy(io.Discard, io.Discard); !errors.As(err, &exited) {
			t.Fatalf("exec: %v", err)
		}
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
	}
	w.Until("the streams' goroutines to end", func() bool { return runtime.NumGoroutine() < before+streams/2 })
}

// TestSilentSupplier: a container whose supplier is gone is not told to run as
// if that were known.
func TestSilentSupplier(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("cedar", "birch")
		buyer, seller := hosts[0], hosts[1]
		w.Until("two offers", func() bool { return offers(t, buyer) == 2 })
		req := nodetest.Request("sleep", "1h")
		req.Policy.Node = "birch"
		ref := buyer.MustRun(req)
		unreachable := func() time.Time {
			list, err := buyer.Containers(t.Context(), api.ListOptions{})
			if err != nil || len(list) != 1 || list[0].State != "running" {
				t.Fatalf("%+v, %v", list, err)
			}
			d, err := buyer.Container(t.Context(), ref)
			if err != nil || d.UnreachableSince.IsZero() != list[0].UnreachableSince.IsZero() {
				t.Errorf("inspect %v, ps %v: %v", d.UnreachableSince, list[0].UnreachableSince, err)
			}
			return list[0].UnreachableSince
		}
		if at := unreachable(); !at.IsZero() {
			t.Errorf("unreachable since %v while it runs", at)
		}
		gone := time.Now()
		seller.Kill()
		w.Until("the silence to be seen", func() bool { return !unreachable().IsZero() })
		if at := unreachable(); at.Sub(gone).Abs() > time.Minute {
			t.Errorf("unreachable since %v, gone at %v", at, gone)
		}
		seller.Start()
		w.Until("its return to be seen", func() bool { return unreachable().IsZero() })
	})
}
