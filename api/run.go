package api

import "time"

// RunRequest asks for a container (or several alike) on somebody's machine.
type RunRequest struct {
	Spec   Spec   `json:"spec"`
	Policy Policy `json:"policy,omitzero"`
	// RegistryAuth is docker's AuthConfig, JSON in URL-safe base64, used for the
	// one pull and never stored.
	RegistryAuth string `json:"registry_auth,omitzero"`
	// Attach says that the caller will Attach to the container. Its node then
	// keeps the container's output, and with Spec.Remove the container itself,
	// until it was attached to; and the run ends when the caller goes away
	// before the container runs.
	Attach bool `json:"attach,omitzero"`
}

// Policy says which suppliers are good enough and for how long.
type Policy struct {
	Strategy  Strategy  `json:"strategy,omitzero"`
	Replicas  int       `json:"replicas,omitzero"`  // 0 = 1
	Placement Placement `json:"placement,omitzero"` // of replicas among each other
	// Constraints on the supplier's labels must all hold: "region==eu",
	// "node.labels.gpu!=none", "node.name==cedar".
	Constraints    []string `json:"constraints,omitzero"`
	Node           NodeRef  `json:"node,omitzero"`          // only this supplier
	CPUClass       string   `json:"cpu_class,omitzero"`     // lowest that will do, "v3"; "" = any
	LeaseTermMS    int64    `json:"lease_term_ms,omitzero"` // 0 = the node's default, 24 h
	Renew          Renew    `json:"renew,omitzero"`
	WaitForOfferMS int64    `json:"wait_for_offer_ms,omitzero"` // keep trying so long; 0 = once
	DryRun         bool     `json:"dry_run,omitzero"`           // plan, lease nothing
	MaxPrice
	MaxCostMicro int64  `json:"max_cost_micro,omitzero"` // of each lease, which ends before it costs more; 0 = its price for the whole term
	Hold         string `json:"hold,omitzero"`           // lease by this hold, which a Quote gave
}

// Placement is how replicas of one request lie to each other.
type Placement string

// The placements. The zero value does not care.
const (
	PlaceApart    Placement = "spread"   // each on another node
	PlaceTogether Placement = "colocate" // all on one node
)

// Renew is whether a lease is renewed while the buyer's node lives. The zero
// value is the node's configured rule.
type Renew string

// The rules of renewal.
const (
	RenewAuto  Renew = "auto"
	RenewNever Renew = "never"
)

// RunEventType names a step of a run.
type RunEventType string

// The steps of a run. Replica tells which container an event is about.
const (
	RunSearching RunEventType = "searching" // Search has the round
	RunWaiting   RunEventType = "waiting"   // nothing fits yet; tried again at Retry. WhyNot is set
	RunPlanned   RunEventType = "planned"   // dry run: Plan has the choice
	RunHeld      RunEventType = "held"      // Node keeps resources for this replica until all are found: Hold
	RunAsked     RunEventType = "asked"     // Node is asked for a lease, at Cost
	RunRefused   RunEventType = "refused"   // and said no: Reason, Detail
	RunLeased    RunEventType = "leased"    // and said yes: Lease. The run goes on without the caller
	RunPulling   RunEventType = "pulling"   // Pull has the progress
	RunStatus    RunEventType = "status"    // Status has the new state
	RunSilent    RunEventType = "silent"    // Node has leased and does not answer now; the run waits for it
	RunFailed    RunEventType = "failed"    // this replica is given up: Failure
	RunDone      RunEventType = "done"      // the last event: Containers has the IDs of those that run
)

// RunEvent is one step of a run. Only the members that its Type names are set.
type RunEvent struct {
	Type       RunEventType   `json:"type"`
	At         time.Time      `json:"at"`
	Replica    int            `json:"replica"` // 0 for the first
	Node       string         `json:"node,omitzero"`
	NodeName   string         `json:"node_name,omitzero"`
	Search     *SearchRound   `json:"search,omitzero"`
	WhyNot     *SearchResult  `json:"why_not,omitzero"`
	RetryAt    time.Time      `json:"retry_at,omitzero"`
	Plan       *Candidate     `json:"plan,omitzero"`
	Cost       *Cost          `json:"cost,omitzero"`
	Reason     string         `json:"reason,omitzero"`
	Detail     string         `json:"detail,omitzero"`
	Hold       *Hold          `json:"hold,omitzero"`
	Lease      *Leased        `json:"lease,omitzero"`
	Pull       *PullProgress  `json:"pull,omitzero"`
	Status     *ContainerLife `json:"status,omitzero"`
	Failure    *Error         `json:"failure,omitzero"`
	Containers []string       `json:"containers,omitzero"`
}

// SearchRound is how far a search is.
type SearchRound struct {
	Round   int `json:"round"`
	Regions int `json:"regions"` // asked so far
	Offers  int `json:"offers"`  // seen so far
}

// Leased is a lease that both sides have signed.
type Leased struct {
	ContainerID string    `json:"container_id"` // the first lease's ID, 64 hexadecimal digits
	Name        string    `json:"name"`
	Resources   Resources `json:"resources"`
	TermMS      int64     `json:"term_ms"`
	EndsAt      time.Time `json:"ends_at"`
	Renews      bool      `json:"renews"`
	Region      string    `json:"region"`     // resource region of the offer
	Labels      []Label   `json:"labels"`     // of the supplier
	LatencyUS   int64     `json:"latency_us"` // to the supplier; 0 = not measured
	Relayed     bool      `json:"relayed"`    // the supplier is reached through a relay
	LeaseID     string    `json:"lease_id"`
	Terms       *Terms    `json:"terms"`          // null = free and not metered
	Cost        Cost      `json:"cost"`           // by the agreed price
	MaxMicro    int64     `json:"max_cost_micro"` // it ends before it costs more; 0 = no bound
}

// PullProgress is how far an image's pull is.
type PullProgress struct {
	Image       string `json:"image"`
	LayersDone  int    `json:"layers_done"`
	LayersTotal int    `json:"layers_total"` // known so far
	BytesDone   int64  `json:"bytes_done"`
	BytesTotal  int64  `json:"bytes_total"` // known so far
	Detail      string `json:"detail"`
}
