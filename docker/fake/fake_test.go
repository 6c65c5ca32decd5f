package fake_test

import (
	"testing"

	"caravela/docker"
	"caravela/docker/dockertest"
	"caravela/docker/fake"
	"caravela/market"
)

const (
	image  = "toolbox"
	remote = "registry.test/toolbox"
	login  = "registry.test/private"
	broken = "down.test/toolbox"
	stalls = "slow.test/toolbox"
	auth   = "e30=" // {}
)

// TestBattery runs on one daemon, as on a real machine.
func TestBattery(t *testing.T) {
	d := fake.NewDaemon(4000, 8*market.GiB)
	d.AddImage(image, fake.Toolbox)
	d.AddRemote(remote, fake.Toolbox)
	d.AddPrivate(login, fake.Toolbox, auth)
	scopes := map[docker.Engine]docker.Scope{}
	dockertest.Run(t, dockertest.Rig{
		New: func(_ *testing.T, s docker.Scope, cfg docker.Config) docker.Engine {
			e := d.Engine(s, cfg)
			scopes[e] = s
			return e
		},
		Config: docker.DefaultConfig(),
		Image:  image, Remote: remote, Absent: "registry.test/nothing", Broken: broken,
		Login: login, Auth: auth,
		SetFree: func(t *testing.T, free market.Bytes) {
			d.SetFree(free)
			t.Cleanup(func() { d.SetFree(market.TiB) })
		},
		BreakPull: func(*testing.T) { d.Inject(fake.PullFails, 1) },
		HoldPort:  func(*testing.T) uint16 { d.HoldPort(2222); return 2222 },
		StallPull: func(*testing.T) (string, func() bool) {
			d.Inject(fake.PullStalls, 1)
			return stalls, func() bool { return d.Left(fake.PullStalls) == 0 }
		},
		Vanish:   func(_ *testing.T, e docker.Engine, l market.LeaseID) { d.Vanish(scopes[e], l) },
		FillDisk: func(*testing.T) func() { d.FillDisk(true); return func() { d.FillDisk(false) } },
		CutAt:    func(_ *testing.T, step string) func() { d.CutAt(fake.Step(step)); return d.ComeBack },
		Freeze:   func(*testing.T) func() { return d.Freeze() },
	})
}
