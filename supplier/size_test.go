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

// shop is a supplier with many units of a number of buyers, and all that it
// was told as it comes out of the codec.
type shop struct {
	*supplier.Supplier
	tb     testing.TB
	keys   *market.Keyring
	terms  *market.Terms
	buyers int
	now    market.Time
	out    market.Outbox
}

func newShop(tb testing.TB, units, buyers int, terms *market.Terms) *shop {
	tb.Helper()
	k, params := keys(0), market.DefaultParams(network)
	me := &market.Party{Self: k.Self(), Params: &params, Seal: k}
	books := ledger.New(me)
	s := supplier.New(me, &books, 1, 1)
	h := &shop{&s, tb, k, terms, buyers, market.Time{Mono: time.Hour, Wall: noon}, market.Outbox{}}
	h.step(market.EngineChanged{Up: true})
	h.step(market.Supply{Selling: true, Stock: &market.Stock{Wares: market.Wares{
		Total:    market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes},
		Platform: linux, Terms: terms, PortLow: 1024, PortHigh: 65535}}})
	for i := range units {
		h.sell(i)
	}
	if terms.Metered() { // each gets a note acknowledged
		h.now.Mono, h.now.Wall = h.now.Mono+terms.Interval, h.now.Wall.Add(terms.Interval)
		h.step(market.Tick{})
		h.acknowledge()
	}
	if n := s.Used().Units; n != units {
		tb.Fatalf("%d units", n)
	}
	return h
}

func (h *shop) step(ev market.Event) {
	h.out.Reset()
	h.Step(h.now, ev, &h.out)
}

// receive takes a message through the codec.
func (h *shop) receive(from market.PeerID, m market.Message) {
	h.tb.Helper()
	b, err := market.EncodeMessage(m)
	if err != nil {
		h.tb.Fatal(err)
	}
	if m, err = market.DecodeMessage(b); err != nil {
		h.tb.Fatal(err)
	}
	h.step(market.Received{From: market.Ref{Peer: from}, Msg: m})
}

// buyer is the i-th of many.
func buyer(i int) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	binary.BigEndian.PutUint64(seed, uint64(i)+1000)
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

func (h *shop) launch(i int) *market.LaunchContainer {
	k := buyer(i % h.buyers)
	spec := &market.Spec{Image: "registry.example/team/web:1.27", Platform: linux, Limits: market.Resources{CPU: 10, Memory: 64 * market.MiB}}
	l := k.Lease(market.Lease{Network: network, Buyer: k.Self(), Supplier: h.keys.Self(), Nonce: uint64(i), Start: noon, End: noon.Add(24 * time.Hour),
		Image: spec.Image, Resources: spec.Limits, SpecHash: k.SpecHash(spec), Terms: h.terms})
	return &market.LaunchContainer{Lease: l, Spec: spec, At: market.Ref{Peer: k.Self(), Addrs: []string{"/ip4/192.0.2.1/udp/4001/quic-v1"}}}
}

func (h *shop) sell(i int) {
	m := h.launch(i)
	h.receive(m.Lease.Buyer, m)
	h.step(market.UnitChanged{Unit: m.Lease.ID, State: market.Running})
	h.receive(m.Lease.Buyer, &market.StatusAck{Unit: m.Lease.ID, Seq: 1})
}

func (h *shop) acknowledge() {
	notes := map[market.PeerID][]*market.SignedUsage{}
	for _, s := range h.out.Sends {
		if r, ok := s.Msg.(*market.ReportUsage); ok {
			notes[s.To.Peer] = append(notes[s.To.Peer], r.Note)
		}
	}
	for i := range h.buyers {
		k := buyer(i)
		for _, n := range notes[k.Self()] {
			h.receive(k.Self(), &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Note: k.AckUsage(n)})
		}
	}
}

// TestLeaseSize holds the memory that a lease takes, with its record and the
// newest note; and with its buyer too, where each lease has another.
func TestLeaseSize(t *testing.T) {
	const units = leaseSizes
	terms := &market.Terms{Price: market.Price{Unit: "credit", Core: 1000}, Interval: time.Minute, Bear: 5, Grace: 5 * time.Minute}
	for _, c := range []struct {
		name   string
		terms  *market.Terms
		buyers int
		most   int // bytes
	}{{"free", nil, 1, 1300}, {"free, with its buyer", nil, units, 1550}, {"metered", terms, 1, 2048}, {"metered, with its buyer", terms, units, 2650}} {
		size := func(units int) int {
			before := heap()
			h := newShop(t, units, min(units, c.buyers), c.terms)
			h.out = market.Outbox{}
			defer runtime.KeepAlive(h)
			return heap() - before
		}
		each := (size(units) - size(1)) / (units - 1)
		t.Logf("%s: %d bytes", c.name, each)
		if each > c.most+leaseSlack {
			t.Errorf("a %s lease takes %d bytes, the budget is %d", c.name, each, c.most+leaseSlack)
		}
	}
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// BenchmarkLaunch admits one more launch beside ten thousand units. A large
// part of it is the supplier's signature.
func BenchmarkLaunch(b *testing.B) {
	for _, c := range []struct {
		name  string
		terms *market.Terms
	}{{"free", nil}, {"metered", &market.Terms{Price: market.Price{Unit: "credit", Core: 1000}, Interval: time.Minute, Bear: 5, Grace: 5 * time.Minute}}} {
		b.Run(c.name, func(b *testing.B) {
			const units = 10_000
			h := newShop(b, units, units, c.terms)
			list := make([]market.Received, 64)
			for i := range list {
				m := h.launch(units + i)
				list[i] = market.Received{From: market.Ref{Peer: m.Lease.Buyer}, Msg: m}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				ev := list[i%len(list)]
				h.step(ev)
				if len(sent[*market.Grant](&h.out)) != 1 {
					b.Fatalf("answers %+v", h.out.Sends)
				}
				h.Forget(ev.Msg.(*market.LaunchContainer).Lease.ID)
			}
		})
	}
}

// BenchmarkBoot takes up ten thousand units of an earlier life.
func BenchmarkBoot(b *testing.B) {
	terms := &market.Terms{Price: market.Price{Unit: "credit", Core: 1000}, Interval: time.Minute, Bear: 5, Grace: 5 * time.Minute}
	h := newShop(b, 10_000, 10_000, terms)
	var records []market.Record
	for _, r := range h.Sold() {
		records = append(records, r)
	}
	for _, r := range h.Meters() {
		records = append(records, r)
	}
	params := market.DefaultParams(network)
	for b.Loop() {
		me := &market.Party{Self: h.keys.Self(), Params: &params, Seal: h.keys}
		books := ledger.New(me)
		s := supplier.New(me, &books, 1, 1)
		h.out.Reset()
		s.Step(h.now, market.Boot{Records: records}, &h.out)
	}
}
