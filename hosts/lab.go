//go:build hosts

package hosts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// prefix marks every namespace of a lab; sweep removes whatever bears it.
const prefix = "cvlab-"

// root is the one directory of a lab: short, since a socket's path is at most 107 bytes.
var root = filepath.Join(os.TempDir(), "cvlab")

// Lab is a running set of hosts. Only one can be open on a machine.
type Lab struct {
	lock   *os.File
	hosts  []*Host
	router *Host // without an engine
}

// Open sweeps leftovers and makes the switch. Close must follow.
func Open(ctx context.Context) (*Lab, error) {
	if err := needs("ip", "iptables", "nsenter", "script", "containerd", "dockerd"); err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("test hosts need root for network namespaces: run scripts/test, or go test -exec sudo -tags hosts ./hosts")
	}
	lock, err := acquire(root + ".lock")
	if err != nil {
		return nil, err
	}
	l := &Lab{lock: lock}
	if err := sweep(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sweep what an earlier lab left: %w", err), lock.Close())
	}
	if err := makeSwitch(ctx); err != nil {
		return nil, errors.Join(err, l.Close(ctx))
	}
	return l, nil
}

// Close ends every process of the lab and removes all of it.
func (l *Lab) Close(ctx context.Context) error {
	return errors.Join(sweep(ctx), l.lock.Close())
}

// AddHost makes a host on the switch with the address 10.77.0.n and starts its engine.
func (l *Lab) AddHost(ctx context.Context, name string, n byte) (*Host, error) {
	h := newHost(name, netip.AddrFrom4([4]byte{10, 77, 0, n}))
	if err := h.plugInto(ctx, switchName, 24); err != nil {
		return nil, fmt.Errorf("make host %s: %w", name, err)
	}
	if err := h.startEngine(ctx); err != nil {
		return nil, fmt.Errorf("make host %s: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// AddHome makes a host behind a router that masquerades and forwards nothing in.
func (l *Lab) AddHome(ctx context.Context, name string) (*Host, error) {
	router, err := makeRouter(ctx)
	if err != nil {
		return nil, fmt.Errorf("make router: %w", err)
	}
	l.router = router
	h := newHost(name, homeAddr)
	if err := h.plugBehind(ctx, router); err != nil {
		return nil, fmt.Errorf("make home %s: %w", name, err)
	}
	if err := h.startEngine(ctx); err != nil {
		return nil, fmt.Errorf("make home %s: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	return h, nil
}

// acquire takes the machine-wide lock, which the kernel drops when its process dies.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock test hosts: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another run of the test hosts holds %s: wait for it to end: %w", path, err), f.Close())
	}
	return f, nil
}

func needs(tools ...string) error {
	var missing []string
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if missing != nil {
		return fmt.Errorf("test hosts need %s: apt-get install docker.io iproute2 iptables util-linux", strings.Join(missing, ", "))
	}
	return nil
}

// do runs a command to its end; what it said is in the error.
func do(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// script runs the commands in order, one a line, up to the first that fails.
func script(ctx context.Context, lines string, args ...any) error {
	for line := range strings.Lines(fmt.Sprintf(lines, args...)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := do(ctx, words[0], words[1:]...); err != nil {
			return err
		}
	}
	return nil
}
