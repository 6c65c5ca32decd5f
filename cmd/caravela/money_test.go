package main

import (
	"strings"
	"testing"
	"time"

	"caravela/api"
)

func TestMoneyTexts(t *testing.T) {
	cost := api.Cost{Unit: "credit", HourlyMicro: 42_500, StartMicro: 1_000, TermMicro: 1_021_000}
	for got, want := range map[string]string{
		money(42_500, "credit"):             "0.0425 credit",
		due(0, ""):                          "",
		due(0, "EUR"):                       "0 EUR",
		rate(cost):                          "0.0425 credit/h",
		rate(api.Cost{}):                    "free",
		rateAndStart(cost):                  "0.0425 credit/h and 0.001 to start",
		rateAndStart(api.Cost{Unit: "EUR"}): "0 EUR/h",
		termCost(cost):                      "1.021 credit",
		priceText(nil):                      "free",
		priceText(&api.Terms{}):             "free",
		left(86_400_000, true):              "24h, renews",
		left(90_000, false):                 "90s",
		creditText(api.Credit{}):            "0s of its leases",
		creditText(api.Credit{Kind: api.CreditUnlimited}):  "anything",
		opinion(api.Account{Blocked: true, Trusted: true}): "blocked, trusted",
		priceText(&api.Terms{Price: api.Price{Unit: "EUR", MemoryHourMicro: 5_000, DiskHourMicro: 1, ParkedHourMicro: 10, StartMicro: 1_000_000}}): "0.005 EUR per GiB-hour of memory, 0.000001 per GiB-hour of disk, 0.00001 per hour stopped, 1 to start",
	} {
		if got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// What is printed as a rate is what --max-price reads.
func TestRatesReadAsMaxPrice(t *testing.T) {
	for _, c := range []api.Cost{{Unit: "credit", HourlyMicro: 42_500}, {Unit: "EUR", HourlyMicro: 3_000_000}} {
		m, err := parseMaxPrice(rate(c))
		if err != nil || *m.MaxHourlyMicro != c.HourlyMicro || m.Unit != c.Unit {
			t.Errorf("%s: %+v, %v", rate(c), m, err)
		}
	}
	if m, err := parseMaxPrice("free"); err != nil || *m.MaxHourlyMicro != 0 || m.Unit != "" {
		t.Errorf("free: %+v, %v", m, err)
	}
	if m, err := parseMaxPrice(""); err != nil || m.MaxHourlyMicro != nil {
		t.Errorf("none: %+v, %v", m, err)
	}
}

func TestParseMoney(t *testing.T) {
	for _, tt := range []struct {
		text, unit string
		micro      int64
		want       string // unit, or a part of the error
	}{
		{"10", "", 10_000_000, ""},
		{"0.5", "EUR", 500_000, "EUR"},
		{"2 EUR", "", 2_000_000, "EUR"},
		{"2EUR", "EUR", 2_000_000, "EUR"},
		{"2 EUR", "credit", -1, "another flag says credit"},
		{"2/h", "", -1, "price of an hour"},
		{"0.1234567", "", -1, "six decimals"},
		{"-1", "", -1, "not an amount"},
		{"lots", "", -1, "not an amount"},
	} {
		micro, unit, err := parseMoney("--amount", tt.text, tt.unit)
		switch {
		case tt.micro < 0 && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "--amount: ")):
			t.Errorf("%q: %d %s, %v", tt.text, micro, unit, err)
		case tt.micro >= 0 && (err != nil || micro != tt.micro || unit != tt.want):
			t.Errorf("%q: %d %s, %v", tt.text, micro, unit, err)
		}
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC)
	a := &app{now: func() time.Time { return now }}
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "13:05", 20 * time.Hour: "Sun 09:00", -11 * time.Hour: "02:00", -20 * time.Hour: "Fri 17:00",
		5 * 24 * time.Hour: "Thu 13:00", 30 * 24 * time.Hour: "2026-03-02 13:00",
	} {
		if got := a.clock(now.Add(d)); got != want {
			t.Errorf("%v: %q, not %q", d, got, want)
		}
	}
	if got := a.clock(time.Time{}); got != "" {
		t.Errorf("never: %q", got)
	}
}
