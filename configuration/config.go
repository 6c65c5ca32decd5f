package configuration

import (
	"net/netip"
	"time"

	"caravela/market"
)

// Config is everything that a node can be told before it starts. The zero
// value is of no use: begin with DefaultConfig.
type Config struct {
	Node    Node
	Network Network
	API     API
	Offer   Offer
	Price   Price
	Lease   Lease
	Credit  Credit
	Ledger  Ledger
	Buy     Buy
	Engine  Engine
	Limits  Limits
	Log     Log
	Metrics Metrics
	Webhook Webhook
}

// Node says who the node is and where it keeps what it must not lose.
type Node struct {
	DataDir string         // identity, leases, known peers; default /var/lib/caravela for root, else $XDG_DATA_HOME/caravela
	Name    string         // shown to other peers; default the host's name
	Profile Profile        // bundle of defaults; default server
	Labels  []market.Label // what constraints such as node.labels.region==eu look at; sorted by key; default none
}

// Network says how other peers reach the node.
type Network struct {
	Listen   []netip.AddrPort // TCP and UDP (QUIC) each; default 0.0.0.0:7401 and [::]:7401
	Open     bool             // deal with peers on public addresses, and let them join without a token; default false
	Announce []string         // further addresses at which the node is reachable, such as a router's that forwards the port: ip:port, which is two (TCP and QUIC), or multiaddr; at most 8 in all; default none
	Trader   bool             // hold other peers' offers where reachable; default true, lowpower false
	Client   bool             // use the DHT without serving it; default false, lowpower true
}

// API says where the node's own user reaches it.
type API struct {
	Addresses      []string // unix:///path or tcp://host:port; default one Unix socket that the command line finds
	AllowedHosts   []string // further Host headers that are accepted over TCP; default none
	AllowedOrigins []string // Origin headers of browsers that are accepted; default none
}

// Offer says what the node sells.
type Offer struct {
	Enabled          bool            // sell at all; default true
	Share            int             // percent of the machine that is sold where CPUs or Memory are auto; default 80, home 50, lowpower 25
	CPUs             market.MilliCPU // thousandths of a core; 0 = auto; default auto
	Memory           market.Bytes    // 0 = auto; default auto
	Disk             market.Bytes    // writable layers and volumes; 0 = not sold by amount; default 0
	Pids             int64           // processes of all containers together; one that asks for no number counts engine.pids-limit; 0 = no bound; default 0
	OvercommitCPU    Factor          // sold CPU over offered CPU; default 1
	OvercommitMemory Factor          // sold memory over offered memory; default 1
	Ports            PortRange       // host ports that tenants may publish; default 1024-32767
	PublishAddress   netip.Addr      // address on which they are published; default 0.0.0.0
	LongestLease     time.Duration   // default 30d
	Images           []string        // patterns of images that may run, such as "docker.io/library/*"; default none = all
	AllowLAN         bool            // tenants may reach this machine's private networks; default false
	LANRegistries    bool            // images may come from registries on this machine or its private networks; default false
	Programs32       bool            // 32-bit programs may run in images for a 64-bit machine; default false
	DiskFloor        market.Bytes    // free space on the engine's disk below which nothing is pulled or started; 0 = none; default 1g
	ImagesKeep       time.Duration   // how long pulled images stay that no container uses; 0 = for ever; default 7d
	Runtime          string          // OCI runtime of the engine, such as runsc; default the engine's own
}

// Price says what is asked for what is sold. All zero is free, and then leases
// are not metered either.
type Price struct {
	Unit    string       // free label such as credit or EUR, letters only; default credit
	Core    market.Micro // per core and hour while the container runs; default 0
	Memory  market.Micro // per GiB and hour while it runs; default 0
	Disk    market.Micro // per GiB and hour while it runs; default 0
	Parked  market.Micro // per hour while its owner keeps it stopped; default 0
	Start   market.Micro // once, for the first start; default 0
	Command []string     // program and arguments that say the price, in place of the rates above; default none
}

// Lease says how a sold lease is metered, and when it may end early.
type Lease struct {
	Interval time.Duration // between two usage notes; default 1m
	Bear     int           // unacknowledged notes in a row before the buyer is warned; default 5
	Grace    time.Duration // between that warning and the end of the lease; default 5m
	Notice   time.Duration // between a reclaim's announcement and its execution; default 10m
}

// Credit says how much others may owe this node.
type Credit struct {
	Unknown time.Duration // of the price of what it leases, for a peer without a limit of its own; default 1h
}

// Ledger says what is kept of money.
type Ledger struct {
	Keep time.Duration // how long usage notes stay that a receipt of both peers repeats; 0 = for ever; default 90d
}

// Webhook says where events are sent to.
type Webhook struct {
	URL        string   // http:// or https://; default none
	SecretFile string   // holds the key of the signature; default data-dir/webhook-secret, made at the first start
	Events     []string // types of events that are sent; default lease, notice, bill, ledger
}

// Buy holds the defaults of the node's own requests.
type Buy struct {
	Lease    time.Duration // term of a lease; default 24h
	Renew    Renew         // ask for the next lease before this one ends; default auto
	Strategy Strategy      // which of the fitting offers to take; default spread
}

// Engine says which container engine runs what is sold, and how it is bounded.
type Engine struct {
	Host        string       // default $DOCKER_HOST, else unix:///var/run/docker.sock
	PidsLimit   int64        // most processes of a container; default 512
	LogMaxSize  market.Bytes // of one log file of a container; default 10m
	LogMaxFiles int          // log files that are kept; default 3
}

// Limits bound what the node spends on others.
type Limits struct {
	ConnectionsLow  int // idle connections are closed down to this number; default 96, home 32, lowpower 8
	ConnectionsHigh int // closing begins here; default 192, home 64, lowpower 24
	PeerRate        int // messages and streams a second from one peer, twice as many at once; default 2000, home 1000, lowpower 50
	Launches        int // containers being started at once; default 4, lowpower 1
}

// Log says what the node writes on standard error.
type Log struct {
	Level  LogLevel  // default info
	Format LogFormat // default text
}

// Metrics says whether /metrics is served.
type Metrics struct {
	Enabled bool // default true
}
