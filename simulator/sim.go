package simulator

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"caravela/discovery"
	"caravela/market"
)

// Config is one run. Zero fields take the defaults of DefaultConfig.
type Config struct {
	Nodes    int
	Seed     uint64
	Duration time.Duration
	Params   market.Params
	Network  Network
	Overlay  Overlay
	Load     Load
	Life     Life
	Faults   Faults
	Cuts     []Cut
	Outages  []Outage
	Money    Money
	Machine  MakeMachine // nil = discovery.New
	Workers  int         // partitions stepped at once; 0 = as many as pay

	Check  int            // parts of a million peers whose invariants are checked; 0 = all up to 10,000 nodes, 1 % beyond
	Until  time.Duration  // stop at this time, as if the run went on; 0 = run to the end
	Spy    Spy            // told of every step of SpyOn; may be nil
	SpyOn  uint32         // a node
	Sample time.Duration  // virtual time between two points of the series; 0 = none
	Watch  func(Progress) // called about five times a second while the run lasts; may be nil
}

// DefaultConfig is a thousand nodes for ten minutes.
func DefaultConfig() Config {
	c := Config{Nodes: 1000, Seed: 1, Duration: 10 * time.Minute, Network: DefaultNetwork(), Load: WorkloadS()}
	c.Params = market.DefaultParams(market.NetworkID{1})
	c.Overlay = Overlay{K: 20, Alpha: 3, Beta: 3}
	return c
}

// nodesPerCore is how large a market is that keeps a core busy. In a window of
// a smaller one so little happens that two cores would wait for each other
// most of the time: with 65,535 nodes they take half as much CPU again, and no
// less time.
const nodesPerCore = 1 << 16

// Partitions is how many cores step a run's nodes. The collector uses others.
func (c *Config) Partitions() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return min(runtime.GOMAXPROCS(0), 1+c.Nodes/nodesPerCore)
}

// Start is the wall clock when a run begins: 1 January 2026.
const Start market.Wall = 1_767_225_600_000

// Sim is one run under way.
type Sim struct {
	c       Config
	net     market.NetworkID
	nodes   []node
	links   []links // of each node; nil = all are connected
	sealers []sealer
	disks   [][]market.Record // of each node; nil = nobody ever crashes
	parts   []*part
	now     time.Duration
	look    time.Duration
	load    driver
	watch   watcher
	lives   lives
	check   inspector
	tables  refresher
	joined  joined
	labels  [][]market.Label          // by region
	cuts    []*Cut                    // in force in this window
	prices  []*market.Terms           // by level; nil = everything is free
	paid    time.Duration             // all debts of before then were collected
	former  map[uint64]market.Balance // what buyers had signed a while before the end, by supplier and buyer
	calm    bool                      // little happened in the last window
	alone   uint64                    // how many events of a window are little

	stepping sync.WaitGroup // the workers in this window

	M Measures
}

// part is a share of the nodes and all that is on its way to them.
type part struct {
	s      *Sim
	mail   mail
	alarms alarms
	out    market.Outbox
	away   [][]letter         // to other partitions
	work   chan time.Duration // windows' ends, for its worker
	events uint64
	due    []uint32 // who gets letters in this window
	warmth uint64   // what was read of them ahead, for nothing else
	calls  []uint32 // nodes that were asked in lookups
	news   []news
	counts counts
	at     time.Duration // of the step under way
	fallen []uint32      // nodes that crashed within a step of this window
	old    map[uint32]oldAnswer
	over   map[market.LeaseID]struct{} // leases that suppliers ended, where nodes can crash
	wares  map[ware]*market.Stock
	till   till
	lies   map[market.LeaseID]*lie
}

// news is what happened in a window and matters to everybody.
type news struct {
	at     time.Duration
	node   uint32
	kind   newsKind
	req    openRequest
	untrue bool // given up without a true reason
}

type newsKind uint8

const (
	newsFree newsKind = iota
	newsPlaced
	newsGaveUp
)

// New prepares a run.
func New(c Config) *Sim {
	s := &Sim{c: c, net: c.Params.Network, nodes: make([]node, c.Nodes), sealers: make([]sealer, c.Nodes), look: c.Network.lookahead(), prices: c.Money.prices()}
	s.c.Workers = c.Partitions()
	s.alone = uint64(together * s.c.Workers)
	for range s.c.Workers {
		p := &part{s: s, alarms: newAlarms(c.Nodes, s.c.Workers), away: make([][]letter, s.c.Workers), over: map[market.LeaseID]struct{}{}, wares: map[ware]*market.Stock{}, till: newTill(), lies: map[market.LeaseID]*lie{}}
		s.parts = append(s.parts, p)
	}
	o := &s.c.Overlay
	o.populate(c.Nodes, func(i uint32) market.PeerID { return peerID(i, c.Seed) })
	if !c.Network.Dialled {
		s.links = make([]links, c.Nodes)
	}
	for i := range s.nodes {
		s.populate(uint32(i))
	}
	o.build(func(i uint32) bool { return s.nodes[i].server })
	s.load = newDriver(s)
	s.settle()
	for i := range s.nodes {
		n := &s.nodes[i]
		n.wake = s.starts(n.index)
		s.part(n.index).alarms.set(n.index, n.wake)
	}
	return s
}

func (s *Sim) part(i uint32) *part { return s.parts[int(i)%len(s.parts)] }

func (s *Sim) populate(i uint32) {
	n := &s.nodes[i]
	*n = node{index: i, up: true, fresh: true, server: true, fault: s.c.Faults.of(i, s.c.Seed)}
	if mix(uint64(i), s.c.Seed, 5)%million < uint64(s.c.Network.NAT) {
		n.nat, n.server = true, false
	}
	s.sealers[i] = sealer{s.c.Seed, i}
	n.kind = s.c.Load.machine(mix(uint64(i), s.c.Seed, 2))
	n.freeLog.reset(unset)
	s.found(n)
}

// Run steps until the duration is over, or ctx: what was measured until then
// is valid, too.
func (s *Sim) Run(ctx context.Context) *Measures {
	began := time.Now()
	cpu := cpuSeconds()
	stop := s.employ()
	defer stop()
	for s.watched(ctx, began) {
		next := min(s.load.next(), s.lives.queue.next())
		for _, p := range s.parts {
			next = min(next, p.next())
		}
		if end := s.end(); next > end {
			s.sampleUpTo(end)
			s.now = end
			break
		}
		s.sampleUpTo(next)
		s.now = next
		s.live(next)
		s.partition(next)
		s.payday(next)
		s.load.upTo(next)
		s.window(next + s.look)
		s.barrier(next + s.look)
	}
	s.M.finish(s, time.Since(began), cpuSeconds()-cpu)
	m := s.M // a pointer into s would keep all of its peers in memory
	return &m
}

// end is when the run stops.
func (s *Sim) end() time.Duration {
	if s.c.Until > 0 {
		return min(s.c.Until, s.c.Duration)
	}
	return s.c.Duration
}

// employ starts a worker for each partition but the first, which is Run's own.
func (s *Sim) employ() (stop func()) {
	var workers sync.WaitGroup
	for _, p := range s.parts[1:] {
		p.work = make(chan time.Duration)
		workers.Go(func() {
			for end := range p.work {
				p.run(end)
				s.stepping.Done()
			}
		})
	}
	return func() {
		for _, p := range s.parts[1:] {
			close(p.work)
		}
		workers.Wait()
	}
}

// together is how many events of a partition in a window are worth waking its
// worker for.
const together = 32

// window lets all partitions step up to end, each on its own; one after the
// other where so little happens that waking a worker would take longer.
func (s *Sim) window(end time.Duration) {
	var before, after uint64
	for _, p := range s.parts {
		before += p.events
	}
	for _, p := range s.parts[1:] {
		switch {
		case p.next() >= end:
		case s.calm:
			p.run(end)
		default:
			s.stepping.Add(1)
			p.work <- end
		}
	}
	s.parts[0].run(end)
	s.stepping.Wait()
	for _, p := range s.parts {
		after += p.events
	}
	s.calm = after-before < s.alone
}

// barrier carries letters over, and everything global.
func (s *Sim) barrier(end time.Duration) {
	for _, p := range s.parts {
		for q, ls := range p.away {
			for i := range ls {
				s.parts[q].push(ls[i])
				ls[i] = letter{}
			}
			p.away[q] = ls[:0]
		}
		for _, m := range p.calls {
			s.nodes[m].heard++
			s.nodes[m].sent++
			s.nodes[m].told++
		}
		p.calls = p.calls[:0]
	}
	s.load.judge()
	s.fall()
	s.refresh(end)
	s.remember(end)
	s.joined.note(s, end)
	s.inspect(end)
}

func (p *part) next() time.Duration { return min(p.mail.next(), p.alarms.next()) }

func (p *part) push(l letter) {
	if l.kind != delivered { // it is for this life of the node, and no later one
		l.life = p.s.nodes[l.to].life
	}
	p.mail.push(l)
}

// run steps the partition's nodes in order of time, up to end.
func (p *part) run(end time.Duration) {
	p.warm(end)
	for {
		mailAt, wakeAt := p.mail.next(), p.alarms.next()
		switch {
		case min(mailAt, wakeAt) >= end:
			return
		case wakeAt < mailAt: // at the same time letters come first
			p.wake(&p.s.nodes[p.alarms.heap[0].node], wakeAt)
		default:
			l := p.mail.pop()
			n := &p.s.nodes[l.to]
			switch {
			case l.kind != delivered && l.life != n.life:
			case !n.up || n.fell:
				p.bounce(n, &l)
			case l.kind == delivered:
				p.deliver(n, &l)
			case l.kind == local:
				p.step(n, l.at, l.event, l.what())
			default:
				p.step(n, l.at, market.Undelivered{To: p.s.c.Overlay.id(l.from), Msg: l.msg}, l.what())
			}
		}
	}
}

// wake is a node's alarm: the first thing that it does by itself is to boot.
func (p *part) wake(n *node, at time.Duration) {
	if n.fresh && at >= p.s.starts(n.index) {
		n.fresh = false
		boot := letter{from: n.index}
		p.step(n, at, market.Boot{}, boot.what())
		return
	}
	p.step(n, at, market.Tick{}, 1)
}

// deliver gives a node a message. The market's own peer takes it as a value,
// since an interface around each message would be a tenth of all garbage.
func (p *part) deliver(n *node, l *letter) {
	if l.from != n.index {
		n.heard++
		if !p.s.connected(n, l.from) { // a connection serves both ways
			p.s.links[n.index].connect(l.from)
		}
	}
	ev := market.Received{From: market.Ref{Peer: p.s.c.Overlay.id(l.from)}, Msg: p.deceived(n, l.msg)}
	peer, own := n.machine.(*discovery.Peer)
	if !own || n.fault != honest || n.doomed || p.s.prices != nil || p.s.c.Spy != nil {
		p.step(n, l.at, ev, l.what())
		return
	}
	now := p.begin(n, l.at, l.what())
	peer.Step(now, ev, &p.out)
	p.finish(n, l.at)
}

// begin counts an event, and empties the outbox for it.
func (p *part) begin(n *node, at time.Duration, what uint64) market.Time {
	p.events++
	p.at = at
	n.hash = mix(n.hash, uint64(at), what)
	p.out.Reset()
	return market.Time{Mono: at, Wall: Start.Add(at)}
}

// step gives a node one event and performs the effects.
func (p *part) step(n *node, at time.Duration, ev market.Event, what uint64) {
	now := p.begin(n, at, what)
	if w, ok := ev.(market.Wanted); ok {
		n.open = append(n.open, openRequest{ref: w.Ref, since: at, profile: uint8(w.Ref >> 56)})
	}
	if !p.fault(n, ev) {
		n.machine.Step(now, ev, &p.out)
	}
	if _, boot := ev.(market.Boot); boot {
		n.machine.Step(now, market.Joined{Members: p.s.c.Overlay.crowd(n.index)}, &p.out)
		n.machine.Step(now, market.EngineChanged{Up: true}, &p.out)
		n.machine.Step(now, market.Supply{Selling: true, Stock: p.stock(n)}, &p.out)
		if n.freeLog.set(at, n.spare()) {
			p.news = append(p.news, news{at: at, node: n.index, kind: newsFree})
		}
	}
	if p.s.c.Spy != nil && n.index == p.s.c.SpyOn {
		p.s.c.Spy(at, ev, &p.out)
	}
	if n.doomed {
		p.tear(n)
	}
	p.count(n, ev)
	p.finish(n, at)
}

// finish performs a step's effects.
func (p *part) finish(n *node, at time.Duration) {
	p.perform(n, at)
	if n.fell {
		n.wake = never
		p.alarms.set(n.index, never)
		return
	}
	d := n.machine.Deadline()
	if n.fresh { // others may know of it already
		d = min(d, p.s.starts(n.index))
	}
	if d != n.wake {
		n.wake = d
		p.alarms.set(n.index, d)
	}
}

var platform = market.Platform{OS: "linux", Arch: "amd64"}

// stock is what a node sells. Nodes that sell the same share it, within their
// part.
func (p *part) stock(n *node) *market.Stock {
	s := p.s
	k := ware{total: n.offered(), class: n.kind.Class, nat: n.nat, terms: s.terms(n)}
	if s.labels != nil {
		k.region = s.c.Network.region(n.index)
	}
	if st := p.wares[k]; st != nil {
		return st
	}
	st := &market.Stock{Credit: s.c.Money.Credit, Wares: market.Wares{Total: k.total, Platform: platform, Class: k.class, Reach: market.ReachPublic,
		PortLow: 20000, PortHigh: 40000, Terms: k.terms}}
	if k.nat {
		st.Reach = market.ReachRelayed
	}
	if s.labels != nil {
		st.Labels = s.labels[k.region]
	}
	p.wares[k] = st
	return st
}

// ware is all in which the stocks of nodes differ.
type ware struct {
	total  market.Resources
	class  market.CPUClass
	nat    bool
	region int
	terms  *market.Terms
}

func (p *part) perform(n *node, at time.Duration) {
	o := &p.out
	p.keep(n)
	for i := range o.Sends {
		p.send(n, at, &o.Sends[i])
	}
	for _, l := range o.Lookups {
		p.lookup(n, at, l)
	}
	for i := range o.Runs {
		ev := p.start(n, &o.Runs[i])
		p.clock(n, &ev, at)
		p.later(n, at, ev)
	}
	for _, c := range o.Controls {
		ev := market.UnitChanged{Unit: c.Unit, Ref: c.Ref, State: market.Running}
		if c.Op == market.OpRemove {
			ev.State = market.Ended
			for i := range n.running {
				if n.running[i] == c.Unit {
					n.running[i] = n.running[len(n.running)-1]
					n.running = n.running[:len(n.running)-1]
					break
				}
			}
		}
		p.clock(n, &ev, at)
		p.later(n, at, ev)
	}
	for i := range o.Outcomes {
		p.outcome(n, at, &o.Outcomes[i])
	}
	if len(o.Notes) > 0 {
		p.notes(n, at)
	}
}

func (p *part) notes(n *node, at time.Duration) {
	for _, x := range p.out.Notes {
		if x.Kind == market.NoteUnit && x.Text == market.Ended.String() && p.s.lives.on {
			p.over[x.Unit] = struct{}{}
		}
		switch x.Kind {
		case market.NoteGranted, market.NoteLeaseEnded:
			if n.freeLog.set(at, n.spare()) {
				p.news = append(p.news, news{at: at, node: n.index, kind: newsFree})
			}
		}
	}
}

// later gives an event to the node itself, at once but after this step.
func (p *part) later(n *node, at time.Duration, ev market.Event) {
	n.counter++
	p.push(letter{at: at + time.Millisecond, to: n.index, from: n.index, counter: n.counter, kind: local, event: ev})
}

func (p *part) send(n *node, at time.Duration, s *market.Send) {
	to := indexOf(s.To.Peer)
	if int(to) >= len(p.s.nodes) || n.fault != honest && p.swallow(n, s) {
		return
	}
	n.counter++
	p.counts.message(s.Msg)
	l := letter{at: at, to: to, from: n.index, counter: n.counter, kind: delivered, msg: s.Msg}
	if to == n.index { // nothing leaves the node
		l.at += time.Microsecond
		p.push(l)
		return
	}
	n.charge(s.Msg)
	l.at += p.s.delay(n, size(s.Msg), at)
	link := p.s.c.Network.oneWay(n.index, to)
	if p.s.c.Network.NAT > 0 && p.s.nodes[to].nat {
		link += p.s.c.Network.Relay
	}
	l.at = p.s.departs(n, to, l.at, link)
	if !p.s.reaches(n, to) {
		p.push(letter{at: l.at + patience, to: n.index, from: to, counter: n.counter, kind: undelivered, msg: s.Msg})
		return
	}
	if p.s.c.Network.lost(n.index, n.counter, p.s.c.Seed) {
		p.push(letter{at: l.at + 2*link, to: n.index, from: to, counter: n.counter, kind: undelivered, msg: s.Msg})
		return
	}
	l.at += link
	q := int(to) % len(p.s.parts)
	if p.s.parts[q] == p {
		p.push(l)
	} else {
		p.away[q] = append(p.away[q], l)
	}
}

func (p *part) lookup(n *node, at time.Duration, l market.Lookup) {
	s := p.s
	f := s.c.Overlay.lookup(n.index, keyPoint(l.Key), l.N, n.server,
		func(m uint32) bool { return s.reaches(n, m) },
		func(m uint32) time.Duration { return p.s.question(n, m) },
		patience,
		func(m uint32) { p.calls = append(p.calls, m) })
	n.sent += uint32(f.rpcs)
	n.heard += uint32(f.rpcs)
	n.bytes += uint64(f.rpcs) * rpcBytes
	if l.Ref>>60 == 1 && len(n.open) > 0 {
		r := &n.open[len(n.open)-1]
		r.messages += uint32(f.rpcs)
		r.lookups++
		r.depth += uint16(f.depth)
	}
	n.counter++
	p.push(letter{at: at + max(f.took, time.Millisecond), to: n.index, from: n.index, counter: n.counter, kind: local,
		event: market.Found{Ref: l.Ref, Peers: f.peers}})
}

// question is how long it takes to ask m something, in a lookup: a round trip,
// and two more for a connection and what is said first on it.
func (s *Sim) question(n *node, m uint32) time.Duration {
	d := 2 * s.c.Network.oneWay(n.index, m)
	if s.connected(n, m) {
		return d
	}
	return 3 * d
}

// reaches reports whether another node is there, and on the same side of all
// cuts. Where nobody ever goes, nobody needs to be looked at.
func (s *Sim) reaches(n *node, m uint32) bool {
	return (!s.lives.on || s.nodes[m].up) && !s.cut(n.index, m)
}

func (p *part) outcome(n *node, at time.Duration, o *market.Outcome) {
	i := n.request(o.Ref)
	if i < 0 {
		return
	}
	switch o.Kind {
	case market.Leased:
		r := &n.open[i]
		r.units = append(r.units, o.Unit)
		if len(r.units) == p.s.c.Load.Profiles[r.profile].replicas() {
			p.news = append(p.news, news{at: at, node: n.index, kind: newsPlaced, req: *r})
			r.placed = true
		}
	case market.Refused: // a unit may also fail after its lease
		r := &n.open[i]
		r.units = slices.DeleteFunc(slices.Clone(r.units), func(u market.LeaseID) bool { return u == o.Unit })
	case market.GaveUp:
		p.news = append(p.news, news{at: at, node: n.index, kind: newsGaveUp, req: n.open[i], untrue: p.s.untrue(o, &p.s.c.Load.Profiles[n.open[i].profile])})
		n.close(i)
	case market.Done:
		n.close(i)
	}
}
