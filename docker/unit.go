package docker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"caravela/market"
)

// Unit is what Launch brings up.
type Unit struct {
	Lease    market.LeaseID // the first lease of the chain
	Owner    market.PeerID  // the tenant
	SpecHash [32]byte       // the hash of Spec that the lease holds
	Spec     market.Spec    // Ports[i].Host 0 = the engine chooses, inside its range
	Auth     Secret         // base64 of docker's AuthConfig, for this one pull; "" = anonymous
}

// LabelPrefix is kept for the labels of this package.
const LabelPrefix = "caravela."

// Validate refuses what no engine may run. Errors wrap ErrBadUnit.
func (u *Unit) Validate() error {
	if u.Lease.IsZero() || u.Owner.IsZero() {
		return fmt.Errorf("%w: lease or owner is missing", ErrBadUnit)
	}
	if err := u.Spec.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrBadUnit, err)
	}
	for _, l := range u.Spec.Labels {
		if strings.HasPrefix(l.Key, LabelPrefix) {
			return fmt.Errorf("%w: label %q: the prefix %q is kept for caravela; choose another one",
				ErrBadUnit, l.Key, LabelPrefix)
		}
	}
	return nil
}

// Secret is text that is neither printed nor logged.
type Secret string

// String hides the secret from fmt.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON hides the secret from JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Progress is one step of a launch.
type Progress struct {
	State      market.State // Pulling or Starting
	Done       market.Bytes // of the image's compressed layers, while pulling
	Total      market.Bytes // as far as it is known; grows while layers are discovered
	LayersDone int
	Layers     int
}

// Leftover says how many volumes a lease has made that nothing uses.
type Leftover struct {
	Lease   market.LeaseID
	Owner   market.PeerID
	Volumes int
}

// Container is a unit as the daemon sees it.
type Container struct {
	Lease    market.LeaseID
	Owner    market.PeerID
	SpecHash [32]byte
	State    market.State  // Starting, Running, Healthy, Unhealthy, Asleep (paused), Stopping, Stopped or Failed
	Reason   market.Reason // with Stopped and Failed: Exited, OutOfMemory or StartFailed
	ExitCode int32         // with Stopped and Failed; -1 = none
	Detail   string        // the daemon's words for a failure, without host paths
	Restarts uint32        // by the restart policy
	Created  time.Time
	Started  time.Time // last start; zero = never
	Finished time.Time // last exit; zero = never
	Image    string    // as the specification names it
	Digest   string    // "sha256:..." of the manifest, else of the image's configuration
	Ports    []market.Binding
	Limits   market.Resources // as the daemon enforces them, so that capacity is counted from what is there
}

// Details is a unit and the daemon's own description of it.
type Details struct {
	Container
	JSON json.RawMessage // docker's inspect form, without the paths, process IDs and addresses of the host
}

// Exit is how a main process ended.
type Exit struct {
	Code        int32
	OutOfMemory bool
	Error       string // the daemon's words, if it could not tell
}

// StopOptions says how a unit is asked to end.
type StopOptions struct {
	Signal string        // "" = the unit's own, else SIGTERM
	Grace  time.Duration // before SIGKILL, rounded up to seconds; 0 = at once
}
