//go:build docker

package engine_test

import (
	"os/exec"
	"testing"

	"caravela/docker"
	"caravela/market"
)

// BenchmarkLaunch is to be compared with BenchmarkDockerRun in one run: the
// same limits on the same daemon, image present, the tenant's network there.
func BenchmarkLaunch(b *testing.B) {
	s := benchSupplier(b)
	keep := s.unit(1, nil, "sleep")
	if _, err := s.Launch(b.Context(), keep, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		u := s.unit(1, nil, "sleep")
		if _, err := s.Launch(b.Context(), u, nil); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Remove(b.Context(), u.Lease, true); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.StopTimer()
	if err := s.Remove(b.Context(), keep.Lease, true); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkDockerRun(b *testing.B) {
	run := func(args ...string) {
		b.Helper()
		if out, err := exec.Command("docker", append([]string{"-H", "unix://" + theLab.direct()}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
	run("network", "create", "bench")
	for b.Loop() {
		run("run", "-d", "--name", "bench", "--network", "bench", "--init", "--cpus", "0.5", "-m", "64m", "--memory-swap", "64m", "--pids-limit", "512", toolbox, "sleep")
		b.StopTimer()
		run("rm", "-f", "bench")
		b.StartTimer()
	}
	b.StopTimer()
	run("network", "rm", "bench")
}

func benchSupplier(b *testing.B) *supplier {
	e := theLab.rig().New(nil, docker.Scope{Supplier: market.PeerID{9}}, theLab.config())
	b.Cleanup(func() { e.Close() })
	return &supplier{Engine: e, name: 9}
}
