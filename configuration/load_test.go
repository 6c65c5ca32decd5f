package configuration

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/market"
)

func ana() Place { return Place{Home: "/home/ana", RuntimeDir: "/run/user/1000", Hostname: "cedar"} }

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "caravela.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaultsAreValid(t *testing.T) {
	for _, place := range []Place{ana(), {Root: true}, {Home: "/root", Hostname: "päper house"}} {
		for _, p := range []Profile{Server, Home, LowPower} {
			c := place.Defaults(p)
			if err := c.Validate(); err != nil {
				t.Errorf("%+v, %s: %v", place, p, err)
			}
		}
	}
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSourcesCoverEachOther(t *testing.T) {
	path := write(t, "[offer]\ncpus = 1\nmemory = \"1g\"\ndisk = \"1g\"\n")
	e, err := Load(Sources{
		Place: ana(), File: path,
		Env:   []string{"CARAVELA_OFFER_MEMORY=2g", "CARAVELA_OFFER_DISK=2g", "DOCKER_HOST=unix:///d.sock"},
		Flags: map[string]string{"offer.disk": "3g"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if e.Offer.CPUs != 1000 || e.Offer.Memory != 2*market.GiB || e.Offer.Disk != 3*market.GiB || e.Engine.Host != "unix:///d.sock" {
		t.Errorf("%+v %+v", e.Offer, e.Engine)
	}
	want := map[string]Origin{
		"offer.cpus": Origin(path + ":2"), "offer.memory": FromEnv, "offer.disk": FromFlag,
		"offer.share": FromDefault, "engine.host": FromEnv,
	}
	for key, origin := range want {
		if e.Origins[key] != origin {
			t.Errorf("%s comes from %q, want %q", key, e.Origins[key], origin)
		}
	}
}

func TestProfileIsABundleOfDefaults(t *testing.T) {
	path := write(t, "[node]\nprofile = \"lowpower\"\n[limits]\nlaunches = 2\n")
	e, err := Load(Sources{Place: ana(), File: path})
	if err != nil {
		t.Fatal(err)
	}
	if e.Network.Trader || !e.Network.Client || e.Limits.ConnectionsHigh != 24 || e.Limits.Launches != 2 {
		t.Errorf("%+v %+v", e.Network, e.Limits)
	}
	if e.Origins["network.trader"] != FromProfile {
		t.Errorf("network.trader comes from %q", e.Origins["network.trader"])
	}
	e, err = Load(Sources{Place: ana(), File: path, Flags: map[string]string{"node.profile": "server"}})
	if err != nil || !e.Network.Trader {
		t.Errorf("a flag does not cover the file's profile: %v %+v", err, e.Network)
	}
}

func TestSocketFollowsDataDirectory(t *testing.T) {
	tests := []struct {
		place Place
		dir   string
		want  string
	}{
		{Place{Root: true}, "", "unix:///run/caravela/api.sock"},
		{Place{Root: true}, "/srv/n1", "unix:///srv/n1/api.sock"},
		{ana(), "", "unix:///run/user/1000/caravela/api.sock"},
		{ana(), "/tmp/n2/", "unix:///tmp/n2/api.sock"},
		{Place{Home: "/h"}, "", "unix:///h/.local/share/caravela/api.sock"},
	}
	for _, tt := range tests {
		src := Sources{Place: tt.place, Flags: map[string]string{}}
		if tt.dir != "" {
			src.Flags["node.data-dir"] = tt.dir
		}
		e, err := Load(src)
		if err != nil || e.API.Addresses[0] != tt.want {
			t.Errorf("%q: %v %v, want %s", tt.dir, e.API.Addresses, err, tt.want)
		}
	}
}

// Each wrong file is answered with its place, the key, and what to do.
func TestWrongFiles(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "[offer]\ncpu = 2\n", "caravela.toml:2: offer.cpu: unknown key; did you mean offer.cpus?"},
		{"swapped letters", "[node]\n\nnaem = \"x\"\n", "caravela.toml:3: node.naem: unknown key; did you mean node.name?"},
		{"unknown section", "[offers]\ncpus = 2\n", "caravela.toml:1: offers: unknown key; did you mean [offer]?"},
		{"no section", "cpus = 2\n", "caravela.toml:1: cpus: unknown key; did you mean offer.cpus?"},
		{"too deep", "[offer.cpus]\nx = 1\n", "caravela.toml:1: offer.cpus: wants a number"},
		{"key in an inline table", "offer = { cpus = 1, memry = \"1g\" }\n", "caravela.toml:1: offer.memry: unknown key; did you mean offer.memory?"},
		{"syntax", "[offer]\ncpus = = 2\n", "caravela.toml:2: "},
		{"twice", "[offer]\ncpus = 1\ncpus = 2\n", "caravela.toml:3: "},
		{"size", "[offer]\nmemory = \"8 gigs\"\n", "caravela.toml:2: offer.memory: "},
		{"type", "[offer]\nenabled = \"perhaps\"\n", `caravela.toml:2: offer.enabled: "perhaps" is not true or false`},
		{"list", "[network]\nlisten = [7401]\n", "caravela.toml:2: network.listen: wants a list of texts"},
		{"date", "[buy]\nlease = 1979-05-27\n", "caravela.toml:2: buy.lease: wants a text"},
		{"word", "[log]\nlevel = \"loud\"\n", `caravela.toml:2: log.level: "loud" is not one of debug, info, warn, error`},
		{"impossible value", "[limits]\n# few\nconnections-high = 3\n", "caravela.toml:3: limits.connections-high: 3 is not above 96; give more than limits.connections-low"},
		{"too much to announce", "[network]\nannounce = [\"10.0.0.1:1\", \"10.0.0.2:1\", \"10.0.0.3:1\", \"10.0.0.4:1\", \"/ip4/10.0.0.5/tcp/1\"]\n", "caravela.toml:2: network.announce: 9 addresses are more than the 8 that others remember; keep the best; IP:PORT counts twice, for TCP and for QUIC"},
		{"long socket", "[api]\naddress = \"unix:///" + strings.Repeat("x", 120) + "\"\n", "caravela.toml:2: api.address: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Sources{Place: ana(), File: write(t, tt.text)})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	_, err := Load(Sources{
		Place: ana(), File: write(t, "[offer]\nshare = \"x\"\nfoo = 1\n"),
		Env: []string{"CARAVELA_LOG_LEVEL=loud"}, Flags: map[string]string{"buy.lease": "soon"},
	})
	for _, want := range []string{"offer.share", "offer.foo", "$CARAVELA_LOG_LEVEL: log.level", "flag: buy.lease"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
	if n := len(problems(err)); n != 4 {
		t.Errorf("%d problems, want 4", n)
	}
}

func TestExplicitFileMustExist(t *testing.T) {
	if _, err := Load(Sources{Place: ana(), File: "/nowhere/caravela.toml"}); err == nil {
		t.Error("a missing file was accepted")
	}
	if _, err := Load(Sources{Place: ana(), Env: []string{"CARAVELA_CONFIG=/nowhere/caravela.toml"}}); err == nil {
		t.Error("a missing file was accepted from the environment")
	}
	if _, err := Load(Sources{Place: ana(), File: t.TempDir()}); err == nil {
		t.Error("a directory was accepted")
	}
}

func TestUnknownVariablesAreWarnings(t *testing.T) {
	e, err := Load(Sources{Place: ana(), Env: []string{"CARAVELA_OFFER_CPU=2", "CARAVELA_PORT=tcp://10.0.0.1:80", "CARAVELA_HOST=unix:///x"}})
	if err != nil || len(e.Warnings) != 2 || !strings.Contains(e.Warnings[0], "did you mean CARAVELA_OFFER_CPUS?") {
		t.Errorf("%v %q", err, e.Warnings)
	}
}

// What TOML prints is a file that gives the same configuration.
func TestPrintedFileReadsBack(t *testing.T) {
	first, err := Load(Sources{Place: ana(), Flags: map[string]string{
		"node.labels": "region=eu,tier=gold \"a\"", "network.listen": "127.0.0.1:0,[::1]:7402", "offer.cpus": "2.5",
		"network.announce": "203.0.113.7:7401", "offer.images-allow": "a/*,b", "buy.lease": "2d12h", "node.profile": "home",
	}})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Load(Sources{Place: ana(), File: write(t, first.TOML())})
	if err != nil {
		t.Fatalf("%v in\n%s", err, first.TOML())
	}
	for _, s := range settings() {
		if a, b := s.get(&first.Config), s.get(&second.Config); !slices.Equal(a, b) {
			t.Errorf("%s: %q became %q", s.key, a, b)
		}
	}
}

func TestKeysAreUniqueAndSectioned(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settings() {
		if seen[s.key] || strings.Count(s.key, ".") != 1 || s.doc == "" {
			t.Errorf("setting %q", s.key)
		}
		seen[s.key] = true
	}
	if len(seen) != len(slices.Collect(maps.Keys(seen))) || len(seen) < 35 {
		t.Errorf("%d settings", len(seen))
	}
}

func TestDurations(t *testing.T) {
	tests := map[string]time.Duration{
		"90s": 90 * time.Second, "7d": 7 * Day, "1h30m": 90 * time.Minute, "2d12h": 60 * time.Hour, "0s": 0, "250ms": 250 * time.Millisecond,
	}
	for text, want := range tests {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
		again, err := ParseDuration(FormatDuration(got))
		if err != nil || again != got {
			t.Errorf("%q is written as %q", text, FormatDuration(got))
		}
	}
	for _, text := range []string{"", "d", "-1h", "1.5d", "7days", "9999d", "9999999999d", "1d-3h", "x", "12"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %v", text, d)
		}
	}
}

func TestQuantities(t *testing.T) {
	if f, err := ParseFactor("1.5"); err != nil || f.Of(3) != 4 || f.String() != "1.5" {
		t.Errorf("%v %v", f, err)
	}
	if r, err := ParsePortRange("80-90"); err != nil || !r.Contains(90) || r.Contains(91) {
		t.Errorf("%v %v", r, err)
	}
	for _, text := range []string{"", "0-3", "9-8", "1-70000", "a-b", "-"} {
		if r, err := ParsePortRange(text); err == nil {
			t.Errorf("%q was read as %v", text, r)
		}
	}
	if a, err := parseListen(":7402"); err != nil || len(a) != 2 {
		t.Errorf("%v %v", a, err)
	}
}

// A data directory that is none, or another user's, is named as such.
func TestForeignDataDir(t *testing.T) {
	file := write(t, "")
	_, err := Load(Sources{Place: ana(), Flags: map[string]string{"node.data-dir": file}})
	if err == nil || !strings.Contains(err.Error(), "data directory "+file+": not a directory; give a directory of your own") {
		t.Error(err)
	}
	if _, err = Load(Sources{Place: Place{Hostname: "vm"}}); err == nil || !strings.Contains(err.Error(), "HOME") {
		t.Error(err)
	}
}
