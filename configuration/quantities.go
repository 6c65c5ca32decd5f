package configuration

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"caravela/market"
)

// Day is what "d" stands for in a duration.
const Day = 24 * time.Hour

// maxDuration bounds every duration that a user types.
const maxDuration = 3650 * Day

// ParseDuration reads "90s", "1h30m", "7d" and "2d12h". Days have 24 hours.
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration such as 90s, 1h30m or 7d", s)
	rest, days := s, int64(0)
	if head, tail, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 32)
		if err != nil {
			return 0, bad
		}
		days, rest = int64(n), tail
	}
	var d time.Duration
	if rest != "" || s == "" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return 0, bad
		}
	}
	if d < 0 || d > maxDuration || days > int64(maxDuration/Day) {
		return 0, fmt.Errorf("%q lies outside 0 to 3650d", s)
	}
	return time.Duration(days)*Day + d, nil
}

// FormatDuration writes d as ParseDuration reads it, with the fewest parts:
// "7d", "1h30m", "90s" becomes "1m30s".
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "0s"
	}
	var b strings.Builder
	if days := d / Day; days > 0 {
		fmt.Fprintf(&b, "%dd", days)
		d %= Day
	}
	if d > 0 {
		s := d.String()
		if strings.HasSuffix(s, "m0s") {
			s = strings.TrimSuffix(s, "0s")
		}
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		b.WriteString(s)
	}
	return b.String()
}

// Factor is a ratio in thousandths: 1500 is 1.5.
type Factor int64

// ParseFactor reads "1", "1.5", with three decimals at most.
func ParseFactor(s string) (Factor, error) {
	n, err := market.ParseCPU(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a factor such as 1 or 1.5", s)
	}
	return Factor(n), nil
}

// String returns the factor in decimal, without trailing zeros.
func (f Factor) String() string { return market.MilliCPU(f).String() }

// Of returns f times n, rounded down.
func (f Factor) Of(n int64) int64 { return n/1000*int64(f) + n%1000*int64(f)/1000 }

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads "30000-31000", or one port.
func ParsePortRange(s string) (PortRange, error) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		last = first
	}
	a, errA := strconv.ParseUint(first, 10, 16)
	b, errB := strconv.ParseUint(last, 10, 16)
	if errA != nil || errB != nil || a == 0 || a > b {
		return PortRange{}, fmt.Errorf("%q is not a range of ports such as 30000-31000", s)
	}
	return PortRange{uint16(a), uint16(b)}, nil
}

// String returns the form that ParsePortRange reads.
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Contains reports whether p lies in the range.
func (r PortRange) Contains(p uint16) bool { return r.First <= p && p <= r.Last }

// parseListen reads "192.0.2.1:7401" or "[::1]:7401"; ":7401" and "7401" stand
// for every address of both families.
func parseListen(s string) ([]netip.AddrPort, error) {
	if port, err := strconv.ParseUint(strings.TrimPrefix(s, ":"), 10, 16); err == nil {
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)),
			netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port)),
		}, nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return nil, fmt.Errorf("%q is not IP:PORT such as 0.0.0.0:7401 or [::]:7401", s)
	}
	return []netip.AddrPort{a}, nil
}

// ParseLabels reads entries of the form KEY=VALUE and sorts them; of two with
// the same key it refuses.
func ParseLabels(entries []string) ([]market.Label, error) {
	labels := make([]market.Label, 0, len(entries))
	for _, e := range entries {
		k, v, ok := strings.Cut(e, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%q is not KEY=VALUE", e)
		}
		labels = append(labels, market.Label{Key: k, Value: v})
	}
	sortLabels(labels)
	if err := market.ValidLabels(labels); err != nil {
		return nil, err
	}
	return labels, nil
}

func parseAuto[T ~int64](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		if s == "auto" {
			return 0, nil
		}
		n, err := parse(s)
		if err == nil && n == 0 {
			return 0, fmt.Errorf("%q sells nothing", s)
		}
		return n, err
	}
}

func formatAuto[T interface {
	~int64
	String() string
}](n T) string {
	if n == 0 {
		return "auto"
	}
	return n.String()
}
