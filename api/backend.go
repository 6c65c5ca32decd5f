package api

import (
	"context"
	"io"
)

// Backend is what a node offers to its local user. All methods may be called
// at once. Errors that the user should read are *Error; others are logged and
// reported as internal.
//
// A method with an emit function calls it from one goroutine at a time. When
// emit fails nobody listens any more: the method stops and returns that error.
type Backend interface {
	NodeBackend
	MarketBackend
	ContainerBackend
	LeaseBackend
	LedgerBackend
}

// NodeBackend is about the node itself and its network.
type NodeBackend interface {
	// Version tells which program runs. It answers even while the node starts.
	Version(ctx context.Context) (Version, error)
	// Status is the node's account of itself.
	Status(ctx context.Context) (Status, error)
	// Doctor looks at everything that can be wrong and names cause and remedy.
	Doctor(ctx context.Context) (Diagnosis, error)
	// Leave says goodbye to the network and then stops the node. The stream
	// ends with a LeaveLeft event, and the node exits after it has been sent.
	Leave(ctx context.Context, req LeaveRequest, emit func(LeaveEvent) error) error

	// Nodes lists the peers seen, this node first.
	Nodes(ctx context.Context) ([]Node, error)
	// Node finds a peer by its ID, a unique end of it, or its unique name.
	Node(ctx context.Context, ref NodeRef) (NodeDetail, error)

	// Tokens lists the join tokens, without their secrets.
	Tokens(ctx context.Context) ([]Token, error)
	// CreateToken makes a join token. Its text is shown this once.
	CreateToken(ctx context.Context, req TokenRequest) (NewToken, error)
	// RemoveToken makes a token useless for later joins.
	RemoveToken(ctx context.Context, id string) error

	// Settings returns the effective configuration, sorted by key.
	Settings(ctx context.Context) ([]Setting, error)
	// Setting returns one key of the effective configuration.
	Setting(ctx context.Context, key string) (Setting, error)
	// SetSetting changes the node's configuration file and returns the setting
	// as it now stands; NeedsRestart says whether it acts at once.
	SetSetting(ctx context.Context, key, value string) (Setting, error)

	// ExportIdentity returns the node's private key, for a backup. The server
	// lets it pass through the Unix socket only.
	ExportIdentity(ctx context.Context) (Identity, error)

	// Events sends what happened since the given time, oldest first, and with
	// Follow what happens from now on, until ctx ends.
	Events(ctx context.Context, opts EventOptions, emit func(Event) error) error

	// DebugBundle writes a gzipped tar archive for whoever looks for a fault:
	// version, configuration, status, events, statistics and goroutines, without
	// keys, tokens, passwords or the environments of containers.
	DebugBundle(ctx context.Context, w io.Writer) error
}

// MarketBackend is about offers.
type MarketBackend interface {
	// Offers returns the node's own offer and those that it holds as a trader.
	Offers(ctx context.Context) ([]Offer, error)
	// Offer finds one of them by its ID or a unique prefix.
	Offer(ctx context.Context, id string) (Offer, error)
	// Search asks the market and leases nothing. That nothing fits is an answer,
	// not an error: Offers is empty and WhyNot says why.
	Search(ctx context.Context, req SearchRequest) (SearchResult, error)
	// Explain is Search with a verdict on every offer seen.
	Explain(ctx context.Context, req SearchRequest) (SearchResult, error)
	// Quote says what containers would cost, and with Hold has that reserved for
	// a minute. When nothing fits the error has CodeNoOffer and its WhyNot.
	Quote(ctx context.Context, req QuoteRequest) (Quote, error)

	// Sale tells what this node sells, and at which terms.
	Sale(ctx context.Context) (Sale, error)
	// PauseOffer stops selling anything new, over restarts too. What is leased
	// goes on.
	PauseOffer(ctx context.Context, req PauseRequest) (Sale, error)
	// ResumeOffer sells again.
	ResumeOffer(ctx context.Context) (Sale, error)
	// SetPrice changes the price of what is sold from now on, over restarts too.
	SetPrice(ctx context.Context, req PriceRequest) (Sale, error)
}

// LeaseBackend is about leases, bought and sold, and what is due for them.
type LeaseBackend interface {
	// Leases lists leases, newest first.
	Leases(ctx context.Context, opts LeaseOptions) ([]Lease, error)
	// Lease returns all that is known of one.
	Lease(ctx context.Context, ref LeaseRef) (LeaseDetail, error)
	// RenewLease asks the supplier of a bought container for a new term now, at
	// its terms of now, and returns the new lease.
	RenewLease(ctx context.Context, ref LeaseRef, req RenewRequest) (Lease, error)
	// CancelLease ends a bought lease and removes its container, running or not.
	CancelLease(ctx context.Context, ref LeaseRef) error
	// ReclaimLease takes the resources of a sold lease back: after the agreed
	// notice, or at once.
	ReclaimLease(ctx context.Context, ref LeaseRef, req ReclaimRequest) (Lease, error)
	// ExportLease writes a file that proves a lease and what is due for it to
	// anybody, without a network.
	ExportLease(ctx context.Context, ref LeaseRef, w io.Writer) error
}

// LedgerBackend is about counterparties, and what they and this node owe each
// other.
type LedgerBackend interface {
	// Accounts lists the counterparties with which this node has dealt.
	Accounts(ctx context.Context) ([]Account, error)
	// Entries returns a part of the log that is kept of a counterparty.
	Entries(ctx context.Context, ref NodeRef, opts EntryOptions) (EntryPage, error)
	// VerifyLedger replays logs, checks every signature and computes every
	// amount again; it emits one verdict a log.
	VerifyLedger(ctx context.Context, opts VerifyOptions, emit func(LedgerVerdict) error) error
	// ExportLedger writes the entries as CSV, oldest first by counterparty.
	ExportLedger(ctx context.Context, opts ExportOptions, w io.Writer) error

	// Settlements lists those that wait for somebody's agreement.
	Settlements(ctx context.Context) ([]Settlement, error)
	// Settle proposes to a peer that a debt was paid. That the peer received
	// what it was owed takes the agreement of its user; that its own debt is
	// paid it takes at once, if it is connected.
	Settle(ctx context.Context, ref NodeRef, req SettleRequest) (Settlement, error)
	// AcceptSettlement agrees to what a peer has proposed.
	AcceptSettlement(ctx context.Context, id string) (Settlement, error)

	// Peers lists the counterparties that this node has dealt with or its user
	// has an opinion of.
	Peers(ctx context.Context) ([]Account, error)
	// SetPeer blocks, trusts or remarks on a peer.
	SetPeer(ctx context.Context, ref NodeRef, req PeerRequest) (Account, error)
	// SetCredit sets how much a peer may owe this node.
	SetCredit(ctx context.Context, ref NodeRef, req CreditRequest) (Account, error)
}

// ContainerBackend is about containers: those that this node bought, and, for
// listing and inspection, those that it sold.
type ContainerBackend interface {
	// Run searches, leases and launches. It returns when every replica runs, has
	// failed, or (with Policy.DryRun) is planned. ctx ends the search, and the
	// run too: the server keeps it alive from the first RunLeased event on,
	// unless the request is Attach. When nothing fits the error has CodeNoOffer
	// and its WhyNot.
	Run(ctx context.Context, req RunRequest, emit func(RunEvent) error) error

	// Containers lists containers, newest first.
	Containers(ctx context.Context, opts ListOptions) ([]Container, error)
	// Container returns all that is known of one.
	Container(ctx context.Context, ref ContainerRef) (ContainerDetail, error)
	// Stop asks a container to end and kills it after the grace. It returns when
	// it has stopped; one that does not run is left alone.
	Stop(ctx context.Context, ref ContainerRef, req StopRequest) error
	// Start starts a stopped container within its lease.
	Start(ctx context.Context, ref ContainerRef) error
	// Restart is Stop and Start.
	Restart(ctx context.Context, ref ContainerRef, req StopRequest) error
	// Kill sends a signal to the main process.
	Kill(ctx context.Context, ref ContainerRef, req KillRequest) error
	// Remove ends the lease and removes the container. A running one is refused
	// with CodeConflict unless Force.
	Remove(ctx context.Context, ref ContainerRef, opts RemoveOptions) error
	// Wait blocks until the container does not run (any more) and returns how
	// it ended.
	Wait(ctx context.Context, ref ContainerRef) (Exit, error)
	// Resize sets the size of the terminal of a container made with TTY.
	Resize(ctx context.Context, ref ContainerRef, size Size) error
	// Stats emits one sample, or with Follow one about every second.
	Stats(ctx context.Context, ref ContainerRef, opts StatsOptions, emit func(Stats) error) error

	// The methods below open a byte stream. They return once the other side
	// has agreed, so that "no such container" is an error here; the bytes flow
	// in the Session, which must be called exactly once. Cancelling the ctx
	// given here ends an opened session as well.

	// Logs opens a container's output so far, and with Follow what comes.
	Logs(ctx context.Context, ref ContainerRef, opts LogOptions) (Session, error)
	// Exec runs one more command in a running container.
	Exec(ctx context.Context, ref ContainerRef, req ExecRequest) (Session, error)
	// Attach joins the main process of a running container until it ends; the
	// exit code is -1 where only Wait can tell it. With Logs a container that
	// has ended already is no error: its output comes, then the session ends.
	Attach(ctx context.Context, ref ContainerRef, req AttachRequest) (Session, error)
}

// Session copies bytes between a container's process and stdio until the
// process ends, the stream breaks or ctx is done, and returns the process' exit
// code: 0 for logs, -1 when it is not known (attach to a process that goes on).
type Session func(ctx context.Context, stdio Stdio) (exitCode int, err error)

// Stdio is the near end of a Session. Nil members are absent: no input,
// discarded output, no resizing; a Session calls Complete first.
type Stdio struct {
	// In is read until io.EOF, which closes the process' stdin; any other error
	// ends the session with that error. A Session returns without waiting for
	// a Read that blocks.
	In  io.Reader
	Out io.Writer
	Err io.Writer // stays empty with a TTY
	// Resize tells new terminal sizes. Closing it is allowed.
	Resize <-chan Size
}

// Complete replaces nil members: no input, discarded output.
func (s Stdio) Complete() Stdio {
	if s.In == nil {
		s.In = eof{}
	}
	if s.Out == nil {
		s.Out = io.Discard
	}
	if s.Err == nil {
		s.Err = io.Discard
	}
	return s
}

// eof is an input that has ended.
type eof struct{}

// Read implements io.Reader.
func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// ContainerRef names a container: its name, its lease ID, or a prefix of either
// ID that is unique among the containers of this node. Not found is
// CodeNotFound, several is CodeAmbiguous.
type ContainerRef string

// NodeRef names a peer: its ID, its unique name, or a unique end of the ID.
type NodeRef string
