package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/api/apitest"
)

// attachable is a node whose container web has recordedID.
type attachable struct{ *recorder }

func (a attachable) Container(context.Context, api.ContainerRef) (api.ContainerDetail, error) {
	return api.ContainerDetail{Container: api.Container{ID: recordedID, Name: "web"}, Spec: api.Spec{Stdin: true}}, nil
}

func TestAttach(t *testing.T) {
	node := attachable{record()}
	node.exit = 6
	c := newCLI(t, node)
	c.stdin = "typed\n"
	if r := c.run("attach", "web"); r.code != 6 || r.out != "to out\ntyped\n" || r.err != "to err\n" {
		t.Errorf("%+v", r)
	}
	if r := c.run("attach", "--no-stdin", "web"); r.out != "to out\n" {
		t.Errorf("%+v", r)
	}
}

// asked is a node that remembers what logs and events were asked for.
type asked struct {
	*apitest.Fake
	logs   api.LogOptions
	events api.EventOptions
}

func (a *asked) Logs(ctx context.Context, ref api.ContainerRef, o api.LogOptions) (api.Session, error) {
	a.logs = o
	return a.Fake.Logs(ctx, ref, o)
}

func (a *asked) Events(_ context.Context, o api.EventOptions, emit func(api.Event) error) error {
	a.events = o
	code := 3
	return emit(api.Event{
		At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Type: "container", Action: "stopped", Name: "web", Container: recordedID,
		Node: apitest.CedarID, ExitCode: &code, Reason: "exited", Detail: "it\x1bended",
	})
}

func TestLogsAndEventsOptions(t *testing.T) {
	node := &asked{Fake: apitest.NewFake()}
	apitest.Start(t, node.Fake, "web")
	c := newCLI(t, node)
	now := time.Date(2026, 1, 31, 13, 0, 0, 0, time.UTC)
	c.ok("logs", "-t", "-n", "5", "--since", "10m", "--until", "2026-01-31T12:59:00Z", "web")
	if o := node.logs; !o.Timestamps || o.Follow || o.Tail != 5 || !o.Since.Equal(now.Add(-10*time.Minute)) || !o.Until.Equal(now.Add(-time.Minute)) {
		t.Errorf("%+v", o)
	}
	c.ok("logs", "-n", "0", "web")
	if node.logs.Tail != -1 {
		t.Errorf("%+v", node.logs)
	}
	out := c.ok("events")
	if !node.events.Since.Equal(now.Add(-time.Hour)) || !strings.Contains(out, "container stopped web 3f9a1c001122 11111111 exit=3 (exited) - it?ended\n") {
		t.Errorf("%q %+v", out, node.events)
	}
	c.ok("events", "-f", "--type", "lease")
	if !node.events.Since.IsZero() || !node.events.Follow || node.events.Type != "lease" {
		t.Errorf("%+v", node.events)
	}
	for _, line := range []string{"logs -n x web", "logs --since yesterday web", "events --since 31.1.", "stop -t soon web"} {
		if r := c.run(strings.Fields(line)...); r.code != 1 {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

func TestDoctorWithoutANode(t *testing.T) {
	c := newCLI(t, nil)
	c.address = "" // as a user who names no node
	t.Setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
	r := c.run("doctor")
	for _, want := range []string{"ok     configuration", "warn   data directory", "fail   node answers", "fail   engine answers", "try: caravela create"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if r.code != 1 {
		t.Errorf("code %d", r.code)
	}
	dir := os.Getenv("CARAVELA_DATA_DIR")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/caravela.toml", []byte("[node]\nnaem = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := c.run("doctor"); !strings.Contains(r.out, "fail   configuration") || !strings.Contains(r.out, "did you mean node.name?") {
		t.Errorf("%s", r.out)
	}
	if err := os.Remove(dir + "/caravela.toml"); err != nil {
		t.Fatal(err)
	}
	if r := c.run("doctor"); !strings.Contains(r.out, "chmod 700") {
		t.Errorf("%s", r.out)
	}
}

func TestDryRunShowsThePlan(t *testing.T) {
	node := record()
	node.events = []api.RunEvent{{Type: api.RunPlanned, Plan: &api.Candidate{
		Offer: api.Offer{NodeName: "cedar", Free: api.Resources{MilliCPU: 1500, MemoryBytes: 1 << 30}, Platform: "linux/amd64"}, LatencyUS: 2000}}, {Type: api.RunDone}}
	c := newCLI(t, node)
	if out := c.ok("run", "--dry-run", "web"); !strings.Contains(out, "cedar   1.5 cpu / 1g   linux/amd64") || !strings.Contains(out, "2 ms") {
		t.Errorf("%s", out)
	}
	if !node.requests[0].Policy.DryRun || node.requests[0].Attach {
		t.Errorf("%+v", node.requests[0])
	}
}

// sampled is a node whose statistics end after two samples.
type sampled struct{ *apitest.Fake }

func (sampled) Stats(_ context.Context, ref api.ContainerRef, _ api.StatsOptions, emit func(api.Stats) error) error {
	for range 2 {
		if err := emit(api.Stats{Container: recordedID, Name: string(ref), MilliCPU: 250, MilliCPULimit: 1000, MemoryBytes: 20 << 20}); err != nil {
			return err
		}
	}
	return nil
}

func TestStatsRedraw(t *testing.T) {
	c := newCLI(t, sampled{apitest.NewFake()})
	c.terminal = someTerminal{}
	if out := c.ok("stats", "web"); strings.Count(out, "\x1b[H\x1b[2J") != 2 || !strings.Contains(out, "0.25   1    20m") {
		t.Errorf("%q", out)
	}
	if out := c.ok("stats", "web", "-o", "json"); strings.Count(out, "\n") != 2 {
		t.Errorf("%q", out)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	node := record()
	node.events = append(placed(), api.RunEvent{Type: api.RunPulling, Pull: &api.PullProgress{Image: "web", LayersDone: 1, LayersTotal: 3, BytesDone: 1 << 20, BytesTotal: 1 << 22}},
		api.RunEvent{Type: api.RunWaiting, RetryAt: time.Date(2026, 1, 31, 13, 0, 30, 0, time.UTC)})
	c := newCLI(t, node)
	c.terminal = someTerminal{}
	r := c.run("run", "-d", "web")
	for _, want := range []string{"searching: 2 regions, 9 offers so far", "asking cedar", "pulling web: 1 of 3 layers, 1m of 4m", "nothing fits yet, next try in 30s (Ctrl-C is safe"} {
		if !strings.Contains(r.err, "\r\x1b[K"+want) {
			t.Errorf("no %q in %q", want, r.err)
		}
	}
	if !strings.HasSuffix(r.err, "\r\x1b[K") {
		t.Errorf("the last line is left over: %q", r.err)
	}
}

func TestOfferInspect(t *testing.T) {
	c := newCLI(t, apitest.NewFake())
	if out := c.ok("offer", "inspect", "0c", "--format", "{{.NodeName}}"); out != "cedar\n" {
		t.Errorf("%q", out)
	}
	if r := c.run("offer", "inspect", "0"); r.code != 1 || strings.Count(r.err, "\n") < 4 {
		t.Errorf("the matches of an ambiguous prefix are not listed: %+v", r)
	}
	c.ok("token", "create", "--name", "friend", "--uses", "2")
	if out := c.ok("token", "ls"); !strings.Contains(out, "friend") || !strings.Contains(out, "0 of 2") {
		t.Errorf("%s", out)
	}
}
