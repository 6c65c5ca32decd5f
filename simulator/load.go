package simulator

import (
	"time"

	"caravela/market"
)

// Load is what machines there are and what is asked of them.
type Load struct {
	Machines []Machine // shares add up to 10,000
	Profiles []Profile // shares add up to 10,000
	Deploy   []int     // hundredths of a percent of the nodes a tick, by equal phases
	Stop     []int
	Tick     time.Duration
	Warmup   time.Duration // nodes start in this time; requests begin after it
	Lasts    time.Duration // the phases' whole length

	Arrivals Arrivals
	Rate     int           // with Poisson: requests in a thousand node-hours
	Size     int           // with Bursts: hundredths of a percent of the nodes
	Every    time.Duration // with Bursts
	From     time.Duration // with Poisson and Bursts
	Until    time.Duration
	Trace    []Arrival // with Trace, in order of time
	Lifetime Law       // of containers; empty = until stopped
	Renew    bool      // leases are renewed until then
}

// Arrivals is how requests come.
type Arrivals uint8

// The kinds of arrivals.
const (
	Phases Arrivals = iota
	Poisson
	Bursts
	Trace
	NoArrivals
)

// Arrival is one request of a trace.
type Arrival struct {
	At       time.Duration // since the warm-up's end
	Node     int64         // where it enters, modulo the nodes; <0 = anywhere
	Profile  uint8
	Lifetime time.Duration // 0 = until the end
}

// Machine is a kind of node.
type Machine struct {
	Class  market.CPUClass
	CPU    market.MilliCPU
	Memory market.Bytes
	Share  int // of 10,000
}

// Profile is a kind of request.
type Profile struct {
	Class  market.CPUClass
	CPU    market.MilliCPU
	Memory market.Bytes
	Share  int // of 10,000

	Replicas int // 0 = 1
	Apart    bool
	Together bool
	Strategy market.Strategy
	Region   string // a label that the node must have; "" = any
}

func (p *Profile) need() market.Resources {
	return market.Resources{CPU: p.CPU, Memory: p.Memory}
}

func (p *Profile) replicas() int { return max(1, p.Replicas) }

func (l *Load) machine(r uint64) *Machine {
	x := int(r % 10000)
	for i := range l.Machines {
		if x -= l.Machines[i].Share; x < 0 {
			return &l.Machines[i]
		}
	}
	panic("simulator: shares of machines do not add up")
}

func (l *Load) profile(r uint64) int {
	x := int(r % 10000)
	for i, p := range l.Profiles {
		if x -= p.Share; x < 0 {
			return i
		}
	}
	panic("simulator: shares of profiles do not add up")
}

const (
	core = market.MilliCPU(1000)
	mib  = market.MiB
)

// capacities of the 2018 ancestor's simulations. Class 0 is v1 here, 1 is v2.
var capacities = []Machine{
	{1, 1 * core, 256 * mib, 3250},
	{1, 2 * core, 512 * mib, 1479}, {1, 2 * core, 1024 * mib, 796},
	{1, 4 * core, 1024 * mib, 488}, {1, 4 * core, 2048 * mib, 341}, {1, 4 * core, 4096 * mib, 146},
	{2, 1 * core, 256 * mib, 1750},
	{2, 2 * core, 512 * mib, 569}, {2, 2 * core, 1024 * mib, 306},
	{2, 4 * core, 2048 * mib, 341}, {2, 4 * core, 4096 * mib, 184},
	{2, 8 * core, 4096 * mib, 228}, {2, 8 * core, 8198 * mib, 122},
}

func request(class market.CPUClass, cores, memory int64, share int) Profile {
	return Profile{Class: class, CPU: market.MilliCPU(cores) * core, Memory: market.Bytes(memory) * mib, Share: share}
}

// WorkloadS saturates the market within its two hours.
func WorkloadS() Load {
	return Load{
		Machines: capacities,
		Profiles: []Profile{request(1, 1, 250, 1500), request(1, 1, 500, 500), request(1, 2, 1000, 500), request(1, 2, 2000, 1000), request(1, 3, 3000, 1000),
			request(2, 1, 250, 1500), request(2, 2, 750, 500), request(2, 2, 2000, 1500), request(2, 3, 3500, 1300), request(2, 6, 5000, 700)},
		Deploy: []int{50, 100, 150, 100, 200, 150, 100, 150, 100, 150, 100, 100, 50, 150},
		Stop:   []int{0, 30, 50, 50, 100, 50, 20, 50, 100, 150, 100, 100, 100, 50},
		Tick:   20 * time.Second, Warmup: 5 * time.Minute, Lasts: 2 * time.Hour,
	}
}
