//go:build hosts

package hosts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sweep removes all that a lab makes, whether this one or one that was killed:
// first the processes, then what they hold.
func sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	spaces, err := namespaces(ctx)
	if err != nil {
		return err
	}
	if err := until(ctx, 30*time.Second, func(ctx context.Context) error { return killAll(ctx, spaces) }); err != nil {
		return err
	}
	if err := unmountAll(root); err != nil {
		return err
	}
	for _, ns := range spaces {
		err = errors.Join(err, do(ctx, "ip", "netns", "delete", ns))
	}
	removeCgroups()
	return errors.Join(err, os.RemoveAll(root))
}

// powerOff kills all that runs on the host, containers included, and keeps its disk.
func (h *Host) powerOff(ctx context.Context) error {
	if err := until(ctx, 30*time.Second, func(ctx context.Context) error {
		return killAll(ctx, []string{h.namespace()})
	}); err != nil {
		return err
	}
	if err := unmountAll(h.path()); err != nil {
		return err
	}
	return os.Remove(h.path("dockerd.pid")) // a boot empties /run
}

func namespaces(ctx context.Context) ([]string, error) {
	out, err := exec.CommandContext(ctx, "ip", "netns", "list").Output()
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(name, prefix) {
			found = append(found, name)
		}
	}
	return found, nil
}

// killAll kills what runs in the namespaces, and their descendants: a
// container is in a namespace of its own, below an engine that is in ours.
// It fails as long as one is left.
func killAll(ctx context.Context, spaces []string) error {
	var seeds []int
	for _, ns := range spaces {
		out, err := exec.CommandContext(ctx, "ip", "netns", "pids", ns).Output()
		if err != nil {
			return fmt.Errorf("list processes of %s: %w", ns, err)
		}
		for _, field := range strings.Fields(string(out)) {
			if pid, err := strconv.Atoi(field); err == nil {
				seeds = append(seeds, pid)
			}
		}
	}
	all := withDescendants(seeds)
	all = slices.DeleteFunc(all, func(pid int) bool { return pid == os.Getpid() })
	if len(all) == 0 {
		return nil
	}
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself
	}
	return fmt.Errorf("%d processes are still there", len(all))
}

func withDescendants(all []int) []int {
	children := childrenOf()
	for i := 0; i < len(all); i++ {
		for _, child := range children[all[i]] {
			if !slices.Contains(all, child) {
				all = append(all, child)
			}
		}
	}
	return all
}

func childrenOf() map[int][]int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// The name, in parentheses, may hold anything: "pid (name) state ppid".
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		pid, err1 := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, err2 := strconv.Atoi(rest[1])
		if err1 == nil && err2 == nil && rest[0] != "Z" {
			children[parent] = append(children[parent], pid)
		}
	}
	return children
}

// unmountAll takes down what engines mounted below the directory, deepest first.
func unmountAll(dir string) error {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(table)) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[4], dir+"/") {
			points = append(points, fields[4])
		}
	}
	slices.Reverse(points)
	for _, point := range points {
		if e := syscall.Unmount(point, syscall.MNT_DETACH); e != nil {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", point, e))
		}
	}
	return err
}

// removeCgroups tries to remove the groups of killed containers; one that is
// not yet empty is harmless and goes with the next sweep.
func removeCgroups() {
	for _, pattern := range []string{"/sys/fs/cgroup/cvlab", "/sys/fs/cgroup/*/cvlab"} {
		tops, _ := filepath.Glob(pattern)
		for _, top := range tops {
			removeTree(top)
		}
	}
}

func removeTree(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeTree(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir)
}
