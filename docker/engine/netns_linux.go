package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"
)

// sameNamespace tells why iptables run here would not reach the daemon's
// bridges; nil if it would. The kernel knows who listens on a Unix socket.
func sameNamespace(ctx context.Context, daemon string) error {
	u, err := url.Parse(daemon)
	if err != nil || u.Scheme != "unix" {
		return fmt.Errorf("the engine at %s may be on another machine", daemon)
	}
	pid, err := listener(ctx, u.Path)
	if err != nil {
		return fmt.Errorf("ask who listens on %s: %w", u.Path, err)
	}
	theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		// It handed the socket on and ended, or has powers that the node, under
		// the systemd unit, has not. Launch looks for the bridge itself.
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the engine's network namespace: %w", err)
	}
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return fmt.Errorf("look at the node's network namespace: %w", err)
	}
	if ours != theirs {
		return errors.New("the engine lives in another network namespace than the node")
	}
	return nil
}

func listener(ctx context.Context, path string) (pid int32, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return 0, err
	}
	return cred.Pid, nil
}
