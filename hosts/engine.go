//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/docker/docker/client"
)

// engineStart bounds how long an engine may take to answer for the first time.
const engineStart = 60 * time.Second

// containerdConfig leaves out Kubernetes' plugin, which wants a network setup of its own.
const containerdConfig = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
`

// startEngine starts a containerd and a dockerd that share nothing with those
// of the machine or of other hosts. A dockerd left alone would join the
// machine's containerd when there is one, and take its siblings' containers for
// its own leftovers.
func (h *Host) startEngine(ctx context.Context) error {
	if err := os.MkdirAll(h.path(), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(h.path("containerd.toml"), []byte(containerdConfig), 0o600); err != nil {
		return err
	}
	if err := h.background("containerd", "containerd", "--config", h.path("containerd.toml"),
		"--root", h.path("containerd"), "--state", h.path("containerd.run"), "--address", h.path("containerd.sock")); err != nil {
		return err
	}
	if err := until(ctx, engineStart, func(context.Context) error { return socketAnswers(h.path("containerd.sock")) }); err != nil {
		return fmt.Errorf("containerd does not answer, see %s: %w", h.path("containerd.log"), err)
	}
	return h.startDocker(ctx)
}

func (h *Host) startDocker(ctx context.Context) error {
	if err := h.background("dockerd", "dockerd",
		"--host", h.DockerHost(), "--containerd", h.path("containerd.sock"),
		"--data-root", h.path("docker"), "--exec-root", h.path("docker.run"), "--pidfile", h.path("dockerd.pid"),
		"--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", "/cvlab/"+h.Name); err != nil {
		return err
	}
	engine, err := h.Engine()
	if err != nil {
		return err
	}
	defer engine.Close()
	if err := until(ctx, engineStart, func(ctx context.Context) error {
		_, err := engine.Ping(ctx)
		return err
	}); err != nil {
		return fmt.Errorf("dockerd does not answer, see %s: %w", h.path("dockerd.log"), err)
	}
	return nil
}

// Engine is a client of the host's engine; the caller closes it.
func (h *Host) Engine() (*client.Client, error) {
	return client.NewClientWithOpts(client.WithHost(h.DockerHost()), client.WithAPIVersionNegotiation())
}

// background starts a program on the host that writes <name>.log; sweep ends it.
func (h *Host) background(name, program string, args ...string) error {
	log, err := os.OpenFile(h.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := h.Command(context.Background(), program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s on %s: %w", name, h.Name, err)
	}
	go reap(cmd)
	return nil
}

// reap waits for a program so that it leaves no zombie; its log says how it ended.
func reap(cmd *exec.Cmd) { _ = cmd.Wait() }

func socketAnswers(path string) error {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	return conn.Close()
}

// until tries again and again until try succeeds or the time is up; the error
// is that of the last try.
func until(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
