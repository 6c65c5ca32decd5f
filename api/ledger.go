package api

import "time"

// Account is what this node knows of a counterparty: what they owe each other,
// and what the user thinks of it.
type Account struct {
	Peer     string    `json:"peer"`
	Name     string    `json:"name"`
	Entries  uint64    `json:"entries"`   // length of the log
	Head     string    `json:"head_hash"` // of the last entry; "" = none
	Balances []Balance `json:"balances"`
	Sold     int       `json:"leases_sold"`   // to it, not over
	Bought   int       `json:"leases_bought"` // from it, not over
	Credit   Credit    `json:"credit"`
	Blocked  bool      `json:"blocked"` // nothing is sold to it nor bought from it
	Trusted  bool      `json:"trusted"` // sold to without a limit, unless there is one
	Remark   string    `json:"remark"`  // the user's own
}

// Balance is an account in one unit. All parts but the first two only grow.
type Balance struct {
	Unit             string `json:"unit"`
	ReceivableMicro  int64  `json:"receivable_micro"` // it owes this to us
	PayableMicro     int64  `json:"payable_micro"`    // we owe this to it
	EarnedMicro      int64  `json:"earned_micro"`     // acknowledged by it
	SpentMicro       int64  `json:"spent_micro"`      // acknowledged by us
	SettledInMicro   int64  `json:"settled_in_micro"`
	SettledOutMicro  int64  `json:"settled_out_micro"`
	UnconfirmedMicro int64  `json:"unconfirmed_micro"` // billed by us and never acknowledged: lost
}

// CreditKind is where a peer's limit comes from.
type CreditKind string

// The kinds of limits.
const (
	CreditDefault   CreditKind = "default"   // the node's, for unknown peers: a time of what it leases
	CreditUnlimited CreditKind = "unlimited" // since it is trusted
	CreditSet       CreditKind = "set"       // LimitMicro
)

// Credit is how much a peer may owe us.
type Credit struct {
	Kind       CreditKind `json:"kind"`
	LimitMicro int64      `json:"limit_micro"` // with CreditSet
	Unit       string     `json:"unit"`        // with CreditSet
	DefaultMS  int64      `json:"default_ms"`  // with CreditDefault: of the hourly price of its leases
}

// CreditRequest sets a peer's limit, or, with Default, removes it.
type CreditRequest struct {
	LimitMicro int64  `json:"limit_micro,omitzero"`
	Unit       string `json:"unit,omitzero"`
	Default    bool   `json:"default,omitzero"`
}

// Entry is one line of the log that is kept of a counterparty.
type Entry struct {
	Index       uint64    `json:"index"` // 1, 2, 3, ...
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"` // lease, usage, notice, receipt, settlement, end, thinned
	LeaseID     string    `json:"lease_id,omitzero"`
	ContainerID string    `json:"container_id,omitzero"`
	Unit        string    `json:"unit,omitzero"`         // of the money, of the lease or settlement that it is about
	AmountMicro int64     `json:"amount_micro,omitzero"` // cumulative, of a note or receipt; of a settlement
	Seq         uint64    `json:"seq,omitzero"`          // of a note or notice
	SignedBy    []string  `json:"signed_by"`             // peer IDs, in their order
	Detail      string    `json:"detail,omitzero"`       // in words
	Hash        string    `json:"hash"`
}

// EntryOptions chooses entries of one log.
type EntryOptions struct {
	From  uint64 // first index; 0 = the last Limit entries
	Limit int    // 0 = DefaultEntries, at most MaxEntries
}

// Bounds of one EntryPage.
const (
	DefaultEntries = 100
	MaxEntries     = 1000
)

// EntryPage is a part of one log, oldest first.
type EntryPage struct {
	Account Account `json:"account"`
	Entries []Entry `json:"entries"`
	Next    uint64  `json:"next"` // the index after the last; 0 = no more
}

// LedgerVerdict is what the verification of one log has found.
type LedgerVerdict struct {
	Peer     string `json:"peer"`
	Name     string `json:"name"`
	Entries  uint64 `json:"entries"`
	OK       bool   `json:"ok"`
	BadIndex uint64 `json:"bad_index,omitzero"` // the first bad entry; 0 = the log as a whole
	Why      string `json:"why,omitzero"`
}

// VerifyOptions chooses logs.
type VerifyOptions struct {
	Peer NodeRef // "" = all
}

// ExportOptions chooses what is exported of the ledger.
type ExportOptions struct {
	Peer NodeRef // "" = all
}

// SettleRequest says that a debt was paid, outside of the market.
type SettleRequest struct {
	AmountMicro int64  `json:"amount_micro"`
	Unit        string `json:"unit,omitzero"` // "" = the one that is owed, if there is but one
	// Received says who paid: true, the peer paid its debt to us; false, we paid
	// ours.
	Received  bool   `json:"received,omitzero"`
	Reference string `json:"reference,omitzero"` // "invoice 12", "barter", "waived"
}

// SettlementState is how far a settlement is.
type SettlementState string

// The states of a settlement.
const (
	SettlementProposed SettlementState = "proposed" // by us: the peer has not answered yet
	SettlementAsked    SettlementState = "asked"    // by the peer: our user has not agreed yet
	SettlementSettled  SettlementState = "settled"  // signed by both
)

// Settlement is a debt that was paid.
type Settlement struct {
	ID          string          `json:"id"` // 64 hexadecimal digits
	Peer        string          `json:"peer"`
	PeerName    string          `json:"peer_name"`
	Received    bool            `json:"received"` // the peer paid us
	AmountMicro int64           `json:"amount_micro"`
	Unit        string          `json:"unit"`
	Reference   string          `json:"reference"`
	LeaseIDs    []string        `json:"lease_ids"` // whose receipts it covers; empty if the amount is not the sum of the oldest open ones
	At          time.Time       `json:"at"`
	State       SettlementState `json:"state"`
}

// PeerRequest changes what this node thinks of a peer. Absent parts stay.
type PeerRequest struct {
	Blocked *bool   `json:"blocked,omitzero"`
	Trusted *bool   `json:"trusted,omitzero"`
	Remark  *string `json:"remark,omitzero"` // "" removes it
}
