package discovery_test

import (
	"reflect"
	"runtime"
	"testing"
	"time"

	"caravela/discovery"
	"caravela/discovery/discoverytest"
	"caravela/market"
)

// A million peers must fit into a machine: these are the bytes that one costs.
const (
	maxPeerSize = 568  // the struct itself; with a word of its own, a size that memory comes in
	maxIdleHeap = 1030 // an idle supplier with three traders, all told but the stock, which many share
)

func TestPeerSize(t *testing.T) {
	if size := reflect.TypeFor[discovery.Peer]().Size(); size > maxPeerSize {
		t.Errorf("a peer takes %d bytes, the budget is %d", size, maxPeerSize)
	}
}

func TestIdleHeap(t *testing.T) {
	const n = 2000
	params := market.DefaultParams(market.NetworkID{1})
	peers, stock := make([]*discovery.Peer, n), someStock()
	before := heap()
	for i := range peers {
		peers[i] = idleSupplier(t, i, &params, stock)
	}
	each := int(heap()-before) / n
	runtime.KeepAlive(peers)
	t.Logf("an idle supplier takes %d bytes, %d of them the struct", each, reflect.TypeFor[discovery.Peer]().Size())
	if each > maxIdleHeap {
		t.Errorf("an idle supplier takes %d bytes, the budget is %d", each, maxIdleHeap)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func someStock() *market.Stock {
	return &market.Stock{Wares: market.Wares{Total: market.Resources{CPU: 4000, Memory: 8 * market.GiB}, Platform: market.Platform{OS: "linux", Arch: "amd64"}}}
}

// idleSupplier is a peer whose offer three traders keep.
func idleSupplier(t *testing.T, i int, params *market.Params, stock *market.Stock) *discovery.Peer {
	t.Helper()
	self := market.PeerID(market.KeyOf(string(rune(i))))
	p := discovery.New(discovery.Config{Self: self, Network: params.Network, Params: params, Sealer: &discoverytest.Keys{}, Seed: uint64(i), Trader: true})
	now := market.Time{Mono: time.Hour, Wall: discoverytest.Start}
	var out market.Outbox
	step := func(ev market.Event) {
		out.Reset()
		p.Step(now, ev, &out)
	}
	step(market.Boot{})
	step(market.EngineChanged{Up: true})
	step(market.Supply{Selling: true, Stock: stock})
	now.Mono = p.Deadline()
	step(market.Tick{})
	traders := []market.Ref{{Peer: market.PeerID{1}}, {Peer: market.PeerID{2}}, {Peer: market.PeerID{3}}}
	for range 2 { // of which the first tells how small the market is
		step(market.Found{Ref: out.Lookups[0].Ref, Peers: traders})
	}
	offer := p.OwnOffer()
	for _, x := range traders {
		step(market.Received{From: x, Msg: &market.OfferAck{Seq: offer.Offer.Seq, Region: offer.Region}})
	}
	if p.Deadline() < now.Mono+time.Minute {
		t.Fatalf("peer %d is not idle", i)
	}
	return p
}

// An idle Tick costs no memory.
func TestIdleTick(t *testing.T) {
	params := market.DefaultParams(market.NetworkID{1})
	p := idleSupplier(t, 1, &params, someStock())
	now := market.Time{Mono: time.Hour + time.Second, Wall: discoverytest.Start}
	var out market.Outbox
	if n := testing.AllocsPerRun(100, func() { p.Step(now, market.Tick{}, &out); p.Deadline() }); n > 0 {
		t.Errorf("an idle tick allocates %v times", n)
	}
}

// BenchmarkIdleTick is what a million idle peers cost a driver.
func BenchmarkIdleTick(b *testing.B) {
	params := market.DefaultParams(market.NetworkID{1})
	p := discovery.New(discovery.Config{Params: &params, Sealer: &discoverytest.Keys{}})
	var out market.Outbox
	for b.Loop() {
		p.Step(market.Time{}, market.Tick{}, &out)
	}
}

// BenchmarkWalk is the world's own speed.
func BenchmarkWalk(b *testing.B) {
	data := walk(70)
	for b.Loop() {
		if _, err := discoverytest.Walk(data); err != nil {
			b.Fatal(err)
		}
	}
}
