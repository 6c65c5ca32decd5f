package dockertest

import (
	"slices"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func testVolumes(t *testing.T, rig Rig) {
	with := func(b *bench, who byte, m market.Mount) docker.Unit {
		u := b.unit("sleep")
		u.Owner, u.Spec.Mounts = owner(who), []market.Mount{m}
		b.launch(u)
		return u
	}
	const file = "/data/note"
	data := market.Mount{Volume: "data", Target: "/data"}
	kept := market.Mount{Volume: "data", Target: "/data", Keep: true}

	t.Run("a kept volume outlives its lease", func(t *testing.T) {
		b := newBench(t, rig)
		u := with(b, 1, kept)
		b.exec(u.Lease, "write", file, "one")
		b.remove(u, true)
		v := with(b, 1, data)
		if out, code := b.exec(v.Lease, "read", file); out != "one" || code != 0 {
			t.Errorf("read %q, code %d", out, code)
		}
	})
	t.Run("any other goes with it", func(t *testing.T) {
		b := newBench(t, rig)
		for _, m := range []market.Mount{data, {Target: "/data"}} {
			u := with(b, 1, m)
			b.exec(u.Lease, "write", file, "one")
			b.remove(u, true)
			b.launch(u)
			if out, code := b.exec(u.Lease, "read", file); code == 0 {
				t.Errorf("volume %q: read %q", m.Volume, out)
			}
			b.remove(u, true)
		}
	})
	t.Run("unless the caller keeps them", func(t *testing.T) {
		b := newBench(t, rig)
		u := with(b, 1, data)
		b.exec(u.Lease, "write", file, "one")
		b.remove(u, false)
		b.launch(u)
		if out, _ := b.exec(u.Lease, "read", file); out != "one" {
			t.Errorf("read %q", out)
		}
	})
	t.Run("or another unit uses it", func(t *testing.T) {
		b := newBench(t, rig)
		u, v := with(b, 1, data), with(b, 1, data)
		b.exec(u.Lease, "write", file, "one")
		b.remove(u, true)
		if out, _ := b.exec(v.Lease, "read", file); out != "one" {
			t.Errorf("read %q", out)
		}
		b.remove(v, true)
		w := with(b, 1, data)
		if out, code := b.exec(w.Lease, "read", file); code == 0 {
			t.Errorf("after the last user's end: read %q", out)
		}
	})
	t.Run("what is left is listed by its lease", func(t *testing.T) {
		b := newBench(t, rig)
		two := b.unit("sleep")
		two.Spec.Mounts = []market.Mount{{Volume: "one", Target: "/one"}, {Target: "/two"}}
		b.launch(two)
		used, keeps := with(b, 1, data), with(b, 2, kept)
		left := func() []docker.Leftover {
			list, err := b.Leftovers(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		if got := left(); len(got) != 0 {
			t.Errorf("of three that run there is left %+v", got)
		}
		b.remove(two, false)
		b.remove(keeps, true)
		want := []docker.Leftover{{Lease: two.Lease, Owner: two.Owner, Volumes: 2}}
		if got := left(); !slices.Equal(got, want) {
			t.Errorf("left is %+v, want %+v", got, want)
		}
		b.remove(two, true)
		if got := left(); len(got) != 0 {
			t.Errorf("after its removal there is left %+v", got)
		}
		b.remove(used, true)
	})
	t.Run("the same name is another volume for another tenant", func(t *testing.T) {
		b := newBench(t, rig)
		u := with(b, 1, kept)
		b.exec(u.Lease, "write", file, "secret")
		v := with(b, 2, kept)
		if out, code := b.exec(v.Lease, "read", file); code == 0 {
			t.Errorf("read another tenant's %q", out)
		}
	})
	t.Run("nameless ones of two units differ", func(t *testing.T) {
		b := newBench(t, rig)
		u, v := with(b, 1, market.Mount{Target: "/data"}), with(b, 1, market.Mount{Target: "/data"})
		b.exec(u.Lease, "write", file, "one")
		if out, code := b.exec(v.Lease, "read", file); code == 0 {
			t.Errorf("read %q", out)
		}
	})
}

func (b *bench) remove(u docker.Unit, drop bool) {
	b.t.Helper()
	if err := b.Remove(b.ctx, u.Lease, drop); err != nil {
		b.t.Fatalf("remove: %v", err)
	}
}
