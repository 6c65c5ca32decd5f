package docker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func TestReasonOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want market.Reason
	}{
		{nil, market.NoReason},
		{fmt.Errorf("x: %w", docker.ErrPortTaken), market.PortTaken},
		{errors.Join(docker.ErrStartFailed, docker.ErrEngineDown), market.EngineDown},
		{fmt.Errorf("x: %w", context.Canceled), market.Undone},
		{context.DeadlineExceeded, market.EngineDown},
		{errors.New("what nobody knows"), market.StartFailed},
	} {
		if got := docker.ReasonOf(c.err); got != c.want {
			t.Errorf("ReasonOf(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	u := docker.Unit{Auth: "hush"}
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("pull", "auth", u.Auth)
	for _, s := range []string{fmt.Sprint(u), fmt.Sprintf("%+v %#v %s %q", u, u, u.Auth, u.Auth), string(text), log.String()} {
		if strings.Contains(s, "hush") {
			t.Errorf("printed: %s", s)
		}
	}
}

func TestConfigValidate(t *testing.T) {
	good := docker.DefaultConfig()
	if err := good.Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	for says, change := range map[string]func(*docker.Config){
		"host":    func(c *docker.Config) { c.Host = "/var/run/docker.sock" },
		"publish": func(c *docker.Config) { c.Publish = netip.MustParseAddr("::1") },
		"ports":   func(c *docker.Config) { c.Ports = docker.PortRange{First: 9, Last: 8} },
		"pids":    func(c *docker.Config) { c.Pids = c.MaxPids + 1 },
		"logs":    func(c *docker.Config) { c.LogFiles = 0 },
		"floor":   func(c *docker.Config) { c.DiskFloor = -1 },
		"kept":    func(c *docker.Config) { c.ImagesKeep = -1 },
	} {
		cfg := docker.DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); !errors.Is(err, docker.ErrBadConfig) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

func TestEventKindString(t *testing.T) {
	if docker.KilledByOOM.String() != "oom" || docker.EventKind(99).String() != "unknown(99)" {
		t.Error(docker.KilledByOOM, docker.EventKind(99))
	}
}
