package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ErrInUse is wrapped by Listen's error when another node serves the address.
var ErrInUse = errors.New("api: address in use")

// maxSocketPath is the longest path of a Unix socket in bytes.
const maxSocketPath = 107

// Listen opens a listener for Serve at unix:///path or tcp://host:port.
//
// A Unix socket gets the group and mode 0660 where that group exists and we may
// give it, else mode 0600: our own primary group may be everybody's. A socket that a dead node left is replaced; one that a live
// node serves is ErrInUse. Closing the listener removes it.
func Listen(address, group string) (net.Listener, error) {
	network, target, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		return listenUnix(target, group)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", target)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: something listens at %s already; choose another with --api", ErrInUse, address)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for the api: %w", err)
	}
	return l, nil
}

// listenUnix makes the socket under a temporary name and moves it into place:
// so it is never seen with the wrong permissions, and a stale one is replaced
// in one step. A lock beside it, which dies with its process, tells a stale
// socket from a live one.
func listenUnix(path, group string) (net.Listener, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // users of the group must get to the socket
		return nil, fmt.Errorf("listen for the api: %w", err)
	}
	lock, err := lockBeside(path)
	if err != nil {
		return nil, err
	}
	l, err := bindUnix(dir, path, group)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &unixListener{Listener: l, path: path, lock: lock}, nil
}

func bindUnix(dir, path, group string) (net.Listener, error) {
	if err := checkReplaceable(path); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(dir, ".s") // mode 0700
	if err != nil {
		return nil, fmt.Errorf("listen for the api: %w", err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	hidden := filepath.Join(tmp, "s")
	if n := max(len(hidden), len(path)); n > maxSocketPath {
		return nil, fmt.Errorf("listen for the api: the path %s is %d bytes too long for a socket; choose a shorter one with --api",
			path, n-maxSocketPath)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hidden, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("listen for the api: %w", err)
	}
	l.SetUnlinkOnClose(false)
	mode := os.FileMode(0o600)
	if giveTo(hidden, group) {
		mode = 0o660
	}
	if err = os.Chmod(hidden, mode); err == nil {
		err = os.Rename(hidden, path)
	}
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("listen for the api: %w", err)
	}
	return l, nil
}

// lockBeside takes the lock of a socket.
func lockBeside(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the api socket: %w", err)
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return lock, nil
	}
	_ = lock.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, inUse(path)
	}
	return nil, fmt.Errorf("lock the api socket: %w", err)
}

// checkReplaceable refuses to replace anything but a socket that nobody
// serves: the lock does not know of programs that do not take it.
func checkReplaceable(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("listen for the api: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("listen for the api: %s exists and is not a socket; choose another path with --api", path)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "unix", path)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED): // bound once, and nobody listens
		return nil
	case err == nil:
		_ = conn.Close()
	}
	return inUse(path) // also when it is only too busy to answer
}

func inUse(path string) error {
	return fmt.Errorf("%w: another node serves unix://%s; choose another with --api, or stop that node", ErrInUse, path)
}

// giveTo hands a file to a group and reports whether that was possible: where
// it was not, only our own user gets in, which is safe.
func giveTo(path, group string) bool {
	if group == "" {
		return false
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return false
	}
	gid, err := strconv.Atoi(g.Gid)
	return err == nil && os.Chown(path, -1, gid) == nil
}

// unixListener removes its socket when it is closed. The lock's file stays: to
// remove it would let two processes lock two files of one name.
type unixListener struct {
	net.Listener
	path string
	lock *os.File
	once sync.Once
	err  error
}

// Close implements net.Listener.
func (l *unixListener) Close() error {
	l.once.Do(func() {
		l.err = l.Listener.Close()
		_ = os.Remove(l.path)
		_ = l.lock.Close()
	})
	return l.err
}
