package remote

import (
	"context"
	"errors"
	"time"

	"caravela/market"
)

// Message is what Send carries.
type Message = market.Message

// Bounds of what one peer may send to another.
const (
	MaxMessage       = market.MaxMessage // bytes of one encoded message, 512 KiB
	MaxArgs          = 64 << 10          // bytes of Header.Args
	MaxKind          = 32                // bytes of Header.Kind
	MaxToken         = 4 << 10           // bytes of a join token
	MaxConfiguration = 512 << 10         // bytes of a network's configuration
	MaxFrame         = 32 << 10          // bytes of one frame's data
)

// DefaultPort is where nodes listen unless told otherwise, TCP and UDP.
const DefaultPort = 7401

var (
	// ErrUnreachable says that no connection to the peer could be made:
	// nothing was received.
	ErrUnreachable = errors.New("remote: peer unreachable")
	// ErrUnknown says that the message was sent and no answer came: it may
	// have been received.
	ErrUnknown = errors.New("remote: outcome unknown")
	// ErrBusy says that the receiver had no room or was sent too much: try
	// again later.
	ErrBusy = errors.New("remote: peer busy")
	// ErrMalformed says that the receiver could not read the message. A
	// Handler returns it for a message that breaks the protocol.
	ErrMalformed = errors.New("remote: malformed")
	// ErrRefused says that the receiver understood and declined.
	ErrRefused = errors.New("remote: refused")
	// ErrForeign says that the peer does not belong to this network.
	ErrForeign = errors.New("remote: peer of another network")
	// ErrTooLarge says that a bound of this package is exceeded; nothing was sent.
	ErrTooLarge = errors.New("remote: too large")
	// ErrTarget says that a join target cannot be read.
	ErrTarget = errors.New("remote: malformed target")
	// ErrNotServing is returned before Serve.
	ErrNotServing = errors.New("remote: no network served yet")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("remote: closed")
)

// Peer is a node and where it may be dialled: multiaddresses without the
// trailing /p2p component. No addresses means: the ones known already.
type Peer struct {
	ID    market.PeerID
	Addrs []string
}

// Transport is one node's way to all others. All methods may be called
// concurrently.
type Transport interface {
	// Self returns this node and the addresses that others should dial.
	Self() Peer

	// Serve names the network and begins to answer its members. Until then
	// only FetchConfiguration works. It is called once.
	Serve(network market.NetworkID, h Handler) error

	// Send returns nil when the receiver's Handler has taken the message.
	// Otherwise the error is one of this package's, wrapped.
	Send(ctx context.Context, to Peer, msg Message) error

	// Open starts a stream. The stream is reset when ctx ends.
	Open(ctx context.Context, to Peer, h Header) (*Stream, error)

	// FetchConfiguration asks the node at target, in the words of a user
	// (IP, IP:port, or multiaddress with or without peer ID), for its
	// network's configuration. The token may be empty.
	FetchConfiguration(ctx context.Context, target, token string) (Configuration, error)

	// Ping measures one round trip to a peer.
	Ping(ctx context.Context, to Peer) (time.Duration, error)

	// Peers returns the members that are connected now.
	Peers() []Connection

	// Reach tells what is known of this node's reachability.
	Reach() Reach

	// Close ends all streams and connections.
	Close() error
}

// Handler is what a node does with what others send. Its methods are called
// concurrently, in numbers that the transport bounds.
type Handler interface {
	// Receive takes a message; the sender waits for it to return. nil means
	// taken, ErrBusy and ErrMalformed say so to the sender, anything else is
	// a refusal. from.Addrs are where the sender may be dialled back.
	Receive(ctx context.Context, from Peer, msg Message) error

	// Accept serves a stream and returns when it is done; the transport then
	// closes it. ctx ends when the stream does. from is proven, its right to
	// the lease in h is not.
	Accept(ctx context.Context, from market.PeerID, h Header, s *Stream)

	// Configuration returns what a newcomer with this token may know, or an
	// error whose text the newcomer's user will read.
	Configuration(ctx context.Context, from Newcomer, token string) ([]byte, error)

	// Observe hears of members that come and go, and of this node's own
	// reachability, in order. It must return at once.
	Observe(e Event)
}

// Newcomer is who asks for the configuration.
type Newcomer struct {
	ID   market.PeerID // proven
	Afar bool          // asks from a public address or through a relay: it may be anywhere
}

// Header opens a stream.
type Header struct {
	Kind  string         // "logs", "exec", "attach", "stats", "wait", "inspect", ...
	Lease market.LeaseID // whose container; zero where none is meant
	Args  []byte         // JSON, at most MaxArgs
}

// Configuration is a newcomer's answer.
type Configuration struct {
	Data   []byte
	From   Peer // who answered: identity proven by the connection, addresses that worked first
	Pinned bool // the target named the peer ID; false means trust on first use
}

// Connection describes a connected member.
type Connection struct {
	Peer    Peer
	Inbound bool          // the other side dialled
	Relayed bool          // the only way runs through a third node
	RTT     time.Duration // smoothed; 0 = not measured yet
	Since   time.Time
	Agent   string // what the peer says it runs
}

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of events.
const (
	Connected    EventKind = iota + 1 // a member is connected
	Disconnected                      // its last connection is gone
	ReachChanged                      // Event.Reach is new
)

// Event is what Handler.Observe hears.
type Event struct {
	Kind  EventKind
	Peer  Peer  // of Connected and Disconnected
	Reach Reach // of ReachChanged
}

// Reachability says whether others can dial this node.
type Reachability uint8

// The verdicts.
const (
	ReachUnknown Reachability = iota // nobody was asked, or nobody answered
	Reachable
	Unreachable
)

// String returns the verdict in lower case.
func (r Reachability) String() string {
	switch r {
	case Reachable:
		return "reachable"
	case Unreachable:
		return "unreachable"
	default:
		return "unknown"
	}
}

// Reach is a verdict and what it rests on.
type Reach struct {
	Verdict Reachability
	Asked   int      // members that dialled back or tried to
	Relays  []Peer   // members through which this node is reached, when it is not itself
	Addrs   []string // own addresses that were dialled with success
	Reason  string   // plain words for `doctor`
}
