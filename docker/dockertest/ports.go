package dockertest

import (
	"errors"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func testPorts(t *testing.T, rig Rig) {
	t.Run("a chosen port lies in the range and stays", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Ports = []market.Port{{Container: 80}, {Container: 53, UDP: true}}
		c := b.launch(u)
		if len(c.Ports) != 2 || !rig.Config.Ports.Has(c.Ports[0].Port.Host) || !c.Ports[0].Port.UDP || c.Ports[1].Port.Container != 80 {
			t.Fatalf("ports: %+v", c.Ports)
		}
		if err := b.Restart(b.ctx, u.Lease, docker.StopOptions{}); err != nil {
			t.Fatal(err)
		}
		if again := b.launch(u); again.Ports[0] != c.Ports[0] || again.Ports[1] != c.Ports[1] {
			t.Errorf("after a restart: %+v, before %+v", again.Ports, c.Ports)
		}
	})
	t.Run("many chosen ports differ", func(t *testing.T) {
		b := newBench(t, rig)
		seen := map[uint16]bool{}
		for range 3 {
			u := b.unit("sleep")
			u.Lease[0], u.Lease[1], u.Lease[2], u.Lease[3] = 1, 2, 3, 4 // where the choice starts from
			u.Spec.Ports = []market.Port{{Container: 80}, {Container: 81}}
			for _, p := range b.launch(u).Ports {
				if seen[p.Port.Host] {
					t.Errorf("port %d was given twice", p.Port.Host)
				}
				seen[p.Port.Host] = true
			}
		}
	})
	t.Run("a port of another unit is taken", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Ports = []market.Port{{Container: 80}}
		host := b.launch(u).Ports[0].Port.Host
		v := b.unit("sleep")
		v.Spec.Ports = []market.Port{{Container: 80, Host: host}}
		if _, err := b.Launch(b.ctx, v, nil); !errors.Is(err, docker.ErrPortTaken) {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 1 {
			t.Errorf("left behind: %+v", l)
		}
	})
	t.Run("a port of another process is taken", func(t *testing.T) {
		b := newBench(t, rig)
		u := b.unit("sleep")
		u.Spec.Ports = []market.Port{{Container: 80, Host: rig.HoldPort(t)}}
		_, err := b.Launch(b.ctx, u, nil)
		if !errors.Is(err, docker.ErrPortTaken) || docker.ReasonOf(err) != market.PortTaken {
			t.Errorf("launch: %v", err)
		}
		if l := b.list(); len(l) != 0 {
			t.Errorf("left behind: %+v", l)
		}
	})
}
