package engine

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"caravela/docker"
	"caravela/market"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want error
	}{
		{errors.New("write /var/lib/docker/x: no space left on device"), docker.ErrDiskFull},
		{errors.New("Bind for 0.0.0.0:80 failed: port is already allocated"), docker.ErrPortTaken},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), docker.ErrEngineDown},
		{fmt.Errorf("x: %w", context.Canceled), context.Canceled},
		{errors.New("permission denied while trying to connect to the Docker daemon socket"), docker.ErrEngineDown},
		{errors.New("something else"), docker.ErrStartFailed},
	} {
		got := explain("try", c.err, docker.ErrStartFailed)
		if !errors.Is(got, c.want) || !strings.HasPrefix(got.Error(), "try: ") || strings.Contains(got.Error(), "/var/lib") {
			t.Errorf("explain(%v) = %v", c.err, got)
		}
	}
	if explain("try", nil, docker.ErrStartFailed) != nil {
		t.Error("no error was explained")
	}
}

func TestRegistryAuth(t *testing.T) {
	const auth = `{"username":"a?>"}`
	want := base64.URLEncoding.EncodeToString([]byte(auth))
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if got, err := registryAuth(docker.Secret(enc.EncodeToString([]byte(auth)))); err != nil || got != want {
			t.Errorf("got %q, %v", got, err)
		}
	}
	for _, bad := range []docker.Secret{"%%", "bm90IGpzb24="} {
		if _, err := registryAuth(bad); !errors.Is(err, docker.ErrBadUnit) {
			t.Errorf("%q: %v", string(bad), err)
		}
	}
}

func TestFollowPull(t *testing.T) {
	var got []docker.Progress
	report := func(p docker.Progress) { got = append(got, p) }
	err := followPull(strings.NewReader(`
		{"status":"Pulling from x","id":"latest"}
		{"status":"Pulling fs layer","progressDetail":{},"id":"a"}
		{"status":"Already exists","progressDetail":{},"id":"b"}
		{"status":"Downloading","progressDetail":{"current":5,"total":10},"id":"a"}
		{"status":"Download complete","progressDetail":{},"id":"a"}
		{"status":"Pull complete","progressDetail":{},"id":"a"}
		{"status":"Digest: sha256:0"}`), report)
	want := docker.Progress{State: market.Pulling, Done: 10, Total: 10, LayersDone: 2, Layers: 2}
	if err != nil || got[len(got)-1] != want {
		t.Errorf("progress %+v, %v", got, err)
	}
	if err := followPull(strings.NewReader(`{"error":"manifest unknown"}`), report); err == nil || err.Error() != "manifest unknown" {
		t.Errorf("error in the stream: %v", err)
	}
	if err := followPull(strings.NewReader(`{"status":`), report); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut stream: %v", err)
	}
}

func TestCandidates(t *testing.T) {
	img := &image.InspectResponse{Config: &dockerspec.DockerOCIImageConfig{}}
	img.Config.Env, img.Config.WorkingDir = []string{"PATH=/a:b:/c"}, "/work"
	for word, want := range map[string][]string{
		"x":     {"/a/x", "/c/x"},
		"/y/x":  {"/y/x"},
		"./x":   {"/work/x"},
		"sub/x": {"/work/sub/x"},
	} {
		if got := candidates(word, &docker.Unit{}, img); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", word, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	got, err := redact([]byte(`{"Id":"1","LogPath":"/host/log","State":{"Status":"running","Pid":7},
		"Config":{"Env":["A=b"],"Labels":{"caravela.owner":"x","team":"blue"}},
		"HostConfig":{"Memory":1,"CgroupParent":"/host","Binds":null},"GraphDriver":{"Data":{"UpperDir":"/host"}},
		"NetworkSettings":{"Ports":{},"SandboxKey":"/host"},"SomethingNew":"/host",
		"Mounts":[{"Type":"volume","Source":"/host","Destination":"/data","RW":true,"Name":"caravela-x"}]}`))
	want := `{"Config":{"Env":["A=b"],"Labels":{"team":"blue"}},"HostConfig":{"Memory":1},"Id":"1",` +
		`"Mounts":[{"Destination":"/data","RW":true,"Type":"volume"}],"NetworkSettings":{"Ports":{}},"State":{"Status":"running"}}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := redact([]byte(`{"State":7}`)); err == nil {
		t.Error("garbage was accepted")
	}
}

func TestUsage(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 1, 0, time.UTC)
	s := &container.StatsResponse{Read: at, PreRead: at.Add(-time.Second)}
	s.CPUStats.CPUUsage.TotalUsage, s.PreCPUStats.CPUUsage.TotalUsage = 1_750_000_000, 250_000_000
	s.MemoryStats = container.MemoryStats{Usage: 100, Limit: 200, Stats: map[string]uint64{"inactive_file": 30}}
	s.Networks = map[string]container.NetworkStats{"eth0": {RxBytes: 1, TxBytes: 2}, "eth1": {RxBytes: 10}}
	got := usage(s)
	if got.CPU != 1500 || got.Memory != 70 || got.MemoryLimit != 200 || got.NetIn != 11 || got.NetOut != 2 {
		t.Errorf("usage %+v", got)
	}
}

func TestEvent(t *testing.T) {
	lease := market.LeaseID{5}
	m := &events.Message{Action: "die", TimeNano: 1, Actor: events.Actor{Attributes: map[string]string{
		labelLease: lease.String(), "exitCode": "3",
	}}}
	if ev, ok := event(m); !ok || ev.Kind != docker.Died || ev.ExitCode != 3 || ev.Lease != lease {
		t.Errorf("die: %+v, %v", ev, ok)
	}
	m.Action = "health_status: unhealthy"
	if ev, ok := event(m); !ok || ev.Kind != docker.GotUnhealthy || ev.ExitCode != -1 {
		t.Errorf("health: %+v, %v", ev, ok)
	}
	m.Action = "exec_start: x"
	if ev, ok := event(m); ok {
		t.Errorf("exec: %+v", ev)
	}
}

func TestStateOf(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		state   container.State
		started time.Time
		want    market.State
	}{
		{container.State{Status: "created"}, time.Time{}, market.Starting},
		{container.State{Status: "created", Error: "x"}, time.Time{}, market.Failed},
		{container.State{Status: "running"}, now, market.Running},
		{container.State{Status: "running", Health: &container.Health{Status: "starting"}}, now, market.Running},
		{container.State{Status: "running", Health: &container.Health{Status: "unhealthy"}}, now, market.Unhealthy},
		{container.State{Status: "paused"}, now, market.Asleep},
		{container.State{Status: "restarting"}, now, market.Starting},
		{container.State{Status: "removing"}, now, market.Stopping},
		{container.State{Status: "exited"}, now, market.Stopped},
		{container.State{Status: "dead"}, time.Time{}, market.Failed},
	} {
		if got := stateOf(&c.state, c.started); got != c.want {
			t.Errorf("%+v: %v, want %v", c.state, got, c.want)
		}
	}
}

// TestLocks: holders share, one alone waits, and nothing stays in memory.
func TestLocks(t *testing.T) {
	var l locks
	a, _ := l.share(t.Context(), "x")
	b, _ := l.share(t.Context(), "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.alone(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("alone beside two: %v", err)
	}
	a()
	b()
	c, err := l.alone(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	c()
	if len(l.m) != 0 {
		t.Errorf("%d locks stay", len(l.m))
	}
}

func TestNew(t *testing.T) {
	if _, err := New(docker.Scope{}, docker.DefaultConfig()); !errors.Is(err, docker.ErrBadConfig) {
		t.Errorf("no supplier: %v", err)
	}
	cfg := docker.DefaultConfig()
	cfg.Host = "nonsense"
	if _, err := New(docker.Scope{Supplier: market.PeerID{1}}, cfg); !errors.Is(err, docker.ErrBadConfig) {
		t.Errorf("host: %v", err)
	}
	cfg.Host = "unix:///nowhere/docker.sock"
	e, err := New(docker.Scope{Supplier: market.PeerID{1}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if _, err := e.Info(t.Context()); !errors.Is(err, docker.ErrEngineDown) || !strings.Contains(err.Error(), "start it") {
		t.Errorf("no daemon: %v", err)
	}
}

// TestHealthPace: neither a unit nor its image has the engine start processes
// all the time.
func TestHealthPace(t *testing.T) {
	with := func(h *dockerspec.HealthcheckConfig) *image.InspectResponse {
		return &image.InspectResponse{Config: &dockerspec.DockerOCIImageConfig{
			DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{Healthcheck: h}}}
	}
	quick := with(&dockerspec.HealthcheckConfig{Test: []string{"CMD", "x"}, Interval: 2e6, StartInterval: 2e6})
	for _, c := range []struct {
		unit     market.Health
		img      *image.InspectResponse
		interval time.Duration
		start    time.Duration
	}{
		{market.Health{Command: "x", Interval: time.Millisecond}, &image.InspectResponse{}, time.Second, 0},
		{market.Health{Command: "x", Interval: time.Minute}, quick, time.Minute, time.Second},
		{market.Health{Command: "x"}, with(nil), 0, 0}, // the engine's default
		{market.Health{}, quick, time.Second, time.Second},
	} {
		got := health(c.unit, c.img)
		if got.Interval != c.interval || got.StartInterval != c.start || (len(got.Test) == 0) != (c.unit.Command == "") {
			t.Errorf("%+v: %+v", c.unit, got)
		}
	}
	if health(market.Health{}, with(nil)) != nil {
		t.Error("no health check became one")
	}
	if got := health(market.Health{Disable: true}, quick); got.Test[0] != "NONE" {
		t.Errorf("a disabled one: %+v", got)
	}
}

func TestCheckWorkDir(t *testing.T) {
	proc := &image.InspectResponse{Config: &dockerspec.DockerOCIImageConfig{ImageConfig: ocispec.ImageConfig{WorkingDir: "/proc/self/fd/8"}}}
	for _, dir := range []string{"", "/proc", "/x/../proc/1/cwd", "//proc/"} {
		if err := checkWorkDir(dir, proc); !errors.Is(err, docker.ErrBadUnit) {
			t.Errorf("%q: %v", dir, err)
		}
	}
	for _, dir := range []string{"/", "/srv", "/processes"} {
		if err := checkWorkDir(dir, proc); err != nil {
			t.Errorf("%q: %v", dir, err)
		}
	}
}
