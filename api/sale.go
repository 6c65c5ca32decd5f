package api

import "time"

// Sale is what a node sells, and at which terms.
type Sale struct {
	Selling     bool        `json:"selling"`
	Paused      bool        `json:"paused"` // by the user
	Detail      string      `json:"detail"` // why nothing is sold
	Terms       *Terms      `json:"terms"`  // null = free and not metered
	PriceFrom   PriceOrigin `json:"price_from"`
	PriceDetail string      `json:"price_detail"` // what the price command did last, when it failed
	CreditMS    int64       `json:"credit_ms"`    // of what it leases, for peers without a limit of their own
	Total       Resources   `json:"total"`
	Leased      Resources   `json:"leased"`
	Held        Resources   `json:"held"`
	Holds       int         `json:"holds"`
}

// PriceOrigin is where the price in force comes from.
type PriceOrigin string

// The origins of a price, from the weakest.
const (
	PriceConfigured PriceOrigin = "configuration"
	PriceByCommand  PriceOrigin = "command" // price.command
	PriceByUser     PriceOrigin = "user"    // caravela offer price; kept over restarts
)

// PauseRequest says why nothing new is sold.
type PauseRequest struct {
	Reason string `json:"reason,omitzero"`
}

// PriceRequest sets the price of what is sold from now on. Absent rates stay;
// leases that run keep the price that was agreed.
type PriceRequest struct {
	Unit            *string `json:"unit,omitzero"`
	CoreHourMicro   *int64  `json:"core_hour_micro,omitzero"`
	MemoryHourMicro *int64  `json:"memory_gib_hour_micro,omitzero"`
	DiskHourMicro   *int64  `json:"disk_gib_hour_micro,omitzero"`
	ParkedHourMicro *int64  `json:"parked_hour_micro,omitzero"`
	StartMicro      *int64  `json:"start_micro,omitzero"`
	// Reset goes back to the configuration, or to its price command.
	Reset bool `json:"reset,omitzero"`
}

// QuoteRequest asks what containers would cost.
type QuoteRequest struct {
	Spec   Spec   `json:"spec"`
	Policy Policy `json:"policy,omitzero"`
	Hold   bool   `json:"hold,omitzero"` // have it reserved for a minute
}

// Quote is an answer, one part a container. Without Hold nothing is reserved.
type Quote struct {
	Parts  []QuotePart `json:"parts"`
	TermMS int64       `json:"term_ms"`
	Totals []Cost      `json:"totals"` // of all parts, by unit
}

// QuotePart is where one container would run, and its price.
type QuotePart struct {
	Replica int   `json:"replica"`
	Offer   Offer `json:"offer"`
	Cost    Cost  `json:"cost"`
	Hold    *Hold `json:"hold,omitzero"`
}

// Hold is a supplier's signed promise to lease until a moment.
type Hold struct {
	ID      string    `json:"id"` // for Policy.Hold
	UntilAt time.Time `json:"until_at"`
}
