package supplier_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
	"caravela/supplier"
)

const many = 10_000 // leases

// large is a supplier that sold many units, each to a buyer of its own.
func large(tb testing.TB, many int, terms *market.Terms) (*supplier.Supplier, func(i int) *market.LaunchContainer) {
	tb.Helper()
	k, params := keys(0), market.DefaultParams(network)
	books := ledger.New(k.Self(), network, k)
	s := supplier.New(k.Self(), network, &params, k, &books, 1, 1)
	now := market.Time{Mono: time.Hour, Wall: noon}
	var out market.Outbox
	step := func(ev market.Event) {
		out.Reset()
		s.Step(now, ev, &out)
	}
	step(market.EngineChanged{Up: true})
	step(market.Supply{Selling: true, Stock: market.Stock{Total: market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes},
		Platform: linux, Terms: terms, PortLow: 1024, PortHigh: 65535}})
	launch := func(i int) *market.LaunchContainer {
		seed := make([]byte, ed25519.SeedSize)
		binary.BigEndian.PutUint64(seed, uint64(i)+1000)
		k := market.NewKeyring(ed25519.NewKeyFromSeed(seed))
		spec := &market.Spec{Image: "registry.example/team/web:1.27", Platform: linux, Limits: market.Resources{CPU: 10, Memory: 64 * market.MiB}}
		l := k.Lease(market.Lease{Network: network, Buyer: k.Self(), Supplier: s.Self(), Nonce: uint64(i), Start: noon, End: noon.Add(24 * time.Hour),
			Image: spec.Image, Resources: spec.Limits, SpecHash: k.SpecHash(spec), Terms: terms})
		return &market.LaunchContainer{Lease: l, Spec: spec, At: market.Ref{Peer: k.Self(), Addrs: []string{"/ip4/192.0.2.1/udp/4001/quic-v1"}}}
	}
	for i := range many {
		m := launch(i)
		step(market.Received{From: market.Ref{Peer: m.Lease.Buyer}, Msg: m})
		step(market.UnitChanged{Unit: m.Lease.ID, State: market.Running})
		step(market.Received{From: market.Ref{Peer: m.Lease.Buyer}, Msg: &market.StatusAck{Unit: m.Lease.ID, Seq: 1}})
	}
	if n := s.Used().Units; n != many {
		tb.Fatalf("%d units", n)
	}
	return &s, launch
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestLeaseSize holds the memory that a lease takes, with its record.
func TestLeaseSize(t *testing.T) {
	before := heap()
	const few = 2000
	s, _ := large(t, few, nil)
	each := (heap() - before) / few
	runtime.KeepAlive(s)
	t.Logf("%d bytes a lease", each)
	if each > 3000 {
		t.Errorf("%d bytes a lease", each)
	}
}

// BenchmarkLaunch admits one more launch beside many units, and lets it go.
func BenchmarkLaunch(b *testing.B) {
	s, launch := large(b, many, nil)
	now := market.Time{Mono: time.Hour, Wall: noon}
	var out market.Outbox
	list := make([]*market.LaunchContainer, 64)
	for i := range list {
		list[i] = launch(many + i)
	}
	for i := 0; b.Loop(); i++ {
		m := list[i%len(list)]
		out.Reset()
		s.Step(now, market.Received{From: market.Ref{Peer: m.Lease.Buyer}, Msg: m}, &out)
		out.Reset()
		b.StopTimer()
		s.Forget(m.Lease.ID)
		b.StartTimer()
	}
}
