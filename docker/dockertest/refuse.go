package dockertest

import (
	"errors"
	"strings"
	"testing"

	"caravela/docker"
	"caravela/market"
)

func testRefuse(t *testing.T, rig Rig) {
	for _, c := range []struct {
		name   string
		change func(*docker.Unit)
		kind   error
		reason market.Reason
		says   string
	}{
		{"no lease", func(u *docker.Unit) { u.Lease = market.LeaseID{} }, docker.ErrBadUnit, market.BadLease, "lease"},
		{"no owner", func(u *docker.Unit) { u.Owner = market.PeerID{} }, docker.ErrBadUnit, market.BadLease, "owner"},
		{"too little memory", func(u *docker.Unit) { u.Spec.Limits.Memory = 1 }, docker.ErrBadUnit, market.BadLease, "memory"},
		{"host path", func(u *docker.Unit) { u.Spec.Mounts = []market.Mount{{Volume: "/etc", Target: "/etc"}} },
			docker.ErrBadUnit, market.BadLease, "host path"},
		{"our own label", func(u *docker.Unit) { u.Spec.Labels = []market.Label{{Key: "caravela.lease", Value: "x"}} },
			docker.ErrBadUnit, market.BadLease, "caravela."},
		{"port out of range", func(u *docker.Unit) { u.Spec.Ports = []market.Port{{Host: 22, Container: 22}} },
			docker.ErrPortTaken, market.PortTaken, "1024"},
		{"too many processes", func(u *docker.Unit) { u.Spec.Pids = rig.Config.MaxPids + 1 }, docker.ErrBadUnit, market.BadLease, "processes"},
		{"disk that nobody bounds", func(u *docker.Unit) { u.Spec.Limits.Disk = market.GiB }, docker.ErrUnsupported, market.Unsupported, ""},
		{"image that only the buyer has", func(u *docker.Unit) { u.Spec.Image = "mine-alone" },
			docker.ErrImageMissing, market.ImageMissing, "push it to a registry"},
		{"credentials that are none", func(u *docker.Unit) { u.Spec.Image, u.Spec.Pull, u.Auth = rig.Broken, market.PullAlways, "%%" },
			docker.ErrBadUnit, market.BadLease, "credentials"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, rig)
			u := b.unit("sleep")
			c.change(&u)
			_, err := b.Launch(b.ctx, u, nil)
			if !errors.Is(err, c.kind) || docker.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("launch: %v (%v)", err, docker.ReasonOf(err))
			}
			if l := b.list(); len(l) != 0 {
				t.Errorf("left behind: %+v", l)
			}
		})
	}
	t.Run("unknown unit", func(t *testing.T) { testUnknown(t, rig) })
}

func testUnknown(t *testing.T, rig Rig) {
	b := newBench(t, rig)
	lease := market.LeaseID{9}
	_, inspect := b.Inspect(b.ctx, lease)
	_, wait := b.Wait(b.ctx, lease)
	_, exec := b.Exec(b.ctx, lease, docker.ExecOptions{Cmd: []string{"x"}}, docker.Stdio{}, nil)
	for name, err := range map[string]error{
		"inspect": inspect, "wait": wait, "exec": exec,
		"start":   b.Start(b.ctx, lease),
		"stop":    b.Stop(b.ctx, lease, docker.StopOptions{}),
		"restart": b.Restart(b.ctx, lease, docker.StopOptions{}),
		"kill":    b.Kill(b.ctx, lease, ""),
		"logs":    b.Logs(b.ctx, lease, docker.LogOptions{}, nil, nil),
		"attach":  b.Attach(b.ctx, lease, docker.AttachOptions{}, docker.Stdio{}, nil),
		"resize":  b.Resize(b.ctx, lease, docker.Size{Rows: 1, Cols: 1}),
		"stats":   b.Stats(b.ctx, lease, false, func(docker.Stats) {}),
	} {
		if !errors.Is(err, docker.ErrNoSuchUnit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.Remove(b.ctx, lease, true); err != nil {
		t.Errorf("remove: %v", err)
	}
}
