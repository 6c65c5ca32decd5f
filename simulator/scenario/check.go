package scenario

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"caravela/configuration"
	"caravela/market"
	"caravela/simulator/report"
	"caravela/simulator/strategies"
)

// Bounds of what a scenario may ask for.
const (
	MaxNodes    = 1 << 24
	maxDuration = 31 * configuration.Day
	maxKinds    = 250 // of machines, and of requests
	maxRegions  = 64
)

// check finds everything that cannot be.
func (l *loader) check() {
	l.checkRun()
	l.checkNetwork()
	l.checkEvents()
	l.checkLife()
	l.checkKinds()
	l.checkDemand()
	l.checkMoney()
	l.checkExpect()
}

// need reports a problem unless ok.
func (l *loader) need(ok bool, key, remedy, format string, args ...any) {
	if !ok {
		l.b.problem(key, remedy, format, args...)
	}
}

func (l *loader) oneOf(key, value string, known ...string) {
	if slices.Contains(known, value) {
		return
	}
	remedy := "one of " + strings.Join(known, ", ")
	if best, ok := configuration.Nearest(value, known); ok {
		remedy = fmt.Sprintf("did you mean %q? %s", best, remedy)
	}
	l.b.problem(key, remedy, "no %q", value)
}

// share needs a number from 0 to 1.
func (l *loader) share(key string, v float64) {
	l.need(v >= 0 && v <= 1, key, "0.01 is one in a hundred", "%v is not a share from 0 to 1", v)
}

func (l *loader) checkRun() {
	s := &l.s.Spec
	l.need(market.ValidName(s.Name), "name", "letters, digits, - and _", "%q is not a name", s.Name)
	l.need(s.Nodes >= 2 && s.Nodes <= MaxNodes, "nodes", "", "%d is not between 2 and %d", s.Nodes, MaxNodes)
	l.need(s.Seed >= 0, "seed", "", "%d is negative", s.Seed)
	l.need(s.Duration > 0 && s.Duration <= maxDuration, "duration", "", "%v is not between 0 and 31d", s.Duration)
	l.need(s.Warmup >= time.Second && s.Warmup < s.Duration, "warmup", "nodes start within the warm-up, requests come after it", "%v is not between 1s and the duration, %v", s.Warmup, s.Duration)
	l.need(s.Sample == 0 || s.Sample >= time.Second && s.Duration/s.Sample <= 100_000, "sample", "at least 1s, at most 100,000 points", "%v is too short", s.Sample)
	l.oneOf("strategy", s.Strategy, strategies.Names()...)
	l.oneOf("overlay.model", s.Overlay.Model, "kademlia", "oracle")
	between := func(key string, v, low, high int64) {
		l.need(v >= low && v <= high, key, "", "%d is not between %d and %d", v, low, high)
	}
	between("overlay.bucket", s.Overlay.Bucket, 1, 64)
	between("overlay.alpha", s.Overlay.Alpha, 1, 64)
	between("overlay.beta", s.Overlay.Beta, 1, s.Overlay.Bucket)
	l.need(s.Overlay.Rebuild >= time.Minute, "overlay.rebuild", "", "%v is less than 1m", s.Overlay.Rebuild)
}

func (l *loader) checkNetwork() {
	n := &l.s.Network
	l.need(len(n.Regions) > 0 && len(n.Regions) <= maxRegions, "network.regions", "", "%d regions are not between 1 and %d", len(n.Regions), maxRegions)
	for i, r := range n.Regions {
		l.need(r != "" && !slices.Contains(n.Regions[:i], r), "network.regions", "", "%q is empty or named twice", r)
	}
	if n.LatencyFile != "" {
		l.latencyFile(n)
	}
	l.checkLatency(n)
	l.need(n.Spread >= 0 && n.Spread <= 10*time.Second, "network.spread", "", "%v is not between 0 and 10s", n.Spread)
	l.share("network.loss", n.Loss)
	l.need(n.Loss < 0.9 || n.Loss > 1, "network.loss", "", "with %v of the messages lost nothing works", n.Loss)
	l.share("network.nat", n.NAT)
	l.need(n.NAT < 1, "network.nat", "somebody must relay", "all nodes are behind NAT")
	l.need(n.Relay >= 0 && n.Relay <= 10*time.Second, "network.relay", "", "%v is not between 0 and 10s", n.Relay)
	l.need(n.Bandwidth == 0 || n.Bandwidth >= 1000, "network.bandwidth", "", "%v a second is less than a message", n.Bandwidth)
}

func (l *loader) checkLatency(n *Network) {
	if len(n.Latency) != len(n.Regions) {
		l.b.problem("network.latency", "one row a region", "%d rows for %d regions", len(n.Latency), len(n.Regions))
		return
	}
	for i, row := range n.Latency {
		if len(row) != len(n.Regions) {
			l.b.problem("network.latency", "one column a region", "row %d has %d columns for %d regions", i+1, len(row), len(n.Regions))
			return
		}
	}
	for i, row := range n.Latency {
		for j, d := range row {
			l.need(d >= time.Millisecond && d <= 10*time.Second, "network.latency", "", "%v from %s to %s is not between 1ms and 10s", d, n.Regions[i], n.Regions[j])
			l.need(i >= j || d == n.Latency[j][i], "network.latency", "links are the same in both directions", "%s to %s takes %v, back %v", n.Regions[i], n.Regions[j], d, n.Latency[j][i])
		}
	}
}

func (l *loader) checkEvents() {
	period := func(key string, from, until time.Duration) {
		l.need(from >= 0 && from < until, key, "from comes before until", "lasts from %v until %v", from, until)
		l.need(from < l.s.Duration, key, "lengthen the duration, or let it begin earlier", "begins at %v, after the end of the run at %v", from, l.s.Duration)
	}
	regions := func(key string, names []string) {
		for _, r := range names {
			l.need(slices.Contains(l.s.Network.Regions, r), key, "regions are "+strings.Join(l.s.Network.Regions, ", "), "no region %q", r)
		}
		l.need(len(names) < len(l.s.Network.Regions) || len(names) == 0, key, "leave one region out", "takes all regions")
	}
	for i, p := range l.s.Partitions {
		key := fmt.Sprintf("partition[%d]", i+1)
		period(key, p.From, p.Until)
		regions(key, p.Regions)
		l.need(p.Every == 0 || p.Every > p.Until-p.From, key+".every", "0 = once", "%v is shorter than the partition itself", p.Every)
		l.need((len(p.Regions) > 0) != (p.Share > 0 && p.Share < 1), key, "either regions, or a share between 0 and 1", "says not who is cut off, or says it twice")
	}
	for i, o := range l.s.Outages {
		key := fmt.Sprintf("outage[%d]", i+1)
		period(key, o.From, o.Until)
		regions(key, o.Regions)
		l.need(len(o.Regions) > 0, key, `regions = ["eu"]`, "names no region")
	}
}

func (l *loader) checkLife() {
	f := &l.s.Life
	l.checkLaw("life.session", &f.Session)
	l.checkLaw("life.absence", &f.Absence)
	l.share("life.crash", f.Crash)
	l.share("life.lose_disk", f.LoseDisk)
	l.share("life.keep", f.Keep)
	l.need(f.Keep+f.LoseDisk <= 1, "life.keep", "a crash that loses the disk ends its containers", "keep and lose_disk are more than 1 together")
	laws := f.Session.Law != "" || f.Absence.Law != ""
	l.need(f.Trace == "" || !laws, "life.trace", "either a trace, or laws", "trace beside session and absence")
	l.need(f.Absence.Law == "" || f.Session.Law != "", "life.absence", "[life] session = ...", "absence without sessions")
	a, sum := &l.s.Faults, 0.0
	for _, f := range []struct {
		key   string
		share float64
	}{{"slow", a.Slow}, {"silent", a.Silent}, {"boasters", a.Boasters}, {"refusers", a.Refusers}, {"stale", a.Stale},
		{"overbillers", a.Overbillers}, {"mispricers", a.Mispricers}, {"no_shows", a.NoShows}, {"replayers", a.Replayers}, {"deadbeats", a.Deadbeats}, {"quitters", a.Quitters}} {
		l.share("faults."+f.key, f.share)
		sum += f.share
	}
	l.share("faults.engine_fail", a.EngineFail)
	l.need(sum <= 1+1e-9, "faults", "each node has one fault at most", "the shares of all kinds of faulty nodes are %.3g together", sum)
	l.need(a.Delay >= 0 && a.Delay <= time.Minute, "faults.delay", "", "%v is not between 0 and 1m", a.Delay)
}

func (l *loader) checkLaw(key string, w *Law) {
	positive := func(name string, d time.Duration) { l.need(d > 0, key+"."+name, "", "is missing, or not above 0") }
	switch w.Law {
	case "":
		l.need(*w == Law{}, key, `law = "exponential"`, "has values and no law")
	case "always":
		positive("value", w.Value)
	case "exponential", "weibull":
		l.need((w.Mean > 0) != (w.Median > 0), key, `law = "exponential", median = "1h"`, "needs either a mean or a median")
		l.need(w.Law == "weibull" && w.Shape >= 0.2 && w.Shape <= 10 || w.Law == "exponential" && w.Shape == 0, key+".shape", "0.2 to 10 with weibull, none with exponential", "%v does not go with the law", w.Shape)
	case "trace":
		l.need(w.File != "", key+".file", "one duration a line", "is missing")
	default:
		l.oneOf(key+".law", w.Law, "always", "exponential", "weibull", "trace")
	}
}

func (l *loader) checkKinds() {
	shares := func(kind string, n int, share func(int) float64) {
		l.need(n > 0 && n <= maxKinds, kind, "[["+kind+"]]", "%d kinds are not between 1 and %d", n, maxKinds)
		sum := 0.0
		for i := range n {
			s := share(i)
			l.need(s > 0 && math.Abs(s*100-math.Round(s*100)) < 1e-6, fmt.Sprintf("%s[%d].share", kind, i+1), "hundredths of a percent at least", "%v is no share in percent", s)
			sum += s
		}
		l.need(n == 0 || math.Abs(sum-100) < 1e-6, kind, "the shares of all add up to 100", "the shares add up to %.4g", sum)
	}
	shares("machine", len(l.s.Machines), func(i int) float64 { return l.s.Machines[i].Share })
	for i, m := range l.s.Machines {
		key := fmt.Sprintf("machine[%d]", i+1)
		l.need(m.CPUs > 0 && m.Memory > 0, key, "cpus = 4 and memory = \"8g\"", "has no CPUs or no memory")
		l.need(m.Class >= 1 && m.Class <= 4, key+".class", "an x86-64 level", "%d is not between 1 and 4", m.Class)
	}
	if l.s.Load.Arrivals == "trace" {
		return // the trace says what is asked for
	}
	shares("profile", len(l.s.Profiles), func(i int) float64 { return l.s.Profiles[i].Share })
	for i, p := range l.s.Profiles {
		l.checkProfile(fmt.Sprintf("profile[%d]", i+1), p)
	}
}

func (l *loader) checkProfile(key string, p Profile) {
	l.need(p.CPUs > 0 && p.Memory > 0, key, "cpus = 0.5 and memory = \"512m\"", "asks for no CPUs or no memory")
	l.need(p.Class >= 1 && p.Class <= 4, key+".class", "an x86-64 level", "%d is not between 1 and 4", p.Class)
	l.need(p.Replicas >= 0 && p.Replicas <= 32, key+".replicas", "", "%d is not between 1 and 32", p.Replicas)
	l.oneOf(key+".place", p.Place, "", "any", "apart", "together")
	l.oneOf(key+".prefer", p.Prefer, "", "binpack", "spread", "cheapest")
	l.need(p.Region == "" || slices.Contains(l.s.Network.Regions, p.Region), key+".region", "regions are "+strings.Join(l.s.Network.Regions, ", "), "no region %q", p.Region)
}

func (l *loader) checkDemand() {
	d := &l.s.Load
	l.checkLaw("load.lifetime", &d.Lifetime)
	l.need(d.Rate >= 0 || d.Arrivals == "poisson", "load.rate", `arrivals = "poisson" takes a rate`, "%v is negative", d.Rate)
	l.need(d.Size >= 0 || d.Arrivals == "bursts", "load.size", `arrivals = "bursts" takes a size`, "%v is negative", d.Size)
	switch d.Arrivals {
	case "phases":
		l.checkPhases(d)
	case "poisson":
		l.need(d.Rate > 0 && d.Rate <= 10_000, "load.rate", "requests a node and hour", "%v is not above 0 and at most 10,000", d.Rate)
	case "bursts":
		l.need(d.Size > 0 && d.Size <= 1000, "load.size", "percent of the nodes", "%v is not above 0 and at most 1000", d.Size)
		l.need(d.Every >= time.Second, "load.every", `every = "10m"`, "%v is less than 1s", d.Every)
	case "trace":
		l.need(d.Trace != "", "load.trace", `trace = "requests.csv"`, "is missing")
	case "none":
	default:
		l.oneOf("load.arrivals", d.Arrivals, "phases", "poisson", "bursts", "trace", "none")
	}
	l.need(d.Trace == "" || d.Arrivals == "trace", "load.trace", `arrivals = "trace"`, "a trace beside other arrivals")
	l.need(d.From >= 0 && (d.Until == 0 || d.Until > d.From), "load.until", "", "%v does not come after %v", d.Until, d.From)
}

func (l *loader) checkPhases(d *Demand) {
	l.need(d.Tick >= time.Second, "load.tick", `tick = "20s"`, "%v is less than 1s", d.Tick)
	l.need(d.Lasts >= d.Tick, "load.lasts", `lasts = "2h"`, "%v is less than a tick", d.Lasts)
	l.need(len(d.Deploy) > 0 && len(d.Deploy) == len(d.Stop), "load.deploy", "deploy and stop have one number a phase", "%d phases of deploy, %d of stop", len(d.Deploy), len(d.Stop))
	for _, list := range []struct {
		key   string
		rates []float64
	}{{"load.deploy", d.Deploy}, {"load.stop", d.Stop}} {
		for _, r := range list.rates {
			l.need(r >= 0 && r <= 100, list.key, "percent of the nodes a tick", "%v is not between 0 and 100", r)
		}
	}
}

func (l *loader) checkMoney() {
	p, m, f := &l.s.Price, &l.s.Metering, &l.s.Faults
	for _, rate := range []struct {
		key   string
		units float64
	}{{"core", p.Core}, {"memory", p.Memory}, {"start", p.Start}} {
		l.need(rate.units >= 0 && rate.units <= 1e6, "price."+rate.key, "units of money an hour", "%v is not between 0 and a million", rate.units)
	}
	l.share("price.spread", p.Spread)
	l.need(m.Interval >= time.Second, "metering.interval", `interval = "1m"`, "%v is less than 1s", m.Interval)
	l.need(m.Bear >= 1 && m.Bear <= market.MaxBear, "metering.bear", "", "%d is not between 1 and %d", m.Bear, market.MaxBear)
	l.need(m.Credit >= time.Second && m.Credit <= maxDuration, "metering.credit", `credit = "1h"`, "%v is not between 1s and 31d", m.Credit)
	l.need(m.Settle == 0 || m.Settle >= time.Minute, "metering.settle", "0s = never", "%v is less than 1m", m.Settle)
	free := p.Core == 0 && p.Memory == 0 && p.Start == 0
	cheats := f.Overbillers + f.Mispricers + f.NoShows + f.Replayers + f.Deadbeats + f.Quitters
	l.need(cheats == 0 || !free, "faults", "[price] core = 0.01", "nobody can cheat where everything is free")
}

// checkExpect reads the bounds, which name metrics of the summary.
func (l *loader) checkExpect() {
	for _, name := range sortedKeys(l.s.Expect) {
		key := "expect." + name
		if !slices.Contains(report.Metrics(), name) {
			remedy := "names are those of summary.json"
			if best, ok := configuration.Nearest(name, report.Metrics()); ok {
				remedy = fmt.Sprintf("did you mean %s?", best)
			}
			l.b.problem(key, remedy, "no such metric")
			continue
		}
		text, _ := l.s.Expect[name].(string)
		b, err := report.ParseBound(name, text)
		if err != nil {
			l.b.problem(key, fmt.Sprintf(`%s = ">= 0.999"`, name), "%v", err)
			continue
		}
		l.s.Bounds = append(l.s.Bounds, b)
	}
}
