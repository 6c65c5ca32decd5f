package market

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrBadSpec is wrapped by every error of Spec.Validate.
var ErrBadSpec = errors.New("market: impossible container")

// Bounds of a Spec. They hold on the wire, in the API and in the engine.
const (
	MaxSpecStrings = 512       // entries of any list
	MaxSpecString  = 32 << 10  // bytes of one string
	MaxSpecBytes   = 256 << 10 // bytes of an encoded Spec
	MaxPorts       = 64
	MaxMounts      = 16
	MaxReplicas    = 64
	MinMemory      = 6 * MiB // Docker's own minimum
	MinCPU         = 10      // a hundredth of a core, Docker's own minimum
)

// Spec says which container is to run: what `caravela run` was asked for,
// already checked. It travels in LaunchContainer; its hash is in the lease.
type Spec struct {
	Image      string   // reference as the user typed it
	Name       string   // the buyer's own name for it; "" = made from the lease ID
	Platform   Platform // zero = any
	Command    []string // replaces the image's CMD
	Entrypoint []string // replaces the image's ENTRYPOINT
	Env        []string // "K=V"
	User       string
	WorkDir    string
	Hostname   string
	Ports      []Port
	Mounts     []Mount
	Labels     []Label // the tenant's own container labels
	Limits     Resources
	Pids       int64 // most processes; 0 = the supplier's default
	Restart    Restart
	Health     Health
	StopSignal string        // "" = the image's
	StopGrace  time.Duration // before SIGKILL; 0 = 10 s
	Pull       Pull
	TTY        bool
	Stdin      bool // keep stdin open
	ReadOnly   bool // read-only root file system
	CapDrop    []string
	Remove     bool // --rm: the lease ends when the container exits
}

// Port publishes a container's port on the supplier.
type Port struct {
	Container uint16
	Host      uint16 // 0 = any port of the supplier's range
	UDP       bool
}

// String returns docker's form, "8080:80/udp".
func (p Port) String() string {
	s := fmt.Sprint(p.Container)
	if p.Host != 0 {
		s = fmt.Sprintf("%d:%d", p.Host, p.Container)
	}
	if p.UDP {
		s += "/udp"
	}
	return s
}

// Mount puts a named volume of the tenant's into the container. The name is
// scoped to the lease's owner: another tenant's volume cannot be named.
type Mount struct {
	Volume   string // "" = a volume that lives and dies with this lease
	Target   string // absolute path in the container
	ReadOnly bool
	Keep     bool // outlives the lease
}

// Label is one key and value. Lists of labels are sorted by key, keys differ.
type Label struct{ Key, Value string }

// Restart is docker's restart policy.
type Restart struct {
	Policy RestartPolicy
	Max    int // attempts, with RestartOnFailure; 0 = no limit
}

// RestartPolicy names when the engine starts an exited container again.
type RestartPolicy uint8

// The restart policies of docker.
const (
	RestartNo RestartPolicy = iota
	RestartOnFailure
	RestartAlways
	RestartUnlessStopped
)

// String returns docker's name of the policy.
func (r RestartPolicy) String() string {
	return name(int(r), "no", "on-failure", "always", "unless-stopped")
}

// Pull says when the supplier asks a registry for the image.
type Pull uint8

// The pull policies of docker.
const (
	PullMissing Pull = iota
	PullAlways
	PullNever
)

// String returns docker's name of the policy.
func (p Pull) String() string { return name(int(p), "missing", "always", "never") }

// Health is docker's health check; the zero value keeps the image's own.
type Health struct {
	Command  string // run by the container's shell; "" = the image's check
	Disable  bool
	Interval time.Duration // 0 = docker's default, 30 s; so for the others
	Timeout  time.Duration
	Start    time.Duration
	Retries  int
}

// Validate refuses what no supplier could run, with an error that wraps
// ErrBadSpec and says what to change.
func (s *Spec) Validate() error {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w: %s", ErrBadSpec, fmt.Sprintf(format, a...))
	}
	switch {
	case s.Image == "":
		return bad("no image is named")
	case strings.ContainsAny(s.Image, " \t\r\n") || len(s.Image) > MaxImage:
		return bad("%q is not an image reference", clip(s.Image))
	case !s.Limits.Valid():
		return bad("%v is beyond any machine", s.Limits)
	case s.Limits.CPU < MinCPU:
		return bad("%v CPUs is less than the smallest share, 0.01", s.Limits.CPU)
	case s.Limits.Memory < MinMemory:
		return bad("%v of memory is less than the smallest container, %v", s.Limits.Memory, MinMemory)
	case s.Pids < 0 || s.Pids > 1<<20:
		return bad("%d processes", s.Pids)
	case len(s.Ports) > MaxPorts:
		return bad("%d ports; at most %d", len(s.Ports), MaxPorts)
	case len(s.Mounts) > MaxMounts:
		return bad("%d volumes; at most %d", len(s.Mounts), MaxMounts)
	case s.Restart.Policy > RestartUnlessStopped || s.Restart.Max < 0 || s.Restart.Max > 1<<16:
		return bad("unknown restart policy")
	case s.Pull > PullNever:
		return bad("unknown pull policy")
	case s.StopGrace < 0 || s.StopGrace > 24*time.Hour:
		return bad("a stop timeout of %v; at most 24h", s.StopGrace)
	case s.Health.Retries < 0 || s.Health.Retries > 1<<16:
		return bad("%d retries of the health check", s.Health.Retries)
	case !s.Platform.Valid():
		return bad("platform %q is not OS/ARCH such as linux/amd64", clip(s.Platform.String()))
	case len(s.StopSignal) > MaxSignal:
		return bad("%q is not a signal", clip(s.StopSignal))
	case s.Remove && s.Restart.Policy != RestartNo:
		return bad("--rm and a restart policy exclude each other")
	}
	for _, d := range []time.Duration{s.Health.Interval, s.Health.Timeout, s.Health.Start} {
		if d < 0 || d > 24*time.Hour {
			return bad("a health check with a time of %v; at most 24h", d)
		}
	}
	for _, list := range [][]string{s.Command, s.Entrypoint, s.Env, s.CapDrop} {
		if len(list) > MaxSpecStrings {
			return bad("%d entries in one list; at most %d", len(list), MaxSpecStrings)
		}
		for _, v := range list {
			if len(v) > MaxSpecString || strings.ContainsRune(v, 0) {
				return bad("an argument or variable is longer than %d bytes or holds a zero byte", MaxSpecString)
			}
		}
	}
	for _, v := range []string{s.Name, s.User, s.WorkDir, s.Hostname, s.StopSignal, s.Health.Command} {
		if len(v) > 4096 || strings.ContainsRune(v, 0) {
			return bad("%q is too long or holds a zero byte", clip(v))
		}
	}
	if s.Name != "" && !ValidName(s.Name) {
		return bad("name %q: use letters, digits, '_', '.', '-', 63 at most", clip(s.Name))
	}
	return s.validateLists(bad)
}

func (s *Spec) validateLists(bad func(string, ...any) error) error {
	for _, e := range s.Env {
		if k, _, ok := strings.Cut(e, "="); !ok || k == "" {
			return bad("environment entry %q is not KEY=VALUE", clip(e))
		}
	}
	for i, p := range s.Ports {
		if p.Container == 0 {
			return bad("container port 0")
		}
		for _, q := range s.Ports[:i] {
			if p.Host != 0 && p.Host == q.Host && p.UDP == q.UDP {
				return bad("host port %d is asked for twice", p.Host)
			}
		}
	}
	for i, m := range s.Mounts {
		if m.Volume != "" && !ValidName(m.Volume) {
			return bad("volume %q: host paths cannot be mounted; use a name of letters, digits, '_', '.', '-'", clip(m.Volume))
		}
		if !strings.HasPrefix(m.Target, "/") || m.Target == "/" || len(m.Target) > 4096 || strings.Contains(m.Target, "..") {
			return bad("volume target %q is not an absolute path below /", clip(m.Target))
		}
		for _, n := range s.Mounts[:i] {
			if n.Target == m.Target {
				return bad("two volumes at %q", clip(m.Target))
			}
		}
	}
	for _, c := range s.CapDrop {
		if len(c) > 64 {
			return bad("%q is not a capability", clip(c))
		}
	}
	if n := len(EncodeSpec(s)); n > MaxSpecBytes {
		return bad("%d bytes of arguments, variables and labels; at most %d", n, MaxSpecBytes)
	}
	return ValidLabels(s.Labels)
}

// ReplicaName is what the i-th of n replicas of a named container is called:
// web-1, web-2 and so on.
func ReplicaName(name string, i, n int) string {
	if name == "" || n < 2 {
		return name
	}
	number := "-" + strconv.Itoa(i+1)
	return name[:min(len(name), MaxName-len(number))] + number
}

// MaxName bounds the name of a node, a container or a volume.
const MaxName = 63

// ValidName reports whether s may name a node, a container or a volume:
// docker's own rule, MaxName characters at most.
func ValidName(s string) bool {
	if s == "" || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return true
}

// MaxLabels bounds a list of labels, MaxLabel each key and value in bytes.
const (
	MaxLabels = 64
	MaxLabel  = 256
)

// ValidLabels checks bounds and order: sorted by key, no key twice.
func ValidLabels(ls []Label) error {
	if len(ls) > MaxLabels {
		return fmt.Errorf("%w: %d labels; at most %d", ErrBadSpec, len(ls), MaxLabels)
	}
	for i, l := range ls {
		if l.Key == "" || len(l.Key) > MaxLabel || len(l.Value) > MaxLabel || strings.ContainsAny(l.Key, "=!, \x00") {
			return fmt.Errorf("%w: label %q", ErrBadSpec, clip(l.Key))
		}
		if i > 0 && ls[i-1].Key >= l.Key {
			return fmt.Errorf("%w: label %q stands twice or out of order", ErrBadSpec, clip(l.Key))
		}
	}
	return nil
}

// LabelValue returns the value of key, and whether it is there.
func LabelValue(ls []Label, key string) (string, bool) {
	for _, l := range ls {
		if l.Key == key {
			return l.Value, true
		}
	}
	return "", false
}

func name(i int, names ...string) string {
	if i < 0 || i >= len(names) {
		return fmt.Sprintf("unknown(%d)", i)
	}
	return names[i]
}
