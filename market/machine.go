package market

import "time"

// Machine is a role, or a whole peer, as a deterministic state machine. The
// same events in the same order always give the same effects.
type Machine interface {
	// Step takes one event and appends what the driver must do to out. It
	// never blocks and never fails: bad input becomes a Note.
	Step(now Time, ev Event, out *Outbox)
	// Deadline is the monotonic time no later than which the driver
	// delivers a Tick; Never when nothing is awaited.
	Deadline() time.Duration
}

// Event is what can happen to a peer.
//
//sumtype:decl
type Event interface{ event() }

// Boot is a peer's first event: what was saved in earlier lives.
type Boot struct{ Records []Record }

// Tick says that the deadline has come, or just that time has passed.
type Tick struct{}

// Received is a message from another peer, already verified: every envelope
// in it is valid, and From is authenticated.
type Received struct {
	From Ref
	Msg  Message
}

// Undelivered says that it is unknown whether a Send arrived. Busy says that
// it did not: there was no room for it now, and the receiver is not to blame.
type Undelivered struct {
	To   PeerID
	Msg  Message
	Busy bool
}

// Found answers a Lookup; Failed when the overlay could not search.
type Found struct {
	Ref    uint64
	Peers  []Ref // nearest first; may include this peer
	Failed bool
}

// Joined says that this peer is in the overlay, and of how many members that
// seems to consist; 0 = unknown.
type Joined struct{ Members uint64 }

// Near says that a peer entered the overlay's routing table.
type Near struct{ Peer Ref }

// Gone says that the connection to a peer broke, or that it left the table.
type Gone struct{ Peer PeerID }

// UnitChanged is the engine's word on a unit. Ref is that of the Run or
// Control that it answers; 0 = it happened by itself.
type UnitChanged struct {
	Unit     LeaseID
	Ref      uint64
	State    State
	Reason   Reason
	ExitCode int32
	Restarts uint32
	Detail   string
	Ports    []Binding
	Digest   string
}

// EngineChanged says that the container engine answers (again), or not.
type EngineChanged struct {
	Up     bool
	Reason string
}

// Supply replaces what this peer sells. Selling false withdraws the offer.
// There is always a Stock, and nobody changes it any more: the peer keeps it,
// and peers that sell the same may be given the same one.
type Supply struct {
	Selling bool
	Stock   *Stock
}

// Stock describes a supplier: everything of an Offer that is not counted, and
// what only the supplier knows.
type Stock struct {
	Wares
	Allow    []string      // image patterns; nil = all
	Units    int           // most units at once; 0 = no bound
	Starting int           // most launches at once; 0 = no bound
	Addrs    []string      // where this peer can be dialled
	Pids     int64         // processes of all units together; 0 = no bound
	Credit   time.Duration // of a lease's price, for peers without a limit of their own; 0 = DefaultCredit
}

// Wanted is the local user's request for containers.
type Wanted struct {
	Ref      uint64 // returned in every Outcome
	Spec     *Spec
	Want     Want
	Replicas int
	Apart    bool          // each replica on a node of its own
	Together bool          // all replicas on one node
	Term     time.Duration // 0 = Params.Term
	Renew    Renew
	Auth     string
	DryRun   bool          // search only
	Wait     time.Duration // keep looking for an offer this long
	Quote    bool          // with DryRun: have the best offers held (Holding) instead of only shown
	Hold     HoldID        // lease by this hold, which Quote gave, and by no other offer
	MaxCost  Micro         // of each lease; 0 = its price for the whole term
}

// Abandon says that the user who sent Wanted{Ref} no longer waits: what was
// not yet leased is not leased any more.
type Abandon struct{ Ref uint64 }

// Ordered is the local user's command to a bought unit.
type Ordered struct {
	Ref uint64
	Cmd StopContainer
}

// Renewal asks for a new term of a bought unit now. Term 0 = as long as the
// one before.
type Renewal struct {
	Ref  uint64
	Unit LeaseID
	Term time.Duration
}

// Reclaim takes a sold unit's resources back: after the agreed notice, or
// Notice if that is longer; with Now at once, which the receipt then shows.
// With Cancel an announced reclaim is taken back.
type Reclaim struct {
	Ref    uint64
	Unit   LeaseID
	Notice time.Duration
	Now    bool
	Cancel bool
	Detail string
}

// Settle proposes a settlement with a peer, or, with Accept set, agrees to one
// that the peer proposed.
type Settle struct {
	Ref       uint64
	Peer      PeerID
	Amount    Micro
	Unit      string
	Owed      bool // true: the peer paid its debt to us; false: we paid ours
	Reference string
	Receipts  []LeaseID // that it covers; may be empty
	Accept    [32]byte
}

// SetPeer changes what this peer thinks of a counterparty. Nil parts stay.
type SetPeer struct {
	Ref     uint64
	Peer    PeerID
	Limit   *Limit
	Blocked *bool
	Trusted *bool
	Remark  *string
}

// Measured are the engine's counters of a unit, cumulative since its start.
type Measured struct {
	Unit     LeaseID
	Counters Counters
}

// Leave withdraws the offer and says goodbye; with End set every lease that
// this peer sold ends, too.
type Leave struct{ End bool }

func (Boot) event()          {}
func (Joined) event()        {}
func (Tick) event()          {}
func (Received) event()      {}
func (Undelivered) event()   {}
func (Found) event()         {}
func (Near) event()          {}
func (Gone) event()          {}
func (UnitChanged) event()   {}
func (EngineChanged) event() {}
func (Supply) event()        {}
func (Wanted) event()        {}
func (Abandon) event()       {}
func (Ordered) event()       {}
func (Leave) event()         {}
func (Renewal) event()       {}
func (Reclaim) event()       {}
func (Settle) event()        {}
func (SetPeer) event()       {}
func (Measured) event()      {}

// Outbox is what the driver must do after a step. It is reused and never
// retained. No effect leaves before the Saves of its step, and of all earlier
// steps, are durable.
type Outbox struct {
	Saves    []Save
	Sends    []Send
	Lookups  []Lookup
	Runs     []Run
	Controls []Control
	Outcomes []Outcome
	Notes    []Note
}

// Reset empties o and keeps its memory.
func (o *Outbox) Reset() {
	clear(o.Sends)
	clear(o.Saves)
	clear(o.Runs)
	clear(o.Outcomes)
	*o = Outbox{o.Saves[:0], o.Sends[:0], o.Lookups[:0], o.Runs[:0], o.Controls[:0], o.Outcomes[:0], o.Notes[:0]}
}

// Send appends a message to be sent.
func (o *Outbox) Send(to Ref, m Message) { o.Sends = append(o.Sends, Send{to, m}) }

// Save appends a record to be stored.
func (o *Outbox) Save(r Record) { o.Saves = append(o.Saves, Save{Record: r}) }

// Drop appends a record to be deleted.
func (o *Outbox) Drop(r Record) { o.Saves = append(o.Saves, Save{Record: r, Delete: true}) }

// Note appends a fact.
func (o *Outbox) Note(k NoteKind, p PeerID, unit LeaseID, text string) {
	o.Notes = append(o.Notes, Note{k, p, unit, text})
}

// Save makes a record durable, or deletes it.
type Save struct {
	Record Record
	Delete bool
}

// Send delivers a message; it comes back as Undelivered when that failed.
type Send struct {
	To  Ref
	Msg Message
}

// Lookup asks the overlay for the N peers nearest to a key: -> Found.
type Lookup struct {
	Ref uint64
	Key Key
	N   int
}

// Run makes the engine run a unit: -> UnitChanged, several times. It is
// idempotent: a container that exists already is adopted.
type Run struct {
	Unit  LeaseID
	Owner PeerID
	Spec  *Spec
	Auth  string
	Adopt bool // the container existed before; do not make a new one if it vanished
}

// Control makes the engine do something to a unit: -> UnitChanged with Ref.
type Control struct {
	Ref    uint64
	Unit   LeaseID
	Op     Op
	Signal string
	Grace  time.Duration
	Keep   bool // with OpRemove: keep the named volumes that ask for it
}

// Outcome is news for the local user who sent Wanted or Ordered.
type Outcome struct {
	Ref     uint64
	Kind    OutcomeKind
	Replica int
	Unit    LeaseID
	Lease   *SignedLease  // with Leased
	Offer   *Offer        // with Leased, Refused
	Status  *SignedStatus // with Progress
	Offers  []OfferAt     // with Searched
	Tally   *Tally        // with Searched, GaveUp
	Cover   Coverage      // with Searched, GaveUp
	Reason  Reason        // with Refused, GaveUp, Done
	Detail  string
	Holds   []*SignedHold     // with Holding
	Settled *SignedSettlement // with Done, of a Settle
}

// Coverage is how far a request's last search got: where Silent and Unasked
// are zero, whoever was to be asked has answered.
type Coverage struct {
	Questions int // sent to other peers, by all searches of the request
	Silent    int // regions of which no trader answered
	Unasked   int // regions that were left out: one search asks so many traders only
}

// OutcomeKind is what an Outcome tells.
type OutcomeKind uint8

// The kinds of outcomes. Done and GaveUp are the last of their request.
const (
	Searched OutcomeKind = iota // a search ended
	Asking                      // a launch was sent
	Refused                     // a supplier said no, or nothing
	Leased                      // a supplier said yes
	Progress                    // a unit's status changed while the request was open
	GaveUp                      // no (further) unit can be placed
	Done                        // all units are placed; or the command was carried out
	Holding                     // suppliers hold what was quoted
)

// Note is a fact for logs, counters and measurements; it has no effect.
type Note struct {
	Kind NoteKind
	Peer PeerID
	Unit LeaseID
	Text string
}

// NoteKind is what a Note tells.
type NoteKind uint8

// The kinds of notes.
const (
	NoteBadMessage   NoteKind = iota // a peer said what it may not say
	NoteOfferStored                  // as a trader
	NoteOfferExpired                 // as a trader
	NoteOfferRemoved                 // as a trader
	NoteHandedOver                   // as a trader: offers went to a nearer peer
	NotePublished                    // as a supplier: enough traders have the offer
	NoteUnpublished                  // as a supplier: too few traders have it
	NoteGranted                      // as a supplier
	NoteRefused                      // as a supplier
	NoteUnit                         // as a supplier: a unit changed its state
	NoteLeaseEnded                   // as a supplier
	NoteSearch                       // as a buyer: a search ended
	NoteBought                       // as a buyer: a lease was granted
	NoteStatus                       // as a buyer: a unit's status came in
	NoteRenewed                      // as a buyer
	NoteUndone                       // as a buyer: an unwanted grant was taken back
	NoteHeld                         // as a supplier: a hold was given
	NoteBilled                       // as a supplier: a usage note was acknowledged
	NoteUnacked                      // as a supplier: a usage note was not acknowledged in time
	NoteCharged                      // as a buyer: a usage note was acknowledged
	NoteDisputed                     // a peer's numbers are not agreed with, or ours not by it
	NoteNotice                       // either: a lease will end, or a limit is near; the text says which and when
	NoteReceipt                      // either: a receipt has both signatures
	NoteSettled                      // either: a settlement has both signatures
	NoteProposed                     // either: a settlement waits for this user's agreement
	NoteAccount                      // either: a counterparty was blocked, trusted, or given a limit
	maxNote
)

// String returns the event's name in the API.
func (k NoteKind) String() string {
	return name(int(k), "bad-message", "offer-stored", "offer-expired", "offer-removed", "handed-over", "published",
		"unpublished", "granted", "refused", "unit", "lease-ended", "search", "bought", "status", "renewed", "undone", "held", "billed", "unacknowledged",
		"charged", "disputed", "notice", "receipt", "settled", "settlement-proposed", "account")
}

// Sealer signs in the name of this peer. The node's uses Ed25519; a driver
// that runs a million peers passes one that costs nothing.
type Sealer interface {
	Offer(Offer) *SignedOffer
	Lease(Lease) *SignedLease              // as the buyer
	Countersign(*SignedLease) *SignedLease // as the supplier, the same payload
	Status(Status) *SignedStatus           // as the supplier
	SpecHash(*Spec) [32]byte
	Hold(Hold) *SignedHold                              // as the supplier
	Usage(UsageNote) *SignedUsage                       // as the supplier
	AckUsage(*SignedUsage) *SignedUsage                 // as the buyer, the same payload
	Notice(Notice) *SignedNotice                        // as the supplier
	Receipt(Receipt) *SignedReceipt                     // as the supplier
	SignReceipt(*SignedReceipt) *SignedReceipt          // as the buyer, the same payload
	Settlement(Settlement) *SignedSettlement            // as either
	SignSettlement(*SignedSettlement) *SignedSettlement // as the other, the same payload
}
