package market

import "fmt"

// State is where a leased unit stands. The first signed answer to a launch is
// the grant itself (Accepted); the others follow as Status messages.
type State uint8

// The states of a unit. Held, Asleep and Healthy/Unhealthy are reached only
// where the matching feature is in use.
const (
	Unknown   State = iota // the supplier cannot see its own engine: no kill, no bill
	Accepted               // granted, nothing started yet
	Pulling                // the image is being fetched
	Starting               // the container is being created and started
	Running                // the container runs
	Healthy                // it runs and its health check passes
	Unhealthy              // it runs and its health check fails
	Stopping               // a stop was asked for
	Stopped                // the container exists and does not run
	Failed                 // it could not be started, or exited at once; see Reason
	Lost                   // the container vanished from the engine
	Ended                  // the lease is over, the container removed
	Held                   // reserved, not leased
	Asleep                 // parked by its owner
	maxState
)

// String returns the state in lower case.
func (s State) String() string {
	return name(int(s), "unknown", "accepted", "pulling", "starting", "running", "healthy", "unhealthy",
		"stopping", "stopped", "failed", "lost", "ended", "held", "asleep")
}

// Live reports whether a unit in this state holds its resources as a running
// container does.
func (s State) Live() bool { return s == Running || s == Healthy || s == Unhealthy }

// Final reports whether nothing can follow.
func (s State) Final() bool { return s == Ended }

// Reason is why a state was entered or a request refused. Every end of a lease has one.
type Reason uint8

// The reasons, first those of refusals, then those of failures and ends.
const (
	NoReason        Reason = iota
	NoCapacity             // the supplier's free resources do not suffice
	PortTaken              // a host port is in use, or outside the supplier's range
	ImageRefused           // the supplier's allow-list does not have the image
	PlatformRefused        // other platform, or CPU class too low
	LabelRefused           // a constraint on labels does not hold
	NotSelling             // the supplier sells nothing (now)
	BadLease               // lease malformed, of another network, or not signed by its buyer
	ClockSkew              // the two clocks differ by more than two minutes
	TooLong                // the term is longer than the supplier's longest lease
	EngineDown             // the container engine does not answer
	Busy                   // too many launches at once, or over a rate limit
	NotOwner               // the caller does not own the lease
	NoSuchLease            // the lease is not known here
	Superseded             // the lease was renewed or cancelled before
	ImageMissing           // no such image at the registry or on the supplier
	PullFailed             // the registry failed; see the detail
	StartFailed            // the engine could not create or start the container
	Exited                 // the container's main process ended
	OutOfMemory            // the kernel killed it at its memory limit
	Vanished               // the container was removed behind our back
	StoppedByOwner         // the lease's owner asked for it
	RemovedByOwner         // the lease's owner ended the lease
	Expired                // the lease's term ended without a renewal
	SupplierLeft           // the supplier left the network
	Undone                 // a grant that nobody waited for any more was taken back
	DiskFull               // no space left at the supplier
	Unreachable            // the peer did not answer
	Unsupported            // the peer does not know this request
	PriceChanged           // the supplier asks for other terms now
	OverCredit             // the buyer owes too much, or would
	Blocked                // the supplier does not deal with this peer
	NoSuchHold             // the hold is over, or was for something else
	Unacknowledged         // usage notes were not acknowledged for too long
	Reclaimed              // the supplier took its resources back
	CostReached            // the lease reached the most that it may cost
	Renewed                // the lease was replaced by its renewal
	Disputed               // the peer does not agree with the numbers
	NotHonoured            // the supplier did not do what it signed
	PriceTooHigh           // whatever else fits costs more than the buyer would pay, or in another unit
	maxReason
)

// String returns a few plain words.
func (r Reason) String() string {
	return name(int(r), "none", "not enough free resources", "port taken or outside the range", "image not allowed",
		"platform or cpu class", "label constraint", "not selling", "bad lease", "clocks differ", "term too long",
		"container engine down", "busy", "not the owner", "no such lease", "superseded", "no such image", "pull failed",
		"start failed", "exited", "out of memory", "container vanished", "stopped by owner", "removed by owner",
		"expired", "supplier left", "undone", "disk full", "unreachable", "unsupported", "terms changed", "over the credit limit", "blocked",
		"no such hold", "usage not acknowledged", "reclaimed by supplier", "cost limit reached", "renewed", "disputed", "not honoured", "no offer at this price")
}

// Status is one signed link in the chain of what a supplier says of a unit.
// It is valid only with the lease and the sequence that it names.
type Status struct {
	Lease    LeaseID // the unit: the first lease of a chain of renewals
	Seq      uint64  // 1, 2, 3, ...
	State    State
	Reason   Reason
	ExitCode int32 // with Stopped, Failed, Ended: the main process' code; -1 = none
	At       Wall
	Restarts uint32
	Detail   string    // plain words for the user, at most MaxDetail bytes
	Ports    []Binding // where the ports are published, once it runs
	Digest   string    // "sha256:..." of the image that runs, when known
	Prev     [32]byte  // hash of the payload of status Seq-1; zero in the first
}

// Validate refuses what is no link of any chain.
func (s *Status) Validate() error {
	if s.Lease.IsZero() || s.Seq == 0 {
		return fmt.Errorf("%w: status without lease or sequence", ErrMalformed)
	}
	return nil
}

// MaxDetail bounds the free text of a status or refusal, in bytes.
const MaxDetail = 1024

// Binding is a published port: Port.Host is set, Addr is where to reach it.
type Binding struct {
	Port Port
	Addr string // IP address; "" = the supplier's own, which is not reachable directly
}

// SignedStatus is a Status and what proves it. It is immutable.
type SignedStatus struct {
	Status
	By    PeerID   // who signed it
	Hash  [32]byte // SHA-256 of the payload
	Proof Proof
}
