package api

import "time"

// Version says which program answers.
type Version struct {
	Version    string `json:"version"`     // of caravela, such as "0.1.0"
	Commit     string `json:"commit"`      // "" when built outside of a repository
	APIVersion string `json:"api_version"` // "v1"
	GoVersion  string `json:"go_version"`
	OS         string `json:"os"`
	Arch       string `json:"arch"`
}

// NodeState is where a node stands in its life.
type NodeState string

// The states of a node.
const (
	NodeStarting NodeState = "starting" // not yet in its network
	NodeReady    NodeState = "ready"    // in its network, buying and selling
	NodeDraining NodeState = "draining" // sells nothing new, waits for its containers
	NodeLeaving  NodeState = "leaving"  // says goodbye
)

// Status is a node's own account of itself.
type Status struct {
	ID          string       `json:"id"`           // peer ID, "12D3KooW..."
	Name        string       `json:"name"`         // chosen by its owner, not unique
	NetworkID   string       `json:"network_id"`   // 64 hexadecimal digits
	NetworkName string       `json:"network_name"` // chosen at create
	Private     bool         `json:"private"`      // the network uses a pre-shared key
	Open        bool         `json:"open"`         // deals with public addresses without a token
	State       NodeState    `json:"state"`
	Version     string       `json:"version"`
	Profile     string       `json:"profile"` // server, home or lowpower
	DataDir     string       `json:"data_dir"`
	StartedAt   time.Time    `json:"started_at"`
	UptimeMS    int64        `json:"uptime_ms"`
	Reach       Reach        `json:"reachability"`
	Listen      []string     `json:"listen_addrs"` // multiaddrs bound
	Announce    []string     `json:"announce_addrs"`
	API         []string     `json:"api_addrs"`
	Peers       int          `json:"peers"`         // connected now
	TablePeers  int          `json:"routing_peers"` // in the routing table
	Trader      bool         `json:"trader"`        // may be asked to hold others' offers
	HeldOffers  int          `json:"held_offers"`   // offers held for others
	Offer       *OwnOffer    `json:"offer"`         // null when the node sells nothing
	Engine      EngineStatus `json:"engine"`
	Leases      LeaseCounts  `json:"leases"`
}

// ReachState says whether other members can open connections to a node.
type ReachState string

// The answers of the members that dialled back.
const (
	ReachUnknown ReachState = "unknown"
	ReachDirect  ReachState = "reachable"
	ReachRelayed ReachState = "relayed"     // through a relay only
	ReachNone    ReachState = "unreachable" // not even through a relay
)

// Reach is how a node is reached, and why so.
type Reach struct {
	State     ReachState `json:"state"`
	Detail    string     `json:"detail"`     // plain words: who dialled back, what failed
	Relays    []string   `json:"relays"`     // peer IDs that relay for this node
	CheckedAt time.Time  `json:"checked_at"` // zero time = never
}

// OwnOffer is what a node sells and who knows of it.
type OwnOffer struct {
	Offer
	Leased Resources `json:"leased"` // taken by leases
	// Holders are the traders that acknowledged the present sequence number.
	Holders []OfferHolder `json:"holders"`
	Paused  bool          `json:"paused"` // nothing new is sold; Detail says why
	Detail  string        `json:"detail"`
}

// OfferHolder is a trader that holds an offer.
type OfferHolder struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Seq   uint64    `json:"seq"` // the sequence number that it acknowledged
	AckAt time.Time `json:"acknowledged_at"`
}

// EngineState is whether the container engine answers.
type EngineState string

// The states of an engine.
const (
	EngineUp       EngineState = "up"
	EngineDown     EngineState = "down"
	EngineDisabled EngineState = "disabled" // the node sells nothing and needs none
)

// EngineStatus is the container engine as the node sees it.
type EngineStatus struct {
	State    EngineState `json:"state"`
	Address  string      `json:"address"`
	Version  string      `json:"version"`
	Detail   string      `json:"detail"`
	Warnings []string    `json:"warnings"`
}

// LeaseCounts counts leases that have not ended.
type LeaseCounts struct {
	Sold    int `json:"sold"`    // run here for others (or for this node)
	Bought  int `json:"bought"`  // run elsewhere (or here) for this node
	Pending int `json:"pending"` // launches under way on either side
}

// Diagnosis is what `caravela doctor` prints.
type Diagnosis struct {
	Checks []Check `json:"checks"`
}

// CheckState is the result of one check.
type CheckState string

// The results of a check, best first.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckFail CheckState = "fail"
)

// Check is one thing that was looked at.
type Check struct {
	Name   string     `json:"name"` // a few words, stable: "engine answers"
	State  CheckState `json:"state"`
	Detail string     `json:"detail"` // what was seen
	Cause  string     `json:"cause"`  // why, when not ok
	Remedy string     `json:"remedy"` // what to do or type, when not ok
}

// LeaveRequest says how a node is to leave its network.
type LeaveRequest struct {
	// Drain waits for the containers that others run here, until DeadlineMS.
	Drain bool `json:"drain,omitzero"`
	// DeadlineMS is the longest wait of Drain; 0 = without limit.
	DeadlineMS int64 `json:"deadline_ms,omitzero"`
	// Force leaves although containers run here: their leases end with the
	// reason "supplier left". Without Drain and Force that is CodeConflict.
	Force bool `json:"force,omitzero"`
}

// LeaveEventType names a step of leaving.
type LeaveEventType string

// The steps of leaving, in order.
const (
	LeaveDraining  LeaveEventType = "draining"  // Remaining containers are waited for
	LeaveContainer LeaveEventType = "container" // one of them ended
	LeaveOffer     LeaveEventType = "offer"     // the node's offer is removed
	LeaveHandover  LeaveEventType = "handover"  // offers held for others are handed over
	LeaveLeft      LeaveEventType = "left"      // done; the node stops
)

// LeaveEvent is one step of leaving.
type LeaveEvent struct {
	Type      LeaveEventType `json:"type"`
	At        time.Time      `json:"at"`
	Container string         `json:"container,omitzero"`
	Remaining int            `json:"remaining"` // containers of others that still run here
	Detail    string         `json:"detail"`
}

// Node is a peer that this node has seen.
type Node struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"` // "" when it has not told
	Self        bool       `json:"self"`
	Connected   bool       `json:"connected"`
	Relayed     bool       `json:"relayed"`    // every open connection goes through a relay
	LatencyUS   int64      `json:"latency_us"` // smoothed round trip; 0 = not measured
	Addrs       []string   `json:"addrs"`
	Version     string     `json:"version"`
	FirstSeenAt time.Time  `json:"first_seen_at"`
	LastSeenAt  time.Time  `json:"last_seen_at"`
	AgeMS       int64      `json:"age_ms"` // since LastSeenAt; 0 while connected
	Free        *Resources `json:"free"`   // of its newest known offer; null = none known
	Platform    string     `json:"platform"`
	Labels      []Label    `json:"labels"`
}

// NodeDetail is a Node with what is known of its dealings.
type NodeDetail struct {
	Node
	Offers     []Offer     `json:"offers"`
	Containers []Container `json:"containers"` // that this node bought there
	Refusals   []Refusal   `json:"refusals"`   // recent ones, newest first
}

// Refusal is a no that this node got from a supplier.
type Refusal struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"` // market.Reason in words
	Detail string    `json:"detail"`
}

// TokenRequest describes a join token to be made.
type TokenRequest struct {
	Name        string `json:"name,omitzero"`
	ExpiresInMS int64  `json:"expires_in_ms,omitzero"` // 0 = never
	MaxUses     int    `json:"max_uses,omitzero"`      // 0 = no limit
}

// Token is a join token without its secret.
type Token struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // absent = never
	Uses      int       `json:"uses"`
	MaxUses   int       `json:"max_uses"` // 0 = no limit
}

// NewToken is a Token with the text to pass to `caravela join`. It is shown
// once.
type NewToken struct {
	Token
	Text string `json:"token"`
}

// Setting is one key of the effective configuration.
type Setting struct {
	Key          string `json:"key"`    // "offer.cpus"
	Value        string `json:"value"`  // as it would stand in the file
	Origin       string `json:"origin"` // default, file, env or flag
	Default      string `json:"default"`
	Description  string `json:"description"`
	NeedsRestart bool   `json:"needs_restart"` // Value acts after a restart only
}

// SettingRequest is the body of a change.
type SettingRequest struct {
	Value string `json:"value"`
}

// Identity is a node's private key, for a backup.
type Identity struct {
	ID  string `json:"id"`  // peer ID that the key makes
	Key string `json:"key"` // the key file's content, text
}

// EventOptions chooses events.
type EventOptions struct {
	Since  time.Time // zero = only new ones
	Follow bool      // go on with what happens from now on
	Type   string    // only events of this type; "" = all
}

// Event is something that happened at this node.
type Event struct {
	At        time.Time `json:"at"`
	Seq       uint64    `json:"seq"`                // grows by one an event while the node runs
	Type      string    `json:"type"`               // "container", "lease", "notice", "bill", "usage", "ledger", "offer", "peer", "node", "engine", "webhook"
	Action    string    `json:"action"`             // "running", "ended", "published", "connected", ...
	Container string    `json:"container,omitzero"` // container ID
	Name      string    `json:"name,omitzero"`      // container or node name
	Node      string    `json:"node,omitzero"`      // peer ID
	Reason    string    `json:"reason,omitzero"`
	ExitCode  *int      `json:"exit_code,omitzero"`
	Detail    string    `json:"detail,omitzero"`
}
