package market_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"caravela/market"
)

// randomStock is an offer's worth of free resources and a supplier.
func randomStock(r *rand.Rand) *market.Offer {
	o := testOffer()
	o.Supplier = randomPeer(r)
	o.Free = market.Resources{CPU: market.MilliCPU(r.Int64N(100_000)), Memory: market.Bytes(r.Int64N(int64(64 * market.GiB)))}
	return &o
}

// path is the regions from the root down in which o may stand.
func path(o *market.Offer, depth int) []market.Region {
	list := []market.Region{market.RootRegion(o.Platform)}
	for range depth {
		list = append(list, list[len(list)-1].Child(o.Supplier))
	}
	return list
}

// Each child lies in its parent, contains the offer that chose it, and is
// the only one at its depth that does.
func TestRegionTree(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		o, other := randomStock(r), randomStock(r)
		regions, others := path(o, market.MaxDepth), path(other, market.MaxDepth)
		for i, region := range regions {
			if !region.Valid() || !region.Contains(o) {
				t.Fatalf("%v does not hold the offer of %v by %s", region, o.Free, o.Supplier)
			}
			if i > 0 && region.Parent() != regions[i-1] {
				t.Fatalf("the parent of %v is %v, want %v", region, region.Parent(), regions[i-1])
			}
			if !regions[0].Above(region) || !region.Above(region) || region.Above(regions[0]) != (i == 0) {
				t.Fatalf("%v does not lie below the root, or not only", region)
			}
			if region != regions[0].At(region.Depth, o.Supplier) {
				t.Fatalf("%v is not the region of its depth", region)
			}
			if region.Contains(other) != (region == others[i]) {
				t.Fatalf("%v and %v disagree about %v by %s", region, others[i], other.Free, other.Supplier)
			}
		}
	}
}

func TestRegionEnds(t *testing.T) {
	o := testOffer()
	regions := path(&o, market.MaxDepth+2)
	if last := regions[len(regions)-1]; last != regions[len(regions)-2] || last.Depth != market.MaxDepth {
		t.Errorf("below the deepest region lies %v", last)
	}
	if root := regions[0]; root.Parent() != root {
		t.Errorf("above the root lies %v", root.Parent())
	}
	o.Platform.Arch = "arm64"
	if regions[0].Contains(&o) {
		t.Error("an offer of another platform is contained")
	}
}

func TestRegionNames(t *testing.T) {
	linux := market.Platform{OS: "linux", Arch: "amd64"}
	want := map[market.Region]string{
		market.RootRegion(linux):              "linux/amd64",
		{Platform: linux, Depth: 1, Shard: 3}: "linux/amd64 shard 3/32",
		{Platform: linux, Depth: 3, Shard: 5}: "linux/amd64 shard 5/32768",
	}
	keys := map[market.Key]bool{}
	for region, s := range want {
		if region.String() != s {
			t.Errorf("%+v prints as %q", region, region)
		}
		keys[region.Key(filled(1))], keys[region.Key(filled(2))] = true, true
	}
	if len(keys) != 2*len(want) {
		t.Errorf("%d keys for %d regions of two networks", len(keys), len(want))
	}
	name := "caravela/" + market.NetworkID(filled(1)).String() + "/r/linux/amd64/3.5"
	if testKeyed := (market.Region{Platform: linux, Depth: 3, Shard: 5}); testKeyed.Key(filled(1)) != market.KeyOf(name) {
		t.Error("the key is not that of docs/protocol.md")
	}
}

func TestRegionOrderIsTotal(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var list []market.Region
	for range 20 {
		o := randomStock(r)
		o.Platform.Arch = []string{"amd64", "arm64"}[r.IntN(2)]
		list = append(list, path(o, 4)...)
	}
	slices.SortFunc(list, market.Region.Compare)
	list = slices.Compact(list)
	for i, a := range list {
		for j, b := range list {
			if sign := a.Compare(b); sign != b.Compare(a)*-1 || (sign < 0) != (i < j) || (sign == 0) != (i == j) {
				t.Fatalf("%v and %v: %d", a, b, sign)
			}
		}
	}
}

func TestParams(t *testing.T) {
	good := market.DefaultParams(filled(0xaa))
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*market.Params){
		"version":   func(p *market.Params) { p.Version = 0 },
		"replicas":  func(p *market.Params) { p.Replicas = 17 },
		"refresh":   func(p *market.Params) { p.Refresh = time.Millisecond },
		"offer_ttl": func(p *market.Params) { p.OfferTTL = p.Refresh },
		"resettle":  func(p *market.Params) { p.Resettle = time.Second },
		"split_at":  func(p *market.Params) { p.SplitAt = 1 },
		"term":      func(p *market.Params) { p.Term = 0 },
		"grant":     func(p *market.Params) { p.Grant = time.Hour },
	} {
		p := market.DefaultParams(filled(0xaa))
		f(&p)
		if p.Validate() == nil {
			t.Errorf("%s: %+v is accepted", name, p)
		}
	}
}

// A summary promises whatever one of its offers has, and never less than that.
func TestSummaries(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for range 200 {
		s := market.Summary{Region: testRegion()}
		var points []market.Point
		for range 1 + r.IntN(200) {
			p := market.Point{Class: market.CPUClass(r.IntN(4)), Free: market.Resources{
				CPU: market.MilliCPU(r.IntN(64)) * 250, Memory: market.Bytes(r.IntN(64)) * 128 * market.MiB, Disk: market.Bytes(r.IntN(3)) * market.GiB}}
			points = append(points, p)
			s.Add(p)
		}
		if len(s.Peaks) > market.MaxPeaks {
			t.Fatalf("%d peaks", len(s.Peaks))
		}
		all := market.Summary{}
		all.Merge(&s)
		for _, p := range points {
			w := market.Want{Need: p.Free, Class: p.Class}
			if !s.MayFit(&w) || !all.MayFit(&w) {
				t.Fatalf("%v is not promised by %v", p, s.Peaks)
			}
		}
		for i, p := range s.Peaks {
			for j, q := range s.Peaks {
				if i != j && p.Class >= q.Class && p.Free.Fits(q.Free) {
					t.Fatalf("%v serves whatever %v serves", p, q)
				}
			}
		}
	}
}

func TestSummaryExceeds(t *testing.T) {
	of := func(cpus ...market.MilliCPU) *market.Summary { // the more CPU, the less memory
		s := new(market.Summary)
		for _, n := range cpus {
			s.Add(market.Point{Free: market.Resources{CPU: n, Memory: market.GiB / market.Bytes(n)}})
		}
		return s
	}
	for _, c := range []struct {
		s, t *market.Summary
		want bool
	}{
		{of(), of(), false},
		{of(), of(1), false},
		{of(1), of(), true},
		{of(1, 2), of(1, 2, 3), false},
		{of(1, 3), of(1, 2), true},
		{&market.Summary{Peaks: []market.Point{{Class: 1}}}, of(1), true},
	} {
		if c.s.Exceeds(c.t) != c.want {
			t.Errorf("%v exceeds %v: %v", c.s.Peaks, c.t.Peaks, !c.want)
		}
	}
}

func TestSummaryMisses(t *testing.T) {
	o := testOffer()
	s := market.Summary{Region: market.RootRegion(o.Platform).Child(o.Supplier)}
	s.Add(market.Point{Free: market.Resources{CPU: 1000, Memory: market.MiB}, Class: 2})
	s.Add(market.Point{Free: market.Resources{CPU: 10, Memory: market.GiB}, Class: 2})
	both := market.Resources{CPU: 1000, Memory: market.GiB}
	for name, w := range map[string]market.Want{
		"parts of two offers": {Need: both},
		"a higher class":      {Need: market.Resources{CPU: 10}, Class: 3},
		"another's offer":     {Need: market.Resources{CPU: 10}, On: other(s.Region)},
	} {
		if s.MayFit(&w) {
			t.Errorf("%s may fit", name)
		}
	}
	if w := (market.Want{Need: market.Resources{CPU: 10, Memory: market.GiB}, Class: 1, On: o.Supplier}); !s.MayFit(&w) {
		t.Error("an offer that is there does not fit")
	}
}

// other is a supplier that does not belong to a region.
func other(r market.Region) (p market.PeerID) {
	for p = filled(1); r.At(r.Depth, p) == r; p[0]++ {
	}
	return p
}

// Crowd errs by less than a half where twenty peers are known.
func TestCrowd(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	for _, n := range []int{20, 100, 5000} {
		far := make([]uint64, n)
		for i := range far {
			far[i] = r.Uint64()
		}
		slices.Sort(far)
		if got := market.Crowd(20, far[19]); got < uint64(n)/2 || got > uint64(n)*3/2 {
			t.Errorf("%d peers are taken for %d", n, got)
		}
	}
	for _, c := range []struct {
		n        int
		furthest uint64
	}{{0, 0}, {1, 0}, {20, 0}, {20, 1}, {math.MaxInt, 1}} {
		if got := market.Crowd(c.n, c.furthest); market.DepthOf(got, 2304) > market.MaxDepth || c.n > 0 && got < uint64(c.n) {
			t.Errorf("%d peers within %d are taken for %d", c.n, c.furthest, got)
		}
	}
}

// DepthFor errs by one level at most, and never for small networks.
func TestDepthFor(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	key := testRegion().Key(filled(1))
	for i, n := range []int{3, 100, 400, 6000, 20_000} {
		want := []uint8{0, 0, 0, 1, 2}[i]
		peers, far := make([]market.Ref, n), make(map[market.PeerID][32]byte, n)
		for i := range peers {
			p := randomPeer(r)
			peers[i].Peer, far[p] = p, market.Distance(p, key)
		}
		slices.SortFunc(peers, func(a, b market.Ref) int {
			x, y := far[a.Peer], far[b.Peer]
			return bytes.Compare(x[:], y[:])
		})
		got := market.DepthFor(peers[:min(6, n)], 6, key, 512)
		if got > want && want == 0 || got > want+1 || got+1 < want {
			t.Errorf("%d peers: depth %d, want %d", n, got, want)
		}
	}
}
