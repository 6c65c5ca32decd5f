package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docker/docker/api/types/system"

	"caravela/docker"
	"caravela/market"
)

// room refuses while less of the engine's disk is free than the supplier
// wants to keep.
func (e *Engine) room(ctx context.Context) error {
	if e.cfg.DiskFloor == 0 {
		return nil
	}
	known, err := e.known(ctx)
	if err != nil {
		return err
	}
	if free, low := e.low(known.root); low {
		return fmt.Errorf("%w: %v are free, and its owner keeps %v (offer.disk-floor); choose another supplier, or try again later",
			docker.ErrDiskFull, free, e.cfg.DiskFloor)
	}
	return nil
}

// low tells how much of the engine's disk is free, and whether that is less
// than the floor. Of a daemon on another machine, or in another mount
// namespace, nobody here can tell.
func (e *Engine) low(root string) (free market.Bytes, yes bool) {
	var st syscall.Statfs_t
	if !strings.HasPrefix(e.api.DaemonHost(), "unix://") || syscall.Statfs(root, &st) != nil {
		return 0, false
	}
	free = market.Bytes(st.Bavail * uint64(st.Bsize))
	return free, free < e.cfg.DiskFloor
}

// boundsDisk reports whether the daemon can bound a container's writable layer.
func boundsDisk(in *system.Info) bool {
	switch in.Driver {
	case "btrfs", "zfs":
		return true
	case "overlay2":
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		return err == nil && hasQuotas(string(mounts), in.DockerRootDir)
	}
	return false
}

// hasQuotas reports whether a directory lies on xfs with project quotas, by
// the kernel's list of mounts (proc_pid_mountinfo(5)).
func hasQuotas(mountinfo, dir string) (yes bool) {
	longest := -1
	for line := range strings.Lines(mountinfo) {
		mount, fs, ok := strings.Cut(strings.TrimSpace(line), " - ")
		f, g := strings.Fields(mount), strings.Fields(fs)
		if !ok || len(f) < 5 || len(g) < 3 {
			continue
		}
		if rel, err := filepath.Rel(f[4], dir); err != nil || rel == ".." || strings.HasPrefix(rel, "../") || len(f[4]) < longest {
			continue
		}
		longest = len(f[4]) // a later line of the same place lies on top
		yes = g[0] == "xfs" && (strings.Contains(","+g[2]+",", ",prjquota,") || strings.Contains(","+g[2]+",", ",pquota,"))
	}
	return yes
}
