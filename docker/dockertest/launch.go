package dockertest

import (
	"errors"
	"sync"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func testLaunch(t *testing.T, rig Rig) {
	t.Run("returns the running unit", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		c := b.launch(u)
		if c.Lease != u.Lease || c.Owner != u.Owner || c.SpecHash != u.SpecHash || c.State != market.Running {
			t.Errorf("launched %+v", c)
		}
		if c.Limits != u.Spec.Limits || c.Image != u.Spec.Image || c.Digest == "" || c.Started.IsZero() || c.ExitCode != -1 {
			t.Errorf("launched %+v", c)
		}
	})
	t.Run("twice gives one container", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		first, second := b.launch(u), b.launch(u)
		if !first.Started.Equal(second.Started) || len(b.list()) != 1 {
			t.Errorf("first %+v, then %+v", first, second)
		}
	})
	t.Run("ten at once give one container", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := b.Launch(b.ctx, u, nil); err != nil {
					t.Errorf("launch: %v", err)
				}
			})
		}
		wg.Wait()
		if l := b.list(); len(l) != 1 {
			t.Errorf("%d containers", len(l))
		}
	})
	t.Run("an ended unit is not run again", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("exit", "3")
		b.launch(u)
		b.wait(u.Lease)
		c := b.launch(u)
		if c.State != market.Stopped || c.ExitCode != 3 || c.Reason != market.Exited {
			t.Errorf("second launch: %+v", c)
		}
	})
	t.Run("another specification is a conflict", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		b.launch(u)
		u.SpecHash[0]++
		if _, err := b.Launch(b.ctx, u, nil); !errors.Is(err, docker.ErrConflict) {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 1 || l[0].State != market.Running {
			t.Errorf("the unit that was there: %+v", l)
		}
	})
	t.Run("a command that is not there is undone", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit()
		u.Spec.Entrypoint = []string{"/nowhere"}
		_, err := b.Launch(b.ctx, u, nil)
		if !errors.Is(err, docker.ErrStartFailed) || docker.ReasonOf(err) != market.StartFailed {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 0 {
			t.Errorf("left behind: %+v", l)
		}
	})
	t.Run("what the specification says arrives", testSpecArrives(rig))
}

func testSpecArrives(rig Rig) func(*testing.T) {
	return func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Env = []string{"GREETING=hello = world"}
		u.Spec.Labels = []market.Label{{Key: "team", Value: "blue"}}
		b.launch(u)
		if out, code := b.exec(u.Lease, "env", "GREETING"); out != "hello = world\n" || code != 0 {
			t.Errorf("env: %q, code %d", out, code)
		}
		if out, code := b.exec(u.Lease, "write", "/note", "kept"); code != 0 {
			t.Errorf("write: %q, code %d", out, code)
		}
		if out, _ := b.exec(u.Lease, "read", "/note"); out != "kept" {
			t.Errorf("read: %q", out)
		}
	}
}
