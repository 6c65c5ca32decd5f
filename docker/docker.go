package docker

import (
	"context"
	"io"

	"caravela/market"
)

// Engine runs the units of one scope. Errors wrap a sentinel of this package
// wherever a caller can act on the kind; ReasonOf turns them into what a
// buyer is told. An unknown unit is ErrNoSuchUnit, a daemon that does not
// answer ErrEngineDown: then the outcome of the call is not known.
type Engine interface {
	// Info asks the daemon what it is and has. It also looks whether tenants
	// can be isolated: while Problems is not empty, Launch refuses.
	Info(ctx context.Context) (Info, error)

	// Launch brings a unit up: pull, volumes, network, container, start.
	//
	// It is idempotent: a unit that exists is returned as it stands, and is
	// not started again if it has run before; one that was created and never
	// started, because a node died in between, is started. Another SpecHash
	// for the same lease is ErrConflict. A launch that fails or whose ctx ends
	// takes back all that it made, except after ErrEngineDown: then the caller
	// repeats Launch, or calls Remove, once the daemon is back.
	//
	// report, which may be nil, is called from one goroutine and must not block.
	Launch(ctx context.Context, u Unit, report func(Progress)) (Container, error)

	// List returns all units of the scope, running or not, ordered by lease. It
	// also mends what keeps tenants apart, so call it at the start of a node
	// and from time to time.
	List(ctx context.Context) ([]Container, error)

	// Inspect returns one unit in detail.
	Inspect(ctx context.Context, lease market.LeaseID) (Details, error)

	// Start starts a stopped unit; a running one is left alone.
	Start(ctx context.Context, lease market.LeaseID) error

	// Stop sends the stop signal and, after the grace, SIGKILL. It returns
	// when the unit has stopped; a stopped one is left alone.
	Stop(ctx context.Context, lease market.LeaseID, o StopOptions) error

	// Restart is Stop and Start.
	Restart(ctx context.Context, lease market.LeaseID, o StopOptions) error

	// Kill sends a signal ("" = SIGKILL) to the main process. A unit that does
	// not run is ErrNotRunning.
	Kill(ctx context.Context, lease market.LeaseID, signal string) error

	// Remove kills and removes the container, and the tenant's network if this
	// was the tenant's last unit. With dropVolumes it also removes the volumes
	// that end with the lease; those marked Keep, and those that another unit
	// of the tenant uses, always stay. Nothing left to remove is no error. It
	// waits for a Launch of the same lease: end that one's ctx first.
	Remove(ctx context.Context, lease market.LeaseID, dropVolumes bool) error

	// Leftovers lists, by lease, the volumes of the scope that no container
	// uses and nobody asked to keep. Those of a lease that is over should be
	// gone; Remove with dropVolumes makes them so.
	Leftovers(ctx context.Context) ([]Leftover, error)

	// Wait returns when the unit does not run (any more).
	Wait(ctx context.Context, lease market.LeaseID) (Exit, error)

	// Logs copies what the unit has written. With Follow it returns when the
	// unit stops or ctx ends. A TTY's output goes to stdout.
	Logs(ctx context.Context, lease market.LeaseID, o LogOptions, stdout, stderr io.Writer) error

	// Exec runs one more process in the unit and returns its exit code.
	// Sizes from resize, which may be nil, are applied to its terminal. Docker
	// cannot kill such a process: one whose ctx ends loses its streams, and may
	// live on until the unit stops.
	Exec(ctx context.Context, lease market.LeaseID, o ExecOptions, s Stdio, resize <-chan Size) (int, error)

	// Attach connects to the main process until that ends, its output closes
	// or ctx ends. It tells nothing of the exit: call Wait. The end of Stdio.In
	// ends the process' input, unless that is a terminal; so the input of a
	// unit without one can be attached once.
	Attach(ctx context.Context, lease market.LeaseID, o AttachOptions, s Stdio, resize <-chan Size) error

	// Resize sets the size of the main process' terminal.
	Resize(ctx context.Context, lease market.LeaseID, size Size) error

	// Stats reports what the unit uses: once, or with stream about every
	// second until it stops or ctx ends.
	Stats(ctx context.Context, lease market.LeaseID, stream bool, report func(Stats)) error

	// Events reports what happens to the units of the scope until ctx ends
	// (its error) or the daemon goes away (ErrEngineDown). The first event is
	// Subscribed: a List after that misses nothing. The caller subscribes anew.
	Events(ctx context.Context, report func(Event)) error

	// Close frees connections to the daemon. Units go on running.
	Close() error
}
