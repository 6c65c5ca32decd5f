package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"caravela/api"
	"caravela/market"
)

// freeText stands for a price of nothing.
const freeText = "free"

// money writes an amount with its unit, such as "0.0042 credit".
func money(micro int64, unit string) string {
	return strings.TrimSpace(market.Micro(micro).String() + " " + unit)
}

// due is money that may be nothing: "" where nothing is counted.
func due(micro int64, unit string) string {
	if unit == "" && micro == 0 {
		return ""
	}
	return money(micro, unit)
}

// dueFor is what is due for a lease at a price.
func dueFor(micro int64, c api.Cost) string {
	if c.Unit == "" && micro == 0 {
		return freeText
	}
	return money(micro, c.Unit)
}

// rate writes the price of an hour as --max-price reads it.
func rate(c api.Cost) string {
	if c == (api.Cost{}) || c.Unit == "" {
		return freeText
	}
	return money(c.HourlyMicro, c.Unit) + "/h"
}

// rateAndStart is rate, with the fee for the first start.
func rateAndStart(c api.Cost) string {
	if c.StartMicro == 0 {
		return rate(c)
	}
	return rate(c) + " and " + market.Micro(c.StartMicro).String() + " to start"
}

// priceText writes the parts of a price that are not zero:
// "0.02 credit per core-hour, 0.005 per GiB-hour of memory".
func priceText(t *api.Terms) string {
	if t == nil || t.Price.Market().IsFree() {
		return freeText
	}
	var parts []string
	for _, p := range []struct {
		micro int64
		what  string
	}{
		{t.Price.CoreHourMicro, "per core-hour"},
		{t.Price.MemoryHourMicro, "per GiB-hour of memory"},
		{t.Price.DiskHourMicro, "per GiB-hour of disk"},
		{t.Price.ParkedHourMicro, "per hour stopped"},
		{t.Price.StartMicro, "to start"},
	} {
		switch {
		case p.micro == 0:
		case len(parts) == 0:
			parts = append(parts, money(p.micro, t.Price.Unit)+" "+p.what)
		default:
			parts = append(parts, money(p.micro, "")+" "+p.what)
		}
	}
	return strings.Join(parts, ", ")
}

// parseMoney reads "10", "10 EUR" or "10EUR"; unit is what another flag says,
// and must not contradict.
func parseMoney(flag, text, unit string) (int64, string, error) {
	m, named, err := market.ParsePrice(text)
	switch {
	case strings.HasSuffix(text, "/h"):
		return 0, "", fmt.Errorf("%s: %q is a price of an hour; an amount is wanted, such as 10 or \"10 EUR\"", flag, text)
	case err != nil:
		return 0, "", fmt.Errorf("%s: %q is not an amount such as 10, 0.5 or \"10 EUR\", of at most six decimals", flag, text)
	case named != "" && unit != "" && named != unit:
		return 0, "", fmt.Errorf("%s: %q is in %s, and another flag says %s", flag, text, named, unit)
	case named == "":
		named = unit
	}
	return int64(m), named, nil
}

// parseMaxPrice reads --max-price: "0.05/h", "0.05 EUR/h", "free"; "" is any.
func parseMaxPrice(text string) (api.MaxPrice, error) {
	if text == "" {
		return api.MaxPrice{}, nil
	}
	m, unit, err := market.ParsePrice(text)
	if err != nil {
		return api.MaxPrice{}, advise(plainFlag("--max-price", err), `--max-price 0.05/h, or --max-price "0.05 credit/h"`)
	}
	if m > market.MaxMicro {
		return api.MaxPrice{}, fmt.Errorf("--max-price: %q is more than %v, the highest there is", text, market.MaxMicro)
	}
	hourly := int64(m)
	return api.MaxPrice{MaxHourlyMicro: &hourly, Unit: unit}, nil
}

// parseMaxCost reads --max-cost into a policy that --max-price has filled.
func parseMaxCost(text string, p *api.Policy) error {
	if text == "" {
		return nil
	}
	m, unit, err := parseMoney("--max-cost", text, p.Unit)
	if err != nil {
		return err
	}
	if m == 0 {
		return advise(errors.New("--max-cost: nothing can run for 0"), "--max-price free, for suppliers that ask nothing")
	}
	p.MaxCostMicro, p.Unit = m, unit
	return nil
}

// clock writes a moment as people name it, by how near it is: "14:05",
// "Sun 14:05", "2026-02-28 14:05".
func (a *app) clock(t time.Time) string {
	now := a.now()
	t = t.In(now.Location())
	switch days := t.Sub(now).Abs(); {
	case t.IsZero():
		return ""
	case days < 12*time.Hour || t.YearDay() == now.YearDay() && days < 24*time.Hour:
		return t.Format("15:04")
	case days < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// left writes the time that a lease has left, and whether it is renewed.
func left(ms int64, renews bool) string {
	text := brief(time.Duration(ms) * time.Millisecond)
	if renews {
		text += ", renews"
	}
	return text
}
