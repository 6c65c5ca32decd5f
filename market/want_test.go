package market_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"caravela/market"
)

func TestParseConstraint(t *testing.T) {
	for s, want := range map[string]market.Constraint{
		"region==eu":               {Key: "region", Value: "eu"},
		"node.labels.region != eu": {Key: "region", Value: "eu", Not: true},
		"a==":                      {Key: "a"},
		"node.name==cedar":         {Key: "node.name", Value: "cedar"},
	} {
		if got, err := market.ParseConstraint(s); got != want || err != nil {
			t.Errorf("ParseConstraint(%q) = %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "region", "region=eu", "==eu", "a b==c", "a,b==c", "a==b!=c", "node.labels.node.labels.a==b", "node.labels.\ta==b"} {
		if got, err := market.ParseConstraint(s); !errors.Is(err, market.ErrBadQuantity) {
			t.Errorf("ParseConstraint(%q) = %+v, %v", s, got, err)
		}
	}
}

// fitting is a request that testOffer serves with nothing to spare.
func fitting() market.Want {
	o := testOffer()
	return market.Want{
		Need: o.Free, Platform: o.Platform, Class: o.Class, Constraints: []market.Constraint{{Key: "region", Value: "eu"}},
		Ports: []uint16{o.PortLow, o.PortHigh}, Publishes: true, Term: o.Longest, On: o.Supplier,
		Exclude: []market.PeerID{stranger.Self()},
	}
}

func TestMiss(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*market.Want, *market.Offer)
		want   market.MissKind
	}{
		"fits":            {func(*market.Want, *market.Offer) {}, market.MissNone},
		"excluded":        {func(w *market.Want, o *market.Offer) { w.Exclude[0] = o.Supplier }, market.MissExcluded},
		"another node":    {func(w *market.Want, _ *market.Offer) { w.On = stranger.Self() }, market.MissNode},
		"any node":        {func(w *market.Want, _ *market.Offer) { w.On = market.PeerID{} }, market.MissNone},
		"platform":        {func(w *market.Want, _ *market.Offer) { w.Platform.Arch = "arm64" }, market.MissPlatform},
		"any platform":    {func(w *market.Want, _ *market.Offer) { w.Platform = market.Platform{} }, market.MissNone},
		"class":           {func(w *market.Want, _ *market.Offer) { w.Class++ }, market.MissClass},
		"lower class":     {func(w *market.Want, _ *market.Offer) { w.Class-- }, market.MissNone},
		"label":           {func(w *market.Want, _ *market.Offer) { w.Constraints[0].Value = "us" }, market.MissLabel},
		"label is absent": {func(w *market.Want, _ *market.Offer) { w.Constraints[0].Key = "zone" }, market.MissLabel},
		"label must not":  {func(w *market.Want, _ *market.Offer) { w.Constraints[0].Not = true }, market.MissLabel},
		"must not, absent": {func(w *market.Want, _ *market.Offer) {
			w.Constraints[0] = market.Constraint{Key: "zone", Value: "z", Not: true}
		}, market.MissNone},
		"node.name": {func(w *market.Want, _ *market.Offer) {
			w.Constraints[0] = market.Constraint{Key: "node.name", Value: "cedar"}
		}, market.MissNone},
		"name": {func(w *market.Want, _ *market.Offer) { w.Constraints[0] = market.Constraint{Key: "name", Value: "oak"} }, market.MissLabel},
		"a label name": {func(w *market.Want, o *market.Offer) {
			w.Constraints[0] = market.Constraint{Key: "name", Value: "oak"}
			o.Labels = []market.Label{{Key: "name", Value: "oak"}}
		}, market.MissNone},
		"relayed":          {func(_ *market.Want, o *market.Offer) { o.Reach = market.ReachRelayed }, market.MissReach},
		"relayed, no port": {func(w *market.Want, o *market.Offer) { o.Reach, w.Publishes = market.ReachRelayed, false }, market.MissNone},
		"port below":       {func(w *market.Want, o *market.Offer) { w.Ports[0] = o.PortLow - 1 }, market.MissPort},
		"port above":       {func(w *market.Want, o *market.Offer) { w.Ports[0] = o.PortHigh + 1 }, market.MissPort},
		"no ports at all":  {func(_ *market.Want, o *market.Offer) { o.PortLow, o.PortHigh = 0, 0 }, market.MissPort},
		"term":             {func(w *market.Want, _ *market.Offer) { w.Term += time.Second }, market.MissTerm},
		"any term":         {func(w *market.Want, o *market.Offer) { w.Term, o.Longest = market.MaxTerm, 0 }, market.MissNone},
		"cpu":              {func(w *market.Want, _ *market.Offer) { w.Need.CPU++ }, market.MissCPU},
		"memory":           {func(w *market.Want, _ *market.Offer) { w.Need.Memory++ }, market.MissMemory},
		"disk":             {func(w *market.Want, _ *market.Offer) { w.Need.Disk++ }, market.MissDisk},
		"price": {func(w *market.Want, o *market.Offer) {
			o.Terms, w.MaxPrice, w.MaxPriceSet = testTerms(), testPrice().FirstHour(w.Need)-1, true
		}, market.MissPrice},
		"price, just so": {func(w *market.Want, o *market.Offer) {
			o.Terms, w.MaxPrice, w.MaxPriceSet = testTerms(), testPrice().FirstHour(w.Need), true
		}, market.MissNone},
		"any price":      {func(_ *market.Want, o *market.Offer) { o.Terms = testTerms() }, market.MissNone},
		"price, not set": {func(w *market.Want, o *market.Offer) { o.Terms, w.MaxPrice = testTerms(), 1 }, market.MissNone},
		"free only":      {func(w *market.Want, o *market.Offer) { o.Terms, w.MaxPriceSet = testTerms(), true }, market.MissPrice},
		"free only, metered": {func(w *market.Want, o *market.Offer) {
			o.Terms, w.MaxPriceSet, w.Unit = &market.Terms{Interval: time.Minute}, true, "EUR"
		}, market.MissNone},
		"free only, nearly": {func(w *market.Want, o *market.Offer) {
			o.Terms, w.MaxPriceSet = &market.Terms{Price: market.Price{Unit: "x", Parked: 1}, Interval: time.Minute}, true
		}, market.MissPrice},
		"free only, but for rounding": {func(w *market.Want, o *market.Offer) {
			o.Terms, w.MaxPriceSet = &market.Terms{Price: market.Price{Unit: "x", Core: 1}, Interval: time.Minute}, true
			w.Need.CPU = 500
		}, market.MissPrice},
		"start fee": {func(w *market.Want, o *market.Offer) {
			o.Terms, w.MaxPriceSet, w.MaxPrice = &market.Terms{Price: market.Price{Unit: "x", Start: 100}, Interval: time.Minute}, true, 99
		}, market.MissPrice},
		"unit":                 {func(w *market.Want, o *market.Offer) { o.Terms, w.Unit = testTerms(), "EUR" }, market.MissPrice},
		"same unit":            {func(w *market.Want, o *market.Offer) { o.Terms, w.Unit = testTerms(), "credit" }, market.MissNone},
		"a unit, free":         {func(w *market.Want, _ *market.Offer) { w.Unit, w.MaxPriceSet = "EUR", true }, market.MissNone},
		"the first is counted": {func(w *market.Want, _ *market.Offer) { w.Class++; w.Need.Disk++ }, market.MissClass},
	} {
		w, o := fitting(), testOffer()
		c.change(&w, &o)
		got, n := w.Miss(&o)
		if got != c.want || (n == 0) != (got == market.MissNone) {
			t.Errorf("%s: %v, %d misses, want %v", name, got, n, c.want)
		}
	}
}

// Binpack prefers the fuller seller, spread the emptier one.
func TestScore(t *testing.T) {
	full, empty := testOffer(), testOffer()
	empty.Free = empty.Total
	w := market.Want{Need: market.Resources{CPU: 500, Memory: market.GiB}}
	if w.Score(&full) >= w.Score(&empty) {
		t.Errorf("binpack: full %d, empty %d", w.Score(&full), w.Score(&empty))
	}
	w.Strategy = market.Spread
	if w.Score(&full) <= w.Score(&empty) {
		t.Errorf("spread: full %d, empty %d", w.Score(&full), w.Score(&empty))
	}
	w.Score(&market.Offer{Wares: &market.Wares{}}) // a total of nothing divides nothing
}

// The cheapest is what costs least for the term, with the start fee; a dearer
// one is never nearly as good, by however little it is dearer.
func TestCheapest(t *testing.T) {
	asks := func(p market.Price, free market.Resources) *market.Offer {
		o := testOffer()
		o.Free, p.Unit = free, "credit"
		o.Terms = &market.Terms{Price: p, Interval: time.Minute}
		return &o
	}
	need := market.Resources{CPU: 1000, Memory: market.GiB}
	w := market.Want{Need: need, Strategy: market.Cheapest, Term: 10 * time.Hour}
	total := testOffer().Total
	free := testOffer()
	for name, c := range map[string]struct{ better, worse *market.Offer }{
		"by a millionth":                {asks(market.Price{Core: 20_000}, total), asks(market.Price{Core: 20_001}, need)},
		"by what is left, of equal":     {asks(market.Price{Core: 20_000}, need), asks(market.Price{Core: 20_000}, total)},
		"of memory":                     {asks(market.Price{Core: 20_000}, total), asks(market.Price{Core: 19_000, Memory: 2_000}, need)},
		"the start fee, over the term":  {asks(market.Price{Core: 20_000, Start: 9_000}, total), asks(market.Price{Core: 21_000}, need)},
		"the start fee, when it is big": {asks(market.Price{Core: 21_000}, total), asks(market.Price{Core: 20_000, Start: 11_000}, need)},
		"free":                          {&free, asks(market.Price{Core: 1}, need)},
		"the dearest of all": {
			asks(market.Price{Core: market.MaxMicro}, total),
			asks(market.Price{Core: market.MaxMicro, Memory: market.MaxMicro, Start: market.MaxMicro}, need),
		},
	} {
		x, y := w.Score(c.better), w.Score(c.worse)
		if x >= y {
			t.Errorf("%s: %d against %d", name, x, y)
		}
		if x < -2000 || y < -2000 {
			t.Errorf("%s: a score wrapped around: %d, %d", name, x, y)
		}
		if name != "by what is left, of equal" && y-x < market.ScoreOfPrice/4 {
			t.Errorf("%s: scores of two prices differ by %d", name, y-x)
		}
	}
	w.Term = 0 // an hour, then
	if w.Score(asks(market.Price{Core: 21_000}, total)) >= w.Score(asks(market.Price{Core: 20_000, Start: 2_000}, need)) {
		t.Error("without a term the start fee weighs as much as in ten hours")
	}
}

// The lowest price that was too high is told, a line for each unit.
func TestTallyTellsPrices(t *testing.T) {
	w := fitting()
	w.Need, w.MaxPriceSet, w.MaxPrice = market.Resources{CPU: 1000}, true, 10
	var tally market.Tally
	for _, p := range []market.Price{
		{Unit: "credit", Core: 30}, {Unit: "credit", Core: 20, Start: 5}, {Unit: "EUR", Core: 11}, {Unit: "credit", Core: 40}, {Unit: "credit", Core: 10},
	} {
		o := testOffer()
		o.Name, o.Terms = p.Unit, &market.Terms{Price: p, Interval: time.Minute}
		tally.Look(&w, &o)
	}
	want := market.Tally{
		Offers: 5, Fit: 1,
		Misses: []market.Miss{
			{Kind: market.MissPrice, Detail: "EUR", Count: 1, Best: 11},
			{Kind: market.MissPrice, Detail: "credit", Count: 3, Best: 25},
		},
		Near: &market.Nearest{Supplier: seller.Self(), Name: "credit", Kind: market.MissPrice, Have: 25, Unit: "credit"},
	}
	if !reflect.DeepEqual(tally, want) {
		t.Errorf("\n got %+v, near %+v\nwant %+v, near %+v", tally, tally.Near, want, want.Near)
	}
}

func TestTallyTellsWhyNot(t *testing.T) {
	w := fitting()
	var tally market.Tally
	look := func(f func(*market.Offer)) bool {
		o := testOffer()
		f(&o)
		return tally.Look(&w, &o)
	}
	if !look(func(*market.Offer) {}) {
		t.Error("what fits is left out")
	}
	look(func(o *market.Offer) { o.Free.Memory = market.MiB; o.Name = "oak" })
	look(func(o *market.Offer) { o.Free.Memory = market.GiB; o.Name = "ash" })
	look(func(o *market.Offer) { o.Free.Memory = 2 * market.MiB; o.Free.Disk = 0 })
	look(func(o *market.Offer) { o.Free.CPU = 100 })
	look(func(o *market.Offer) { o.Free.Disk = 5 })
	look(func(o *market.Offer) { o.Labels = nil })
	tally.Refused(market.PortTaken)
	want := market.Tally{
		Offers: 7, Fit: 1,
		Misses: []market.Miss{
			{Kind: market.MissLabel, Detail: "region==eu", Count: 1},
			{Kind: market.MissCPU, Count: 1, Best: 100},
			{Kind: market.MissMemory, Count: 3, Best: int64(market.GiB)},
			{Kind: market.MissDisk, Count: 1, Best: 5},
			{Kind: market.MissRefused, Detail: market.PortTaken.String(), Count: 1},
		},
		Near: &market.Nearest{Supplier: seller.Self(), Name: "ash", Kind: market.MissMemory, Have: int64(market.GiB)},
	}
	if !reflect.DeepEqual(tally, want) {
		t.Errorf("\n got %+v, near %+v\nwant %+v, near %+v", tally, tally.Near, want, want.Near)
	}
}

func TestTallyIsBounded(t *testing.T) {
	var tally market.Tally
	for i := range 2 * market.MaxMisses {
		tally.Merge(&market.Tally{Misses: []market.Miss{{Kind: market.MissLabel, Detail: fmt.Sprint(i), Count: 1}}})
	}
	if len(tally.Misses) != market.MaxMisses {
		t.Errorf("%d lines", len(tally.Misses))
	}
	tally.Merge(&market.Tally{Misses: tally.Misses[:1]}) // a known line still counts
	if tally.Misses[0].Count != 2 {
		t.Errorf("first line %+v", tally.Misses[0])
	}
}

// In which order traders answer makes no difference to the counts.
func TestTallyMergeCommutes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	random := func() market.Tally {
		a := market.Tally{Regions: r.Uint32N(9), Offers: r.Uint32N(99), Fit: r.Uint32N(9)}
		for range r.IntN(6) {
			kind := []market.MissKind{market.MissExcluded, market.MissNode, market.MissCPU, market.MissPrice}[r.IntN(4)]
			m := market.Miss{Kind: kind, Detail: fmt.Sprint(r.IntN(3)), Count: 1 + r.Uint32N(5), Best: r.Int64N(100)}
			a.Merge(&market.Tally{Misses: []market.Miss{m}})
		}
		return a
	}
	merged := func(list ...market.Tally) (sum market.Tally) {
		for i := range list {
			sum.Merge(&list[i])
		}
		return sum
	}
	for range 200 {
		a, b, c := random(), random(), random()
		if x, y := merged(a, b, c), merged(c, b, a); !reflect.DeepEqual(x, y) {
			t.Fatalf("\n%+v\n%+v", x, y)
		}
		ab, bc := merged(a, b), merged(b, c)
		if x, y := merged(ab, c), merged(a, bc); !reflect.DeepEqual(x, y) {
			t.Fatalf("grouped:\n%+v\n%+v", x, y)
		}
	}
}
