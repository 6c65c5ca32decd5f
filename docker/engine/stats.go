package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"caravela/docker"
	"caravela/market"
)

// Stats reports what the unit uses.
func (e *Engine) Stats(ctx context.Context, lease market.LeaseID, stream bool, report func(docker.Stats)) error {
	_, c, err := e.lookup(ctx, lease)
	if err != nil {
		return err
	}
	if !c.State.Live() {
		return explain("read usage", errors.New("the container is not running"), docker.ErrNotRunning)
	}
	body, err := e.api.ContainerStats(ctx, e.container(lease), stream)
	if err != nil {
		return explain("read usage", err, unitMissing(err))
	}
	defer body.Body.Close()
	d := json.NewDecoder(body.Body)
	for {
		var s container.StatsResponse
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return explain("read usage", errors.Join(ctx.Err(), err), nil)
		}
		if s.Read.IsZero() || strings.HasPrefix(s.Read.String(), "0001-") {
			return nil // the daemon's way to say that it stopped
		}
		report(usage(&s))
	}
}

func usage(s *container.StatsResponse) docker.Stats {
	out := docker.Stats{
		At:          s.Read.UTC(),
		CPUTime:     time.Duration(s.CPUStats.CPUUsage.TotalUsage),
		Memory:      market.Bytes(s.MemoryStats.Usage) - pageCache(s.MemoryStats.Stats),
		MemoryLimit: market.Bytes(s.MemoryStats.Limit),
		Pids:        int64(s.PidsStats.Current),
	}
	if span := s.Read.Sub(s.PreRead); !s.PreRead.IsZero() && span > 0 && s.CPUStats.CPUUsage.TotalUsage > s.PreCPUStats.CPUUsage.TotalUsage {
		used := s.CPUStats.CPUUsage.TotalUsage - s.PreCPUStats.CPUUsage.TotalUsage
		out.CPU = market.MilliCPU(used / max(uint64(span/1000), 1))
	}
	for _, n := range s.Networks {
		out.NetIn += market.Bytes(n.RxBytes)
		out.NetOut += market.Bytes(n.TxBytes)
	}
	for _, b := range s.BlkioStats.IoServiceBytesRecursive {
		switch strings.ToLower(b.Op) {
		case "read":
			out.BlockRead += market.Bytes(b.Value)
		case "write":
			out.BlockWrite += market.Bytes(b.Value)
		}
	}
	return out
}

// pageCache is what the kernel would give back: cgroup v1 and v2 name it
// differently.
func pageCache(stats map[string]uint64) market.Bytes {
	for _, key := range []string{"total_inactive_file", "inactive_file"} {
		if v, ok := stats[key]; ok {
			return market.Bytes(v)
		}
	}
	return 0
}
