package market_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

// maxSeconds is the longest usage of a lease.
const maxSeconds = uint64(market.MaxTerm/time.Second) + 86_400

// exactly is what usage costs, by numbers of any size: the oracle.
func exactly(p market.Price, r market.Resources, u market.Usage) market.Micro {
	product := func(factors ...int64) *big.Int {
		x := big.NewInt(1)
		for _, f := range factors {
			x.Mul(x, big.NewInt(f))
		}
		return x
	}
	running, parked, gib := int64(u.Running), int64(u.Parked), int64(market.GiB)
	sum := product(int64(p.Core), int64(r.CPU), gib, running)
	sum.Add(sum, product(int64(p.Memory), int64(r.Memory), 1000, running))
	sum.Add(sum, product(int64(p.Disk), int64(r.Disk), 1000, running))
	sum.Add(sum, product(int64(p.Parked), 1000, gib, parked))
	sum.Div(sum, product(1000, gib, 3600)) // of positive numbers: rounded down
	if u != (market.Usage{}) {
		sum.Add(sum, big.NewInt(int64(p.Start)))
	}
	if most := big.NewInt(int64(market.MaxAmount)); sum.Cmp(most) > 0 {
		return market.MaxAmount
	}
	return market.Micro(sum.Int64())
}

// some is a number up to most, small and large ones alike, and the ends.
func some(r *rand.Rand, most uint64) uint64 {
	switch r.IntN(8) {
	case 0:
		return 0
	case 1:
		return most
	case 2:
		return r.Uint64N(most + 1)
	}
	return min(most, r.Uint64()>>r.IntN(64))
}

func somePrice(r *rand.Rand) market.Price {
	rate := func() market.Micro { return market.Micro(some(r, uint64(market.MaxMicro))) }
	return market.Price{Unit: "credit", Core: rate(), Memory: rate(), Disk: rate(), Parked: rate(), Start: rate()}
}

func someResources(r *rand.Rand) market.Resources {
	size := func() market.Bytes { return market.Bytes(some(r, uint64(market.MaxBytes))) }
	return market.Resources{CPU: market.MilliCPU(some(r, uint64(market.MaxCPU))), Memory: size(), Disk: size()}
}

func TestAmountIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	most := 0
	for range 100_000 {
		p, res := somePrice(r), someResources(r)
		u := market.Usage{Running: some(r, maxSeconds), Parked: some(r, maxSeconds)}
		got, want := p.Amount(res, u), exactly(p, res, u)
		if got != want {
			t.Fatalf("%v for %v of %+v: %d, want %d", p, u, res, got, want)
		}
		if got == market.MaxAmount {
			most++
		}
	}
	if most == 0 || most > 80_000 {
		t.Errorf("%d of 100,000 amounts were the largest", most)
	}
}

func TestAmountAtTheEdge(t *testing.T) {
	dearest := market.Price{Unit: "x", Core: market.MaxMicro, Memory: market.MaxMicro, Disk: market.MaxMicro, Parked: market.MaxMicro, Start: market.MaxMicro}
	largest := market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes, Disk: market.MaxBytes}
	longest := market.Usage{Running: maxSeconds, Parked: maxSeconds}
	for name, c := range map[string]struct {
		price market.Price
		r     market.Resources
		u     market.Usage
		want  market.Micro
	}{
		"the largest of all":     {dearest, largest, longest, market.MaxAmount},
		"no resources":           {dearest, market.Resources{}, market.Usage{Running: 3600}, market.MaxMicro},
		"not started":            {dearest, largest, market.Usage{}, 0},
		"a second of the rarest": {market.Price{Core: 1}, market.Resources{CPU: 1}, market.Usage{Running: 1}, 0},
		"the last of a unit":     {market.Price{Core: 1}, market.Resources{CPU: 1000}, market.Usage{Running: 3599}, 0},
		"a whole one":            {market.Price{Core: 1}, market.Resources{CPU: 1000}, market.Usage{Running: 3600}, 1},
		"parts sum before they are rounded": {
			market.Price{Core: 1, Memory: 1, Parked: 1}, market.Resources{CPU: 500, Memory: market.GiB / 4}, market.Usage{Running: 3600, Parked: 900}, 1,
		},
		"beyond any lease":      {market.Price{Core: 1}, market.Resources{CPU: 1000}, market.Usage{Running: math.MaxUint64}, market.Micro(maxSeconds / 3600)},
		"beyond any machine":    {market.Price{Memory: 1}, market.Resources{Memory: math.MaxInt64}, market.Usage{Running: 3600}, 1 << 20},
		"less than nothing":     {dearest, market.Resources{CPU: -1, Memory: -1, Disk: math.MinInt64}, market.Usage{Running: 3600}, market.MaxMicro},
		"a rate below nothing":  {market.Price{Core: -5, Parked: 7}, market.Resources{CPU: 1000}, market.Usage{Running: 3600, Parked: 3600}, 7},
		"parked of nothing due": {market.Price{Core: 9}, largest, market.Usage{Parked: 3600}, 0},
	} {
		if got := c.price.Amount(c.r, c.u); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// What a chain of notes adds up to is the price of the last one's usage: the
// rounding of one interval is made good in the next, and nothing shrinks.
func TestDeltasAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		p, res := somePrice(r), someResources(r)
		var u market.Usage
		var sum, before market.Micro
		for range 100 {
			u.Running += some(r, 100)
			u.Parked += some(r, 100)
			now := p.Amount(res, u)
			if now < before {
				t.Fatalf("%v of %v: %d after %d", p, res, now, before)
			}
			sum += now - before
			before = now
		}
		if want := exactly(p, res, u); sum != want {
			t.Fatalf("%v of %v: the deltas are %d, the price %d", p, res, sum, want)
		}
	}
}

// No hour costs more than the first.
func TestFirstHour(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		p, res := somePrice(r), someResources(r)
		first := p.FirstHour(res)
		running := some(r, 3600)
		u := market.Usage{Running: running, Parked: 3600 - running}
		if got := p.Amount(res, u); got > first {
			t.Fatalf("%v of %v: %+v costs %d, the first hour %d", p, res, u, got, first)
		}
		if h := p.Hourly(res); h > first || h+p.Start < p.Amount(res, market.Usage{Running: 3600}) && h != market.MaxAmount {
			t.Fatalf("%v of %v: %d an hour, the first %d", p, res, h, first)
		}
	}
}

// The start fee is due once a unit, and not again with each renewal.
func TestStartFeeIsDueOnce(t *testing.T) {
	first := priced()
	u := market.Usage{Running: 3600}
	if got, want := first.Due(u), testPrice().Amount(first.Resources, u); got != want || first.Due(market.Usage{}) != 0 {
		t.Errorf("first: %d, want %d", got, want)
	}
	second := renewal(first)
	if got, want := second.Due(u), first.Due(u)-testPrice().Start; got != want {
		t.Errorf("renewal: %d, want %d", got, want)
	}
	free := testLease()
	if free.Due(u) != 0 {
		t.Error("a free lease costs something")
	}
}

func TestAmountCostsNoMemory(t *testing.T) {
	p, r, u := testPrice(), testLease().Resources, market.Usage{Running: 1000, Parked: 10}
	if n := testing.AllocsPerRun(100, func() { p.Amount(r, u) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPriceInBounds(t *testing.T) {
	for name, p := range map[string]market.Price{
		"no unit":       {Core: 1},
		"unit of digit": {Unit: "1", Core: 1},
		"unit of space": {Unit: "a b"},
		"long unit":     {Unit: strings.Repeat("x", market.MaxUnit+1)},
		"negative":      {Unit: "x", Disk: -1},
		"too dear":      {Unit: "x", Start: market.MaxMicro + 1},
	} {
		if err := p.Validate(); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, p := range []market.Price{{}, {Unit: "x"}, testPrice(), {Unit: strings.Repeat("x", market.MaxUnit), Core: market.MaxMicro}} {
		if err := p.Validate(); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
}

func TestTermsInBounds(t *testing.T) {
	for name, f := range map[string]func(*market.Terms){
		"part of a second":    func(t *market.Terms) { t.Interval = 1500 * time.Millisecond },
		"negative":            func(t *market.Terms) { t.Grace = -time.Second },
		"part of a notice":    func(t *market.Terms) { t.Notice = 1 },
		"a long interval":     func(t *market.Terms) { t.Interval = market.MaxInterval + time.Second },
		"a long grace":        func(t *market.Terms) { t.Grace = market.MaxGrace + time.Second },
		"a long notice":       func(t *market.Terms) { t.Notice = market.MaxGrace + time.Second },
		"patient":             func(t *market.Terms) { t.Bear = market.MaxBear + 1 },
		"less than impatient": func(t *market.Terms) { t.Bear = -1 },
		"priced, not metered": func(t *market.Terms) { t.Interval = 0 },
		"bad price":           func(t *market.Terms) { t.Price.Unit = "" },
	} {
		terms := testTerms()
		f(terms)
		if err := terms.Validate(); !errors.Is(err, market.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		o := testOffer()
		o.Terms = terms
		if _, err := market.OpenOffer(seller.Offer(o).Envelope); !errors.Is(err, market.ErrMalformed) && terms.Validate() == nil {
			t.Errorf("%s: an offer opens, %v", name, err)
		}
	}
}

func TestTerms(t *testing.T) {
	var none *market.Terms
	unmetered := &market.Terms{Notice: time.Hour}
	if none.Metered() || unmetered.Metered() || !testTerms().Metered() {
		t.Error("what is metered")
	}
	if none.Validate() != nil || none.NoticeOrDefault() != market.DefaultNotice || unmetered.NoticeOrDefault() != time.Hour {
		t.Error("no terms")
	}
	if !none.Equal(nil) || none.Equal(testTerms()) || testTerms().Equal(nil) || !testTerms().Equal(testTerms()) || testTerms().Equal(unmetered) {
		t.Error("what is equal")
	}
	if market.PriceOf(nil) != (market.Price{}) || market.PriceOf(testTerms()) != testPrice() {
		t.Error("the price of terms")
	}
	// Five notes of a minute, the minute before them, and five minutes of grace.
	r := testLease().Resources
	if got, want := testTerms().Exposure(r), testPrice().Amount(r, market.Usage{Running: 11 * 60}); got != want || none.Exposure(r) != 0 {
		t.Errorf("exposure of %d, want %d", got, want)
	}
}

func TestBalance(t *testing.T) {
	b := market.Balance{Earned: 10, SettledIn: 4, Spent: 7, SettledOut: 7, Unconfirmed: 3}
	if b.Receivable() != 6 || b.Payable() != 0 {
		t.Errorf("%d receivable, %d payable", b.Receivable(), b.Payable())
	}
}
