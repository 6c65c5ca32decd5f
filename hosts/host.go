//go:build hosts

package hosts

import (
	"context"
	"net/netip"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Host is one machine of the lab.
type Host struct {
	Name string     // of the namespace, without its prefix; at most 15 bytes, since its cable is called so
	Addr netip.Addr // on eth0
}

func newHost(name string, addr netip.Addr) *Host { return &Host{Name: name, Addr: addr} }

func (h *Host) namespace() string { return prefix + h.Name }
func (h *Host) netns() string     { return "/var/run/netns/" + h.namespace() }

// path names a file of the host's own directory.
func (h *Host) path(elem ...string) string {
	return filepath.Join(append([]string{root, h.Name}, elem...)...)
}

// DockerHost is the address of the host's engine, as in DOCKER_HOST.
func (h *Host) DockerHost() string { return "unix://" + h.path("docker.sock") }

// Command prepares a program that will run on the host, in a process group of
// its own: Ctrl-C at the terminal reaches the suite only, which then cleans up.
// nsenter, unlike ip netns exec, leaves /sys alone: with /sys remounted, an
// engine would not find the cgroups.
func (h *Host) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + h.netns(), "--", name}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}
