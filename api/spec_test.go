package api

import (
	"reflect"
	"testing"
	"time"

	"caravela/market"
)

// whole is a market.Spec in which everything says something.
func whole() market.Spec {
	return market.Spec{
		Image: "web:1", Name: "web", Platform: market.Platform{OS: "linux", Arch: "arm64"}, Command: []string{"serve"},
		Entrypoint: []string{"/bin/sh"}, Env: []string{"A=1"}, User: "1:1", WorkDir: "/srv", Hostname: "h",
		Ports: []market.Port{{Container: 80, Host: 8080}, {Container: 53, UDP: true}}, Mounts: []market.Mount{{Volume: "v", Target: "/v", ReadOnly: true, Keep: true}},
		Labels: []market.Label{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}, Limits: market.Resources{CPU: 500, Memory: 64 * market.MiB, Disk: market.GiB},
		Pids: 10, Restart: market.Restart{Policy: market.RestartOnFailure, Max: 3},
		Health:     market.Health{Command: "true", Disable: true, Interval: time.Second, Timeout: time.Second, Start: time.Second, Retries: 2},
		StopSignal: "INT", StopGrace: time.Minute, Pull: market.PullAlways, TTY: true, Stdin: true, ReadOnly: true, CapDrop: []string{"ALL"}, Remove: true,
	}
}

// TestSpec: a spec loses nothing on its way through the API. When the market's
// grows a member, whole and the API's have to follow.
func TestSpec(t *testing.T) {
	m := whole()
	for i := range reflect.TypeFor[market.Spec]().NumField() {
		if reflect.ValueOf(m).Field(i).IsZero() {
			t.Errorf("whole does not set %s", reflect.TypeFor[market.Spec]().Field(i).Name)
		}
	}
	m.Remove = false // which excludes a restart policy
	got, err := SpecOf(m).Market()
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, m)
	}
	m = whole()
	m.Restart = market.Restart{}
	got, err = SpecOf(m).Market()
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, m)
	}
	shuffled := SpecOf(m)
	shuffled.Labels[0], shuffled.Labels[1] = shuffled.Labels[1], shuffled.Labels[0]
	if got, err := shuffled.Market(); err != nil || !reflect.DeepEqual(got.Labels, m.Labels) {
		t.Errorf("labels in another order: %v, %v", got.Labels, err)
	}
}

// TestLife: a status tells its state in words, and an exit code only where the
// process has ended.
func TestLife(t *testing.T) {
	s := market.Status{
		State: market.Stopped, Reason: market.Exited, ExitCode: 3, At: 1000, Seq: 7, Restarts: 2, Detail: "done",
		Ports: []market.Binding{{Port: market.Port{Container: 53, Host: 8053, UDP: true}, Addr: "10.0.0.2"}, {Port: market.Port{Container: 80, Host: 8080}}},
	}
	got := LifeOf(s, true)
	code := 3
	want := ContainerLife{
		State: "stopped", Reason: "exited", ExitCode: &code, Detail: "done", Restarts: 2, Seq: 7, StatusAt: time.UnixMilli(1000).UTC(),
		Ports: []PublishedPort{
			{ContainerPort: 53, HostPort: 8053, Protocol: "udp", Address: "10.0.0.2", Reachable: true},
			{ContainerPort: 80, HostPort: 8080, Protocol: "tcp"},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if s.State, s.ExitCode = market.Running, 0; LifeOf(s, true).ExitCode != nil {
		t.Error("a running container has an exit code")
	}
	if s.State, s.ExitCode = market.Failed, -1; LifeOf(s, true).ExitCode != nil {
		t.Error("a container that never started has an exit code")
	}
	if LifeOf(s, false).Ports[0].Reachable {
		t.Error("a port of an unreachable supplier is reachable")
	}
}

// TestReasons: every reason of a supplier has a code, and a new one is looked
// at.
func TestReasons(t *testing.T) {
	count := map[Code]int{}
	for r := market.NoReason; ; r++ {
		if name := r.String(); len(name) > 8 && name[:8] == "unknown(" {
			break
		}
		count[CodeOfReason(r)]++
	}
	want := map[Code]int{
		CodeNoOffer: 11, CodeEngineDown: 2, CodeBusy: 1, CodeNotOwner: 1, CodeNotFound: 3, CodeInvalid: 1,
		CodeUnreachable: 1, CodeUnsupported: 1, CodeConflict: 19,
	}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
}

// TestFilled: lists are never null, and what the node keeps is not touched.
func TestFilled(t *testing.T) {
	kept := []Node{{ID: "x"}}
	d := NodeDetail{Node: kept[0], Containers: []Container{{}}}
	got := filled(&d).(*NodeDetail)
	if got.Addrs == nil || got.Offers == nil || got.Containers[0].Ports == nil {
		t.Errorf("%+v", got)
	}
	if d.Addrs != nil || d.Offers != nil || d.Containers[0].Ports != nil || filled(kept).([]Node)[0].Labels == nil || kept[0].Labels != nil {
		t.Error("the original changed")
	}
	if e := filled(&Error{}).(*Error); e.Matches != nil || e.WhyNot != nil {
		t.Error("what is left out when empty was filled")
	}
}
