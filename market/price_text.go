package market

import (
	"fmt"
	"strconv"
	"strings"
)

// The forms of money that people read and write. All are exact: what cannot be
// kept is refused, and what is printed reads as the same again.

// String returns units in decimal, without trailing zeros: "0.004", "12".
func (m Micro) String() string {
	sign := ""
	n := uint64(m)
	if m < 0 {
		sign, n = "-", -n
	}
	s := fmt.Sprintf("%s%d.%06d", sign, n/1_000_000, n%1_000_000)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// ParseMicro reads an amount of up to six decimals: "12", "0.004", ".5".
func ParseMicro(s string) (Micro, error) {
	whole, frac, _ := strings.Cut(s, ".")
	switch {
	case whole+frac == "" || !digits(whole) || !digits(frac):
		return 0, fmt.Errorf("%w: %q is not an amount such as 0.05 or 12", ErrBadQuantity, clip(s))
	case len(frac) > 6:
		return 0, fmt.Errorf("%w: amount %q has more than six decimals, which cannot be kept", ErrBadQuantity, clip(s))
	}
	n, err := strconv.ParseInt("0"+whole+(frac + "000000")[:6], 10, 64)
	if err != nil || Micro(n) > MaxAmount {
		return 0, fmt.Errorf("%w: amount %q is more than %s, the most there is", ErrBadQuantity, clip(s), MaxAmount)
	}
	return Micro(n), nil
}

// ParsePrice reads the price of an hour, in any unit or in a certain one:
// "0.05", "0.05/h", "0.05 EUR/h", "0.05EUR". "free" is 0.
func ParsePrice(s string) (hourly Micro, unit string, err error) {
	if s == "free" {
		return 0, "", nil
	}
	t := strings.TrimSuffix(s, "/h")
	if i := strings.IndexFunc(t, isLetter); i > 0 {
		t, unit = strings.TrimSuffix(t[:i], " "), t[i:]
	}
	if !validUnit(unit) || unit == "h" { // a slip of "/h"
		return 0, "", fmt.Errorf("%w: %q is not a price such as 0.05/h or 0.05 EUR/h; a unit has 1 to %d letters", ErrBadQuantity, clip(s), MaxUnit)
	}
	if hourly, err = ParseMicro(t); err != nil {
		return 0, "", fmt.Errorf("price of an hour: %w", err)
	}
	return hourly, unit, nil
}

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// rates are the parts of a price by their names in its text form.
func (p *Price) rates() [5]struct {
	name string
	rate *Micro
} {
	return [5]struct {
		name string
		rate *Micro
	}{{"core", &p.Core}, {"memory", &p.Memory}, {"disk", &p.Disk}, {"parked", &p.Parked}, {"start", &p.Start}}
}

// String returns what ParsePrices reads, without the rates that are zero:
// "core=0.02,memory=0.005,unit=credit"; "free" for the zero value.
func (p Price) String() string {
	var parts []string
	for _, r := range p.rates() {
		if *r.rate != 0 {
			parts = append(parts, r.name+"="+r.rate.String())
		}
	}
	if p.Unit != "" {
		parts = append(parts, "unit="+p.Unit)
	}
	if len(parts) == 0 {
		return "free"
	}
	return strings.Join(parts, ",")
}

// ParsePrices reads all parts of a price, in any order:
// "core=0.02,memory=0.005,disk=0,parked=0.001,start=0.01,unit=credit". A rate
// that is left out is 0; "free" is the zero value.
func ParsePrices(s string) (Price, error) {
	var p Price
	if s == "free" {
		return p, nil
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || seen[name] || len(seen) > len(p.rates()) {
			return Price{}, fmt.Errorf("%w: price %q is not like core=0.02,memory=0.005,unit=credit, each once", ErrBadQuantity, clip(s))
		}
		seen[name] = true
		if err := p.set(name, value); err != nil {
			return Price{}, err
		}
	}
	if p.Unit == "" && !p.IsFree() {
		return Price{}, fmt.Errorf("%w: price %q has no unit; add one such as unit=credit", ErrBadQuantity, clip(s))
	}
	return p, nil
}

func (p *Price) set(name, value string) error {
	if name == "unit" {
		if p.Unit = value; value == "" || !validUnit(value) {
			return fmt.Errorf("%w: unit %q; 1 to %d letters, such as credit or EUR", ErrBadQuantity, clip(value), MaxUnit)
		}
		return nil
	}
	for _, r := range p.rates() {
		if r.name != name {
			continue
		}
		m, err := ParseMicro(value)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case m > MaxMicro:
			return fmt.Errorf("%w: %s=%s is more than %s, the highest rate", ErrBadQuantity, name, clip(value), MaxMicro)
		}
		*r.rate = m
		return nil
	}
	return fmt.Errorf("%w: a price has no %q; its parts are core, memory, disk, parked, start and unit", ErrBadQuantity, clip(name))
}
