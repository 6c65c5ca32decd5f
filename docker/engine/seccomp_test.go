package engine

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/system"

	"caravela/docker"
	"caravela/market"
)

// TestSecurityOptions: a tenant gets the narrow profile exactly where the
// daemon would use its own and the image is for the machine.
func TestSecurityOptions(t *testing.T) {
	for _, c := range []struct {
		name    string
		daemon  string // of in.SecurityOptions
		image   string
		allowed bool // 32-bit programs
		want    bool
	}{
		{"an old daemon", "name=seccomp,profile=default", "amd64", false, true},
		{"a new daemon", "name=seccomp,profile=builtin", "amd64", false, true},
		{"the supplier's own profile", "name=seccomp,profile=/etc/docker/seccomp.json", "amd64", false, false},
		{"no seccomp", "name=apparmor", "amd64", false, false},
		{"a 32-bit image", "name=seccomp,profile=default", "386", false, false},
		{"allowed", "name=seccomp,profile=default", "amd64", true, false},
	} {
		cfg := docker.DefaultConfig()
		cfg.Programs32 = c.allowed
		e, err := New(docker.Scope{Supplier: market.PeerID{1}}, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		e.learn(&system.Info{Architecture: "x86_64", SecurityOptions: []string{"name=cgroupns", c.daemon}})
		got, err := e.securityOptions(t.Context(), &image.InspectResponse{Architecture: c.image})
		narrow := slices.ContainsFunc(got, func(o string) bool { return strings.HasPrefix(o, "seccomp={") })
		if want := c.want && runtime.GOOS == "linux"; err != nil || narrow != want || got[0] != "no-new-privileges" {
			t.Errorf("%s: %.60q, %v; narrow: want %v", c.name, got, err, want)
		}
	}
}

func TestProfileIsNotShown(t *testing.T) {
	got, err := redact([]byte(`{"HostConfig":{"SecurityOpt":["no-new-privileges","seccomp={\"defaultAction\":\"x\"}"]}}`))
	want := `{"HostConfig":{"SecurityOpt":["no-new-privileges","seccomp=native"]},"Mounts":[]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}
