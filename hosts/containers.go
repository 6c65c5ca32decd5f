//go:build hosts

package hosts

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// containerIDs lists the containers of the host's engine, running or not.
func (h *Host) containerIDs(ctx context.Context) ([]string, error) {
	engine, err := h.Engine()
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	all, err := engine.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, fmt.Errorf("list containers of %s: %w", h.Name, err)
	}
	var ids []string
	for _, c := range all {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids, nil
}

func (h *Host) engineIsEmpty(ctx context.Context) error {
	ids, err := h.containerIDs(ctx)
	if err == nil && len(ids) > 0 {
		err = fmt.Errorf("%s has %d containers", h.Name, len(ids))
	}
	return err
}

// removeContainers empties the engine, of networks and volumes as well.
func (h *Host) removeContainers(ctx context.Context) error {
	engine, err := h.Engine()
	if err != nil {
		return err
	}
	defer engine.Close()
	ids, err := h.containerIDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := engine.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return err
		}
	}
	if _, err := engine.NetworksPrune(ctx, filters.Args{}); err != nil {
		return err
	}
	_, err = engine.VolumesPrune(ctx, filters.Args{})
	return err
}

// stopDocker ends dockerd and keeps containerd; startDocker is its opposite.
func (h *Host) stopDocker(ctx context.Context) error { return h.endDocker(ctx, syscall.SIGTERM) }

// endDocker sends dockerd a signal and waits until it is gone.
func (h *Host) endDocker(ctx context.Context, signal syscall.Signal) error {
	text, err := os.ReadFile(h.path("dockerd.pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, signal); err != nil {
		return err
	}
	return until(ctx, 30*time.Second, func(context.Context) error {
		if syscall.Kill(pid, 0) == nil {
			return fmt.Errorf("dockerd of %s still runs", h.Name)
		}
		return nil
	})
}
