package dockertest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"caravela/docker"
	"caravela/market"
)

func testImages(t *testing.T, rig Rig) {
	t.Run("a tenant's credentials serve nobody else", func(t *testing.T) { testCredentials(t, rig) })
	t.Run("what was pulled goes when nobody needs it", func(t *testing.T) { testPrune(t, rig) })
	t.Run("a registry on the supplier's own machine", func(t *testing.T) {
		rig.Config.LANRegistries = false
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Image, u.Spec.Pull = "127.0.0.1:5999/x", market.PullMissing
		_, err := b.Launch(b.ctx, u, nil)
		if !errors.Is(err, docker.ErrPullFailed) || !strings.Contains(err.Error(), "offer.lan-registries") {
			t.Errorf("launch: %v", err)
		}
	})
	t.Run("less free space than the supplier keeps", func(t *testing.T) { testFloor(t, rig) })
}

func testCredentials(t *testing.T, rig Rig) {
	b := newBench(t, rig)
	fetch := func(who byte, pull market.Pull, auth docker.Secret) error {
		u := b.unit("sleep")
		u.Owner, u.Auth, u.Spec.Image, u.Spec.Pull = owner(who), auth, rig.Login, pull
		_, err := b.Launch(b.ctx, u, nil)
		return err
	}
	if err := fetch(1, market.PullMissing, ""); docker.ReasonOf(err) != market.ImageMissing && docker.ReasonOf(err) != market.PullFailed {
		t.Fatalf("without credentials: %v", err)
	}
	if err := fetch(1, market.PullMissing, rig.Auth); err != nil {
		t.Fatalf("with credentials: %v", err)
	}
	if err := fetch(1, market.PullMissing, ""); err != nil {
		t.Errorf("the same tenant again: %v", err)
	}
	if err := fetch(2, market.PullNever, ""); !errors.Is(err, docker.ErrImageMissing) {
		t.Errorf("another tenant, who will not pull: %v", err)
	}
	if err := fetch(2, market.PullMissing, ""); docker.ReasonOf(err) != market.ImageMissing && docker.ReasonOf(err) != market.PullFailed {
		t.Errorf("another tenant without credentials: %v", err)
	}
	if err := fetch(2, market.PullMissing, rig.Auth); err != nil {
		t.Errorf("another tenant with them: %v", err)
	}
	if err := fetch(2, market.PullNever, ""); err != nil {
		t.Errorf("who then needs them no more: %v", err)
	}
}

func testPrune(t *testing.T, rig Rig) {
	const keep = 2 * time.Second
	rig.Config.ImagesKeep = keep
	b := newBench(t, rig)
	u := b.unit("sleep")
	u.Spec.Image, u.Spec.Pull = rig.Remote, market.PullMissing
	b.launch(u)
	again := func() error {
		v := b.unit("sleep")
		v.Spec.Image = rig.Remote
		_, err := b.Launch(b.ctx, v, nil)
		if err == nil {
			b.remove(v, true)
		}
		return err
	}
	look := func(what string, d time.Duration) {
		began := time.Now()
		b.eventually(what, func() bool { b.list(); return time.Since(began) > d })
	}
	look("it would have gone", keep+keep/4)
	if err := again(); err != nil {
		t.Fatalf("while a container uses it: %v", err)
	}
	b.remove(u, true)
	look("it is looked at", keep/2)
	if err := again(); err != nil {
		t.Fatalf("soon after the last use: %v", err)
	}
	began := time.Now()
	b.eventually("the image goes", func() bool {
		if time.Since(began) < keep+keep/8 {
			return false // each look is a use
		}
		b.list()
		gone := errors.Is(again(), docker.ErrImageMissing)
		began = time.Now()
		return gone
	})
	b.launch(b.unit("sleep")) // the supplier's own image stays
}

func testFloor(t *testing.T, rig Rig) {
	const floor = 64 * market.MiB
	rig.Config.DiskFloor = floor
	b := newBench(t, rig)
	b.launch(b.unit("sleep"))
	rig.SetFree(t, floor/2)
	_, err := b.Launch(b.ctx, b.unit("sleep"), nil)
	if !errors.Is(err, docker.ErrDiskFull) || docker.ReasonOf(err) != market.DiskFull || !strings.Contains(err.Error(), "offer.disk-floor") {
		t.Errorf("launch: %v", err)
	}
	in, err := b.Info(b.ctx)
	if err != nil || len(in.Problems) != 1 || !strings.Contains(in.Problems[0], "offer.disk-floor") {
		t.Errorf("problems: %q, %v", in.Problems, err)
	}
	if l := b.list(); len(l) != 1 {
		t.Errorf("%d containers", len(l))
	}
}
