//go:build docker

package engine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"caravela/docker"
	"caravela/docker/engine"
	"caravela/market"
)

// supplier is an engine whose units the test removes at its end.
type supplier struct {
	docker.Engine
	t     *testing.T
	ctx   context.Context
	name  byte
	units uint16
}

func newSupplier(t *testing.T, n byte, change func(*docker.Config)) *supplier {
	t.Helper()
	cfg := theLab.config()
	if change != nil {
		change(&cfg)
	}
	e, err := engine.New(docker.Scope{Network: market.NetworkID{1}, Supplier: market.PeerID{n}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	s := &supplier{Engine: e, t: t, ctx: ctx, name: n}
	t.Cleanup(func() {
		units, err := e.List(context.Background())
		if err != nil {
			t.Error(err)
		}
		for _, u := range units {
			if err := e.Remove(context.Background(), u.Lease, true); err != nil {
				t.Error(err)
			}
		}
	})
	return s
}

// run launches a unit of a tenant that runs a verb.
func (s *supplier) run(tenant byte, change func(*market.Spec), verb ...string) docker.Container {
	s.t.Helper()
	c, err := s.Launch(s.ctx, s.unit(tenant, change, verb...), nil)
	if err != nil {
		s.t.Fatalf("launch %v: %v", verb, err)
	}
	return c
}

func (s *supplier) unit(tenant byte, change func(*market.Spec), verb ...string) docker.Unit {
	s.units++
	u := docker.Unit{
		Lease: market.LeaseID{s.name, byte(s.units >> 8), byte(s.units)}, Owner: market.PeerID{tenant},
		Spec: market.Spec{
			Image: toolbox, Command: verb, Pull: market.PullNever,
			Limits: market.Resources{CPU: 500, Memory: 64 * market.MiB},
		},
	}
	if change != nil {
		change(&u.Spec)
	}
	return u
}

// exec runs a verb in a unit.
func (s *supplier) exec(c docker.Container, verb ...string) (string, int) {
	s.t.Helper()
	var out bytes.Buffer
	code, err := s.Exec(s.ctx, c.Lease, docker.ExecOptions{Cmd: append([]string{"/toolbox"}, verb...)},
		docker.Stdio{Out: &out, Err: &out}, nil)
	if err != nil {
		s.t.Errorf("exec %v: %v", verb, err)
	}
	return strings.TrimSpace(out.String()), code
}

func (s *supplier) reaches(c docker.Container, addr string) bool {
	s.t.Helper()
	_, code := s.exec(c, "dial", addr)
	return code == 0
}

// networks are those of the scope.
func (s *supplier) networks() (ids []string) {
	nets, err := theLab.api.NetworkList(s.ctx, network.ListOptions{Filters: filters.NewArgs(
		filters.Arg("label", "caravela.supplier="+market.PeerID{s.name}.String()))})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range nets {
		ids = append(ids, n.ID)
	}
	return ids
}

// address is a unit's in its tenant's network.
func (s *supplier) address(c docker.Container) string {
	for _, n := range theLab.containerOf(s.t, c.Lease).NetworkSettings.Networks {
		return n.IPAddress
	}
	s.t.Fatal("the unit has no network")
	return ""
}

// gateway is the host's address in a unit's network.
func (s *supplier) gateway(c docker.Container) string {
	for _, n := range theLab.containerOf(s.t, c.Lease).NetworkSettings.Networks {
		return n.Gateway
	}
	s.t.Fatal("the unit has no network")
	return ""
}

func web(name string, host uint16) func(*market.Spec) {
	return func(s *market.Spec) { s.Name, s.Ports = name, []market.Port{{Container: 80, Host: host}} }
}

// hostService listens on every address of the supplier's host.
func hostService(t *testing.T) (port string) {
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestWalls(t *testing.T) {
	a, b := newSupplier(t, 1, nil), newSupplier(t, 2, nil)
	service := hostService(t)
	site := a.run(1, web("site", 8080), "web", "80", "hello from site")
	friend := a.run(1, nil, "sleep")
	stranger := a.run(2, nil, "sleep")
	abroad := b.run(1, web("other", 0), "web", "80", "x")

	var probes sync.WaitGroup // together: each closed way takes its 2 s to tell
	check := func(what string, s *supplier, c docker.Container, addr string, want bool) {
		probes.Go(func() {
			if got := s.reaches(c, addr); got != want {
				t.Errorf("%s: reachable %v, want %v", what, got, want)
			}
		})
	}
	within(t, "the server is up", func() bool { return a.reaches(friend, "site:80") })
	check("a tenant's own unit, by name", a, friend, "site:80", true)
	check("the Internet", a, friend, worldHost, true)
	check("the LAN", a, friend, lanHost, false)
	check("the host, by its LAN address", a, friend, thisHost+":"+service, false)
	check("the host, by the bridge's address", a, friend, a.gateway(friend)+":"+service, false)
	check("the host, by another bridge's address", a, friend, a.gateway(stranger)+":"+service, false)
	check("another tenant's unit", a, stranger, a.address(site)+":80", false)
	check("another tenant's published port", a, stranger, thisHost+":8080", false)
	check("another supplier's tenant", b, abroad, a.address(site)+":80", false)
	check("another supplier's tenant, back", a, friend, b.address(abroad)+":80", false)
	probes.Wait()
	if out, code := a.exec(stranger, "lookup", "site"); code == 0 {
		t.Errorf("another tenant's name resolves: %s", out)
	}

	if out, _ := a.exec(friend, "read", "/proc/net/if_inet6"); strings.Contains(out, "fe80") {
		t.Errorf("IPv6 has no walls, but is there: %s", out)
	}

	for _, from := range []string{thisHost, "127.0.0.1"} {
		if got := fetch(t, "http://"+from+":8080/"); got != "hello from site" {
			t.Errorf("the published port, asked at %s: %q", from, got)
		}
	}
	if err := fromTheLAN(thisHost + ":8080"); err != nil {
		t.Errorf("the published port, from the LAN: %v", err)
	}

	for _, c := range []docker.Container{site, friend, stranger} {
		if err := a.Remove(a.ctx, c.Lease, true); err != nil {
			t.Fatal(err)
		}
	}
	check("the LAN, after the other supplier's end", b, abroad, lanHost, false)
	check("the Internet, after the other supplier's end", b, abroad, worldHost, true)
	probes.Wait()
	if err := b.Remove(b.ctx, abroad.Lease, true); err != nil {
		t.Fatal(err)
	}
	nothingIsLeft(t)
}

// TestWallsAreRaisedAgain flushes the rules as a firewall's reload does.
func TestWallsAreRaisedAgain(t *testing.T) {
	a := newSupplier(t, 1, nil)
	c := a.run(1, nil, "sleep")
	for _, line := range []string{"iptables -F DOCKER-USER", "iptables -F INPUT"} {
		if err := sh(line); err != nil {
			t.Fatal(err)
		}
	}
	if !a.reaches(c, lanHost) {
		t.Fatal("the walls did not fall")
	}
	again := newSupplier(t, 1, nil) // as after a restart of the node
	if _, err := again.List(again.ctx); err != nil {
		t.Fatal(err)
	}
	if a.reaches(c, lanHost) {
		t.Error("a node's restart did not raise the walls")
	}
}

// TestLeftoversOfACrash dies at every step of a removal, and after the one of
// a tenant's network by somebody else: the node's next life cleans up.
func TestLeftoversOfACrash(t *testing.T) {
	for what, die := range map[string]func(a *supplier, c docker.Container){
		"after the container": func(a *supplier, c docker.Container) {
			theLab.vanish(t, c.Lease)
		},
		"after the network": func(a *supplier, c docker.Container) {
			theLab.vanish(t, c.Lease)
			for _, n := range a.networks() {
				if err := theLab.api.NetworkRemove(a.ctx, n); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		a := newSupplier(t, 1, nil)
		die(a, a.run(1, nil, "sleep"))
		again := newSupplier(t, 1, nil)
		if units, err := again.List(again.ctx); err != nil || len(units) != 0 {
			t.Errorf("%s: %d units, %v", what, len(units), err)
		}
		nothingIsLeft(t)
		again.run(1, nil, "sleep") // what was removed is made again
	}
}

// TestWallsFallWithTheLastUnit removes units while the engine is looked at, as
// the janitor does: whoever is last leaves nothing.
func TestWallsFallWithTheLastUnit(t *testing.T) {
	a := newSupplier(t, 1, nil)
	for tenant := range byte(3) {
		c := a.run(tenant+1, nil, "sleep")
		again := newSupplier(t, 1, nil) // has not looked lately
		var looks sync.WaitGroup
		for range 4 {
			looks.Go(func() {
				if _, err := again.List(again.ctx); err != nil {
					t.Error(err)
				}
			})
		}
		if err := again.Remove(again.ctx, c.Lease, true); err != nil {
			t.Fatal(err)
		}
		looks.Wait()
		nothingIsLeft(t)
	}
}

// TestAllowedLater lets tenants reach the LAN after a life in which they could not.
func TestAllowedLater(t *testing.T) {
	c := newSupplier(t, 1, nil).run(1, nil, "sleep")
	a := newSupplier(t, 1, func(c *docker.Config) { c.AllowLAN = true })
	if _, err := a.List(a.ctx); err != nil {
		t.Fatal(err)
	}
	if !a.reaches(c, lanHost) {
		t.Error("walls of an earlier life stand")
	}
}

func TestAllowLAN(t *testing.T) {
	a := newSupplier(t, 1, func(c *docker.Config) { c.AllowLAN = true })
	c := a.run(1, nil, "sleep")
	if !a.reaches(c, lanHost) || !a.reaches(c, worldHost) {
		t.Error("the LAN is not reachable although the supplier allows it")
	}
	in, err := a.Info(a.ctx)
	if err != nil || len(in.Warnings) == 0 {
		t.Errorf("info: %+v, %v", in, err)
	}
}

// TestElsewhere runs a node in another network namespace than its daemon's:
// what it did to its own iptables would wall nobody in.
func TestElsewhere(t *testing.T) {
	c := self("elsewhere")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got elsewhere
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(got.Problems) != 1 || !strings.Contains(got.Problems[0], "another network namespace") {
		t.Errorf("problems: %q", got.Problems)
	}
	if got.Reason != market.NotSelling || !strings.Contains(got.Launch, "allow-lan") {
		t.Errorf("launch: %s (%v)", got.Launch, got.Reason)
	}
	nothingIsLeft(t)
}

type elsewhere struct {
	Problems []string
	Launch   string
	Reason   market.Reason
}

func beElsewhere() {
	cfg := docker.DefaultConfig()
	cfg.Host = os.Getenv(role + "_HOST")
	e, err := engine.New(docker.Scope{Supplier: market.PeerID{3}}, cfg)
	if err != nil {
		os.Exit(1)
	}
	in, err := e.Info(context.Background())
	if err != nil {
		os.Exit(2)
	}
	u := (&supplier{}).unit(1, nil, "sleep")
	_, err = e.Launch(context.Background(), u, nil)
	json.NewEncoder(os.Stdout).Encode(elsewhere{in.Problems, fmt.Sprint(err), docker.ReasonOf(err)})
}

// nothingIsLeft of any scope on the daemon and in iptables.
func nothingIsLeft(t *testing.T) {
	t.Helper()
	rules, err := exec.Command("iptables-save").Output()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(bytes.ToUpper(rules), []byte("CARAVELA")) {
		t.Errorf("rules are left:\n%s", rules)
	}
	nets, err := theLab.api.NetworkList(t.Context(), network.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nets {
		if strings.HasPrefix(n.Name, "caravela") {
			t.Errorf("network %s is left", n.Name)
		}
	}
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if err := poll(ok); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	c := http.Client{Timeout: 5 * time.Second}
	r, err := c.Get(url)
	if err != nil {
		t.Errorf("get: %v", err)
		return ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("get: %v", err)
	}
	return string(b)
}

// fromTheLAN dials from the world's namespace.
func fromTheLAN(addr string) error {
	out, err := exec.Command("nsenter", "-t", fmt.Sprint(theLab.procs[0].Process.Pid), "-n",
		theLab.dir+"/toolbox", "dial", addr).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
