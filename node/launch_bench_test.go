package node_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"caravela/api"
	"caravela/discovery"
	"caravela/docker"
	"caravela/docker/fake"
	"caravela/market"
	"caravela/node"
	"caravela/node/identity"
	"caravela/node/nodetest"
	"caravela/node/store"
	"caravela/overlay"
	overlaymemory "caravela/overlay/memory"
	"caravela/remote"
	remotememory "caravela/remote/memory"
)

// shop is one supplier of a real store, real signatures and a fake engine, and
// a buyer who signs leases and does nothing else.
type shop struct {
	b       *testing.B
	path    string
	key     ed25519.PrivateKey
	buyer   *market.Keyring
	network *market.SignedNetwork
	wires   *remotememory.Network
	members *overlaymemory.World
	daemon  *fake.Daemon
	terms   *market.Terms
	customer
}

// customer answers what a supplier tells, and knows which grants came.
type customer struct {
	wire remote.Transport
	mu   sync.Mutex
	asks map[market.LeaseID]chan error
}

func newShop(b *testing.B, terms *market.Terms) *shop {
	b.Helper()
	newKey := func() ed25519.PrivateKey {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		return key
	}
	s := &shop{
		b: b, path: filepath.Join(b.TempDir(), "node"), key: newKey(), buyer: market.NewKeyring(newKey()), wires: &remotememory.Network{}, members: &overlaymemory.World{},
		daemon: fake.NewDaemon(market.MaxCPU, market.TiB), terms: terms,
	}
	founder := market.NewKeyring(newKey())
	s.network = founder.Found(market.Genesis{Name: "bench", Creator: founder.Self()}, market.DefaultParams)
	s.daemon.AddImage(nodetest.Image, fake.Toolbox)
	s.asks = make(map[market.LeaseID]chan error)
	s.wire = s.wires.New(s.buyer.Self(), remote.MarketCodec())
	if err := s.wire.Serve(s.network.ID(), &s.customer); err != nil {
		b.Fatal(err)
	}
	return s
}

// open starts the supplier, on a store in a file or in memory, and returns how
// to end it.
func (s *shop) open(inFile bool) (stop func()) {
	s.b.Helper()
	fatal := func(err error) {
		if err != nil {
			s.b.Fatal(err)
		}
	}
	dir, err := identity.Open(s.path)
	fatal(err)
	fatal(os.WriteFile(identity.KeyPath(s.path), identity.FormatKey(s.key), 0o600))
	ring := market.NewKeyring(s.key)
	var records store.Store = store.NewMemory()
	if inFile {
		records, err = store.Open(filepath.Join(s.path, "leases.db"))
		fatal(err)
	}
	wire := s.wires.New(ring.Self(), remote.MarketCodec())
	sale := nodetest.Sale()
	sale.Credit = 10_000 * time.Hour
	if s.terms != nil {
		sale.Terms = *s.terms
	}
	ctx, cancel := context.WithCancel(context.Background())
	n, err := node.New(ctx, node.Config{
		Name: "supplier", Version: api.Version{Version: "bench"}, Network: &identity.Network{SignedNetwork: s.network},
		Peer: discovery.New(discovery.Config{
			Self: ring.Self(), Network: s.network.ID(), Params: &s.network.Params, Sealer: ring, Seed: 1,
		}),
		Store: records, Dir: dir, Transport: wire, Overlay: s.members.New(overlay.Peer(wire.Self())), Sale: sale,
		Engine: s.daemon.Engine(docker.Scope{Network: s.network.ID(), Supplier: ring.Self()}, docker.DefaultConfig()),
		Buy:    node.Buy{Term: time.Hour}, Log: slog.New(slog.DiscardHandler),
	})
	fatal(err)
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(ctx) }()
	select {
	case <-n.Ready():
	case err := <-ended:
		s.b.Fatal(err)
	}
	for v, err := n.Sale(ctx); !v.Selling; v, err = n.Sale(ctx) {
		fatal(err)
		<-time.After(time.Millisecond)
	}
	return func() {
		cancel()
		fatal(<-ended)
		wire.Close()
		fatal(records.Close())
		fatal(dir.Close())
	}
}

// sign makes leases that the supplier will grant.
func (s *shop) sign(n int) []*market.LaunchContainer {
	supplier := market.NewKeyring(s.key).Self()
	spec := &market.Spec{Image: nodetest.Image, Command: []string{"sleep"}, Limits: market.Resources{CPU: market.MinCPU, Memory: market.MinMemory}}
	out := make([]*market.LaunchContainer, n)
	now := market.Wall(time.Now().UnixMilli())
	for i := range out {
		var nonce [1]market.LeaseID
		_, _ = rand.Read(nonce[0][:])
		l := market.Lease{
			Network: s.network.ID(), Buyer: s.buyer.Self(), Supplier: supplier, Nonce: uint64(i)<<32 | uint64(nonce[0][0])<<8 | uint64(nonce[0][1]),
			Resources: spec.Limits, Image: spec.Image, SpecHash: market.HashSpec(spec), Start: now, End: now.Add(24 * time.Hour), Terms: s.terms,
		}
		if s.terms != nil {
			l.MaxCost = market.MaxMicro
		}
		out[i] = &market.LaunchContainer{Lease: s.buyer.Lease(l), Spec: spec}
	}
	return out
}

// launch asks for a lease and waits for the grant.
func (c *customer) launch(ctx context.Context, m *market.LaunchContainer) error {
	answer := make(chan error, 1)
	c.mu.Lock()
	c.asks[m.Lease.ID] = answer
	c.mu.Unlock()
	if err := c.wire.Send(ctx, remote.Peer{ID: m.Lease.Supplier}, m); err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// many launches side by side and returns how long each took, sorted.
func (s *shop) many(list []*market.LaunchContainer, workers int) []time.Duration {
	s.b.Helper()
	took := make([]time.Duration, len(list))
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := w; i < len(list); i += workers {
				began := time.Now()
				if err := s.launch(s.b.Context(), list[i]); err != nil {
					s.b.Error(err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	return took
}

// Receive implements remote.Handler: statuses and notes are acknowledged, so
// that nothing is repeated.
func (c *customer) Receive(_ context.Context, from remote.Peer, m remote.Message) error {
	switch m := m.(type) {
	case *market.Grant:
		c.answer(m.Lease.ID, nil)
	case *market.Refusal:
		c.answer(m.Lease, api.Errorf(api.CodeConflict, "%v: %s", m.Reason, m.Detail))
	case *market.StatusUpdate:
		go c.wire.Send(context.Background(), from, &market.StatusAck{Unit: m.Status.Lease, Seq: m.Status.Seq}) //nolint:errcheck // it is told again
	}
	return nil
}

func (c *customer) answer(lease market.LeaseID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer := c.asks[lease]; answer != nil {
		answer <- err
		delete(c.asks, lease)
	}
}

// Accept implements remote.Handler.
func (*customer) Accept(context.Context, market.PeerID, remote.Header, *remote.Stream) {}

// Observe implements remote.Handler.
func (*customer) Observe(remote.Event) {}

// Configuration implements remote.Handler.
func (*customer) Configuration(context.Context, remote.Newcomer, string) ([]byte, error) {
	return nil, nil
}

// BenchmarkLaunches is how many launches a second one supplier signs and makes
// durable, with 64 buyers waiting at a time.
func BenchmarkLaunches(b *testing.B) {
	for name, terms := range map[string]*market.Terms{"Free": nil, "Priced": {
		Price: market.Price{Unit: "credit", Core: 3_600_000}, Interval: time.Minute, Bear: 5, Grace: time.Minute, Notice: time.Minute,
	}} {
		b.Run(name, func(b *testing.B) {
			s := newShop(b, terms)
			defer s.open(true)()
			list := s.sign(b.N)
			b.ResetTimer()
			took := s.many(list, 64)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "launches/s")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkAdmission is how long one launch waits for its grant where 10,000
// leases are in force, without a disk.
func BenchmarkAdmission(b *testing.B) {
	s := newShop(b, nil)
	defer s.open(false)()
	s.many(s.sign(10_000), 64)
	list := s.sign(b.N)
	b.ResetTimer()
	took := s.many(list, 1)
	b.StopTimer()
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkRestart is how long a supplier of 10,000 leases takes until it
// sells again.
func BenchmarkRestart(b *testing.B) {
	s := newShop(b, nil)
	stop := s.open(true)
	s.many(s.sign(10_000), 64)
	stop()
	for b.Loop() {
		stop := s.open(true)
		b.StopTimer()
		stop()
		b.StartTimer()
	}
}
