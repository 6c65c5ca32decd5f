package api

import (
	"encoding/json"
	"time"
)

// Role is which side of a lease this node is on.
type Role string

// The sides of a lease. A node that buys from itself shows the bought side.
const (
	RoleBought Role = "bought"
	RoleSold   Role = "sold"
)

// Container is one leased unit.
type Container struct {
	ID       string `json:"id"`       // the first lease's ID, 64 hexadecimal digits
	LeaseID  string `json:"lease_id"` // of the present lease; differs after a renewal
	Name     string `json:"name"`
	Role     Role   `json:"role"`
	Image    string `json:"image"` // as it was asked for
	Digest   string `json:"image_digest,omitzero"`
	Command  string `json:"command"` // for display
	Node     string `json:"node"`    // supplier
	NodeName string `json:"node_name"`
	Owner    string `json:"owner"` // buyer
	ContainerLife
	// UnreachableSince is when the supplier of a container that should run was
	// last heard of, if it does not answer now: the state may be another one.
	UnreachableSince time.Time `json:"unreachable_since,omitzero"`

	Resources   Resources `json:"resources"`
	CreatedAt   time.Time `json:"created_at"`
	StartedAt   time.Time `json:"started_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
	EndsAt      time.Time `json:"lease_ends_at"`
	LeftMS      int64     `json:"lease_left_ms"` // 0 = over
	Renews      bool      `json:"renews"`
	Cost        Cost      `json:"cost"`         // of the present lease, by the agreed price
	AmountMicro int64     `json:"amount_micro"` // due so far, for all leases of the chain: acknowledged by the buyer
	RunningS    uint64    `json:"running_s"`    // billed seconds of all leases of the chain, running
	ParkedS     uint64    `json:"parked_s"`     // and stopped by the owner
	Labels      []Label   `json:"labels"`
}

// ContainerLife is where a container stands, from its newest signed status.
type ContainerLife struct {
	State    string          `json:"state"`              // market.State in words: "running"
	Reason   string          `json:"reason"`             // market.Reason in words; "none"
	ExitCode *int            `json:"exit_code,omitzero"` // of the main process, when it has ended
	Detail   string          `json:"detail"`             // plain words of the supplier
	Restarts int             `json:"restarts"`
	Ports    []PublishedPort `json:"ports"`
	StatusAt time.Time       `json:"status_at"` // when the supplier said so
	Seq      uint64          `json:"status_seq"`
}

// PublishedPort is a container's port and where to reach it.
type PublishedPort struct {
	ContainerPort int    `json:"container_port"`
	HostPort      int    `json:"host_port"`
	Protocol      string `json:"protocol"`  // tcp or udp
	Address       string `json:"address"`   // IP of the supplier; "" = it told none
	Reachable     bool   `json:"reachable"` // false: the supplier is not reached directly
}

// ContainerDetail is a Container with all that is known of it.
type ContainerDetail struct {
	Container
	Spec    Spec            `json:"spec"`
	Leases  []string        `json:"lease_ids"` // the chain of renewals, oldest first
	History []ContainerLife `json:"history"`   // signed statuses, oldest first, a bounded number
	// Engine is the engine's own description, without the host's paths; absent
	// when the supplier does not answer.
	Engine json.RawMessage `json:"engine,omitzero"`
}

// ListOptions chooses containers.
type ListOptions struct {
	All     bool // also those that do not run
	Role    Role // "" = bought
	Filters []Filter
}

// Filter is a condition on a container: name, id, state, node, image, or
// label.<key>. Filters of one key are alternatives, different keys must all
// hold.
type Filter struct {
	Key   string
	Value string
}

// StopRequest says how a container is asked to stop.
type StopRequest struct {
	GraceMS *int64 `json:"grace_ms,omitzero"` // before SIGKILL; absent = the container's own
	Signal  string `json:"signal,omitzero"`   // "" = the container's own
}

// KillRequest says which signal is sent.
type KillRequest struct {
	Signal string `json:"signal,omitzero"` // "" = SIGKILL
}

// RemoveOptions says what is removed with a container.
type RemoveOptions struct {
	Force   bool // also a running one; and forget it when its supplier does not answer
	Volumes bool // also the volumes that outlive the lease
}

// Exit is how a container's main process ended.
type Exit struct {
	ExitCode int    `json:"exit_code"` // -1 = not known
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Detail   string `json:"detail"`
}

// Size is the size of a terminal in characters.
type Size struct {
	Rows    uint16 `json:"rows"`
	Columns uint16 `json:"columns"`
}

// StatsOptions chooses between one sample and many.
type StatsOptions struct {
	Follow bool // one about every second until the container stops
}

// Stats is one sample of what a container uses.
type Stats struct {
	At               time.Time `json:"at"`
	Container        string    `json:"container"`
	Name             string    `json:"name"`
	CPUUsageUS       int64     `json:"cpu_usage_us"`  // since its start
	MilliCPU         int64     `json:"milli_cpu"`     // used on average since the last sample
	MilliCPULimit    int64     `json:"milli_cpu_max"` // leased
	MemoryBytes      int64     `json:"memory_bytes"`  // without reclaimable cache
	MemoryLimitBytes int64     `json:"memory_max_bytes"`
	NetReceivedBytes int64     `json:"net_received_bytes"`
	NetSentBytes     int64     `json:"net_sent_bytes"`
	DiskReadBytes    int64     `json:"disk_read_bytes"`
	DiskWrittenBytes int64     `json:"disk_written_bytes"`
	Pids             int64     `json:"pids"`
}

// LogOptions chooses lines of a container's output.
type LogOptions struct {
	Follow     bool
	Tail       int       // last lines; 0 = all, -1 = none (only new ones, with Follow)
	Since      time.Time // zero = from the start
	Until      time.Time // zero = to the end
	Timestamps bool      // each line begins with its date
}

// ExecRequest is a command to run in a running container.
type ExecRequest struct {
	Command []string `json:"command"`
	Env     []string `json:"env,omitzero"` // "K=V"
	User    string   `json:"user,omitzero"`
	WorkDir string   `json:"work_dir,omitzero"`
	TTY     bool     `json:"tty,omitzero"`
	Stdin   bool     `json:"stdin,omitzero"` // keep stdin open
	Size    Size     `json:"size,omitzero"`  // first size of the TTY
}

// AttachRequest joins a container's main process.
type AttachRequest struct {
	Stdin bool `json:"stdin,omitzero"`
	Logs  bool `json:"logs,omitzero"` // first what it has written so far
	Size  Size `json:"size,omitzero"` // first size of the TTY
}
