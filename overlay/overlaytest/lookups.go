package overlaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"caravela/market"
	"caravela/overlay"
)

// agree compares lookups from every living node with the oracle.
func (c *cluster) agree(t *testing.T, alive func(i int) bool) {
	t.Helper()
	for k := range 5 {
		key := market.KeyOf(fmt.Sprint("key ", k))
		want := c.nearest(key, 3)
		for i, o := range c.nodes {
			if !alive(i) {
				continue
			}
			got, err := lookup(o, key, 3)
			if err != nil {
				t.Fatalf("node %d: %v", i, err)
			}
			if !slices.Equal(ids(got), want) {
				t.Errorf("node %d, key %d: got %v; want %v", i, k, short(ids(got)), short(want))
			}
			for _, p := range got {
				if len(p.Addrs) == 0 {
					t.Errorf("node %d found %s without addresses", i, p.ID.Short())
				}
			}
		}
	}
}

func everybody(int) bool { return true }

func testOracle(t *testing.T, c *cluster) {
	c.grow(t, 20)
	c.agree(t, everybody)
}

func testAlone(t *testing.T, c *cluster) {
	c.grow(t, 1)
	c.agree(t, everybody)
}

func testAloneClient(t *testing.T, c *cluster) {
	_, o := c.add(t)
	o.SetClient(true)
	must(t, o.Create(t.Context()))
	got, err := lookup(o, market.KeyOf("x"), 3)
	if err != nil || len(got) != 0 {
		t.Errorf("found %v, error %v", short(ids(got)), err)
	}
}

func testMany(t *testing.T, c *cluster) {
	c.grow(t, 4)
	for _, n := range []int{4, 5, overlay.MaxLookup, 1000} {
		got, err := lookup(c.nodes[1], market.KeyOf("x"), n)
		must(t, err)
		if want := c.nearest(market.KeyOf("x"), n); !slices.Equal(ids(got), want) {
			t.Errorf("asked for %d: got %v; want %v", n, short(ids(got)), short(want))
		}
	}
}

func testDead(t *testing.T, c *cluster) {
	c.grow(t, 20)
	for _, i := range []int{3, 11} {
		c.Kill(i)
		c.lose(i)
	}
	c.Settle(t)
	c.agree(t, func(i int) bool { return !c.out[i] })
}

func testLeave(t *testing.T, c *cluster) {
	c.grow(t, 8)
	must(t, c.nodes[2].Leave(t.Context()))
	c.lose(2)
	c.Settle(t)
	c.agree(t, func(i int) bool { return i != 2 })
}

func testClients(t *testing.T, c *cluster) {
	c.grow(t, 5)
	for range 3 {
		i, o := c.add(t)
		o.SetClient(true)
		must(t, o.Join(t.Context(), c.peers[:5]))
		c.lose(i)
	}
	c.Settle(t)
	c.agree(t, everybody)
	for i, o := range c.nodes {
		for _, p := range o.Neighbours() {
			if slices.Contains(ids(c.peers[5:]), p.ID) {
				t.Errorf("node %d has a client for a neighbour", i)
			}
		}
	}
}

func testSwitch(t *testing.T, c *cluster) {
	c.grow(t, 6)
	c.nodes[2].SetClient(true)
	c.lose(2)
	c.Settle(t)
	c.agree(t, everybody)
	c.nodes[2].SetClient(false)
	delete(c.out, 2)
	c.Settle(t)
	c.agree(t, everybody)
}

func testCancelled(t *testing.T, c *cluster) {
	c.grow(t, 5)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	at := time.Now()
	if _, err := c.nodes[0].Lookup(ctx, market.Key{1}, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if d := time.Since(at); d > time.Second {
		t.Errorf("it took %v", d)
	}
}

func testConcurrent(t *testing.T, c *cluster) {
	c.grow(t, 6)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			key := market.KeyOf(fmt.Sprint("lookup ", i))
			got, err := lookup(c.nodes[i%6], key, 3)
			if err != nil || !slices.Equal(ids(got), c.nearest(key, 3)) {
				t.Errorf("lookup %d: got %v, error %v", i, short(ids(got)), err)
			}
		})
	}
	wg.Wait()
}
