package market_test

import (
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
func path(p *market.Params, o *market.Offer, depth int) []market.Region {
	list := []market.Region{market.RootRegion(o.Platform)}
	for range depth {
		list = append(list, list[len(list)-1].Child(p, o.Supplier, o.Free))
	}
	return list
}

// Each child lies in its parent, contains the offer that chose it, and is
// the only one at its depth that does.
func TestRegionTree(t *testing.T) {
	p := market.DefaultParams(filled(0xaa))
	r := rand.New(rand.NewPCG(9, 10))
	for range 300 {
		o, other := randomStock(r), randomStock(r)
		regions, others := path(&p, o, market.MaxDepth+1), path(&p, other, market.MaxDepth+1)
		for i, region := range regions {
			if !region.Valid() || !region.Contains(&p, o) {
				t.Fatalf("%v does not hold the offer of %v by %s", region, o.Free, o.Supplier)
			}
			if i > 0 && region.Parent() != regions[i-1] {
				t.Fatalf("the parent of %v is %v, want %v", region, region.Parent(), regions[i-1])
			}
			if region.Contains(&p, other) != (region == others[i]) {
				t.Fatalf("%v and %v disagree about %v by %s", region, others[i], other.Free, other.Supplier)
			}
		}
	}
}

func TestRegionEnds(t *testing.T) {
	p := market.DefaultParams(filled(0xaa))
	o := testOffer()
	regions := path(&p, &o, market.MaxDepth+2)
	if last := regions[len(regions)-1]; last != regions[len(regions)-2] || last.Depth != market.MaxDepth {
		t.Errorf("below the deepest region lies %v", last)
	}
	if root := regions[0]; root.Parent() != root {
		t.Errorf("above the root lies %v", root.Parent())
	}
	o.Platform.Arch = "arm64"
	if regions[0].Contains(&p, &o) {
		t.Error("an offer of another platform is contained")
	}
}

func TestRegionNames(t *testing.T) {
	linux := market.Platform{OS: "linux", Arch: "amd64"}
	want := map[market.Region]string{
		market.RootRegion(linux):                       "linux/amd64",
		{Platform: linux, Rung: 3}:                     "linux/amd64 rung 3",
		{Platform: linux, Rung: 3, Depth: 3, Shard: 5}: "linux/amd64 rung 3 shard 5/8",
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
	name := "caravela/" + market.NetworkID(filled(1)).String() + "/r/linux/amd64/3/3.5"
	if testKeyed := (market.Region{Platform: linux, Rung: 3, Depth: 3, Shard: 5}); testKeyed.Key(filled(1)) != market.KeyOf(name) {
		t.Error("the key is not that of docs/protocol.md")
	}
}

func TestRegionOrderIsTotal(t *testing.T) {
	p := market.DefaultParams(filled(0xaa))
	r := rand.New(rand.NewPCG(11, 12))
	var list []market.Region
	for range 20 {
		o := randomStock(r)
		o.Platform.Arch = []string{"amd64", "arm64"}[r.IntN(2)]
		list = append(list, path(&p, o, 4)...)
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

// A request is served by the offers on its own rung and above, save that the
// rung is the highest that is filled in both, and so no offer on a lower rung
// is better in both.
func TestRungOf(t *testing.T) {
	p := market.DefaultParams(filled(0xaa))
	for i, rung := range p.Rungs {
		exact := market.Resources{CPU: rung.CPU, Memory: rung.Memory}
		if got := p.RungOf(exact); got != i {
			t.Errorf("%v stands on rung %d, want %d", exact, got, i)
		}
		if i == 0 {
			continue
		}
		for _, less := range []market.Resources{{CPU: rung.CPU - 1, Memory: rung.Memory}, {CPU: rung.CPU, Memory: rung.Memory - 1}} {
			if got := p.RungOf(less); got != i-1 {
				t.Errorf("%v stands on rung %d, want %d", less, got, i-1)
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
		"version":      func(p *market.Params) { p.Version = 0 },
		"replicas":     func(p *market.Params) { p.Replicas = 17 },
		"refresh":      func(p *market.Params) { p.Refresh = time.Millisecond },
		"offer_ttl":    func(p *market.Params) { p.OfferTTL = p.Refresh },
		"resettle":     func(p *market.Params) { p.Resettle = time.Second },
		"split_at":     func(p *market.Params) { p.SplitAt = 1 },
		"term":         func(p *market.Params) { p.Term = 0 },
		"grant":        func(p *market.Params) { p.Grant = time.Hour },
		"no rungs":     func(p *market.Params) { p.Rungs = nil },
		"no ground":    func(p *market.Params) { p.Rungs = p.Rungs[1:] },
		"many rungs":   func(p *market.Params) { p.Rungs = make([]market.Rung, 33) },
		"flat rungs":   func(p *market.Params) { p.Rungs = []market.Rung{{}, {CPU: 1}} },
		"endless rung": func(p *market.Params) { p.Rungs = []market.Rung{{}, {CPU: market.MaxCPU + 1, Memory: 1}} },
	} {
		p := market.DefaultParams(filled(0xaa))
		f(&p)
		if p.Validate() == nil {
			t.Errorf("%s: %+v is accepted", name, p)
		}
	}
}

func TestSummaries(t *testing.T) {
	w := market.Want{Need: market.Resources{CPU: 1000, Memory: market.GiB}, Class: 2}
	s := market.Summary{Offers: 1, Max: market.Resources{CPU: 1000, Memory: market.MiB}, Class: 1}
	if s.MayFit(&w) || (&market.Summary{Max: w.Need, Class: 2}).MayFit(&w) {
		t.Error("what cannot fit is hinted at")
	}
	s.Merge(market.Summary{Offers: 2, Max: market.Resources{CPU: 10, Memory: market.GiB, Disk: 5}, Class: 2})
	want := market.Summary{Offers: 3, Max: market.Resources{CPU: 1000, Memory: market.GiB, Disk: 5}, Class: 2}
	if s != want || !s.MayFit(&w) {
		t.Errorf("%+v, want %+v", s, want)
	}
}
