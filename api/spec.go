package api

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"caravela/market"
)

// Spec says which container is to run. It mirrors market.Spec.
type Spec struct {
	Image       string      `json:"image"`
	Name        string      `json:"name,omitzero"`     // "" = made from the lease ID
	Platform    string      `json:"platform,omitzero"` // "linux/amd64"; "" = any
	Command     []string    `json:"command,omitzero"`
	Entrypoint  []string    `json:"entrypoint,omitzero"`
	Env         []string    `json:"env,omitzero"` // "K=V"
	User        string      `json:"user,omitzero"`
	WorkDir     string      `json:"work_dir,omitzero"`
	Hostname    string      `json:"hostname,omitzero"`
	Ports       []Port      `json:"ports,omitzero"`
	Mounts      []Mount     `json:"mounts,omitzero"`
	Labels      []Label     `json:"labels,omitzero"`
	Resources   Resources   `json:"resources"`
	Pids        int64       `json:"pids,omitzero"`    // most processes; 0 = the supplier's default
	Restart     string      `json:"restart,omitzero"` // no, on-failure, always, unless-stopped; "" = no
	RestartMax  int         `json:"restart_max,omitzero"`
	Health      HealthCheck `json:"health,omitzero"`
	StopSignal  string      `json:"stop_signal,omitzero"`
	StopGraceMS int64       `json:"stop_grace_ms,omitzero"` // 0 = 10 s
	Pull        string      `json:"pull,omitzero"`          // missing, always, never; "" = missing
	TTY         bool        `json:"tty,omitzero"`
	Stdin       bool        `json:"stdin,omitzero"`
	ReadOnly    bool        `json:"read_only,omitzero"`
	CapDrop     []string    `json:"cap_drop,omitzero"`
	Remove      bool        `json:"remove,omitzero"` // the lease ends when the container exits
}

// Port publishes a container's port on the supplier.
type Port struct {
	ContainerPort uint16 `json:"container_port"`
	HostPort      uint16 `json:"host_port,omitzero"` // 0 = any of the supplier's range
	Protocol      string `json:"protocol,omitzero"`  // tcp or udp; "" = tcp
}

// Mount puts a named volume of the tenant's into the container.
type Mount struct {
	Volume   string `json:"volume,omitzero"` // "" = lives and dies with this lease
	Target   string `json:"target"`
	ReadOnly bool   `json:"read_only,omitzero"`
	Keep     bool   `json:"keep,omitzero"` // outlives the lease
}

// HealthCheck is docker's; the zero value keeps the image's own.
type HealthCheck struct {
	Command    string `json:"command,omitzero"`
	Disable    bool   `json:"disable,omitzero"`
	IntervalMS int64  `json:"interval_ms,omitzero"` // 0 = docker's default; so for the others
	TimeoutMS  int64  `json:"timeout_ms,omitzero"`
	StartMS    int64  `json:"start_ms,omitzero"`
	Retries    int    `json:"retries,omitzero"`
}

// Market converts to the market's vocabulary and validates. Its errors are
// CodeInvalid and name what to change.
func (s Spec) Market() (market.Spec, error) {
	m := market.Spec{
		Image: s.Image, Name: s.Name, Command: s.Command, Entrypoint: s.Entrypoint, Env: s.Env,
		User: s.User, WorkDir: s.WorkDir, Hostname: s.Hostname, Limits: s.Resources.Market(), Pids: s.Pids,
		StopSignal: s.StopSignal, StopGrace: millis(s.StopGraceMS), TTY: s.TTY, Stdin: s.Stdin,
		ReadOnly: s.ReadOnly, CapDrop: s.CapDrop, Remove: s.Remove,
		Health: market.Health{
			Command: s.Health.Command, Disable: s.Health.Disable, Interval: millis(s.Health.IntervalMS),
			Timeout: millis(s.Health.TimeoutMS), Start: millis(s.Health.StartMS), Retries: s.Health.Retries,
		},
	}
	var err error
	if m.Platform, err = platformOf(s.Platform); err != nil {
		return m, err
	}
	if m.Restart.Policy, err = oneOf(s.Restart, "restart", market.RestartUnlessStopped); err != nil {
		return m, err
	}
	if m.Pull, err = oneOf(s.Pull, "pull", market.PullNever); err != nil {
		return m, err
	}
	m.Restart.Max = s.RestartMax
	for _, p := range s.Ports {
		if p.Protocol != "" && p.Protocol != "tcp" && p.Protocol != "udp" {
			return m, Errorf(CodeInvalid, "port %d: protocol %q is neither tcp nor udp", p.ContainerPort, p.Protocol)
		}
		m.Ports = append(m.Ports, market.Port{Container: p.ContainerPort, Host: p.HostPort, UDP: p.Protocol == "udp"})
	}
	for _, v := range s.Mounts {
		m.Mounts = append(m.Mounts, market.Mount(v))
	}
	m.Labels = LabelsToMarket(s.Labels)
	if err := m.Validate(); err != nil {
		return m, plain(err)
	}
	return m, nil
}

// SpecOf converts from the market's vocabulary.
func SpecOf(m market.Spec) Spec {
	s := Spec{
		Image: m.Image, Name: m.Name, Command: m.Command, Entrypoint: m.Entrypoint, Env: m.Env,
		User: m.User, WorkDir: m.WorkDir, Hostname: m.Hostname, Labels: LabelsOf(m.Labels),
		Resources: ResourcesOf(m.Limits), Pids: m.Pids, Restart: m.Restart.Policy.String(), RestartMax: m.Restart.Max,
		StopSignal: m.StopSignal, StopGraceMS: m.StopGrace.Milliseconds(), Pull: m.Pull.String(), TTY: m.TTY,
		Stdin: m.Stdin, ReadOnly: m.ReadOnly, CapDrop: m.CapDrop, Remove: m.Remove,
		Health: HealthCheck{
			Command: m.Health.Command, Disable: m.Health.Disable, IntervalMS: m.Health.Interval.Milliseconds(),
			TimeoutMS: m.Health.Timeout.Milliseconds(), StartMS: m.Health.Start.Milliseconds(), Retries: m.Health.Retries,
		},
	}
	if m.Platform != (market.Platform{}) {
		s.Platform = m.Platform.String()
	}
	for _, p := range m.Ports {
		s.Ports = append(s.Ports, Port{p.Container, p.Host, protocol(p.UDP)})
	}
	for _, v := range m.Mounts {
		s.Mounts = append(s.Mounts, Mount(v))
	}
	return s
}

// LabelsOf converts from the market's vocabulary; never nil.
func LabelsOf(ls []market.Label) []Label {
	out := make([]Label, len(ls))
	for i, l := range ls {
		out[i] = Label(l)
	}
	return out
}

// LabelsToMarket converts to the market's vocabulary, sorted as it wants them.
func LabelsToMarket(ls []Label) []market.Label {
	var out []market.Label
	for _, l := range ls {
		out = append(out, market.Label(l))
	}
	slices.SortStableFunc(out, func(a, b market.Label) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// LifeOf converts a signed status. reachable tells whether the supplier's
// addresses can be dialled directly.
func LifeOf(s market.Status, reachable bool) ContainerLife {
	life := ContainerLife{
		State: s.State.String(), Reason: s.Reason.String(), Detail: s.Detail, Restarts: int(s.Restarts),
		StatusAt: s.At.Time(), Seq: s.Seq, Ports: make([]PublishedPort, len(s.Ports)),
	}
	switch s.State {
	case market.Stopped, market.Failed, market.Ended:
		if s.ExitCode >= 0 {
			code := int(s.ExitCode)
			life.ExitCode = &code
		}
	}
	for i, b := range s.Ports {
		life.Ports[i] = PublishedPort{
			ContainerPort: int(b.Port.Container), HostPort: int(b.Port.Host), Protocol: protocol(b.Port.UDP),
			Address: b.Addr, Reachable: reachable && b.Addr != "",
		}
	}
	return life
}

func platformOf(s string) (market.Platform, error) {
	if s == "" || s == "any" {
		return market.Platform{}, nil
	}
	p, err := market.ParsePlatform(s)
	if err != nil {
		return p, plain(err)
	}
	return p, nil
}

// oneOf finds the value of a small enumeration by its String form; "" is 0.
func oneOf[T interface {
	~uint8
	fmt.Stringer
}](s, field string, last T) (T, error) {
	if s == "" {
		return 0, nil
	}
	var names []string
	for v := T(0); v <= last; v++ {
		if v.String() == s {
			return v, nil
		}
		names = append(names, v.String())
	}
	return 0, Errorf(CodeInvalid, "%s %q is not one of %s", field, s, strings.Join(names, ", "))
}

func protocol(udp bool) string {
	if udp {
		return "udp"
	}
	return "tcp"
}

// millis saturates, so that an absurd number is refused by Validate instead of
// wrapping around.
func millis(ms int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(min(max(ms, -most), most)) * time.Millisecond
}
