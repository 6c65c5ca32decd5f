package dockertest

import (
	"errors"
	"testing"

	"caravela/docker"
	"caravela/market"
)

// testScopes runs two suppliers on one daemon, with the same leases and the
// same tenants even, which no honest market has.
func testScopes(t *testing.T, rig Rig) {
	a, b := newBenchAs(t, rig, scope(t, 1)), newBenchAs(t, rig, scope(t, 2))
	data := []market.Mount{{Volume: "data", Target: "/data"}}
	ua, ub := a.unit("sleep"), b.unit("sleep")
	ua.Spec.Mounts, ub.Spec.Mounts = data, data
	wa := a.watch()
	a.launch(ua)
	if l := b.list(); len(l) != 0 {
		t.Fatalf("the other supplier sees %+v", l)
	}
	b.launch(ub)
	a.exec(ua.Lease, "write", "/data/note", "of a")
	if out, code := b.exec(ub.Lease, "read", "/data/note"); code == 0 {
		t.Errorf("the other supplier's volume is the same: %q", out)
	}
	if err := b.Kill(b.ctx, ub.Lease, ""); err != nil {
		t.Fatal(err)
	}
	b.wait(ub.Lease)
	b.remove(ub, true)
	if _, err := b.Inspect(b.ctx, ub.Lease); !errors.Is(err, docker.ErrNoSuchUnit) {
		t.Errorf("inspect: %v", err)
	}
	if l := a.list(); len(l) != 1 || l[0].State != market.Running {
		t.Errorf("after the other's removal: %+v", l)
	}
	if out, _ := a.exec(ua.Lease, "read", "/data/note"); out != "of a" {
		t.Errorf("read %q", out)
	}
	if k := wa.kinds(ua.Lease); len(k) != 1 {
		t.Errorf("events of both: %v", k)
	}
}
