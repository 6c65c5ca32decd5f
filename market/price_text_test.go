package market_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"caravela/market"
)

func TestMicroText(t *testing.T) {
	for m, want := range map[market.Micro]string{
		0: "0", 4000: "0.004", 500_000: "0.5", 12_000_000: "12", 1: "0.000001", -1_500_000: "-1.5",
		market.MaxAmount: "1125899906.842624", math.MaxInt64: "9223372036854.775807", math.MinInt64: "-9223372036854.775808",
	} {
		if got := m.String(); got != want {
			t.Errorf("%d is %q, want %q", int64(m), got, want)
		}
		if m < 0 || m > market.MaxAmount {
			continue
		}
		if got, err := market.ParseMicro(want); got != m || err != nil {
			t.Errorf("ParseMicro(%q) = %d, %v", want, got, err)
		}
	}
	for s, want := range map[string]market.Micro{".5": 500_000, "5.": 5_000_000, "007": 7_000_000, "0.000000": 0} {
		if got, err := market.ParseMicro(s); got != want || err != nil {
			t.Errorf("ParseMicro(%q) = %d, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", ".", "-1", "+1", "1e3", "1,5", "1.0000001", " 1", "1.2.3", "0x1", "1_000", "١", "1125899906.842625", strings.Repeat("9", 1000), "0." + strings.Repeat("0", 1000),
	} {
		if got, err := market.ParseMicro(s); !errors.Is(err, market.ErrBadQuantity) || len(err.Error()) > 200 {
			t.Errorf("ParseMicro(%q) = %d, %v", s, got, err)
		}
	}
}

func TestParsePrice(t *testing.T) {
	for s, want := range map[string]struct {
		hourly market.Micro
		unit   string
	}{
		"free": {0, ""}, "0": {0, ""}, "0/h": {0, ""}, "0.05": {50_000, ""}, "0.05/h": {50_000, ""},
		"0.05 EUR/h": {50_000, "EUR"}, "0.05EUR/h": {50_000, "EUR"}, "1 credit": {1_000_000, "credit"},
	} {
		if got, unit, err := market.ParsePrice(s); got != want.hourly || unit != want.unit || err != nil {
			t.Errorf("ParsePrice(%q) = %d %q, %v", s, got, unit, err)
		}
	}
	for _, s := range []string{"", "/h", "EUR", "2h", "0.05/d", "0.05  EUR", "0.05 EUR /h", "0.05 E2", "1/h/h", "-1/h", "1 " + strings.Repeat("x", market.MaxUnit+1)} {
		if got, unit, err := market.ParsePrice(s); !errors.Is(err, market.ErrBadQuantity) {
			t.Errorf("ParsePrice(%q) = %d %q, %v", s, got, unit, err)
		}
	}
}

func TestPriceText(t *testing.T) {
	for s, want := range map[string]market.Price{
		"free": {},
		"core=0.02,memory=0.005,disk=0.007,parked=0.001,start=0.01,unit=credit": testPrice(),
		"memory=0.005,unit=EUR": {Unit: "EUR", Memory: 5000},
		"unit=EUR":              {Unit: "EUR"},
	} {
		if got, err := market.ParsePrices(s); got != want || err != nil {
			t.Errorf("ParsePrices(%q) = %+v, %v", s, got, err)
		}
		if got := want.String(); got != s {
			t.Errorf("%+v is %q, want %q", want, got, s)
		}
	}
	for s, want := range map[string]market.Price{
		"unit=EUR, core=1":       {Unit: "EUR", Core: 1_000_000},
		"core=0,disk=0,memory=0": {},
	} {
		if got, err := market.ParsePrices(s); got != want || err != nil {
			t.Errorf("ParsePrices(%q) = %+v, %v", s, got, err)
		}
	}
	for s, tells := range map[string]string{
		"":                            "is not like",
		"core":                        "is not like",
		"core=1,core=1,unit=EUR":      "each once",
		"core=1":                      "unit=credit",
		"core=1,unit=":                "letters",
		"core=1,unit=a b":             "letters",
		"core=x,unit=EUR":             "core: ",
		"core=1099512,unit=EUR":       "1099511.627776",
		"cpu=1,unit=EUR":              "its parts are",
		"core=1,unit=EUR,":            "is not like",
		strings.Repeat("core=1,", 99): "each once",
	} {
		got, err := market.ParsePrices(s)
		if !errors.Is(err, market.ErrBadQuantity) || !strings.Contains(err.Error(), tells) || len(err.Error()) > 200 {
			t.Errorf("ParsePrices(%q) = %+v, %v; want %q", s, got, err, tells)
		}
		if got != (market.Price{}) {
			t.Errorf("ParsePrices(%q) gives %+v with its error", s, got)
		}
	}
}

func FuzzParsePrices(f *testing.F) {
	f.Add(testPrice().String())
	f.Add("core=1099511.627776,unit=EUR")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := market.ParsePrices(s)
		if err != nil {
			return
		}
		if again, err := market.ParsePrices(p.String()); again != p || err != nil || p.Validate() != nil {
			t.Errorf("%q: %+v, then %+v, %v", s, p, again, err)
		}
	})
}

func FuzzParsePrice(f *testing.F) {
	f.Add("0.05 EUR/h")
	f.Add("free")
	f.Fuzz(func(t *testing.T, s string) {
		hourly, unit, err := market.ParsePrice(s)
		if err != nil {
			return
		}
		again, same, err := market.ParsePrice(hourly.String() + " " + unit + "/h")
		if unit == "" {
			again, same, err = market.ParsePrice(hourly.String() + "/h")
		}
		if again != hourly || same != unit || err != nil || hourly < 0 || hourly > market.MaxAmount {
			t.Errorf("%q: %d %q, then %d %q, %v", s, hourly, unit, again, same, err)
		}
	})
}
