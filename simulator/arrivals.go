package simulator

import (
	"math"
	"time"

	"caravela/market"
)

// driver makes the load happen, and judges what becomes of it. It runs
// between windows only.
type driver struct {
	s     *Sim
	tick  int
	refs  uint64
	live  [][]liveUnit // by profile, oldest first
	ends  mail         // of units with a lifetime
	rng   market.Rand
	specs []market.Spec // by profile
	unit  []int64       // waiting times of mean lawUnit
	row   int           // the next of the trace
	lasts map[uint64]time.Duration
	index cells
	news  []news // of one window
}

type liveUnit struct {
	buyer uint32
	unit  market.LeaseID
}

// lawUnit is 1 in a table of integers.
const lawUnit = 1 << 20

func newDriver(s *Sim) driver {
	l := &s.c.Load
	d := driver{s: s, live: make([][]liveUnit, len(l.Profiles)), rng: market.Rand(mix(s.c.Seed, 4)), lasts: map[uint64]time.Duration{}}
	for i := range l.Profiles {
		d.specs = append(d.specs, market.Spec{Image: "w", Limits: l.Profiles[i].need()})
	}
	if l.Arrivals == Poisson {
		for i := range lawSteps {
			d.unit = append(d.unit, int64(math.Round(-lawUnit*math.Log1p(-(float64(i)+.5)/lawSteps))))
		}
	}
	for i := range s.nodes {
		d.index.put(&s.nodes[i])
	}
	return d
}

// next is when there is something to do.
func (d *driver) next() time.Duration {
	ends := d.ends.next()
	if d.s.c.Load.Arrivals == NoArrivals {
		return ends
	}
	return min(ends, d.s.c.Load.Warmup+time.Duration(d.tick)*d.length())
}

// length is that of a tick, whose requests are drawn at its beginning.
func (d *driver) length() time.Duration {
	switch l := &d.s.c.Load; l.Arrivals {
	case Phases:
		return l.Tick
	case Bursts:
		return l.Every
	}
	return time.Second
}

// upTo draws the requests and stops of the tick that begins at t.
func (d *driver) upTo(t time.Duration) {
	for d.ends.next() <= t {
		l := d.ends.pop()
		d.give(l.to, t, l.event)
	}
	l := &d.s.c.Load
	if l.Arrivals == NoArrivals || t < l.Warmup+time.Duration(d.tick)*d.length() {
		return
	}
	since := time.Duration(d.tick) * d.length()
	d.tick++
	switch active := since >= l.From && (l.Until == 0 || since < l.Until); {
	case l.Arrivals == Phases:
		d.phase(t)
	case l.Arrivals == Trace:
		d.trace(since)
	case !active:
	case l.Arrivals == Poisson:
		for range d.poisson(int64(l.Rate) * int64(len(d.s.nodes)) * int64(d.length()/time.Second)) {
			d.request(t, d.length())
		}
	case l.Arrivals == Bursts:
		for range share(len(d.s.nodes), l.Size, &d.rng) {
			d.request(t, time.Second)
		}
	}
}

func (d *driver) phase(t time.Duration) {
	l := &d.s.c.Load
	n := len(d.s.nodes)
	phase := min(len(l.Deploy)-1, int(time.Duration(d.tick-1)*l.Tick*time.Duration(len(l.Deploy))/l.Lasts))
	for range share(n, l.Stop[phase], &d.rng) {
		d.stop(t)
	}
	for range share(n, l.Deploy[phase], &d.rng) {
		d.request(t, l.Tick)
	}
}

// poisson draws a number with a mean of thousandths/3,600,000: it counts the
// waiting times that fit.
func (d *driver) poisson(thousandths int64) (n int) {
	left := thousandths * lawUnit / 3_600_000
	for {
		if left -= d.unit[d.rng.Uint64()%lawSteps]; left < 0 {
			return n
		}
		n++
	}
}

func (d *driver) trace(since time.Duration) {
	l := &d.s.c.Load
	for ; d.row < len(l.Trace) && l.Trace[d.row].At < since+d.length(); d.row++ {
		a := &l.Trace[d.row]
		to := d.anybody()
		if a.Node >= 0 {
			to = uint32(uint64(a.Node) % uint64(len(d.s.nodes)))
		}
		if ref := d.ask(to, l.Warmup+max(a.At, since), int(a.Profile)); a.Lifetime > 0 {
			d.lasts[ref] = a.Lifetime
		}
	}
}

// share is hundredths of a percent of n, the rest by chance.
func share(n, parts int, r *market.Rand) int {
	whole := n * parts
	k := whole / 10000
	if r.IntN(10000) < whole%10000 {
		k++
	}
	return k
}

func (d *driver) give(to uint32, at time.Duration, ev market.Event) {
	d.refs++
	d.s.part(to).push(letter{at: at, to: to, from: 1<<32 - 1, counter: uint32(d.refs), kind: local, event: ev})
}

// request draws one, somewhere within a span of time.
func (d *driver) request(t, span time.Duration) {
	k := d.s.c.Load.profile(d.rng.Uint64())
	at := t + time.Duration(d.rng.IntN(int(span)))
	d.ask(d.anybody(), at, k)
}

// anybody is a node that is up; it is drawn from a few.
func (d *driver) anybody() (i uint32) {
	for range 8 {
		if i = uint32(d.rng.IntN(len(d.s.nodes))); d.s.nodes[i].up {
			break
		}
	}
	return i
}

func (d *driver) ask(to uint32, at time.Duration, k int) (ref uint64) {
	p := &d.s.c.Load.Profiles[k]
	ref = uint64(k)<<56 | (d.refs + 1)
	w := market.Wanted{
		Ref: ref, Spec: &d.specs[k], Replicas: p.replicas(), Apart: p.Apart, Together: p.Together, Renew: market.RenewNever,
		Want: market.Want{Need: p.need(), Class: p.Class, Platform: platform, Strategy: p.Strategy},
	}
	if d.s.c.Load.Renew {
		w.Renew = market.RenewAuto
	}
	if p.Region != "" {
		w.Want.Constraints = []market.Constraint{{Key: "region", Value: p.Region}}
	}
	d.give(to, at, w)
	return ref
}

func (d *driver) stop(t time.Duration) {
	k := d.s.c.Load.profile(d.rng.Uint64())
	if len(d.live[k]) == 0 {
		return
	}
	u := d.live[k][len(d.live[k])-1]
	d.live[k] = d.live[k][:len(d.live[k])-1]
	d.give(u.buyer, t+time.Duration(d.rng.IntN(int(d.s.c.Load.Tick))), d.removal(u))
}

func (d *driver) removal(u liveUnit) market.Event {
	return market.Ordered{Ref: d.refs, Cmd: market.StopContainer{Unit: u.unit, Op: market.OpRemove}}
}

// place remembers the units of a request, and when they end.
func (d *driver) place(x *news) {
	life, ok := d.lasts[x.req.ref]
	delete(d.lasts, x.req.ref)
	if law := d.s.c.Load.Lifetime; !ok && len(law) > 0 {
		life, ok = law.draw(d.rng.Uint64()), true
	}
	for _, unit := range x.req.units {
		u := liveUnit{x.node, unit}
		if !ok {
			d.live[x.req.profile] = append(d.live[x.req.profile], u)
			continue
		}
		d.refs++
		d.ends.push(letter{at: x.at + life, to: u.buyer, counter: uint32(d.refs), event: d.removal(u)})
	}
}

func (d *driver) replicas(x *news) int { return d.s.c.Load.Profiles[x.req.profile].replicas() }
