package configuration

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"caravela/market"
)

// Rates returns the price vector, in the market's vocabulary. What costs
// nothing has no unit.
func (p *Price) Rates() market.Price {
	v := market.Price{Unit: p.Unit, Core: p.Core, Memory: p.Memory, Disk: p.Disk, Parked: p.Parked, Start: p.Start}
	if v.IsFree() {
		v.Unit = ""
	}
	return v
}

func (c *Config) validateMoney(check checker) {
	p := &c.Price
	check(p.Unit != "" && (&market.Price{Unit: p.Unit}).Validate() == nil, "price.unit", "give 1 to 16 letters, such as credit or EUR", "%q is not a unit", p.Unit)
	for key, rate := range map[string]market.Micro{
		"price.core": p.Core, "price.memory": p.Memory, "price.disk": p.Disk, "price.parked": p.Parked, "price.start": p.Start,
	} {
		check(rate <= market.MaxMicro, key, "use a larger unit", "%v is more than %v", rate, market.MaxMicro)
	}
	check(len(p.Command) == 0 || filepath.IsAbs(p.Command[0]), "price.command", `give the program with its whole path, as in ["/usr/local/bin/price"]`, "%q is not an absolute path", strings.Join(p.Command[:min(1, len(p.Command))], ""))
	check(len(p.Command) <= maxCommand, "price.command", "put the rest into a script", "%d arguments; at most %d", len(p.Command), maxCommand)
	l := &c.Lease
	whole := func(key string, d, least, most time.Duration) {
		check(d >= least && d <= most && d%time.Second == 0, key, "give whole seconds, "+FormatDuration(least)+" to "+FormatDuration(most), "%s is out of range", FormatDuration(d))
	}
	whole("lease.interval", l.Interval, market.MinInterval, market.MaxInterval)
	whole("lease.grace", l.Grace, 0, market.MaxGrace)
	whole("lease.notice", l.Notice, 0, market.MaxGrace)
	check(l.Bear >= 0 && l.Bear <= market.MaxBear, "lease.bear", "give 0 to 1000", "%d is out of range", l.Bear)
	check(c.Credit.Unknown >= time.Second, "credit.unknown", "give at least 1s; with lease.bear x lease.interval + lease.grace above it, nobody without a limit of its own can buy", "%s lends nothing", FormatDuration(c.Credit.Unknown))
	check(c.Ledger.Keep >= 0, "ledger.keep", "give 90d, or 0s to keep all for ever", "%s is negative", FormatDuration(c.Ledger.Keep))
}

// maxCommand bounds a price command's arguments.
const maxCommand = 32

// EventTypes are the types of events that a node tells.
func EventTypes() []string {
	return []string{"container", "lease", "notice", "bill", "usage", "ledger", "offer", "peer", "node", "engine", "webhook"}
}

func (c *Config) validateWebhook(check checker) {
	w := &c.Webhook
	if w.URL != "" {
		u, err := url.Parse(w.URL)
		good := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.Fragment == ""
		check(good, "webhook.url", "give http://host/path or https://host/path, without a password", "%q is not a web address", redacted(w.URL))
	}
	check(w.SecretFile == "" || filepath.IsAbs(w.SecretFile), "webhook.secret-file", "give a path that begins with /", "%q is not an absolute path", w.SecretFile)
	for _, e := range w.Events {
		check(slices.Contains(EventTypes(), e) && e != "webhook", "webhook.events", "give some of "+strings.Join(EventTypes()[:len(EventTypes())-1], ", "), "%q is not a type of event", e)
	}
}

// redacted is an address without what may be a password.
func redacted(s string) string {
	if _, host, ok := strings.Cut(s, "@"); ok {
		return "...@" + host
	}
	return s
}
