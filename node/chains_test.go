package node_test

import (
	"testing"
	"time"

	"caravela/api"
	"caravela/node/nodetest"
)

// TestCostOfAllRenewals: what a container has cost counts the leases before
// the one in force, on both sides, before and after a restart.
func TestCostOfAllRenewals(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		ref := buyer.MustRun(nodetest.Request("sleep"))
		buyer.MustRun(nodetest.Request("sleep")) // which must not be counted with it
		paid := func(h *nodetest.Host, role api.Role) api.Container {
			t.Helper()
			list, err := h.Containers(ctx, api.ListOptions{Role: role})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if c.ID == string(ref) {
					return c
				}
			}
			t.Fatalf("%s: no container %s", h.Name, ref)
			return api.Container{}
		}
		leases := func() (seconds uint64, micro int64) {
			t.Helper()
			list, err := buyer.Leases(ctx, api.LeaseOptions{All: true, Role: api.RoleBought})
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range list {
				if l.ContainerID == string(ref) {
					seconds += l.RunningS
					micro += l.AmountMicro
				}
			}
			return seconds, micro
		}
		var first uint64
		for i := range 3 {
			pauseVirtual(time.Minute)
			first = max(first, paid(buyer, api.RoleBought).RunningS)
			if _, err := buyer.RenewLease(ctx, api.LeaseRef(ref), api.RenewRequest{}); err != nil {
				t.Fatalf("renewal %d: %v", i+1, err)
			}
		}
		check := func(when string) {
			t.Helper()
			w.Until("both to show the whole cost "+when, func() bool {
				seconds, micro := leases()
				b, s := paid(buyer, api.RoleBought), paid(seller, api.RoleSold)
				return seconds > 170 && b.RunningS == seconds && s.RunningS == seconds && b.AmountMicro == micro && s.AmountMicro == micro
			})
		}
		check("at once")
		for _, h := range []*nodetest.Host{seller, buyer} {
			h.Restart()
		}
		check("after a restart")
		if now := paid(buyer, api.RoleBought).RunningS; now <= first {
			t.Errorf("%d s after three renewals, %d s before", now, first)
		}
		even(t, seller, buyer)
	})
}
