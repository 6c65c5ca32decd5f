package supplier_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
	"caravela/supplier"
)

const noon market.Wall = 1_767_355_200_000

var (
	network = market.NetworkID{7}
	linux   = market.Platform{OS: "linux", Arch: "amd64"}
	root    = market.RootRegion(linux)
)

func keys(i byte) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = i
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

// ref names a peer that signs nothing.
func ref(i int) market.Ref { return market.Ref{Peer: market.PeerID(market.KeyOf(string(rune(i))))} }

// bench drives one supplier and keeps what it saves.
type bench struct {
	*supplier.Supplier
	t      *testing.T
	params market.Params
	keys   *market.Keyring
	stock  market.Stock
	books  *ledger.Books
	owner  *customer // answers what units are told; nil = nobody does
	now    market.Time
	disk   map[[33]byte]market.Record
	nonce  uint64
}

// newBench returns a supplier with 4 cores and 4 GiB whose engine runs; three
// traders have its offer.
func newBench(t *testing.T, change func(*market.Stock)) *bench {
	b := &bench{t: t, params: market.DefaultParams(network), keys: keys(0), disk: map[[33]byte]market.Record{},
		now: market.Time{Mono: time.Hour, Wall: noon}}
	b.boot()
	b.stock.Addrs = []string{"/ip4/192.0.2.1"}
	b.stock.Wares = market.Wares{Total: market.Resources{CPU: 4000, Memory: 4 * market.GiB}, Platform: linux, Name: "cedar",
		PortLow: 8000, PortHigh: 8999}
	if change != nil {
		change(&b.stock)
	}
	b.supply()
	return b
}

// supply tells a new life of the engine and of what is sold.
func (b *bench) supply() {
	b.step(market.EngineChanged{Up: true})
	b.step(market.Supply{Selling: true, Stock: new(b.stock)})
}

// restart is a new life that has found its engine.
func (b *bench) restart() *market.Outbox {
	out := b.boot()
	b.supply()
	return out
}

// boot starts a new life from what the disk holds.
func (b *bench) boot() *market.Outbox {
	me := &market.Party{Self: b.keys.Self(), Params: &b.params, Seal: b.keys}
	books := ledger.New(me)
	s := supplier.New(me, &books, uint64(b.now.Mono), 1)
	b.Supplier, b.books = &s, &books
	var records []market.Record
	for _, r := range b.disk {
		records = append(records, r)
	}
	var out market.Outbox
	b.books.Step(b.now, market.Boot{Records: records}, &out)
	b.save(&out)
	return b.step(market.Boot{Records: records})
}

func (b *bench) step(ev market.Event) *market.Outbox {
	var out market.Outbox
	b.Step(b.now, ev, &out)
	b.audit()
	b.save(&out)
	b.answer(&out)
	return &out
}

// audit compares the supplier's running sums with what they sum.
func (b *bench) audit() {
	b.t.Helper()
	if err := b.Audit(); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) save(out *market.Outbox) {
	for _, s := range out.Saves {
		table, id := s.Record.Key()
		key := [33]byte(append(id[:], byte(table)))
		if s.Delete {
			delete(b.disk, key)
		} else {
			b.disk[key] = s.Record
		}
	}
}

// records counts what the disk holds of a table.
func (b *bench) records(table market.Table) (n int) {
	for key := range b.disk {
		if key[32] == byte(table) {
			n++
		}
	}
	return n
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
		tick := b.step(market.Tick{})
		out.Saves, out.Sends, out.Notes = append(out.Saves, tick.Saves...), append(out.Sends, tick.Sends...), append(out.Notes, tick.Notes...)
		out.Lookups, out.Controls, out.Runs = append(out.Lookups, tick.Lookups...), append(out.Controls, tick.Controls...), append(out.Runs, tick.Runs...)
	}
	b.pass(end - b.now.Mono)
	return &out
}

func (b *bench) pass(d time.Duration) {
	b.now.Mono += d
	b.now.Wall = b.now.Wall.Add(d)
}

// publish answers the supplier's lookup with these peers and has each store
// the offer.
func (b *bench) publish(peers ...market.Ref) {
	b.t.Helper()
	out := b.begin()
	b.store(b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: peers}))
}

// begin lets the supplier learn that the market is small: it looks for the
// root's traders.
func (b *bench) begin() *market.Outbox {
	b.t.Helper()
	out := b.advance(time.Second)
	if len(out.Lookups) != 1 || out.Lookups[0].Key != root.At(1, b.keys.Self()).Key(network) {
		b.t.Fatalf("looks up %+v", out.Lookups)
	}
	out = b.step(market.Found{Ref: out.Lookups[0].Ref, Peers: []market.Ref{ref(1), ref(2)}})
	if len(out.Lookups) != 1 || len(out.Sends) != 0 {
		b.t.Fatalf("looks up %+v", out.Lookups)
	}
	return out
}

// store acknowledges all offers in out.
func (b *bench) store(out *market.Outbox) {
	for _, s := range out.Sends {
		switch m := s.Msg.(type) {
		case *market.CreateOffer:
			b.receive(s.To, &market.OfferAck{Seq: m.Offer.Seq, Region: m.Region})
		case *market.UpdateOffer:
			b.receive(s.To, &market.OfferAck{Seq: m.Offer.Seq, Region: m.Region})
		}
	}
}

// launch makes buyer i's request for a container, changed by change.
func (b *bench) launch(i byte, change func(*market.Spec, *market.Lease)) *market.LaunchContainer {
	k := keys(i)
	b.nonce++
	spec := &market.Spec{Image: "web", Platform: linux, Limits: market.Resources{CPU: 1000, Memory: market.GiB}}
	l := market.Lease{Network: network, Buyer: k.Self(), Supplier: b.keys.Self(), Nonce: b.nonce, Start: b.now.Wall, End: b.now.Wall.Add(time.Hour), Terms: b.stock.Terms}
	if change != nil {
		change(spec, &l)
	}
	if l.Image == "" {
		l.Image = spec.Image
	}
	if l.Resources.IsZero() {
		l.Resources = spec.Limits
	}
	l.Ports, l.Pids, l.SpecHash = spec.Ports, spec.Pids, k.SpecHash(spec)
	return &market.LaunchContainer{Lease: k.Lease(l), Spec: spec}
}

// sell has buyer i lease a container and run it.
func (b *bench) sell(i byte, change func(*market.Spec, *market.Lease)) *market.SignedLease {
	b.t.Helper()
	m := b.launch(i, change)
	grants := sent[*market.Grant](b.receive(market.Ref{Peer: m.Lease.Buyer}, m))
	if len(grants) != 1 {
		b.t.Fatalf("%d grants", len(grants))
	}
	b.unit(m.Lease, market.Running, market.NoReason)
	return m.Lease
}

func (b *bench) unit(l *market.SignedLease, s market.State, why market.Reason) *market.Outbox {
	return b.step(market.UnitChanged{Unit: l.Unit(), State: s, Reason: why})
}

// renewal asks for another hour of a lease.
func (b *bench) renewal(i byte, old *market.SignedLease, change func(*market.Lease)) *market.LaunchContainer {
	l := old.Lease
	l.First, l.Prev, l.Start, l.End = old.Unit(), old.ID, b.now.Wall, b.now.Wall.Add(time.Hour)
	l.Terms, l.Hold = b.stock.Terms, market.HoldID{}
	if change != nil {
		change(&l)
	}
	return &market.LaunchContainer{Lease: keys(i).Lease(l)}
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

func noted(out *market.Outbox, k market.NoteKind) (n int) {
	for _, x := range out.Notes {
		if x.Kind == k {
			n++
		}
	}
	return n
}
