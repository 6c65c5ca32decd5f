package loop_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"caravela/discovery"
	"caravela/market"
	"caravela/node/loop"
	"caravela/node/store"
)

var network = market.NetworkID{7}

func keys(i uint64) *market.Keyring {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], i)
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed[:]))
}

// granter is a supplier's driver whose engine runs everything at once.
type granter struct {
	t      testing.TB
	grants int
	want   int
	all    chan struct{}
}

func (g *granter) Perform(out *market.Outbox) (events []market.Event) {
	for _, s := range out.Sends {
		switch m := s.Msg.(type) {
		case *market.Grant:
			if g.grants++; g.grants == g.want {
				close(g.all)
			}
		case *market.Refusal:
			g.t.Errorf("refused: %v: %s", m.Reason, m.Detail)
		}
	}
	for _, r := range out.Runs {
		events = append(events, market.UnitChanged{Unit: r.Unit, State: market.Running})
	}
	return events
}

// launches are encoded requests of several buyers for small, priced containers.
func launches(b *testing.B, seller *market.Keyring, buyers []*market.Keyring, n int, terms *market.Terms) (list [][]byte) {
	b.Helper()
	spec := &market.Spec{Image: "registry.test/web:1", Limits: market.Resources{CPU: 100, Memory: 32 * market.MiB}, Platform: market.Platform{OS: "linux", Arch: "amd64"}}
	start := market.Wall(time.Now().UnixMilli())
	for i := range n {
		buyer := buyers[i%len(buyers)]
		l := buyer.Lease(market.Lease{
			Network: network, Buyer: buyer.Self(), Supplier: seller.Self(), Nonce: uint64(i + 1), Resources: spec.Limits, Pids: spec.Pids,
			Image: spec.Image, SpecHash: market.HashSpec(spec), Start: start, End: start.Add(time.Hour), Terms: terms,
		})
		m, err := market.EncodeMessage(&market.LaunchContainer{Lease: l, Spec: spec, At: market.Ref{Peer: buyer.Self()}})
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, m)
	}
	return list
}

// BenchmarkLaunches is what one supplier signs, saves and grants: real
// signatures, a real store on a real disk, an engine that costs nothing, and
// two goroutines that decode and verify what buyers have sent.
func BenchmarkLaunches(b *testing.B) {
	const n = 1000
	terms := &market.Terms{Price: market.Price{Unit: "credit", Core: 20_000}, Interval: time.Minute, Bear: 5, Grace: time.Minute, Notice: time.Minute}
	seller := keys(0)
	var buyers []*market.Keyring
	for i := range 20 {
		buyers = append(buyers, keys(uint64(i+1)))
	}
	list := launches(b, seller, buyers, n, terms)
	for b.Loop() {
		b.StopTimer()
		s, err := store.Open(filepath.Join(b.TempDir(), "leases.db"))
		if err != nil {
			b.Fatal(err)
		}
		params := market.DefaultParams(network)
		peer := discovery.New(discovery.Config{Self: seller.Self(), Network: network, Params: &params, Sealer: seller, Seed: 1})
		g := &granter{t: b, want: n, all: make(chan struct{})}
		l := loop.New(peer, s, g)
		ctx, stop := context.WithCancel(b.Context())
		yes := true
		first := []market.Event{market.Boot{}, market.EngineChanged{Up: true}}
		for _, k := range buyers {
			first = append(first, market.SetPeer{Peer: k.Self(), Trusted: &yes})
		}
		first = append(first, market.Supply{Selling: true, Stock: &market.Stock{Wares: market.Wares{
			Total: market.Resources{CPU: n * 100, Memory: n * 32 * market.MiB}, Platform: market.Platform{OS: "linux", Arch: "amd64"}, Name: "cedar", Terms: terms,
		}}})
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx, first...) }()
		b.StartTimer()
		var wg sync.WaitGroup
		for w := range 2 {
			wg.Go(func() {
				for i := w; i < len(list); i += 2 {
					m, err := market.DecodeMessage(list[i])
					if err != nil {
						b.Error(err)
						return
					}
					if err := l.Post(ctx, market.Received{From: market.Ref{Peer: buyers[i%len(buyers)].Self()}, Msg: m}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		select {
		case <-g.all:
		case <-time.After(time.Minute):
			b.Error("not all were granted")
		}
		b.StopTimer()
		wg.Wait()
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
		s.Close()
		b.StartTimer()
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "launches/s")
}
