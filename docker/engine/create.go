package engine

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caravela/docker"
	"caravela/market"
)

// capabilities are what a tenant's root keeps: enough to own files, to change
// users and to listen on low ports, nothing that reaches the kernel or raw
// sockets.
var capabilities = [...]string{
	"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID",
}

// request is what ContainerCreate takes.
type request struct {
	config   *container.Config
	host     *container.HostConfig
	network  *network.NetworkingConfig
	platform *ocispec.Platform
	name     string
}

// request translates a unit, whose host ports are all chosen; security is what
// securityOptions says.
func (e *Engine) request(u *docker.Unit, img *image.InspectResponse, ports []market.Port, security []string) request {
	s := &u.Spec
	digest := digestOf(img, s.Image)
	exposed, bindings := e.portMaps(ports)
	r := request{
		name: e.container(u.Lease),
		config: &container.Config{
			Image: s.Image, Cmd: s.Command, Entrypoint: s.Entrypoint, Env: s.Env,
			User: s.User, WorkingDir: s.WorkDir, Hostname: hostname(u),
			Tty: s.TTY, OpenStdin: s.Stdin, StdinOnce: s.Stdin,
			StopSignal: s.StopSignal, StopTimeout: seconds(s.StopGrace),
			Healthcheck: health(s.Health, img), ExposedPorts: exposed, Labels: e.unitLabels(u, digest),
		},
		host: &container.HostConfig{
			Resources:      e.limits(s),
			PortBindings:   bindings,
			NetworkMode:    container.NetworkMode(e.names.network(u.Owner)),
			RestartPolicy:  restart(s.Restart),
			Mounts:         e.mounts(u),
			LogConfig:      e.logs(),
			ReadonlyRootfs: s.ReadOnly,
			Runtime:        e.cfg.Runtime,
			DNS:            addrs(e.cfg.DNS),
			CapDrop:        append([]string{"ALL"}, s.CapDrop...), // named too, so that the daemon refuses a misspelt one
			CapAdd:         keptCapabilities(s.CapDrop),
			SecurityOpt:    security,
			CgroupnsMode:   container.CgroupnsModePrivate,
			IpcMode:        container.IPCModePrivate,
			Init:           new(!e.cfg.NoInit),
		},
		network: &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
			e.names.network(u.Owner): {Aliases: aliases(s)},
		}},
	}
	if s.Limits.Disk > 0 {
		r.host.StorageOpt = map[string]string{"size": strconv.FormatInt(int64(s.Limits.Disk), 10)}
	}
	if s.Platform.OS != "" {
		r.platform = &ocispec.Platform{OS: s.Platform.OS, Architecture: s.Platform.Arch}
	}
	return r
}

func (e *Engine) limits(s *market.Spec) container.Resources {
	pids := s.Pids
	if pids == 0 {
		pids = e.cfg.Pids
	}
	return container.Resources{
		NanoCPUs:   int64(s.Limits.CPU) * 1_000_000,
		Memory:     int64(s.Limits.Memory),
		MemorySwap: int64(s.Limits.Memory), // memory and swap together: no swap
		PidsLimit:  &pids,
	}
}

func (e *Engine) unitLabels(u *docker.Unit, digest string) map[string]string {
	m := e.tenantLabels(u.Owner)
	for _, l := range u.Spec.Labels {
		m[l.Key] = l.Value
	}
	m[labelLease], m[labelDigest] = u.Lease.String(), digest
	m[labelSpec] = hex.EncodeToString(u.SpecHash[:])
	return m
}

func (e *Engine) mounts(u *docker.Unit) []mount.Mount {
	var out []mount.Mount
	for _, m := range u.Spec.Mounts {
		out = append(out, mount.Mount{
			Type: mount.TypeVolume, Source: e.volume(u, m), Target: m.Target, ReadOnly: m.ReadOnly,
		})
	}
	return out
}

func (e *Engine) logs() container.LogConfig {
	return container.LogConfig{Type: "json-file", Config: map[string]string{
		"max-size": strconv.FormatInt(int64(e.cfg.LogSize), 10),
		"max-file": strconv.Itoa(e.cfg.LogFiles),
	}}
}

func (e *Engine) portMaps(ports []market.Port) (nat.PortSet, nat.PortMap) {
	exposed, bindings := nat.PortSet{}, nat.PortMap{}
	for _, p := range ports {
		key := nat.Port(fmt.Sprintf("%d/%s", p.Container, protocol(p)))
		exposed[key] = struct{}{}
		bindings[key] = append(bindings[key], nat.PortBinding{
			HostIP: e.publishIP().String(), HostPort: strconv.Itoa(int(p.Host)),
		})
	}
	return exposed, bindings
}

// publishIP names an address even where all are meant: an empty one would
// publish on IPv6 too, where nothing keeps tenants apart.
func (e *Engine) publishIP() netip.Addr {
	if e.cfg.Publish.IsValid() {
		return e.cfg.Publish
	}
	return netip.IPv4Unspecified()
}

func protocol(p market.Port) string {
	if p.UDP {
		return "udp"
	}
	return "tcp"
}

func hostname(u *docker.Unit) string {
	switch {
	case u.Spec.Hostname != "":
		return u.Spec.Hostname
	case u.Spec.Name != "":
		return u.Spec.Name
	}
	return u.Lease.Short()
}

// aliases let a tenant's units find each other by name.
func aliases(s *market.Spec) []string {
	if s.Name == "" {
		return nil
	}
	return []string{s.Name}
}

func keptCapabilities(drop []string) []string {
	var kept []string
	for _, c := range capabilities {
		if !slices.ContainsFunc(drop, func(d string) bool { return sameCapability(d, c) }) {
			kept = append(kept, c)
		}
	}
	return kept
}

func sameCapability(drop, c string) bool {
	drop = strings.ToUpper(drop)
	return drop == "ALL" || strings.TrimPrefix(drop, "CAP_") == c
}

func restart(r market.Restart) container.RestartPolicy {
	p := container.RestartPolicy{Name: container.RestartPolicyMode(r.Policy.String())}
	if r.Policy == market.RestartOnFailure {
		p.MaximumRetryCount = r.Max
	}
	return p
}

// minProbe is the shortest time between two health checks, the unit's or its
// image's. The engine starts each as a process of its own account: a tenant
// must not have it do so a thousand times a second.
const minProbe = time.Second

func health(h market.Health, img *image.InspectResponse) *container.HealthConfig {
	own := img.Config != nil && img.Config.Healthcheck != nil
	switch {
	case h.Disable:
		return &container.HealthConfig{Test: []string{"NONE"}}
	case h == (market.Health{}) && !own:
		return nil
	}
	c := container.HealthConfig{Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.Start, Retries: h.Retries}
	if h.Command != "" {
		c.Test = []string{"CMD-SHELL", h.Command}
	}
	if own { // the engine fills in what is zero
		c.Interval = cmp.Or(c.Interval, img.Config.Healthcheck.Interval)
		c.StartInterval = img.Config.Healthcheck.StartInterval
	}
	for _, d := range []*time.Duration{&c.Interval, &c.StartInterval} {
		if *d != 0 {
			*d = max(*d, minProbe)
		}
	}
	return &c
}

// seconds rounds up; nil for zero, which means docker's default.
func seconds(d time.Duration) *int {
	if d == 0 {
		return nil
	}
	return new(ceilSeconds(d))
}

func ceilSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func addrs(as []netip.Addr) []string {
	var out []string
	for _, a := range as {
		out = append(out, a.String())
	}
	return out
}
