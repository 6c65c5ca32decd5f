package market_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"caravela/market"
)

func TestParseCPU(t *testing.T) {
	for s, want := range map[string]market.MilliCPU{
		"2": 2000, "0.5": 500, ".25": 250, "1.": 1000, "0": 0, "0.001": 1, "1048.576": market.MaxCPU, "007": 7000,
	} {
		if got, err := market.ParseCPU(s); got != want || err != nil {
			t.Errorf("ParseCPU(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", ".", "-1", "+1", "1e3", "0.0001", "1,5", "two", " 1", "1048.577", "9999999", "1.2.3", "٣"} {
		if got, err := market.ParseCPU(s); !errors.Is(err, market.ErrBadQuantity) {
			t.Errorf("ParseCPU(%q) = %d, %v", s, got, err)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]market.Bytes{
		"512m": 512 * market.MiB, "2g": 2 * market.GiB, "1.5g": 1536 * market.MiB, "1048576": market.MiB, "64MiB": 64 * market.MiB,
		"64mb": 64 * market.MiB, "1t": market.TiB, "7b": 7, "0": 0, "8K": 8 * market.KiB, ".5k": 512, "1024t": market.MaxBytes,
	} {
		if got, err := market.ParseBytes(s); got != want || err != nil {
			t.Errorf("ParseBytes(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "m", ".", "b", "-1m", "1e3", "1 m", "64i", "64ib", "1mm", "1mbb", "1024.5t", "1025t", "99999999999999999", "1.0000001g", "1p"} {
		if got, err := market.ParseBytes(s); !errors.Is(err, market.ErrBadQuantity) {
			t.Errorf("ParseBytes(%q) = %d, %v", s, got, err)
		}
	}
}

func TestQuantityStrings(t *testing.T) {
	for want, q := range map[string]interface{ String() string }{
		"0":                       market.MilliCPU(0),
		"10":                      market.MilliCPU(10000),
		"0.5":                     market.MilliCPU(500),
		"0.001":                   market.MilliCPU(1),
		"-1.25":                   market.MilliCPU(-1250),
		"0b":                      market.Bytes(0),
		"1023b":                   market.Bytes(1023),
		"1k":                      market.KiB,
		"1023.9k":                 market.MiB - 1,
		"1023.9m":                 market.GiB - 1,
		"1.5g":                    1536 * market.MiB,
		"-64m":                    -64 * market.MiB,
		"1024t":                   market.MaxBytes,
		"-0b":                     market.Bytes(math.MinInt64), // no machine has it; it must only not crash
		"2 cpu / 512m":            market.Resources{CPU: 2000, Memory: 512 * market.MiB},
		"0.5 cpu / 64m / 1g disk": market.Resources{CPU: 500, Memory: 64 * market.MiB, Disk: market.GiB},
	} {
		if q.String() != want {
			t.Errorf("%#v prints as %q, want %q", q, q, want)
		}
	}
}

// What is printed exactly can be read again.
func TestQuantitiesRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		c := market.MilliCPU(r.Int64N(int64(market.MaxCPU) + 1))
		if got, err := market.ParseCPU(c.String()); got != c || err != nil {
			t.Fatalf("%s = %d, %v, want %d", c, got, err, c)
		}
		b := market.Bytes(r.Int64N(1024)) << (10 * r.IntN(5))
		if got, err := market.ParseBytes(b.String()); got != b || err != nil {
			t.Fatalf("%s = %d, %v, want %d", b, got, err, b)
		}
	}
}

func TestResourceArithmetic(t *testing.T) {
	a := market.Resources{CPU: 1000, Memory: 2 * market.GiB, Disk: market.GiB}
	b := market.Resources{CPU: 1500, Memory: market.GiB}
	sum := market.Resources{CPU: 2500, Memory: 3 * market.GiB, Disk: market.GiB}
	if a.Add(b) != sum || sum.Sub(b) != a || b.Scale(2) != b.Add(b) {
		t.Error("sums do not add up")
	}
	if a.Fits(b) || b.Fits(a) || !sum.Fits(a) || !sum.Fits(sum) {
		t.Error("something fits that should not, or does not that should")
	}
	if a.Sub(b).Valid() || !a.Valid() || a.IsZero() || !(market.Resources{}).IsZero() {
		t.Error("validity")
	}
}

func TestWall(t *testing.T) {
	later := noon.Add(90 * time.Second)
	if later.Sub(noon) != 90*time.Second || noon.Sub(later) != -90*time.Second {
		t.Errorf("difference %v", later.Sub(noon))
	}
	if got := noon.Time().Format(time.RFC3339); got != "2026-01-02T12:00:00Z" {
		t.Errorf("noon is %s", got)
	}
	if d := market.Wall(1 << 48).Sub(-1 << 48); d < 292*365*24*time.Hour {
		t.Errorf("a long time became %v", d)
	}
	if d := market.Wall(-1 << 48).Sub(1 << 48); d > -292*365*24*time.Hour {
		t.Errorf("a long time ago became %v", d)
	}
}

func TestPlatforms(t *testing.T) {
	amd, arm := market.Platform{OS: "linux", Arch: "amd64"}, market.Platform{OS: "linux", Arch: "arm64"}
	if got, err := market.ParsePlatform(amd.String()); got != amd || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, s := range []string{"", "linux", "/", "linux/", "/amd64", "linux/arm/v7", "Linux/amd64", "linux/abcdefghijklmnopq"} {
		if got, err := market.ParsePlatform(s); !errors.Is(err, market.ErrBadQuantity) {
			t.Errorf("ParsePlatform(%q) = %v, %v", s, got, err)
		}
	}
	any := market.Platform{}
	if !amd.Serves(amd) || !amd.Serves(any) || amd.Serves(arm) || any.String() != "any" || !any.Valid() {
		t.Error("platforms serve what they should not")
	}
}

func TestCPUClasses(t *testing.T) {
	for c := market.CPUClass(1); c <= market.MaxCPUClass; c++ {
		if got, err := market.ParseCPUClass(c.String()); got != c || err != nil {
			t.Errorf("%s = %d, %v", c, got, err)
		}
	}
	if got, err := market.ParseCPUClass("3"); got != 3 || err != nil {
		t.Errorf("3 = %d, %v", got, err)
	}
	for _, s := range []string{"", "v", "v0", "v5", "v12", "vv1", "x"} {
		if _, err := market.ParseCPUClass(s); !errors.Is(err, market.ErrBadQuantity) {
			t.Errorf("ParseCPUClass(%q) = %v", s, err)
		}
	}
	if market.CPUClass(0).String() != "any" {
		t.Error("class 0")
	}
}
