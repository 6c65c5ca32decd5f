package dockertest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func testPull(t *testing.T, rig Rig) {
	t.Run("a missing image is fetched, with progress", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Image, u.Spec.Pull = rig.Remote, market.PullMissing
		var got []docker.Progress
		c, err := b.Launch(b.ctx, u, func(p docker.Progress) { got = append(got, p) })
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(c.Digest, "sha256:") {
			t.Errorf("digest %q", c.Digest)
		}
		if len(got) < 2 || got[0].State != market.Pulling || got[len(got)-1].State != market.Starting {
			t.Fatalf("progress: %+v", got)
		}
		if last := got[len(got)-2]; last.Layers == 0 || last.LayersDone != last.Layers || last.Done != last.Total {
			t.Errorf("last of the pull: %+v", last)
		}
	})
	t.Run("an image that the registry has not", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Image, u.Spec.Pull = rig.Absent, market.PullMissing
		_, err := b.Launch(b.ctx, u, nil)
		if !errors.Is(err, docker.ErrImageMissing) || !strings.Contains(err.Error(), "push it to a registry") {
			t.Errorf("launch: %v", err)
		}
	})
	t.Run("a registry that does not answer", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Image, u.Spec.Pull = rig.Broken, market.PullMissing
		if rig.BreakPull != nil {
			rig.BreakPull(t)
		}
		_, err := b.Launch(b.ctx, u, nil)
		if !errors.Is(err, docker.ErrPullFailed) || !strings.Contains(err.Error(), "push it to a registry") || docker.ReasonOf(err) != market.PullFailed {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 0 {
			t.Errorf("left behind: %+v", l)
		}
	})
	t.Run("a slow one is given up with ctx", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		ref, begun := rig.StallPull(t)
		u.Spec.Image, u.Spec.Pull = ref, market.PullMissing
		ctx, cancel := context.WithCancel(b.ctx)
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := b.Launch(ctx, u, nil)
			ended <- err
		}()
		b.eventually("the pull begins", begun)
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || docker.ReasonOf(err) != market.Undone {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 0 {
			t.Errorf("left behind: %+v", l)
		}
	})
}
