package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/configuration"
	"caravela/market"
)

// TestMain lets the test binary play the node in the background that
// startDetached makes of the program.
func TestMain(m *testing.M) {
	if os.Getenv(readyFD) == "" {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithCancel(context.Background())
	a := &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, environ: os.Environ, now: time.Now,
		terminal: noTerminal{}, signals: catchSignals(cancel), dial: dialNode, daemon: shortDaemon,
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}

// shortDaemon is ready at once, or does as its node's name says.
func shortDaemon(_ context.Context, cfg configuration.Config, mode startMode) error {
	switch cfg.Node.Name {
	case "fails":
		return advise(errors.New("the port 7401 is taken"), "--listen with another port")
	case "dies":
		os.Exit(3)
	}
	fmt.Println("log line of", cfg.Node.Name)
	mode.ready(readyNode{ID: "12D3KooWCedar", Name: cfg.Node.Name, Network: "home", NetworkID: "0011223344556677", Join: []string{"192.0.2.1", "192.168.2.1"}, API: cfg.API.Addresses,
		Private: mode.private})
	return nil
}

type started struct {
	cfg  configuration.Config
	mode startMode
}

// startCLI is a command line whose daemon remembers what it was given.
func startCLI(t *testing.T) (*cli, *[]started) {
	c := newCLI(t, nil)
	var got []started
	c.daemon = func(ctx context.Context, cfg configuration.Config, mode startMode) error {
		got = append(got, started{cfg, mode})
		return shortDaemon(ctx, cfg, mode)
	}
	return c, &got
}

func TestStartFlagsBecomeSettings(t *testing.T) {
	c, got := startCLI(t)
	dir := t.TempDir() + "/node"
	c.ok("create", "--name", "cedar", "--listen", "127.0.0.1:0", "--api", c.address, "--data-dir", dir, "--offer", "cpus=4,memory=8g,disk=1g",
		"--profile", "home", "--label", "region=eu", "--label", "disk=ssd", "--private", "--open", "--network", "ours", "--set", "offer.port-range=30000-31000",
		"--log-level", "debug")
	cfg, mode := (*got)[0].cfg, (*got)[0].mode
	if cfg.Node.Name != "cedar" || cfg.Network.Listen[0].String() != "127.0.0.1:0" || cfg.Node.DataDir != dir || cfg.API.Addresses[0] != c.address ||
		!cfg.Network.Open || cfg.Log.Level != "debug" || cfg.Limits.ConnectionsLow != 32 || len(cfg.Node.Labels) != 2 {
		t.Errorf("%+v", cfg)
	}
	if cfg.Offer.CPUs != 4000 || cfg.Offer.Memory != 8*market.GiB || cfg.Offer.Disk != market.GiB || cfg.Offer.Ports.First != 30000 || !cfg.Offer.Enabled {
		t.Errorf("%+v", cfg.Offer)
	}
	if mode.kind != startCreate || !mode.private || mode.network != "ours" {
		t.Errorf("%+v", mode)
	}
	// What the flags said is kept for the next start.
	c.ok("serve", "--data-dir", dir)
	if again := (*got)[1]; again.cfg.Node.Name != "cedar" || again.cfg.Offer.CPUs != 4000 || again.mode.kind != startServe {
		t.Errorf("%+v", again)
	}
	// And the API of the node tells of it.
	s, err := (*got)[1].mode.settings.Get("offer.cpus")
	if err != nil || s.Value != "4" || s.Origin != "file" || s.Default != "auto" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := (*got)[1].mode.settings.Set("offer.cpu", "5"); err == nil || !strings.Contains(err.Error(), "did you mean offer.cpus?") {
		t.Error(err)
	}
}

// A data directory is meant from where the user stands; lists may be given in
// several flags.
func TestFlagsAsTyped(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c, got := startCLI(t)
	r := c.run("create", "--data-dir", "n1", "--api", "unix:///tmp/x/api.sock", "--api", "tcp://127.0.0.1:7480", "--private")
	if r.code != 0 || (*got)[0].cfg.Node.DataDir != here+"/n1" || len((*got)[0].cfg.API.Addresses) != 2 {
		t.Fatalf("%+v\n%+v", r, *got)
	}
	if strings.Contains(r.err, "caravela join 192") || !strings.Contains(r.err, "caravela join TOKEN") {
		t.Errorf("a private network advises\n%s", r.err)
	}
	if r := c.run("create", "--set", "node.data-dir="); r.code != 1 {
		t.Errorf("%+v", r)
	}
}

func TestJoinTarget(t *testing.T) {
	c, got := startCLI(t)
	r := c.run("join", "192.0.2.9", "--no-offer")
	if r.code != 0 || (*got)[0].mode.target != "192.0.2.9" || (*got)[0].mode.kind != startJoin || (*got)[0].cfg.Offer.Enabled {
		t.Errorf("%+v %+v", r, *got)
	}
	for _, want := range []string{"is ready", "caravela join 192.168.2.1", "run IMAGE", "token create"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("%q is not told in\n%s", want, r.err)
		}
	}
}

// The advice is one that works: at a public address a stranger needs a token.
func TestAdviceForOtherMachines(t *testing.T) {
	a := &app{getenv: func(string) string { return "" }, environ: func() []string { return nil }}
	for _, c := range []struct {
		join []string
		open bool
		want string
	}{
		{[]string{"192.0.2.1", "192.168.2.1:7402"}, false, "caravela join 192.168.2.1:7402"},
		{[]string{"192.0.2.1", "192.168.2.1"}, true, "caravela join 192.0.2.1"},
		{[]string{"192.0.2.1:7402", "2001:db8::1"}, false, "caravela join TOKEN"},
		{[]string{"100.64.0.1"}, false, "caravela join 100.64.0.1"},
	} {
		var said lockedBuffer
		a.out, a.err = io.Discard, &said
		cfg := configuration.DefaultConfig()
		cfg.Network.Open = c.open
		a.welcome(cfg, readyNode{Join: c.join, NetworkID: "0011223344556677"})
		if !strings.Contains(said.String(), c.want) {
			t.Errorf("%v, open %v: %q is not told in\n%s", c.join, c.open, c.want, said.String())
		}
	}
}

func TestWrongStartFlags(t *testing.T) {
	c, got := startCLI(t)
	for line, want := range map[string]string{
		"join":                               "needs the address",
		"join a b":                           "too much",
		"create x":                           "too much",
		"create --offer cpu=4":               "--offer",
		"create --offer cpus=lots":           "offer.cpus",
		"create --offer cpus=1 --no-offer":   "exclude each other",
		"create --set offers.cpu=1":          "did you mean offer.cpus?",
		"create --set x":                     "KEY=VALUE",
		"create --profile huge":              "node.profile",
		"create --listen somewhere":          "network.listen",
		"create --api http://x":              "api.address",
		"create --name -":                    "node.name",
		"create --label x":                   "node.labels",
		"create --log-level loud":            "log.level",
		"create --config /nowhere/file.toml": "/nowhere/file.toml",
	} {
		if r := c.run(strings.Fields(line)...); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%s: %+v", line, r)
		}
	}
	if len(*got) > 0 {
		t.Errorf("%d nodes were started", len(*got))
	}
}

func TestDetached(t *testing.T) {
	c := newCLI(t, nil)
	dir := t.TempDir() + "/node"
	// The node itself plays its part without a port; whoever starts it looks
	// whether that is free.
	r := c.run("create", "-d", "--listen", "127.0.0.1:0", "--data-dir", dir, "--name", "cedar")
	if r.code != 0 || !strings.Contains(r.err, "node cedar is ready") || !strings.Contains(r.err, "caravela.log") || !strings.Contains(r.err, "-H unix://"+dir) {
		t.Fatalf("%+v", r)
	}
	log := filepath.Join(dir, "caravela.log")
	info, err := os.Stat(log)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("log %v %v", info, err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for text := ""; !strings.Contains(text, "log line of cedar"); {
		b, _ := os.ReadFile(log)
		if text = string(b); time.Now().After(deadline) {
			t.Fatalf("log %q", text)
		}
	}
	if r := c.run("create", "-d", "--listen", "127.0.0.1:0", "--data-dir", dir+"2", "--name", "fails"); r.code != 1 || r.err != "caravela: the port 7401 is taken\ntry: --listen with another port\n" {
		t.Errorf("%+v", r)
	}
	if r := c.run("create", "-d", "--listen", "127.0.0.1:0", "--data-dir", dir+"3", "--name", "dies"); r.code != 1 || !strings.Contains(r.err, "before it was ready") || !strings.Contains(r.err, dir+"3/caravela.log") {
		t.Errorf("%+v", r)
	}
}

func TestWithoutDetach(t *testing.T) {
	tests := map[string]string{
		"create -d":                    "create",
		"create --detach":              "create",
		"create --detach=true x":       "create x",
		"join -d 1.2.3.4 --name x":     "join 1.2.3.4 --name x",
		"-H unix:///x create -d":       "-H unix:///x create",
		"create --name -d":             "create --name -d",
		"create -dH unix:///x":         "create -H unix:///x",
		"create --no-offer -d -o wide": "create --no-offer -o wide",
	}
	for line, want := range tests {
		if got := withoutDetach(strings.Fields(line)); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s became %q", line, got)
		}
	}
}

func TestDaemonEnds(t *testing.T) {
	c := newCLI(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	c.daemon = func(ctx context.Context, _ configuration.Config, _ startMode) error {
		cancel()
		<-ctx.Done()
		return fmt.Errorf("serve: %w", ctx.Err())
	}
	if r := c.runContext(ctx, "serve"); r.code != 0 || r.err != "" {
		t.Errorf("Ctrl-C of a node: %+v", r)
	}
	c.daemon = func(context.Context, configuration.Config, startMode) error { return errors.New("no network here") }
	if r := c.run("serve"); r.code != 1 || !strings.Contains(r.err, "no network here") {
		t.Errorf("%+v", r)
	}
}
