//go:build hosts

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"

	"caravela/api"
	"caravela/hosts"
)

const firstPort = 7401

// node is a caravela process in the background.
type node struct {
	host   *hosts.Host
	name   string
	socket string
	pid    int
	client *api.Client
}

var processID = regexp.MustCompile(`as process (\d+)`)

// start starts a node as a user would, with -d, and says how long that took
// until it was ready.
func (b *bench) start(ctx context.Context, on *hosts.Host, name string, port int, how ...string) (*node, time.Duration, error) {
	n := &node{host: on, name: name, socket: "unix://" + filepath.Join(b.dir, name+".sock")}
	args := slices.Concat(how, []string{"-d", "--name", name, "--data-dir", filepath.Join(b.dir, name), "--api", n.socket,
		"--listen", fmt.Sprintf("%s:%d", on.Addr, port)})
	cmd := on.Command(ctx, b.caravela, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+on.DockerHost(), "HOME="+b.dir)
	var said string
	began := time.Now()
	if err := tell(cmd, &said); err != nil {
		return nil, 0, err
	}
	took := time.Since(began)
	m := processID.FindStringSubmatch(said)
	if m == nil {
		return nil, 0, fmt.Errorf("start %s: no process in %q", name, said)
	}
	n.pid, _ = strconv.Atoi(m[1])
	var err error
	n.client, err = api.New(n.socket, "")
	return n, took, err
}

// stop ends a node and forgets its data.
func (b *bench) stop(ctx context.Context, n *node) error {
	n.client.Close()
	if err := syscall.Kill(n.pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop %s: %w", n.name, err)
	}
	err := until(ctx, func() (bool, error) { return syscall.Kill(n.pid, 0) != nil, nil })
	if err != nil {
		return fmt.Errorf("stop %s: %w", n.name, err)
	}
	return os.RemoveAll(filepath.Join(b.dir, n.name))
}

// market makes the shared market as large as asked for. The first node founds
// it, the next four sell; the others only keep and relay.
func (b *bench) market(ctx context.Context, size int) error {
	for i := len(b.nodes); i < size; i++ {
		how := []string{"create", "--no-offer"}
		if i > 0 {
			how = []string{"join", b.address(), "--no-offer"}
		}
		if i > 0 && i < 5 {
			how = []string{"join", b.address(), "--offer", "cpus=2,memory=1g"}
		}
		n, _, err := b.start(ctx, b.many, fmt.Sprintf("n%d", i), firstPort+i, how...)
		if err != nil {
			return err
		}
		b.nodes = append(b.nodes, n)
	}
	for _, n := range b.nodes {
		if err := b.finds(ctx, n, min(4, size-1)); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) address() string { return fmt.Sprintf("%s:%d", b.many.Addr, firstPort) }

// finds waits until a node finds this many offers.
func (b *bench) finds(ctx context.Context, n *node, offers int) error {
	err := until(ctx, func() (bool, error) {
		r, err := n.client.Search(ctx, wanted())
		return len(r.Offers) >= offers, err
	})
	if err != nil {
		return fmt.Errorf("%d offers for %s: %w", offers, n.name, err)
	}
	return nil
}

func wanted() api.SearchRequest {
	return api.SearchRequest{Resources: api.Resources{MilliCPU: 500, MemoryBytes: 64 << 20}}
}

// until polls for a minute.
func until(ctx context.Context, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		switch yes, err := ok(); {
		case err != nil:
			return err
		case yes:
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
