package overlaytest

import (
	"context"
	"testing"
	"time"

	"caravela/market"
	"caravela/overlay"
)

// Patience is how long, on the world's own clock, the battery waits for what
// must happen.
const Patience = 2 * time.Minute

// World makes nodes that can reach each other.
type World interface {
	// Add makes a node that has neither created nor joined, and tells how
	// others can dial it.
	Add(t *testing.T) (overlay.Overlay, overlay.Peer)
	// Settle lets time pass until routing tables are quiet.
	Settle(t *testing.T)
	// Kill ends a node without a goodbye. The i-th Add has number i.
	Kill(i int)
}

// Run holds an overlay against the contract. in calls each body with a world
// of its own, in a synctest bubble if it likes.
func Run(t *testing.T, in func(t *testing.T, body func(*testing.T, World))) {
	for _, p := range []struct {
		name string
		test func(*testing.T, *cluster)
	}{
		{"LookupMatchesOracle", testOracle},
		{"AloneFindsItself", testAlone},
		{"AloneClientFindsNobody", testAloneClient},
		{"MoreThanThereAre", testMany},
		{"DeadPeersAreForgotten", testDead},
		{"LeaversAreForgotten", testLeave},
		{"ClientsAreNeverFound", testClients},
		{"ClientModeSwitches", testSwitch},
		{"JoinNobody", testJoinNobody},
		{"JoinThroughAnyOf", testJoinAny},
		{"CancelledLookup", testCancelled},
		{"Lifecycle", testLifecycle},
		{"WatchTellsOfPeers", testWatch},
		{"WatchEnds", testWatchEnds},
		{"Neighbours", testNeighbours},
		{"ConcurrentLookups", testConcurrent},
	} {
		t.Run(p.name, func(t *testing.T) {
			in(t, func(t *testing.T, w World) {
				p.test(t, &cluster{World: w})
			})
		})
	}
}

// cluster is a world and what the oracle must know of it.
type cluster struct {
	World
	nodes []overlay.Overlay
	peers []overlay.Peer
	out   map[int]bool // dead, left or client: not to be found
}

func (c *cluster) add(t *testing.T) (int, overlay.Overlay) {
	t.Helper()
	o, p := c.Add(t)
	c.nodes, c.peers = append(c.nodes, o), append(c.peers, p)
	return len(c.nodes) - 1, o
}

// grow makes n members, of which the first creates and the others join.
func (c *cluster) grow(t *testing.T, n int) {
	t.Helper()
	for range n {
		i, o := c.add(t)
		if i == 0 {
			must(t, o.Create(t.Context()))
			continue
		}
		must(t, o.Join(t.Context(), c.peers[:1]))
	}
	c.Settle(t)
}

// lose marks a node as not to be found any more.
func (c *cluster) lose(i int) {
	if c.out == nil {
		c.out = make(map[int]bool)
	}
	c.out[i] = true
}

// nearest is the oracle.
func (c *cluster) nearest(key market.Key, n int) (ids []market.PeerID) {
	var all []overlay.Peer
	for i, p := range c.peers {
		if !c.out[i] {
			all = append(all, p)
		}
	}
	overlay.Sort(all, key)
	for _, p := range all[:min(n, len(all))] {
		ids = append(ids, p.ID)
	}
	return ids
}

// eventually polls on the world's clock.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ids(ps []overlay.Peer) (out []market.PeerID) {
	for _, p := range ps {
		out = append(out, p.ID)
	}
	return out
}

func short(ids []market.PeerID) (out []string) {
	for _, id := range ids {
		out = append(out, id.Short())
	}
	return out
}

func lookup(o overlay.Overlay, key market.Key, n int) ([]overlay.Peer, error) {
	return o.Lookup(context.Background(), key, n)
}
