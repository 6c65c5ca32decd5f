package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"caravela/api"
	"caravela/discovery"
	"caravela/docker"
	"caravela/market"
	"caravela/node/identity"
	"caravela/node/store"
	"caravela/overlay"
	"caravela/remote"
)

// Config is what a node is made of. All but Engine, Settings, Bootstrap and
// Log are required.
type Config struct {
	Name      string // shown to others; a market.ValidName
	Profile   string // for display
	Version   api.Version
	Network   *identity.Network
	Peer      Peer // the machine
	Store     store.Store
	Dir       *identity.Dir // tokens and known peers
	Transport remote.Transport
	Overlay   overlay.Overlay
	Engine    docker.Engine // nil = the node sells nothing and needs none
	Sale      Sale
	Buy       Buy
	Trader    bool // hold others' offers while this node can be reached
	Client    bool // never serve the overlay
	Open      bool // made --open: the transport deals with peers on public addresses, and they need no token
	// PriceCommand is a program and its arguments that say the price, in place
	// of Sale.Terms; nil = none.
	PriceCommand []string
	Webhook      Webhook
	Keep         time.Duration // how long the ledger keeps usage notes that a receipt of both repeats; 0 = for ever
	Settings     Settings
	Bootstrap    []overlay.Peer // members to join through; nil = the first member, or those known from before
	Addresses    Addresses
	Log          *slog.Logger // nil = slog.Default()
}

// Addresses are for display.
type Addresses struct {
	API    []string
	Engine string
	Listen []string
}

// Sale is what a node sells of its machine.
type Sale struct {
	Share            int             // percent of the machine that is sold where CPU or Memory are 0
	CPU              market.MilliCPU // 0 = by Share
	Memory           market.Bytes    // 0 = by Share
	Disk             market.Bytes    // 0 = not sold by amount
	OvercommitCPU    int             // thousandths: sold CPU over offered CPU; 1000 = as it is
	OvercommitMemory int             // the same of memory
	Class            market.CPUClass
	Labels           []market.Label // sorted by key
	PortLow          uint16
	PortHigh         uint16
	Longest          time.Duration // longest lease
	Images           []string      // patterns; nil = all
	Starting         int           // most launches at once; 0 = no bound
	Publish          netip.Addr    // where ports are published; unspecified = on every address
	Terms            market.Terms  // what is asked for; with a price of nothing, nothing is metered
	Credit           time.Duration // of a lease's price, for peers without a limit of their own; 0 = market.DefaultCredit
	Can              []string      // capabilities, sorted
	Topology         string        // "4 cores, 8 threads"
	Pids             int64         // processes of all units together; 0 = no bound
}

// Webhook is where events are sent to.
type Webhook struct {
	URL    string   // http or https; "" = nowhere
	Secret []byte   // key of the signature
	Events []string // types; nil = all
	// Transport sends the requests; nil = http.DefaultTransport.
	Transport http.RoundTripper
}

// Buy holds what a request of the local user leaves open.
type Buy struct {
	Term     time.Duration
	Renew    market.Renew
	Strategy market.Strategy
}

// Settings is the node's configuration file, as cmd knows it.
type Settings interface {
	All() ([]api.Setting, error)
	Get(key string) (api.Setting, error)
	Set(key, value string) (api.Setting, error)
}

// Peer is the machine that a node drives, and what it lets people see;
// discovery.Peer is one. All but New's use of it is on the loop's goroutine.
type Peer interface {
	market.Machine
	Held() []discovery.HeldOffer
	OwnOffer() discovery.OwnOffer
	EnableTrader(on bool)
}

// ErrBadConfig is wrapped by New's errors.
var ErrBadConfig = errors.New("node: impossible configuration")

func (c *Config) validate() error {
	for name, missing := range map[string]bool{
		"network": c.Network == nil, "peer": c.Peer == nil, "store": c.Store == nil, "directory": c.Dir == nil,
		"transport": c.Transport == nil, "overlay": c.Overlay == nil,
	} {
		if missing {
			return fmt.Errorf("%w: no %s", ErrBadConfig, name)
		}
	}
	if c.Name != "" && !market.ValidName(c.Name) {
		return fmt.Errorf("%w: node name %q: use letters, digits, '_', '.', '-', 63 at most", ErrBadConfig, c.Name)
	}
	if c.Keep < 0 {
		return fmt.Errorf("%w: notes kept for %v", ErrBadConfig, c.Keep)
	}
	if err := c.Sale.Terms.Validate(); err != nil {
		return fmt.Errorf("%w: terms: %w", ErrBadConfig, err)
	}
	return market.ValidLabels(c.Sale.Labels)
}
