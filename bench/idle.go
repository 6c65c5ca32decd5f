//go:build hosts

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// The idle node's minute begins after the overlay's first refresh, which comes
// a minute after the start.
const (
	settling = 80 * time.Second
	watching = 60 * time.Second
)

// idle watches a node that has twenty peers and nothing to do.
func idle(ctx context.Context, b *bench) error {
	if err := b.market(ctx, 20); err != nil {
		return err
	}
	n, _, err := b.start(ctx, b.alone, "idle", firstPort, "join", b.address(), "--offer", "cpus=1,memory=256m")
	if err != nil {
		return err
	}
	fmt.Printf("the idle node settles for %v and is watched for %v\n", settling, watching)
	if err := pause(ctx, settling); err != nil {
		return err
	}
	s, err := n.client.Status(ctx)
	if err != nil {
		return err
	}
	before, err := n.usage()
	if err != nil {
		return err
	}
	most := before.resident
	for began := time.Now(); time.Since(began) < watching; {
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		u, err := n.usage()
		if err != nil {
			return err
		}
		most = max(most, u.resident)
	}
	after, err := n.usage()
	if err != nil {
		return err
	}
	took := after.at.Sub(before.at).Seconds()
	cpu := 100 * (after.cpu - before.cpu).Seconds() / took
	wire := float64(after.wire-before.wire) / took
	b.table.add(fmt.Sprintf("idle node, %d peers connected: resident memory", s.Peers), fmt.Sprintf("%.1f MiB at most", float64(most)/(1<<20)), "at most 80 MiB", most <= 80<<20)
	b.table.add("idle node: CPU", fmt.Sprintf("%.2f %% of a core", cpu), "at most 1 %", cpu <= 1)
	b.table.add("idle node: on the wire, both ways, all headers", fmt.Sprintf("%.0f bytes/s", wire), "at most 2 kB/s", wire <= 2000)
	return b.stop(ctx, n)
}

// usage is what a process has used so far.
type usage struct {
	at       time.Time
	cpu      time.Duration
	resident int64
	wire     int64 // bytes through its host's only cable
}

func (n *node) usage() (u usage, err error) {
	u.at = time.Now()
	proc := fmt.Sprintf("/proc/%d/", n.pid)
	stat, err1 := os.ReadFile(proc + "stat")
	status, err2 := os.ReadFile(proc + "status")
	net, err3 := os.ReadFile(proc + "net/dev")
	if err := errors.Join(err1, err2, err3); err != nil {
		return u, err
	}
	// After the name in parentheses: state is field 0, utime 11, stime 12, in ticks of 10 ms.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, f := range fields[11:13] {
		ticks, _ := strconv.Atoi(f)
		u.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	for l := range strings.Lines(string(status)) {
		if f := strings.Fields(l); f[0] == "VmRSS:" {
			kib, _ := strconv.ParseInt(f[1], 10, 64)
			u.resident = kib << 10
		}
	}
	for l := range strings.Lines(string(net)) {
		if name, counts, _ := strings.Cut(strings.TrimSpace(l), ":"); name == "eth0" {
			f := strings.Fields(counts)
			in, _ := strconv.ParseInt(f[0], 10, 64)
			out, _ := strconv.ParseInt(f[8], 10, 64)
			u.wire = in + out
		}
	}
	if u.resident == 0 || u.wire == 0 {
		return u, fmt.Errorf("process %d of %s tells neither memory nor traffic", n.pid, n.name)
	}
	return u, nil
}
