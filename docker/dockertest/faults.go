package dockertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"caravela/docker"
	"caravela/market"
)

func testFaults(t *testing.T, rig Rig) {
	t.Run("exit at once is no failed launch", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("exit", "9")
		c := b.launch(u)
		if c.State != market.Running && c.State != market.Stopped {
			t.Errorf("launched: %+v", c)
		}
		b.wait(u.Lease)
		if c := b.list()[0]; c.State != market.Stopped || c.ExitCode != 9 || c.Finished.IsZero() {
			t.Errorf("then: %+v", c)
		}
	})
	t.Run("vanished", func(t *testing.T) {
		b := newBench(t, rig)
		w := b.watch()
		u := b.unit("sleep")
		b.launch(u)
		rig.Vanish(t, b.Engine, u.Lease)
		b.eventually("destroy", func() bool { return slices.Contains(w.kinds(u.Lease), docker.Destroyed) })
		if l := b.list(); len(l) != 0 {
			t.Errorf("still there: %+v", l)
		}
		if _, err := b.Inspect(b.ctx, u.Lease); !errors.Is(err, docker.ErrNoSuchUnit) || docker.ReasonOf(err) != market.Vanished {
			t.Errorf("inspect: %v", err)
		}
		b.remove(u, true)
	})
	t.Run("disk full", func(t *testing.T) {
		b := newBench(t, rig)
		free := rig.FillDisk(t)
		u := b.unit("sleep")
		_, err := b.Launch(b.ctx, u, nil)
		if !errors.Is(err, docker.ErrDiskFull) || docker.ReasonOf(err) != market.DiskFull {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 0 {
			t.Errorf("left behind: %+v", l)
		}
		free()
		b.launch(u)
	})
	for _, step := range []string{"pull", "create", "start"} {
		t.Run("engine gone at "+step, func(t *testing.T) { testGoneAt(t, rig, step) })
	}
	t.Run("engine hangs", func(t *testing.T) {
		b := newBench(t, rig)
		thaw := rig.Freeze(t)
		ctx, cancel := context.WithTimeout(b.ctx, 300*time.Millisecond)
		defer cancel()
		if _, err := b.List(ctx); !errors.Is(err, context.DeadlineExceeded) || docker.ReasonOf(err) != market.EngineDown {
			t.Errorf("list: %v", err)
		}
		thaw()
		b.list()
	})
}

// testGoneAt takes the daemon away in the middle of a launch. The launch says
// so, the subscription ends, and once the daemon is back the same launch gives
// one running container, and one removal leaves none.
func testGoneAt(t *testing.T, rig Rig, step string) {
	b := newBench(t, rig)
	w := b.watch()
	back := rig.CutAt(t, step)
	u := b.unit("sleep")
	if step == "pull" {
		u.Spec.Image, u.Spec.Pull = rig.Broken, market.PullAlways
	}
	_, err := b.Launch(b.ctx, u, nil)
	if !errors.Is(err, docker.ErrEngineDown) || docker.ReasonOf(err) != market.EngineDown {
		t.Errorf("launch: %v", err)
	}
	if err := <-w.ended; !errors.Is(err, docker.ErrEngineDown) {
		t.Errorf("events: %v", err)
	}
	if _, err := b.List(b.ctx); !errors.Is(err, docker.ErrEngineDown) {
		t.Errorf("list: %v", err)
	}
	back()
	u.Spec.Image, u.Spec.Pull = rig.Image, market.PullNever
	b.eventually("the engine is back", func() bool { _, err := b.List(b.ctx); return err == nil })
	if c := b.launch(u); c.State != market.Running {
		t.Errorf("launched again: %+v", c)
	}
	if l := b.list(); len(l) != 1 {
		t.Errorf("%d containers", len(l))
	}
	b.remove(u, true)
	if l := b.list(); len(l) != 0 {
		t.Errorf("left: %+v", l)
	}
}
