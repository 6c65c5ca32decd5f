package fake_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"caravela/docker"
	"caravela/docker/fake"
	"caravela/market"
)

func machine() (*fake.Daemon, docker.Engine, docker.Unit) {
	d := fake.NewDaemon(2000, market.GiB)
	d.AddImage(image, fake.Toolbox)
	return d, d.Engine(docker.Scope{Supplier: market.PeerID{1}}, docker.DefaultConfig()), docker.Unit{
		Lease: market.LeaseID{1}, Owner: market.PeerID{2},
		Spec: market.Spec{
			Image: image, Command: []string{"sleep"}, Ports: []market.Port{{Container: 80}},
			Limits: market.Resources{CPU: 500, Memory: 64 * market.MiB},
		},
	}
}

// TestInjectedFaultsStrikeOnce: the second launch succeeds.
func TestInjectedFaultsStrikeOnce(t *testing.T) {
	for fault, want := range map[fake.Fault]error{
		fake.StartFails: docker.ErrStartFailed,
		fake.PortsTaken: docker.ErrPortTaken,
	} {
		d, e, u := machine()
		d.Inject(fault, 1)
		if _, err := e.Launch(t.Context(), u, nil); !errors.Is(err, want) {
			t.Errorf("fault %d: %v", fault, err)
		}
		if _, err := e.Launch(t.Context(), u, nil); err != nil {
			t.Errorf("after fault %d: %v", fault, err)
		}
	}
}

func TestExitsAtOnce(t *testing.T) {
	d, e, u := machine()
	d.Inject(fake.ExitsAtOnce, 1)
	if _, err := e.Launch(t.Context(), u, nil); err != nil {
		t.Fatal(err)
	}
	if x, err := e.Wait(t.Context(), u.Lease); err != nil || x.Code != 1 {
		t.Errorf("exit %+v, %v", x, err)
	}
}

func TestMoreThanTheMachineHas(t *testing.T) {
	_, e, u := machine()
	u.Spec.Limits.CPU = 3000
	if _, err := e.Launch(t.Context(), u, nil); docker.ReasonOf(err) != market.NoCapacity {
		t.Error(err)
	}
}

// TestVirtualTime runs a daemon in a bubble: a stop that takes its whole
// grace takes no time.
func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e, u := machine()
		u.Spec.Command = []string{"stubborn"}
		if _, err := e.Launch(t.Context(), u, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it ignores SIGTERM from now on
		before := time.Now()
		if err := e.Stop(t.Context(), u.Lease, docker.StopOptions{Grace: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(before); took != time.Hour {
			t.Errorf("stopping took %v", took)
		}
	})
}
