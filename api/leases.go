package api

import "time"

// LeaseRef names a lease: its ID, the name or ID of its container, or a unique
// prefix of an ID.
type LeaseRef string

// Lease is one lease, bought or sold, and what is due for it.
type Lease struct {
	ID          string    `json:"id"`           // 64 hexadecimal digits
	ContainerID string    `json:"container_id"` // the first lease of the chain of renewals
	Name        string    `json:"name"`         // of the container
	Role        Role      `json:"role"`
	Peer        string    `json:"peer"` // the other side's peer ID
	PeerName    string    `json:"peer_name"`
	Image       string    `json:"image"`
	State       string    `json:"state"`  // of the container: market.State in words
	Reason      string    `json:"reason"` // market.Reason in words; "none"
	Resources   Resources `json:"resources"`
	Terms       *Terms    `json:"terms"` // null = free and not metered
	StartsAt    time.Time `json:"starts_at"`
	EndsAt      time.Time `json:"ends_at"`
	LeftMS      int64     `json:"left_ms"` // 0 = over
	Renews      bool      `json:"renews"`
	Cost        Cost      `json:"cost"`           // by the agreed price
	MaxMicro    int64     `json:"max_cost_micro"` // it ends before it costs more; 0 = no bound
	Bill
	Receipt ReceiptState `json:"receipt"`
	Notice  *Notice      `json:"notice,omitzero"` // the newest, unless it is over
}

// Bill is what was metered and acknowledged of a lease.
type Bill struct {
	RunningS     uint64    `json:"running_s"`     // acknowledged billable seconds, running
	ParkedS      uint64    `json:"parked_s"`      // and stopped by the owner
	AmountMicro  int64     `json:"amount_micro"`  // due: acknowledged by the buyer
	UnackedMicro int64     `json:"unacked_micro"` // noted by the supplier beyond that
	UnackedNotes uint64    `json:"unacked_notes"` // in a row
	NoteSeq      uint64    `json:"note_seq"`      // of the newest note; 0 = none yet
	NotedAt      time.Time `json:"noted_at,omitzero"`
}

// ReceiptState is how far the closing of a lease is.
type ReceiptState string

// The states of a receipt.
const (
	ReceiptNone   ReceiptState = "none"   // the lease runs, or is not metered
	ReceiptOpen   ReceiptState = "open"   // the lease is over and the last note is not settled
	ReceiptIssued ReceiptState = "issued" // signed by the supplier
	ReceiptSigned ReceiptState = "signed" // by both
)

// Notice is what a supplier has announced to a container's owner.
type Notice struct {
	Kind       string    `json:"kind"` // market.NoticeKind in words: expiry, reclaim, unacknowledged, credit, cost, withdrawn
	At         time.Time `json:"at"`
	DeadlineAt time.Time `json:"deadline_at"` // when what it announces comes true
	Detail     string    `json:"detail"`
	Heard      bool      `json:"heard"` // the owner has confirmed it
}

// LeaseDetail is a Lease with all that is known of it.
type LeaseDetail struct {
	Lease
	Chain    []string  `json:"lease_ids"` // of the container, oldest first
	SpecHash string    `json:"spec_hash"`
	Pids     int64     `json:"pids"`
	OfferSeq uint64    `json:"offer_seq"`
	Hold     string    `json:"hold_id,omitzero"`
	SignedBy []string  `json:"signed_by"`          // peer IDs: the buyer, then the supplier
	NoteHash string    `json:"note_hash,omitzero"` // of the newest note
	Usage    *Counters `json:"counters,omitzero"`
	Receipts []Receipt `json:"receipts"` // of this container's leases that are over, as far as they are kept here
}

// Counters are what the engine measured since the lease's start. Nobody is
// billed by them.
type Counters struct {
	CPUSeconds       uint64 `json:"cpu_s"`
	PeakMemoryBytes  int64  `json:"peak_memory_bytes"`
	NetReceivedBytes int64  `json:"net_received_bytes"`
	NetSentBytes     int64  `json:"net_sent_bytes"`
	DiskReadBytes    int64  `json:"disk_read_bytes"`
	DiskWrittenBytes int64  `json:"disk_written_bytes"`
	UnhealthyS       uint64 `json:"unhealthy_s"`
	Restarts         int    `json:"restarts"`
}

// Receipt closes a lease.
type Receipt struct {
	LeaseID     string    `json:"lease_id"`
	Unit        string    `json:"unit"`
	AmountMicro int64     `json:"amount_micro"`
	RunningS    uint64    `json:"running_s"`
	ParkedS     uint64    `json:"parked_s"`
	NoteSeq     uint64    `json:"note_seq"` // the last acknowledged note; 0 = none
	StartedAt   time.Time `json:"started_at"`
	EndedAt     time.Time `json:"ended_at"`
	EndedBy     string    `json:"ended_by"` // peer ID
	Reason      string    `json:"reason"`
	Early       bool      `json:"early"`     // the supplier ended it before its term and without the agreed notice
	SignedBy    []string  `json:"signed_by"` // peer IDs: the supplier, then the buyer
}

// LeaseOptions chooses leases.
type LeaseOptions struct {
	All  bool // also those that are over
	Role Role // "" = both
}

// RenewRequest asks for a new term.
type RenewRequest struct {
	TermMS int64 `json:"term_ms,omitzero"` // 0 = as long as the one before
}

// ReclaimRequest takes a sold unit's resources back.
type ReclaimRequest struct {
	NoticeMS int64  `json:"notice_ms,omitzero"` // if longer than the agreed notice
	Now      bool   `json:"now,omitzero"`       // without notice, which the receipt then shows
	Cancel   bool   `json:"cancel,omitzero"`    // takes an announced reclaim back
	Detail   string `json:"detail,omitzero"`    // why, for the owner
}
