package docker

import (
	"context"
	"errors"

	"caravela/market"
)

// The kinds of failure that a caller can act on.
var (
	ErrBadUnit      = errors.New("docker: impossible unit")
	ErrNoSuchUnit   = errors.New("docker: no such unit")
	ErrNotRunning   = errors.New("docker: unit is not running")
	ErrConflict     = errors.New("docker: the lease has another container already")
	ErrImageMissing = errors.New("docker: no such image")
	ErrPlatform     = errors.New("docker: image is for another platform")
	ErrPullFailed   = errors.New("docker: pull failed")
	ErrPortTaken    = errors.New("docker: port taken or not allowed")
	ErrStartFailed  = errors.New("docker: container could not be started")
	ErrNoCapacity   = errors.New("docker: not enough resources")
	ErrDiskFull     = errors.New("docker: no space left on the supplier's disk")
	ErrEngineDown   = errors.New("docker: engine does not answer")
	ErrEngineFailed = errors.New("docker: engine failed")
	ErrIsolation    = errors.New("docker: tenants cannot be isolated")
	ErrUnsupported  = errors.New("docker: not supported by the engine")
)

// ReasonOf is what a buyer is told of an error of this package; NoReason of
// nil, Undone where a context was cancelled, StartFailed of what is unknown.
func ReasonOf(err error) market.Reason {
	for _, row := range []struct {
		err    error
		reason market.Reason
	}{
		{nil, market.NoReason},
		{ErrEngineDown, market.EngineDown}, // first: it explains what else went wrong
		{ErrDiskFull, market.DiskFull},
		{ErrBadUnit, market.BadLease},
		{ErrConflict, market.BadLease},
		{ErrNoSuchUnit, market.Vanished},
		{ErrNotRunning, market.Exited},
		{ErrImageMissing, market.ImageMissing},
		{ErrPlatform, market.PlatformRefused},
		{ErrPullFailed, market.PullFailed},
		{ErrPortTaken, market.PortTaken},
		{ErrNoCapacity, market.NoCapacity},
		{ErrIsolation, market.NotSelling},
		{ErrUnsupported, market.Unsupported},
		{ErrStartFailed, market.StartFailed},
		{ErrEngineFailed, market.EngineDown},
		{context.Canceled, market.Undone},
		{context.DeadlineExceeded, market.EngineDown},
	} {
		if errors.Is(err, row.err) {
			return row.reason
		}
	}
	return market.StartFailed
}
