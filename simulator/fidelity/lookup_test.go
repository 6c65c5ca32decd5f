//go:build real

package fidelity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/discovery"
	"caravela/market"
	"caravela/overlay/kademlia"
	"caravela/simulator"
)

const lookups = 300

// TestLookups compares what lookups cost: questions, and depth, which is the
// longest chain of peers each of which was named by the one before.
func TestLookups(t *testing.T) {
	for _, c := range []struct{ nodes, bucket int }{{20, 20}, {50, 20}, {100, 20}, {300, 3}} {
		t.Run(fmt.Sprintf("%d nodes, k=%d", c.nodes, c.bucket), func(t *testing.T) {
			cfg := kademlia.DefaultConfig(market.NetworkID{1})
			cfg.BucketSize = c.bucket
			var questions, depth, refresh float64
			synctest.Test(t, func(t *testing.T) { questions, depth, refresh = realLookups(t, c.nodes, &cfg) })
			modelQuestions, modelDepth := modelLookups(t, c.nodes, &cfg)
			compare(t, "questions a lookup", questions, modelQuestions)
			within(t, .2, "depth of a lookup", depth, modelDepth) // hosts in memory answer in any order
			// How deep tables go depends on the two nearest IDs, which differ.
			within(t, .2, "questions a refresh", refresh, modelRefresh(t, c.nodes, &cfg))
		})
	}
}

// modelLookups has simulated nodes look keys up, and nothing else.
func modelLookups(t *testing.T, n int, c *kademlia.Config) (questions, depth float64) {
	cfg := simulator.DefaultConfig()
	cfg.Nodes, cfg.Workers, cfg.Check = n, 1, 1
	cfg.Network = simulator.Network{Latency: [][]time.Duration{{oneWay}}, Dialled: true}
	cfg.Overlay = simulator.Overlay{K: c.BucketSize, Alpha: c.Concurrency, Beta: c.Resiliency}
	cfg.Load.Warmup, cfg.Load.Arrivals, cfg.Duration = time.Second, simulator.Trace, (lookups+10)*time.Second
	r := rand.New(rand.NewPCG(2, uint64(n)))
	for i := range lookups {
		cfg.Load.Trace = append(cfg.Load.Trace, simulator.Arrival{At: time.Duration(i) * time.Second, Node: int64(r.IntN(n))})
	}
	cfg.Machine = func(discovery.Config) simulator.Participant { return asker{} }
	m := simulator.New(cfg).Run(t.Context())
	for _, x := range m.Messages {
		questions += float64(x)
	}
	if m.Lookups != lookups {
		t.Fatalf("%d simulated lookups", m.Lookups)
	}
	return questions / lookups, float64(m.LookupDepth) / lookups
}

// modelRefresh is how many questions the first refresh of a table costs.
func modelRefresh(t *testing.T, n int, c *kademlia.Config) float64 {
	cfg := simulator.DefaultConfig()
	cfg.Nodes, cfg.Workers, cfg.Check = n, 1, 1
	cfg.Overlay = simulator.Overlay{K: c.BucketSize, Alpha: c.Concurrency, Beta: c.Resiliency}
	cfg.Load.Warmup, cfg.Load.Arrivals, cfg.Duration = time.Second, simulator.Trace, 125*time.Second
	cfg.Machine = func(discovery.Config) simulator.Participant { return asker{} }
	m := simulator.New(cfg).Run(t.Context())
	return float64(m.Sent) / 2 / float64(n) // questions and answers
}

// asker looks a key up for each request, and then gives it up.
type asker struct{}

func (asker) Step(_ market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Wanted:
		out.Lookups = append(out.Lookups, market.Lookup{Ref: 1<<60 | ev.Ref, Key: market.KeyOf(fmt.Sprint(ev.Ref)), N: 3})
	case market.Found:
		out.Outcomes = append(out.Outcomes, market.Outcome{Ref: ev.Ref &^ (1 << 60), Kind: market.GaveUp})
	}
}

func (asker) Deadline() time.Duration    { return market.Never }
func (asker) Free() (r market.Resources) { return r }

// realLookups makes kad-dht's own tables, in its own way, on hosts that meet in memory.
func realLookups(t *testing.T, n int, c *kademlia.Config) (questions, depth, refresh float64) {
	ctx := t.Context()
	var asked atomic.Uint64
	nodes := newDHTs(t, n, c, &asked)
	r := rand.New(rand.NewPCG(2, uint64(n)))
	for i, d := range nodes[1:] { // each enters through an earlier one
		to := nodes[r.IntN(i+1)].Host()
		if err := d.Host().Connect(ctx, peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool { return d.RoutingTable().Size() > 0 })
		for err := range d.RefreshRoutingTable() {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(c.Refresh + c.Refresh/8)
	asked.Store(0)
	for _, d := range nodes { // until then a bucket counts as fresh
		for err := range d.RefreshRoutingTable() {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	refresh = float64(asked.Load()) / float64(n)
	for i := range lookups {
		q, d := follow(ctx, nodes[r.IntN(n)], market.KeyOf(fmt.Sprint(i)))
		questions, depth = questions+float64(q), depth+float64(d)
	}
	return questions / lookups, depth / lookups, refresh
}

// newDHTs makes n nodes without tables. Asked counts the questions to all.
func newDHTs(t *testing.T, n int, c *kademlia.Config, asked *atomic.Uint64) (nodes []*dht.IpfsDHT) {
	net := mocknet.New()
	net.SetLinkDefaults(mocknet.LinkOptions{Latency: oneWay})
	t.Cleanup(func() { net.Close() })
	for i := range n {
		key, _, err := crypto.GenerateEd25519Key(seeded(i))
		if err != nil {
			t.Fatal(err)
		}
		h, err := net.AddPeer(key, ma.StringCast(fmt.Sprintf("/ip4/10.0.%d.%d/tcp/7401", i/250, 1+i%250)))
		if err != nil {
			t.Fatal(err)
		}
		d, err := dht.New(h, dht.Mode(dht.ModeServer), dht.ProtocolPrefix("/fidelity"), dht.DisableProviders(), dht.DisableValues(),
			dht.OnRequestHook(func(_ context.Context, _ network.Stream, m *pb.Message) {
				if m.GetType() == pb.Message_FIND_NODE {
					asked.Add(1)
				}
			}),
			dht.DisableAutoRefresh(), dht.RoutingTableRefreshPeriod(c.Refresh), dht.BucketSize(c.BucketSize), dht.Concurrency(c.Concurrency), dht.Resiliency(c.Resiliency))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		nodes = append(nodes, d)
	}
	if err := net.LinkAll(); err != nil {
		t.Fatal(err)
	}
	return nodes
}

// follow makes one lookup, which ends as overlay/kademlia ends it, with its
// search.
func follow(ctx context.Context, d *dht.IpfsDHT, key market.Key) (questions, depth int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asked, steps := dht.RegisterForLookupEvents(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		far := map[peer.ID]int{}
		for e := range steps {
			if e.Terminate != nil {
				cancel()
			}
			if e.Request != nil {
				for range e.Request.Waiting {
					questions++
				}
			}
			if u := e.Response; u != nil {
				from := 0
				if u.Cause.Peer != d.PeerID() {
					from = far[u.Cause.Peer]
					if len(u.Queried) > 0 {
						depth = max(depth, from)
					}
				}
				for _, p := range u.Heard {
					if _, known := far[p.Peer]; !known {
						far[p.Peer] = from + 1
					}
				}
			}
		}
	})
	_, _ = d.GetClosestPeers(asked, string(key[:])) // cancelled, and so it says
	cancel()
	done.Wait()
	return questions, depth
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a table stays empty")
		}
	}
}

// seeded makes the same key in each run.
type seeded uint64

func (s seeded) Read(b []byte) (int, error) {
	r := rand.NewPCG(7, uint64(s))
	for i := range b {
		b[i] = byte(r.Uint64())
	}
	return len(b), nil
}
