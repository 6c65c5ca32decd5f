package api

import "time"

// Label is one key and value.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Offer is a supplier's free resources as a trader holds them.
type Offer struct {
	ID         string    `json:"id"` // hash of the signed payload, hexadecimal
	Node       string    `json:"node"`
	NodeName   string    `json:"node_name"`
	Seq        uint64    `json:"seq"` // the newest of a supplier wins
	Free       Resources `json:"free"`
	Total      Resources `json:"total"`            // sold in all
	Platform   string    `json:"platform"`         // "linux/amd64"
	CPUClass   string    `json:"cpu_class"`        // "v3"; "any" where unknown
	Region     string    `json:"region"`           // the resource region that it is listed under
	Labels     []Label   `json:"labels"`           // of the supplier, sorted by key
	Reach      string    `json:"reach"`            // market.Reach in words: relayed, local, public
	PortLow    int       `json:"port_low"`         // host ports that may be asked for
	PortHigh   int       `json:"port_high"`        // 0 = none
	LongestMS  int64     `json:"longest_lease_ms"` // 0 = no bound
	Terms      *Terms    `json:"terms"`            // null = free and not metered
	Can        []string  `json:"capabilities"`     // "exec", "pause", ...
	Topology   string    `json:"topology"`         // "4 cores, 8 threads"; "" = not told
	Addrs      []string  `json:"addrs"`            // multiaddrs of the supplier
	ExpiresAt  time.Time `json:"expires_at"`       // unless it is refreshed
	Own        bool      `json:"own"`              // this node's own offer
	LastSeenAt time.Time `json:"heard_at"`         // when this node last heard of it
}

// Strategy is how a supplier is chosen among the offers that fit.
type Strategy string

// The strategies. The zero value is the node's configured one.
const (
	StrategyBinpack Strategy = "binpack" // the fullest node that still fits
	StrategySpread  Strategy = "spread"  // the emptiest node
	// StrategyCheapest takes the lowest price an hour; of equal ones the fullest node.
	StrategyCheapest Strategy = "cheapest"
)

// SearchRequest is a question to the market.
type SearchRequest struct {
	Resources   Resources `json:"resources"`
	Platform    string    `json:"platform,omitzero"`    // "linux/amd64"; "" = any
	CPUClass    string    `json:"cpu_class,omitzero"`   // "v3"; "" = any
	Constraints []string  `json:"constraints,omitzero"` // "region==eu", "node.labels.gpu!=none"
	Ports       []Port    `json:"ports,omitzero"`       // that are to be published
	Node        NodeRef   `json:"node,omitzero"`        // only this supplier
	Strategy    Strategy  `json:"strategy,omitzero"`
	LeaseTermMS int64     `json:"lease_term_ms,omitzero"` // 0 = the node's default
	Limit       int       `json:"limit,omitzero"`         // most offers in the answer; 0 = 20
	MaxPrice
}

// MaxPrice bounds what offers may cost.
type MaxPrice struct {
	// MaxHourlyMicro is the most that an hour of the resources may cost, the
	// first with its start fee; 0 = only what is free, absent = any price.
	MaxHourlyMicro *int64 `json:"max_hourly_micro,omitzero"`
	Unit           string `json:"unit,omitzero"` // of the price; "" = any
}

// SearchResult is the market's answer.
type SearchResult struct {
	Offers       []Candidate `json:"offers"`                 // that fit, best first
	WhyNot       []Tally     `json:"why_not"`                // what did not fit, most frequent first
	Nearest      *NearMiss   `json:"nearest,omitzero"`       // the offer that misses least, when none fits
	Verdicts     []Verdict   `json:"verdicts,omitzero"`      // by Explain only
	Regions      []Region    `json:"regions"`                // in the order in which they were asked
	Rounds       int         `json:"rounds"`                 // of questions, one after the other
	Messages     int         `json:"messages"`               // questions sent for this search
	OffersSeen   int         `json:"offers_seen"`            // distinct
	NodesSeen    int         `json:"nodes_seen"`             // distinct suppliers
	ElapsedUS    int64       `json:"elapsed_us"`             // from request to answer
	Incomplete   bool        `json:"incomplete"`             // a trader did not answer, or a bound was met
	IncompleteBy string      `json:"incomplete_by,omitzero"` // in words
}

// Candidate is an offer that fits.
type Candidate struct {
	Offer
	LatencyUS int64 `json:"latency_us"` // to the supplier; 0 = not measured
	Cost      Cost  `json:"cost"`       // of the resources and the term that were asked for
}

// Tally counts offers that were left out for one reason.
type Tally struct {
	Reason string `json:"reason"` // market.Reason in words, or "memory", "cpu", "disk"
	Count  int    `json:"count"`  // offers
	Detail string `json:"detail"` // "largest free 384m, need 512m"
}

// NearMiss is the offer that would fit if the request changed least.
type NearMiss struct {
	Node     string   `json:"node"`
	NodeName string   `json:"node_name"`
	Misses   []string `json:"misses"` // what it misses, such as "memory"
	Detail   string   `json:"detail"`
	Next     string   `json:"next"` // the flag that would make it fit: "-m 384m"
}

// Verdict is what became of one offer in a search.
type Verdict struct {
	Offer  Offer  `json:"offer"`
	Fits   bool   `json:"fits"`
	Reason string `json:"reason"` // "" when it fits
	Detail string `json:"detail"`
}

// Region is a part of the resource space that was asked.
type Region struct {
	Name    string   `json:"name"`
	Traders []string `json:"traders"` // peer IDs asked
	Offers  int      `json:"offers"`  // they hold
	Fit     int      `json:"fit"`     // of which fit
	Known   bool     `json:"known"`   // the traders were remembered: no lookup
}
