package identity_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"caravela/market"
	"caravela/node/identity"
)

func open(t *testing.T, path string) *identity.Dir {
	t.Helper()
	d, err := identity.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestIdentityStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node")
	d := open(t, path)
	first, err := d.Key()
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	again, err := open(t, path).Key()
	if err != nil || !first.Equal(again) {
		t.Fatalf("another key after a restart (%v)", err)
	}
	for p, want := range map[string]fs.FileMode{path: 0o700, identity.KeyPath(path): 0o600} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v (%v)", p, info.Mode(), want, err)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	path := t.TempDir()
	chmod(t, path, 0o700)
	open(t, path)
	_, err := identity.Open(path)
	if !errors.Is(err, identity.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("second open: %v", err)
	}
}

// A node was killed while it started another program: its child holds the lock
// for some moments more.
func TestLockOutlivesItsNode(t *testing.T) {
	path := t.TempDir()
	chmod(t, path, 0o700)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	child, err := os.Create(filepath.Join(path, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(child, dead.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(child.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { child.Close() })
	open(t, path)
}

func TestExposedSecrets(t *testing.T) {
	path := t.TempDir()
	chmod(t, path, 0o755)
	if _, err := identity.Open(path); !errors.Is(err, identity.ErrExposed) || !strings.Contains(err.Error(), "chmod 0700") {
		t.Errorf("open directory that all can read: %v", err)
	}
	chmod(t, path, 0o700)
	d := open(t, path)
	if _, err := d.Key(); err != nil {
		t.Fatal(err)
	}
	chmod(t, identity.KeyPath(path), 0o644)
	if _, err := d.Key(); !errors.Is(err, identity.ErrExposed) || !strings.Contains(err.Error(), "chmod 0600") {
		t.Errorf("read key that all can read: %v", err)
	}
}

func TestBackup(t *testing.T) {
	old := open(t, filepath.Join(t.TempDir(), "old"))
	key, err := old.Key()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new")
	id, err := identity.Restore(path, identity.FormatKey(key))
	if err != nil || id != market.NewKeyring(key).Self() {
		t.Fatalf("restore: %v, %v", id, err)
	}
	if got, err := open(t, path).Key(); err != nil || !got.Equal(key) {
		t.Fatalf("another key after the restore (%v)", err)
	}
	if _, err := identity.Restore(filepath.Dir(identity.KeyPath(old.Path())), identity.FormatKey(key)); !errors.Is(err, identity.ErrInUse) {
		t.Errorf("restore below a running node: %v", err)
	}
	old.Close()
	if _, err := identity.Restore(old.Path(), identity.FormatKey(key)); !errors.Is(err, identity.ErrExists) {
		t.Errorf("restore over an identity: %v", err)
	}
	if _, err := identity.Restore(filepath.Join(t.TempDir(), "x"), []byte("nonsense")); !errors.Is(err, identity.ErrDamaged) {
		t.Errorf("restore of nonsense: %v", err)
	}
}

func TestNetworkStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node")
	d := open(t, path)
	if _, err := d.Network(); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("network of a new directory: %v", err)
	}
	key, err := d.Key()
	if err != nil {
		t.Fatal(err)
	}
	want := &identity.Network{SignedNetwork: found(key), PSK: make([]byte, 32), Open: true}
	if err := d.SaveNetwork(want); err != nil {
		t.Fatal(err)
	}
	got, err := d.Network()
	if err != nil || got.ID() != want.ID() || got.Params.Refresh != want.Params.Refresh || len(got.PSK) != 32 || !got.Open {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := os.Remove(identity.KeyPath(path)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Key(); !errors.Is(err, identity.ErrDamaged) {
		t.Errorf("new key in a directory of a network: %v", err)
	}
	if err := d.Forget(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Network(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("network after Forget: %v", err)
	}
}

func TestDamagedFiles(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "node"))
	for _, name := range []string{"network.json", "peers.json", "tokens.json"} {
		if err := os.WriteFile(d.File(name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, network := d.Network()
	_, peers := d.Peers()
	_, tokens := d.Tokens()
	for _, err := range []error{network, peers, tokens} {
		if !errors.Is(err, identity.ErrDamaged) {
			t.Errorf("damaged file: %v", err)
		}
	}
}

func found(key ed25519.PrivateKey) *market.SignedNetwork {
	k := market.NewKeyring(key)
	return k.Found(market.Genesis{Name: "test", Creator: k.Self()}, market.DefaultParams)
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
