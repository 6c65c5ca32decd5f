package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/system"
)

// judge looks whether the daemon can hold the promises that are made to
// tenants and to the supplier.
func (e *Engine) judge(ctx context.Context, in *system.Info) (problems, warnings []string) {
	if !in.MemoryLimit || !in.CPUCfsQuota {
		problems = append(problems, "the kernel does not limit CPU and memory of containers; enable the cpu and memory cgroup controllers")
	}
	if _, ok := in.Runtimes[e.cfg.Runtime]; e.cfg.Runtime != "" && !ok {
		problems = append(problems, fmt.Sprintf("the engine has no runtime %q; add it to runtimes in its daemon.json, or choose another one", e.cfg.Runtime))
	}
	if in.OSType != "linux" {
		problems = append(problems, fmt.Sprintf("the engine runs %s containers; only linux is supported", in.OSType))
	}
	if !in.SwapLimit {
		warnings = append(warnings, "the kernel does not limit swap: a tenant may swap beyond its memory; turn swap off")
	}
	if !in.PidsLimit {
		warnings = append(warnings, "the kernel does not limit the number of processes of a tenant")
	}
	if !slices.ContainsFunc(in.SecurityOptions, func(s string) bool { return strings.Contains(s, "name=seccomp") }) {
		warnings = append(warnings, "the engine runs containers without seccomp")
	}
	if !boundsDisk(in) {
		warnings = append(warnings, fmt.Sprintf("the disk space of a tenant is not bounded by the engine's storage driver %s: one that writes much fills it for all; "+
			"move the engine's data-root to btrfs, zfs, or xfs mounted with pquota", in.Driver))
	}
	if free, yes := e.low(in.DockerRootDir); yes {
		problems = append(problems, fmt.Sprintf("only %v are free under %s, and %v shall stay free; make room there, or lower offer.disk-floor",
			free, in.DockerRootDir, e.cfg.DiskFloor))
	}
	if e.cfg.AllowLAN {
		return problems, append(warnings, "tenants may reach this host and its LAN, as the configuration allows")
	}
	if err := e.wall.check(ctx, e.api.DaemonHost()); err != nil {
		problems = append(problems, err.Error())
	}
	return problems, warnings
}
