package scenario

import (
	"math"
	"slices"
	"time"

	"caravela/market"
	"caravela/simulator"
	"caravela/simulator/strategies"
)

// configure translates a checked spec into the engine's words.
func (l *loader) configure() {
	s := &l.s.Spec
	c := simulator.DefaultConfig()
	c.Nodes, c.Seed, c.Duration, c.Sample = int(s.Nodes), uint64(s.Seed), s.Duration, s.Sample
	c.Overlay = simulator.Overlay{
		K: int(s.Overlay.Bucket), Alpha: int(s.Overlay.Alpha), Beta: int(s.Overlay.Beta),
		Oracle: s.Overlay.Model == "oracle", Rebuild: s.Overlay.Rebuild,
	}
	c.Network = simulator.Network{
		Latency: s.Network.Latency, Spread: s.Network.Spread, Loss: s.Network.Loss, NAT: ppm(s.Network.NAT), Relay: s.Network.Relay,
		Dialled: s.Network.Dialled, Bandwidth: int64(s.Network.Bandwidth), Names: s.Network.Regions,
	}
	l.params(&c.Params)
	for _, p := range s.Partitions {
		c.Cuts = append(c.Cuts, simulator.Cut{From: p.From, Until: p.Until, Every: p.Every, Regions: l.regions(p.Regions), Share: ppm(p.Share)})
	}
	for _, o := range s.Outages {
		c.Outages = append(c.Outages, simulator.Outage{From: o.From, Until: o.Until, Regions: l.regions(o.Regions)})
	}
	c.Life = simulator.Life{
		Session: l.law("life.session", s.Life.Session), Absence: l.law("life.absence", s.Life.Absence),
		Crash: ppm(s.Life.Crash), LoseDisk: ppm(s.Life.LoseDisk), Keep: ppm(s.Life.Keep), Events: l.lifeTrace(),
	}
	f := &s.Faults
	c.Faults = simulator.Faults{
		Slow: ppm(f.Slow), Delay: f.Delay, Silent: ppm(f.Silent), Boasters: ppm(f.Boasters), Refusers: ppm(f.Refusers),
		Stale: ppm(f.Stale), EngineFail: ppm(f.EngineFail),
		Overbillers: ppm(f.Overbillers), Mispricers: ppm(f.Mispricers), NoShows: ppm(f.NoShows), Replayers: ppm(f.Replayers),
		Deadbeats: ppm(f.Deadbeats), Quitters: ppm(f.Quitters),
	}
	c.Money = l.money()
	c.Load = l.load()
	if make := strategies.Named(s.Strategy); make != nil {
		c.Machine = make
	}
	l.s.Config = c
}

// money is what the dearest suppliers ask for.
func (l *loader) money() simulator.Money {
	p, m := &l.s.Price, &l.s.Metering
	price := market.Price{Unit: "credit", Core: micro(p.Core), Memory: micro(p.Memory), Start: micro(p.Start)}
	if price.IsFree() {
		return simulator.Money{}
	}
	t := &market.Terms{Price: price, Interval: m.Interval, Bear: int(m.Bear), Grace: m.Grace, Notice: market.DefaultNotice}
	if err := t.Validate(); err != nil {
		l.b.problem("metering", "see the limits of terms in docs/protocol.md", "%v", err)
	}
	return simulator.Money{Terms: t, Spread: ppm(p.Spread), Credit: m.Credit, Settle: m.Settle}
}

func micro(units float64) market.Micro { return market.Micro(math.Round(units * 1e6)) }

func ppm(share float64) int { return int(math.Round(share * 1e6)) }

func (l *loader) params(p *market.Params) {
	m := &l.s.Market
	set(&p.Refresh, m.Refresh)
	set(&p.OfferTTL, m.OfferTTL)
	set(&p.Resettle, m.Resettle)
	set(&p.Grant, m.Grant)
	set(&p.Term, m.Term)
	set(&p.Replicas, int(m.Replicas))
	set(&p.SplitAt, int(m.SplitAt))
	if err := p.Validate(); err != nil {
		l.b.problem("market", "see the limits of market parameters in docs/protocol.md", "%v", err)
	}
}

func set[T comparable](to *T, v T) {
	var zero T
	if v != zero {
		*to = v
	}
}

func (l *loader) regions(names []string) (out []int) {
	for _, n := range names {
		out = append(out, slices.Index(l.s.Network.Regions, n))
	}
	return out
}

func (l *loader) law(key string, w Law) simulator.Law {
	scale := w.Mean
	switch w.Law {
	case "always":
		return simulator.Always(w.Value)
	case "exponential":
		if w.Median > 0 {
			scale = time.Duration(float64(w.Median) / math.Ln2)
		}
		return simulator.Exponential(scale)
	case "weibull":
		scale = time.Duration(float64(w.Mean) / math.Gamma(1+1/w.Shape))
		if w.Median > 0 {
			scale = time.Duration(float64(w.Median) / math.Pow(math.Ln2, 1/w.Shape))
		}
		return simulator.Weibull(scale, w.Shape)
	case "trace":
		return simulator.Empirical(l.durations(key+".file", w.File))
	}
	return nil
}

func (l *loader) load() simulator.Load {
	s, d := &l.s.Spec, &l.s.Load
	out := simulator.Load{
		Tick: d.Tick, Warmup: s.Warmup, Lasts: d.Lasts, Rate: int(math.Round(d.Rate * 1000)), Size: hundredths(d.Size), Every: d.Every,
		From: d.From, Until: d.Until, Lifetime: l.law("load.lifetime", d.Lifetime), Renew: d.Renew,
	}
	for _, r := range d.Deploy {
		out.Deploy = append(out.Deploy, hundredths(r))
	}
	for _, r := range d.Stop {
		out.Stop = append(out.Stop, hundredths(r))
	}
	for _, m := range s.Machines {
		out.Machines = append(out.Machines, simulator.Machine{Class: market.CPUClass(m.Class), CPU: m.CPUs, Memory: m.Memory, Share: hundredths(m.Share)})
	}
	for _, p := range s.Profiles {
		out.Profiles = append(out.Profiles, profile(p))
	}
	switch d.Arrivals {
	case "poisson":
		out.Arrivals = simulator.Poisson
	case "bursts":
		out.Arrivals = simulator.Bursts
	case "trace":
		out.Arrivals = simulator.Trace
		out.Profiles, out.Trace = l.requestTrace()
	case "none":
		out.Arrivals = simulator.NoArrivals
	}
	return out
}

func profile(p Profile) simulator.Profile {
	q := simulator.Profile{
		Class: market.CPUClass(p.Class), CPU: p.CPUs, Memory: p.Memory, Share: hundredths(p.Share), Replicas: int(p.Replicas),
		Apart: p.Place == "apart", Together: p.Place == "together", Region: p.Region,
	}
	switch p.Prefer {
	case "spread":
		q.Strategy = market.Spread
	case "cheapest":
		q.Strategy = market.Cheapest
	}
	return q
}

func hundredths(percent float64) int { return int(math.Round(percent * 100)) }
