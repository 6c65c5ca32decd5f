package dockertest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"caravela/docker"
	"caravela/market"
)

func testLifecycle(t *testing.T, rig Rig) {
	t.Run("stop asks, and kills who does not listen", func(t *testing.T) {
		b := newBench(t, rig)
		gentle, stubborn := b.unit("sleep"), b.unit("stubborn")
		b.launch(gentle)
		b.launch(stubborn)
		b.eventually("stubborn ignores signals", func() bool { return b.logs(stubborn.Lease) == "ready\n" })
		b.stop(gentle, time.Minute)
		b.stop(stubborn, time.Second)
		if c := b.details(gentle.Lease); c.State != market.Stopped || c.ExitCode != 143 {
			t.Errorf("after SIGTERM: %+v", c.Container)
		}
		if c := b.details(stubborn.Lease); c.State != market.Stopped || c.ExitCode != 137 {
			t.Errorf("after SIGKILL: %+v", c.Container)
		}
		b.stop(gentle, time.Second) // no error
	})
	t.Run("start, restart and kill", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		first := b.launch(u)
		if err := b.Kill(b.ctx, u.Lease, "NONSENSE"); !errors.Is(err, docker.ErrBadUnit) {
			t.Errorf("a signal that is none: %v", err)
		}
		if err := b.Kill(b.ctx, u.Lease, "SIGINT"); err != nil {
			t.Fatal(err)
		}
		if x := b.wait(u.Lease); x.Code != 130 {
			t.Errorf("exit: %+v", x)
		}
		if err := b.Kill(b.ctx, u.Lease, ""); !errors.Is(err, docker.ErrNotRunning) {
			t.Errorf("kill what does not run: %v", err)
		}
		for range 2 {
			if err := b.Start(b.ctx, u.Lease); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Restart(b.ctx, u.Lease, docker.StopOptions{Grace: time.Minute}); err != nil {
			t.Fatal(err)
		}
		if c := b.details(u.Lease); c.State != market.Running || !c.Started.After(first.Started) {
			t.Errorf("after all: %+v", c.Container)
		}
	})
	t.Run("wait tells the code", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("exit", "42")
		b.launch(u)
		for range 2 {
			if x := b.wait(u.Lease); x.Code != 42 || x.OutOfMemory {
				t.Errorf("exit: %+v", x)
			}
		}
	})
	t.Run("too much memory is a reason of its own", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("eat", "512")
		b.launch(u)
		if x := b.wait(u.Lease); !x.OutOfMemory || x.Code != 137 {
			t.Errorf("exit: %+v", x)
		}
		if c := b.details(u.Lease); c.Reason != market.OutOfMemory || c.State != market.Stopped {
			t.Errorf("unit: %+v", c.Container)
		}
	})
	t.Run("remove leaves nothing, and may be repeated", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		b.launch(u)
		b.remove(u, true)
		b.remove(u, true)
		if l := b.list(); len(l) != 0 {
			t.Errorf("left: %+v", l)
		}
	})
	t.Run("a restart policy starts it again", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("exit", "1")
		u.Spec.Restart = market.Restart{Policy: market.RestartOnFailure, Max: 2}
		b.launch(u)
		b.eventually("two restarts, then the end", func() bool {
			c := b.details(u.Lease)
			return c.Restarts == 2 && c.State == market.Stopped && c.ExitCode == 1
		})
	})
	t.Run("stats", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		b.launch(u)
		var got []docker.Stats
		if err := b.Stats(b.ctx, u.Lease, false, func(s docker.Stats) { got = append(got, s) }); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1 || got[0].MemoryLimit != u.Spec.Limits.Memory || got[0].Memory <= 0 || got[0].Pids < 1 || got[0].At.IsZero() {
			t.Errorf("stats: %+v", got)
		}
	})
	t.Run("inspect hides the host", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Mounts = []market.Mount{{Volume: "data", Target: "/data"}}
		u.Spec.Labels = []market.Label{{Key: "team", Value: "blue"}}
		b.launch(u)
		text := string(b.details(u.Lease).JSON)
		for _, want := range []string{`"/data"`, `"team":"blue"`, `"Status":"running"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is missing in %s", want, text)
			}
		}
		for _, hidden := range []string{"/var/lib", "overlay2", "Source", "LogPath", "caravela.supplier", `"Pid":`} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s is shown in %s", hidden, text)
			}
		}
	})
}

func (b *bench) stop(u docker.Unit, grace time.Duration) {
	b.t.Helper()
	if err := b.Stop(b.ctx, u.Lease, docker.StopOptions{Grace: grace}); err != nil {
		b.t.Fatalf("stop: %v", err)
	}
}

// logs are all that a unit wrote to stdout so far.
func (b *bench) logs(lease market.LeaseID) string {
	b.t.Helper()
	var out buffer
	if err := b.Logs(b.ctx, lease, docker.LogOptions{}, &out, nil); err != nil {
		b.t.Fatalf("logs: %v", err)
	}
	return out.String()
}
