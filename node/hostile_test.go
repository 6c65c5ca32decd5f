package node_test

import (
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"testing"

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
