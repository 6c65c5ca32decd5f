package trader_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"caravela/market"
	"caravela/trader"
)

const noon market.Wall = 1_767_355_200_000

// network is any network; linux the only platform here.
var (
	network = market.NetworkID{7}
	linux   = market.Platform{OS: "linux", Arch: "amd64"}
	root    = market.RootRegion(linux)
)

// seller is a supplier that signs offers.
func seller(i byte) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = i
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

// ref names a peer that signs nothing.
func ref(i int) market.Ref { return market.Ref{Peer: market.PeerID(market.KeyOf(string(rune(i))))} }

// bench drives one trader.
type bench struct {
	*trader.Trader
	t      *testing.T
	params market.Params
	now    market.Time
}

func newBench(t *testing.T, change func(*market.Params)) *bench {
	b := &bench{t: t, params: market.DefaultParams(network), now: market.Time{Mono: time.Hour, Wall: noon}}
	if change != nil {
		change(&b.params)
	}
	m := trader.New(&market.Party{Self: ref(0).Peer, Params: &b.params}, true, 1, 1)
	b.Trader = &m
	return b
}

// step delivers one event.
func (b *bench) step(ev market.Event) *market.Outbox {
	var out market.Outbox
	b.Step(b.now, ev, &out)
	return &out
}

func (b *bench) receive(from market.Ref, m market.Message) *market.Outbox {
	return b.step(market.Received{From: from, Msg: m})
}

// advance lets time pass and gathers what the ticks do.
func (b *bench) advance(d time.Duration) *market.Outbox {
	b.t.Helper()
	var out market.Outbox
	end := b.now.Mono + d
	for n := 0; b.Deadline() <= end; n++ {
		if n > 10_000 {
			b.t.Fatalf("the deadline stays at %v", b.Deadline())
		}
		b.pass(max(0, b.Deadline()-b.now.Mono))
		b.Step(b.now, market.Tick{}, &out)
	}
	b.pass(end - b.now.Mono)
	return &out
}

// untilAsked lets time pass until a supplier is asked after its offer.
func (b *bench) untilAsked() *market.RefreshOffer {
	b.t.Helper()
	for b.Deadline() != market.Never {
		if asked := sent[*market.RefreshOffer](b.advance(max(0, b.Deadline()-b.now.Mono))); len(asked) > 0 {
			return asked[0]
		}
	}
	b.t.Fatal("nobody is asked")
	return nil
}

func (b *bench) pass(d time.Duration) {
	b.now.Mono += d
	b.now.Wall = b.now.Wall.Add(d)
}

// offer signs an offer of k.
func (b *bench) offer(k *market.Keyring, seq uint64, cpu market.MilliCPU) *market.SignedOffer {
	r := market.Resources{CPU: cpu, Memory: market.Bytes(cpu) * market.MiB}
	return k.Offer(market.Offer{Network: network, Supplier: k.Self(), Seq: seq, Free: r,
		ValidUntil: b.now.Wall.Add(b.params.OfferTTL), Wares: &market.Wares{Total: r, Platform: linux}})
}

// create publishes an offer of k in the root, and returns the answer's code.
func (b *bench) create(k *market.Keyring, seq uint64, cpu market.MilliCPU) market.AckCode {
	b.t.Helper()
	return b.createIn(root, k, seq, cpu)
}

func (b *bench) createIn(r market.Region, k *market.Keyring, seq uint64, cpu market.MilliCPU) market.AckCode {
	b.t.Helper()
	out := b.receive(market.Ref{Peer: k.Self()}, &market.CreateOffer{Offer: b.offer(k, seq, cpu), Region: r})
	acks := sent[*market.OfferAck](out)
	if len(acks) != 1 {
		b.t.Fatalf("%d answers to an offer", len(acks))
	}
	return acks[0].Code
}

// sent lists the messages of one type.
func sent[M market.Message](out *market.Outbox) (list []M) {
	for _, s := range out.Sends {
		if m, ok := s.Msg.(M); ok {
			list = append(list, m)
		}
	}
	return list
}

// noted counts the notes of a kind.
func noted(out *market.Outbox, k market.NoteKind) (n int) {
	for _, x := range out.Notes {
		if x.Kind == k {
			n++
		}
	}
	return n
}
