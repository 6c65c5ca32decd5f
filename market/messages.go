package market

import "time"

// Message is what one peer says to another. Every message is idempotent:
// drivers may repeat, delay and reorder it. doc.go tells what each role does
// with each message.
//
//sumtype:decl
type Message interface{ message() }

// CreateOffer asks a peer to become a trader of the offer. A supplier sends
// it to the peers nearest to the region's key; a trader sends it to a nearer
// peer that appeared.
type CreateOffer struct {
	Offer    *SignedOffer
	At       Ref // the supplier's addresses
	Region   Region
	Replicas []PeerID // all traders of this offer, as far as the sender knows
	Above    []Ref    // traders of the parent region, if the sender came from there
}

// UpdateOffer replaces an offer that the receiver holds by a newer one.
type UpdateOffer struct {
	Offer    *SignedOffer
	At       Ref
	Region   Region
	Replicas []PeerID
}

// OfferAck answers CreateOffer, and an UpdateOffer that was not taken.
type OfferAck struct {
	Seq    uint64 // of the offer that the trader now has, or refuses
	Region Region
	Code   AckCode
	Depth  uint8 // with AckSplit: how deep to go
}

// AckCode is a trader's answer to an offer.
type AckCode uint8

// The answers.
const (
	AckStored  AckCode = iota
	AckSplit           // too many here: publish in a region below
	AckFull            // this peer holds as much as it can
	AckRefused         // not a trader, wrong region, or not valid
	AckStale           // a newer one is known
	AckMerge           // too few here: publish in the region's parent
	maxAck
)

// RefreshOffer is a trader's question to a supplier: are you there, and is
// this still your offer? The supplier learns that the trader lives.
type RefreshOffer struct {
	Seq    uint64
	Region Region
	Code   AckCode // AckStored, or AckSplit/AckMerge to send the supplier to another region
	Depth  uint8   // with AckSplit: how deep to go
}

// RefreshAck answers RefreshOffer with the current offer; nil means that the
// supplier has none in that region any more.
type RefreshAck struct {
	Region Region
	Offer  *SignedOffer
	At     Ref
}

// RemoveOffer withdraws the sender's offer, up to Seq, from a region.
type RemoveOffer struct {
	Seq    uint64
	Region Region
}

// GetOffers searches a trader's offers; a supplier that gets it answers with
// its own. Where nothing fits the answer tells of the regions below; with
// Relay of those elsewhere, too.
type GetOffers struct {
	Ref    uint64 // returned in the answer
	Region Region
	Want   Want
	Max    int // most offers in the answer; 0 = hints only, one of them about the region itself if it holds offers
	Relay  bool
	Buy    bool // the sender will lease at once: what few fit are promised to it for a moment
}

// Offers answers GetOffers.
type Offers struct {
	Ref    uint64
	Region Region
	Offers []OfferAt // best first; for a buyer the last third by chance
	Tally  Tally
	Hints  []Hint
	Trader bool // the sender holds offers of the region, so its answer is complete for it
}

// OfferAt is an offer and where its supplier can be dialled.
type OfferAt struct {
	Offer *SignedOffer
	Addrs []string
}

// Hint says where else offers are.
type Hint struct {
	Summary Summary
	Traders []Ref
}

// AdvertiseOffersNeighbor tells a neighbouring trader (of the parent region,
// or another replica of the same region) what the sender holds. Only the
// sender itself can be advertised.
type AdvertiseOffersNeighbor struct {
	Summary Summary
	At      Ref
	Said    Wall // when, by the sender's clock, which never goes back here: what it said earlier is old; 0 = unknown
}

// LaunchContainer asks a supplier to sign the lease and run the container.
// With Lease.Prev set it asks for a renewal, and Spec is nil.
type LaunchContainer struct {
	Lease *SignedLease
	Spec  *Spec
	Auth  string // registry credentials for this one pull, docker's base64 form; never stored
	At    Ref    // the buyer's addresses
}

// Grant is the supplier's yes to LaunchContainer: the lease with both signatures.
type Grant struct{ Lease *SignedLease }

// Refusal is the supplier's no. Free is what it could give instead.
type Refusal struct {
	Lease  LeaseID
	Reason Reason
	Detail string
	Free   Resources
	Ref    uint64       // of the RequestHold that it answers; 0 = of a launch
	Offer  *SignedOffer // the offer of now, with PriceChanged
}

// StopContainer is the owner's command to a unit. OpRemove ends the lease.
type StopContainer struct {
	Unit   LeaseID
	Op     Op
	Signal string        // with OpKill; "" = SIGKILL
	Grace  time.Duration // with OpStop, OpRestart, OpRemove; <0 = the container's own
	Ref    uint64        // returned in the answer
}

// Op is a command to a unit.
type Op uint8

// The commands.
const (
	OpStop Op = iota
	OpStart
	OpRestart
	OpKill
	OpRemove
	maxOp
)

// String returns the command line's verb.
func (o Op) String() string { return name(int(o), "stop", "start", "restart", "kill", "rm") }

// StopAck answers StopContainer, once the engine has done it.
type StopAck struct {
	Unit   LeaseID
	Ref    uint64
	Reason Reason // NoReason = done
	Detail string
}

// StatusUpdate brings a unit's newest status to its owner, until StatusAck.
type StatusUpdate struct{ Status *SignedStatus }

// StatusAck says that the owner has stored the status.
type StatusAck struct {
	Unit LeaseID
	Seq  uint64
}

// Goodbye says that the sender leaves: do not count on it.
type Goodbye struct{}

// RequestHold asks a supplier to keep resources for the sender for a while:
// GrantHold, or a Refusal with the same Ref.
type RequestHold struct {
	Ref       uint64
	OfferSeq  uint64
	Resources Resources
	Pids      int64
	Ports     []Port
	Image     string        // for the allow-list
	Terms     *Terms        // that the buyer saw
	Term      time.Duration // of the lease that shall follow
	For       time.Duration // at most HoldTime
}

// GrantHold is the supplier's yes to RequestHold.
type GrantHold struct {
	Ref  uint64
	Hold *SignedHold
}

// ReleaseHold gives a hold back. It is not answered.
type ReleaseHold struct{ Hold HoldID }

// ReportUsage brings the newest usage note of a lease to its owner, until
// AckUsage.
type ReportUsage struct{ Note *SignedUsage }

// AckUsage is the buyer's answer: its signature under the note, which covers
// all earlier ones; or, with a Reason, why it does not sign.
type AckUsage struct {
	Lease  LeaseID
	Seq    uint64
	Note   *SignedUsage // with both signatures; nil when refused
	Reason Reason
	Detail string
}

// GiveNotice announces something to a unit's owner, until AckNotice.
type GiveNotice struct{ Notice *SignedNotice }

// AckNotice says that the owner has stored the notice.
type AckNotice struct {
	Unit LeaseID
	Seq  uint64
}

// IssueReceipt closes a lease, until SignReceipt.
type IssueReceipt struct{ Receipt *SignedReceipt }

// SignReceipt is the buyer's answer: its signature under the receipt, or, with
// a Reason, why it does not sign.
type SignReceipt struct {
	Lease   LeaseID
	Receipt *SignedReceipt // with both signatures; nil when refused
	Reason  Reason
	Detail  string
}

// ProposeSettlement says that a debt was paid, until AnswerSettlement.
type ProposeSettlement struct{ Settlement *SignedSettlement }

// AnswerSettlement agrees by a signature, or, with a Reason, does not.
type AnswerSettlement struct {
	ID         [32]byte
	Settlement *SignedSettlement // with both signatures; nil when refused
	Reason     Reason
	Detail     string
}

func (*CreateOffer) message()             {}
func (*UpdateOffer) message()             {}
func (*OfferAck) message()                {}
func (*RefreshOffer) message()            {}
func (*RefreshAck) message()              {}
func (*RemoveOffer) message()             {}
func (*GetOffers) message()               {}
func (*Offers) message()                  {}
func (*AdvertiseOffersNeighbor) message() {}
func (*LaunchContainer) message()         {}
func (*Grant) message()                   {}
func (*Refusal) message()                 {}
func (*StopContainer) message()           {}
func (*StopAck) message()                 {}
func (*StatusUpdate) message()            {}
func (*StatusAck) message()               {}
func (*Goodbye) message()                 {}
func (*RequestHold) message()             {}
func (*GrantHold) message()               {}
func (*ReleaseHold) message()             {}
func (*ReportUsage) message()             {}
func (*AckUsage) message()                {}
func (*GiveNotice) message()              {}
func (*AckNotice) message()               {}
func (*IssueReceipt) message()            {}
func (*SignReceipt) message()             {}
func (*ProposeSettlement) message()       {}
func (*AnswerSettlement) message()        {}

// Bounds of lists in messages.
const (
	MaxOffers   = 32        // in one answer
	MaxHints    = 64        // in one answer
	MaxRefs     = 16        // replicas, or traders of a hint
	MaxMessage  = 512 << 10 // bytes of an encoded message
	MaxAuth     = 16 << 10  // bytes of registry credentials
	MaxSignal   = 16
	MaxClipText = 256
)
