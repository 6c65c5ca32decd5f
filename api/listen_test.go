package api_test

import (
	"errors"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"caravela/api"
	"caravela/api/apitest"
)

// TestSocket: the socket has its mode from the start, is not shared, and goes
// with its listener.
func TestSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "api.sock")
	l, err := api.Listen("unix://"+path, "no-such-group")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := api.Listen("unix://"+path, ""); !errors.Is(err, api.ErrInUse) {
		t.Errorf("a second node: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 || left[0].Name() != "api.sock.lock" {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if l, err = api.Listen("unix://"+path, ""); err != nil {
		t.Errorf("again: %v", err)
	} else {
		l.Close()
	}
}

// TestStaleSocket: what a dead node left is replaced; what lives, or is no
// socket, stays.
func TestStaleSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "api.sock")
	other, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	other.SetUnlinkOnClose(false)
	if _, err := api.Listen("unix://"+path, ""); !errors.Is(err, api.ErrInUse) {
		t.Errorf("a program that takes no lock: %v", err)
	}
	other.Close() // its socket stays, as after kill -9
	l, err := api.Listen("unix://"+path, "")
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	l.Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen("unix://"+path, ""); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file: %q, %v", b, err)
	}
	long := filepath.Join(dir, strings.Repeat("x", 120))
	if _, err := api.Listen("unix://"+long, ""); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a long path: %v", err)
	}
}

// TestSocketRace: of many nodes that start at once on one stale socket, one
// gets it.
func TestSocketRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	var mu sync.Mutex
	var won []net.Listener
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			l, err := api.Listen("unix://"+path, "")
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, l)
			} else if !errors.Is(err, api.ErrInUse) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d nodes serve one socket", len(won))
	}
	for _, l := range won {
		l.Close()
	}
}

// TestTCP: TCP is not served without a token, nor twice.
func TestTCP(t *testing.T) {
	s, err := api.NewServer(apitest.NewFake(), api.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen("tcp://127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Listen("tcp://"+l.Addr().String(), ""); !errors.Is(err, api.ErrInUse) {
		t.Errorf("twice: %v", err)
	}
	if err := s.Serve(t.Context(), l); !errors.Is(err, api.ErrNoToken) {
		t.Errorf("without a token: %v", err)
	}
}

// TestListenerFails: Serve tells when its listener breaks.
func TestListenerFails(t *testing.T) {
	s, err := api.NewServer(apitest.NewFake(), api.Config{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := api.Listen(unixAddress(t), "")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := s.Serve(t.Context(), l); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

// TestToken: a token is made once, kept private, and not guessed at.
func TestToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.token")
	made, err := api.LoadToken(path)
	if err != nil || len(made) < 43 {
		t.Fatalf("%q, %v", made, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if again, err := api.LoadToken(path); err != nil || again != made {
		t.Errorf("%q, then %q, %v", made, again, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := api.LoadToken(path); !errors.Is(err, api.ErrTokenFile) {
		t.Errorf("readable by others: %v", err)
	}
	for _, bad := range []string{"", "short", strings.Repeat("x", 600), strings.Repeat("two words ", 5)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := api.LoadToken(path); !errors.Is(err, api.ErrTokenFile) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := api.LoadToken(filepath.Join(path, "below a file")); err == nil {
		t.Error("no error below a file")
	}
}

// TestSocketOfAGroup: whose members may use the node, when it was named.
func TestSocketOfAGroup(t *testing.T) {
	g, err := user.LookupGroupId(strconv.Itoa(os.Getgid()))
	if err != nil {
		return // a group without a name cannot be given
	}
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := api.Listen("unix://"+path, g.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
