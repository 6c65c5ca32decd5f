package market_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func TestSpecRoundTrip(t *testing.T) {
	removed := testSpec()
	removed.Restart, removed.Remove = market.Restart{}, true
	smallest := &market.Spec{Image: "x", Limits: market.Resources{CPU: market.MinCPU, Memory: market.MinMemory}}
	for _, s := range []*market.Spec{testSpec(), removed, smallest} {
		got, err := market.DecodeSpec(market.EncodeSpec(s))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("\n got %+v, %v\nwant %+v", got, err, s)
		}
	}
}

func TestImpossibleSpecs(t *testing.T) {
	many := func(s string) (list []string) {
		for range market.MaxSpecStrings + 1 {
			list = append(list, s)
		}
		return list
	}
	for name, f := range map[string]func(*market.Spec){
		"no image":            func(s *market.Spec) { s.Image = "" },
		"image with a space":  func(s *market.Spec) { s.Image = "a b" },
		"long image":          func(s *market.Spec) { s.Image = strings.Repeat("x", 513) },
		"beyond any machine":  func(s *market.Spec) { s.Limits.CPU = market.MaxCPU + 1 },
		"negative":            func(s *market.Spec) { s.Limits.Disk = -1 },
		"no processor":        func(s *market.Spec) { s.Limits.CPU = market.MinCPU - 1 },
		"no memory":           func(s *market.Spec) { s.Limits.Memory = market.MinMemory - 1 },
		"negative processes":  func(s *market.Spec) { s.Pids = -1 },
		"many processes":      func(s *market.Spec) { s.Pids = 1<<20 + 1 },
		"ports":               func(s *market.Spec) { s.Ports = make([]market.Port, market.MaxPorts+1) },
		"port 0":              func(s *market.Spec) { s.Ports[0].Container = 0 },
		"host port twice":     func(s *market.Spec) { s.Ports = append(s.Ports, s.Ports[0]) },
		"mounts":              func(s *market.Spec) { s.Mounts = make([]market.Mount, market.MaxMounts+1) },
		"host path":           func(s *market.Spec) { s.Mounts[0].Volume = "/etc" },
		"relative target":     func(s *market.Spec) { s.Mounts[0].Target = "data" },
		"target /":            func(s *market.Spec) { s.Mounts[0].Target = "/" },
		"target with ..":      func(s *market.Spec) { s.Mounts[0].Target = "/a/../../b" },
		"target twice":        func(s *market.Spec) { s.Mounts[1].Target = s.Mounts[0].Target },
		"restart":             func(s *market.Spec) { s.Restart.Policy = 9 },
		"restarts":            func(s *market.Spec) { s.Restart.Max = -1 },
		"--rm and restart":    func(s *market.Spec) { s.Remove = true },
		"pull":                func(s *market.Spec) { s.Pull = 9 },
		"stop timeout":        func(s *market.Spec) { s.StopGrace = 25 * time.Hour },
		"negative stop":       func(s *market.Spec) { s.StopGrace = -time.Second },
		"health":              func(s *market.Spec) { s.Health.Interval = -time.Second },
		"health for years":    func(s *market.Spec) { s.Health.Start = 1 << 62 },
		"health retries":      func(s *market.Spec) { s.Health.Retries = 1<<16 + 1 },
		"many arguments":      func(s *market.Spec) { s.Command = many("x") },
		"long argument":       func(s *market.Spec) { s.Entrypoint = []string{strings.Repeat("x", market.MaxSpecString+1)} },
		"zero byte":           func(s *market.Spec) { s.Command = []string{"a\x00b"} },
		"zero byte in a user": func(s *market.Spec) { s.User = "\x00" },
		"long directory":      func(s *market.Spec) { s.WorkDir = "/" + strings.Repeat("x", 4096) },
		"name":                func(s *market.Spec) { s.Name = "-x" },
		"platform":            func(s *market.Spec) { s.Platform = market.Platform{OS: "Linux"} },
		"signal":              func(s *market.Spec) { s.StopSignal = strings.Repeat("x", market.MaxSignal+1) },
		"capability":          func(s *market.Spec) { s.CapDrop = []string{strings.Repeat("x", 65)} },
		"environment":         func(s *market.Spec) { s.Env = []string{"A"} },
		"nameless variable":   func(s *market.Spec) { s.Env = []string{"=1"} },
		"labels":              func(s *market.Spec) { s.Labels = append(s.Labels, s.Labels...) },
		"too large":           func(s *market.Spec) { s.Command = many(strings.Repeat("x", 600))[1:] },
	} {
		s := testSpec()
		f(s)
		if err := s.Validate(); !errors.Is(err, market.ErrBadSpec) {
			t.Errorf("%s: Validate = %v", name, err)
		}
		if _, err := market.DecodeSpec(market.EncodeSpec(s)); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

// What Validate accepts at its bounds, the other side can read.
func TestLargestSpecs(t *testing.T) {
	for name, f := range map[string]func(*market.Spec){
		"image":      func(s *market.Spec) { s.Image = strings.Repeat("x", 512) },
		"directory":  func(s *market.Spec) { s.WorkDir = "/" + strings.Repeat("x", 4095) },
		"check":      func(s *market.Spec) { s.Health.Command = strings.Repeat("x", 4096) },
		"argument":   func(s *market.Spec) { s.Command = []string{strings.Repeat("x", market.MaxSpecString)} },
		"arguments":  func(s *market.Spec) { s.Command = make([]string, market.MaxSpecStrings) },
		"signal":     func(s *market.Spec) { s.StopSignal = strings.Repeat("X", market.MaxSignal) },
		"name":       func(s *market.Spec) { s.Name = strings.Repeat("x", 63) },
		"capability": func(s *market.Spec) { s.CapDrop = []string{strings.Repeat("X", 64)} },
		"numbers": func(s *market.Spec) {
			s.Limits = market.Resources{CPU: market.MaxCPU, Memory: market.MaxBytes, Disk: market.MaxBytes}
			s.Pids, s.Restart.Max, s.Health.Retries, s.StopGrace = 1<<20, 1<<16, 1<<16, 24*time.Hour
		},
	} {
		s := testSpec()
		f(s)
		if err := s.Validate(); err != nil {
			t.Errorf("%s: Validate = %v", name, err)
		}
		if got, err := market.DecodeSpec(market.EncodeSpec(s)); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s: decoded %+v, %v", name, got, err)
		}
	}
}

func TestValidName(t *testing.T) {
	for s, want := range map[string]bool{
		"web": true, "0": true, "a_b.c-d": true, strings.Repeat("x", 63): true,
		"": false, ".a": false, "-a": false, "_a": false, "a b": false, "a/b": false, "é": false, strings.Repeat("x", 64): false,
	} {
		if market.ValidName(s) != want {
			t.Errorf("ValidName(%q) = %v", s, !want)
		}
	}
}

func TestLabelValue(t *testing.T) {
	ls := []market.Label{{Key: "a", Value: ""}, {Key: "b", Value: "1"}}
	if v, ok := market.LabelValue(ls, "b"); v != "1" || !ok {
		t.Errorf("b = %q, %v", v, ok)
	}
	if v, ok := market.LabelValue(ls, "a"); v != "" || !ok {
		t.Errorf("a = %q, %v", v, ok)
	}
	if _, ok := market.LabelValue(ls, "c"); ok {
		t.Error("c is there")
	}
}

func TestPortStrings(t *testing.T) {
	for want, p := range map[string]market.Port{
		"80":          {Container: 80},
		"8080:80":     {Container: 80, Host: 8080},
		"5353:53/udp": {Container: 53, Host: 5353, UDP: true},
	} {
		if p.String() != want {
			t.Errorf("%+v = %q, want %q", p, p, want)
		}
	}
}
