package scenario

import (
	"time"

	"caravela/market"
)

// Spec is a scenario file, as it is written. The defaults are those of
// DefaultSpec.
type Spec struct {
	Name     string        `toml:"name"`
	About    string        `toml:"about"`
	Nodes    int64         `toml:"nodes"`
	Seed     int64         `toml:"seed"`
	Duration time.Duration `toml:"duration"` // virtual, warm-up included
	Warmup   time.Duration `toml:"warmup"`   // nodes start in this time, requests begin after it
	Strategy string        `toml:"strategy"`
	Workload string        `toml:"workload"` // s, r or t: machines, profiles and load, which the file may change
	Sample   time.Duration `toml:"sample"`   // between two points of the time series
	Baseline bool          `toml:"baseline"` // run once more without requests, to tell what requests cause

	Market     Market         `toml:"market"`
	Overlay    Overlay        `toml:"overlay"`
	Network    Network        `toml:"network"`
	Partitions []Partition    `toml:"partition"`
	Outages    []Outage       `toml:"outage"`
	Life       Life           `toml:"life"`
	Faults     Faults         `toml:"faults"`
	Price      Price          `toml:"price"`
	Metering   Metering       `toml:"metering"`
	Load       Demand         `toml:"load"`
	Machines   []Machine      `toml:"machine"`
	Profiles   []Profile      `toml:"profile"`
	Expect     map[string]any `toml:"expect"`
}

// Market changes the network's parameters (market.Params).
type Market struct {
	Refresh  time.Duration `toml:"refresh"`
	OfferTTL time.Duration `toml:"offer_ttl"`
	Resettle time.Duration `toml:"resettle"`
	Replicas int64         `toml:"replicas"`
	SplitAt  int64         `toml:"split_at"`
	Grant    time.Duration `toml:"grant"`
	Term     time.Duration `toml:"term"`
}

// Overlay is the model of the overlay.
type Overlay struct {
	Model   string        `toml:"model"` // kademlia or oracle
	Bucket  int64         `toml:"bucket"`
	Alpha   int64         `toml:"alpha"`
	Beta    int64         `toml:"beta"`
	Rebuild time.Duration `toml:"rebuild"` // tables learn who came and went this often
}

// Network is the model of the links.
type Network struct {
	Regions     []string          `toml:"regions"`
	Latency     [][]time.Duration `toml:"latency"` // one way, from region to region; symmetric
	LatencyFile string            `toml:"latency_file"`
	Spread      time.Duration     `toml:"spread"`
	Loss        float64           `toml:"loss"`      // share of messages
	Bandwidth   market.Bytes      `toml:"bandwidth"` // bytes a second of a node's uplink; 0 = no bound
	NAT         float64           `toml:"nat"`       // share of nodes
	Relay       time.Duration     `toml:"relay"`     // what a relay adds to a message, one way
	Dialled     bool              `toml:"dialled"`   // all peers are connected already
}

// Partition cuts some nodes off from the others for a while, or again and
// again.
type Partition struct {
	From    time.Duration `toml:"from"`
	Until   time.Duration `toml:"until"`
	Every   time.Duration `toml:"every"` // 0 = once
	Regions []string      `toml:"regions"`
	Share   float64       `toml:"share"` // of all nodes, where no region is named
}

// Outage takes all nodes of some regions down for a while. They keep their
// disks; their containers die.
type Outage struct {
	From    time.Duration `toml:"from"`
	Until   time.Duration `toml:"until"`
	Regions []string      `toml:"regions"`
}

// Law is a distribution of durations: always (value), exponential or weibull
// (mean or median, weibull with shape), or a trace file of one duration a row.
type Law struct {
	Law    string        `toml:"law"`
	Value  time.Duration `toml:"value"`
	Mean   time.Duration `toml:"mean"`
	Median time.Duration `toml:"median"`
	Shape  float64       `toml:"shape"`
	File   string        `toml:"file"`
}

// Life is how nodes come and go.
type Life struct {
	Session  Law     `toml:"session"`   // how long a node stays
	Absence  Law     `toml:"absence"`   // how long it is away; none = for ever
	Crash    float64 `toml:"crash"`     // share of sessions that end without a goodbye
	LoseDisk float64 `toml:"lose_disk"` // share of crashes after which the disk is empty
	Keep     float64 `toml:"keep"`      // share of crashes that only the program has: containers go on
	Trace    string  `toml:"trace"`     // CSV of single nodes' ups and downs, instead of the laws
}

// Faults are what nodes do wrong, as shares of all nodes.
type Faults struct {
	Slow       float64       `toml:"slow"` // answer late
	Delay      time.Duration `toml:"delay"`
	Silent     float64       `toml:"silent"`      // hear and never answer
	Boasters   float64       `toml:"boasters"`    // offer ten times what they have; what is beyond it fails to start
	Refusers   float64       `toml:"refusers"`    // offer, and refuse every launch
	Stale      float64       `toml:"stale"`       // as traders, answer what was true a while ago
	EngineFail float64       `toml:"engine_fail"` // share of launches that the engine fails, on every node

	// Where there is a price; suppliers:
	Overbillers float64 `toml:"overbillers"` // bill more seconds than have passed
	Mispricers  float64 `toml:"mispricers"`  // bill more than the price
	NoShows     float64 `toml:"no_shows"`    // sign leases, bill them, and never start anything
	Replayers   float64 `toml:"replayers"`   // send old bills, and those of other leases
	// Buyers:
	Deadbeats float64 `toml:"deadbeats"` // acknowledge nothing, and never pay
	Quitters  float64 `toml:"quitters"`  // are honest for a while, and deadbeats then
}

// Price is what the dearest suppliers ask for, in units of their money an hour.
// Without one everything is free.
type Price struct {
	Core   float64 `toml:"core"`
	Memory float64 `toml:"memory"` // a GiB
	Start  float64 `toml:"start"`  // once a container
	Spread float64 `toml:"spread"` // by which share of it the cheapest suppliers are cheaper
}

// Metering is how leases that cost something are billed and paid.
type Metering struct {
	Interval time.Duration `toml:"interval"` // between two bills
	Bear     int64         `toml:"bear"`     // unacknowledged bills in a row that suppliers bear
	Grace    time.Duration `toml:"grace"`    // after the last of these
	Credit   time.Duration `toml:"credit"`   // of its leases' price, that a buyer has
	Settle   time.Duration `toml:"settle"`   // honest buyers pay this often; 0 = never
}

// Demand is how requests come.
type Demand struct {
	Arrivals string        `toml:"arrivals"` // phases, poisson, bursts, trace or none
	Tick     time.Duration `toml:"tick"`     // phases: requests and stops are drawn this often
	Lasts    time.Duration `toml:"lasts"`    // phases: the length of all together
	Deploy   []float64     `toml:"deploy"`   // phases: requests a tick, in percent of the nodes
	Stop     []float64     `toml:"stop"`     // phases: stops a tick, in percent of the nodes
	Rate     float64       `toml:"rate"`     // poisson: requests a node and hour
	Size     float64       `toml:"size"`     // bursts: requests at once, in percent of the nodes
	Every    time.Duration `toml:"every"`    // bursts: time between two
	From     time.Duration `toml:"from"`     // poisson, bursts: no request before this
	Until    time.Duration `toml:"until"`    // poisson, bursts: none after it; 0 = to the end
	Trace    string        `toml:"trace"`    // trace: the CSV file
	Lifetime Law           `toml:"lifetime"` // of containers; none = until a stop, or the end
	Renew    bool          `toml:"renew"`    // leases are renewed until then
}

// Machine is a kind of node.
type Machine struct {
	Class  int64           `toml:"class"` // x86-64 level; a higher one serves a lower request
	CPUs   market.MilliCPU `toml:"cpus"`
	Memory market.Bytes    `toml:"memory"`
	Share  float64         `toml:"share"` // percent
}

// Profile is a kind of request.
type Profile struct {
	Class    int64           `toml:"class"`
	CPUs     market.MilliCPU `toml:"cpus"`
	Memory   market.Bytes    `toml:"memory"`
	Share    float64         `toml:"share"` // percent
	Replicas int64           `toml:"replicas"`
	Place    string          `toml:"place"`  // any, apart or together
	Prefer   string          `toml:"prefer"` // binpack, spread or cheapest
	Region   string          `toml:"region"` // only there
}

// DefaultSpec is what a file that says nothing means: workload S on a thousand
// nodes for an hour.
func DefaultSpec() Spec {
	return Spec{
		Name: "unnamed", Nodes: 1000, Seed: 1, Duration: time.Hour, Warmup: 5 * time.Minute, Strategy: "market", Workload: "s",
		Sample: time.Minute, Baseline: true,
		Overlay: Overlay{Model: "kademlia", Bucket: 20, Alpha: 3, Beta: 3, Rebuild: 10 * time.Minute},
		Network: Network{
			Regions: []string{"eu", "us", "asia"},
			Latency: [][]time.Duration{
				{10 * time.Millisecond, 45 * time.Millisecond, 110 * time.Millisecond},
				{45 * time.Millisecond, 10 * time.Millisecond, 90 * time.Millisecond},
				{110 * time.Millisecond, 90 * time.Millisecond, 10 * time.Millisecond},
			},
			Spread: 10 * time.Millisecond, Relay: 40 * time.Millisecond,
		},
		Faults: Faults{Delay: 2 * time.Second},
		Metering: Metering{
			Interval: market.DefaultInterval, Bear: market.DefaultBear, Grace: market.DefaultGrace, Credit: market.DefaultCredit, Settle: 30 * time.Minute,
		},
	}
}
