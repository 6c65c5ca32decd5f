package kademlia_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"caravela/market"
	"caravela/overlay"
	"caravela/overlay/kademlia"
	"caravela/remote"
	"caravela/remote/libp2p"
)

// quietHandler takes everything and says nothing.
type quietHandler struct{}

func (quietHandler) Receive(context.Context, remote.Peer, remote.Message) error { return nil }
func (quietHandler) Accept(context.Context, market.PeerID, remote.Header, *remote.Stream) {
}
func (quietHandler) Configuration(context.Context, remote.Newcomer, string) ([]byte, error) {
	return nil, remote.ErrRefused
}
func (quietHandler) Observe(remote.Event) {}

// real starts n nodes as a machine would run them: transport, limits and
// overlay, on loopback.
func real(tb testing.TB, n int) (hosts []*libp2p.Host, nodes []*kademlia.Overlay) {
	id := market.NetworkID(market.KeyOf("scale"))
	var first overlay.Peer
	for i := range n {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		cfg := libp2p.DefaultConfig()
		cfg.PrivateKey, cfg.Listen = key, libp2p.ListenOn("/ip4/127.0.0.1", 0, false)
		cfg.Log = slog.New(slog.DiscardHandler)
		h, err := libp2p.New(cfg)
		if err != nil {
			tb.Fatal(err)
		}
		if err := h.Serve(id, quietHandler{}); err != nil {
			tb.Fatal(err)
		}
		o, err := kademlia.New(h.LibP2P(), kademlia.DefaultConfig(id))
		if err != nil {
			tb.Fatal(err)
		}
		if i == 0 {
			first = overlay.Peer(h.Self())
			err = o.Create(tb.Context())
		} else {
			err = o.Join(tb.Context(), []overlay.Peer{first})
		}
		if err != nil {
			tb.Fatal(err)
		}
		hosts, nodes = append(hosts, h), append(nodes, o)
	}
	tb.Cleanup(func() {
		var wg sync.WaitGroup
		for i := range hosts {
			wg.Go(func() {
				nodes[i].Leave(context.Background())
				hosts[i].Close()
			})
		}
		wg.Wait()
	})
	return hosts, nodes
}

// BenchmarkLookup60 looks keys up from 60 real nodes, 32 at a time.
func BenchmarkLookup60(b *testing.B) {
	hosts, nodes := real(b, 60)
	time.Sleep(3 * time.Second) // tables fill up
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	room, i := make(chan struct{}, 32), 0
	var wg sync.WaitGroup
	before := kademlia.Stats{}
	for _, o := range nodes {
		before.Lookups += o.Stats().Lookups
		before.Questions += o.Stats().Questions
	}
	for b.Loop() {
		i++
		k := i
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			found, err := nodes[k%60].Lookup(b.Context(), market.KeyOf(fmt.Sprint(k)), 3)
			if err != nil || len(found) != 3 {
				b.Errorf("found %v, error %v", found, err)
			}
		})
	}
	wg.Wait()
	after := kademlia.Stats{}
	for _, o := range nodes {
		after.Lookups += o.Stats().Lookups
		after.Questions += o.Stats().Questions
	}
	b.ReportMetric(float64(after.Questions-before.Questions)/float64(after.Lookups-before.Lookups), "questions/lookup")
	b.ReportMetric(float64(m.HeapAlloc)/60/(1<<20), "MiB/node")
	b.ReportMetric(float64(runtime.NumGoroutine())/60, "goroutines/node")
	b.ReportMetric(float64(len(hosts[30].LibP2P().Network().Conns())), "conns")
}

// BenchmarkSend sends one message over a connection that is there.
func BenchmarkSend(b *testing.B) {
	hosts, _ := real(b, 2)
	to := hosts[1].Self()
	for b.Loop() {
		if err := hosts[0].Send(b.Context(), to, &market.Goodbye{}); err != nil {
			b.Fatal(err)
		}
	}
}

// A dead peer must not hold up those who look for its neighbours: on one site
// a refused TCP port says enough, and no lookup waits for QUIC to give up.
func TestDeadPeersCostNoTime(t *testing.T) {
	hosts, nodes := real(t, 8)
	for _, o := range nodes {
		wait(t, "everybody is known", func() bool { return len(o.Neighbours()) == 7 })
	}
	for _, i := range []int{2, 5} {
		hosts[i].Close()
		nodes[i].Leave(t.Context())
	}
	alive := []int{0, 1, 3, 4, 6, 7}
	start := time.Now()
	for k := range 30 {
		found, err := nodes[alive[k%6]].Lookup(t.Context(), market.KeyOf(fmt.Sprint(k)), 3)
		if err != nil || len(found) != 3 {
			t.Fatalf("lookup %d: %v, %v", k, found, err)
		}
		for _, p := range found {
			if p.ID == nodes[2].NodeID() || p.ID == nodes[5].NodeID() {
				t.Errorf("lookup %d found the dead", k)
			}
		}
	}
	t.Logf("30 lookups took %v", time.Since(start))
	for _, i := range alive {
		wait(t, "the dead are forgotten", func() bool { return len(nodes[i].Neighbours()) == 5 })
	}
}
