//go:build hosts

package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// start measures how long create and join take until the node is ready.
func start(ctx context.Context, b *bench) error {
	const port = firstPort + 500 // away from the market's
	var creates, joins []time.Duration
	for range b.n {
		first, took, err := b.start(ctx, b.many, "first", port, "create", "--offer", "cpus=1,memory=256m")
		if err != nil {
			return err
		}
		creates = append(creates, took)
		second, took, err := b.start(ctx, b.many, "second", port+1, "join", fmt.Sprintf("%s:%d", b.many.Addr, port), "--offer", "cpus=1,memory=256m")
		if err != nil {
			return err
		}
		joins = append(joins, took)
		for _, n := range []*node{second, first} {
			if err := b.stop(ctx, n); err != nil {
				return err
			}
		}
	}
	b.table.spread("create -d, until ready", creates, time.Second)
	b.table.spread("join -d, until ready", joins, 2*time.Second)
	return nil
}

// buy compares caravela run -d with docker run -d: five nodes, the image is
// present, all begin with the same limits on the same engine, by turns. A
// supplier where the buyer has a container has a network for it already, as
// docker has its bridge; the first container there pays for the network. Since
// networks of one's own cost docker some time at each start, for their name
// server, docker on such a network is measured as well.
func buy(ctx context.Context, b *bench) error {
	if err := b.market(ctx, 5); err != nil {
		return err
	}
	if err := tell(b.many.Command(ctx, "docker", "--host", b.many.DockerHost(), "network", "create", "bench"), nil); err != nil {
		return err
	}
	ours := []string{b.caravela, "-H", b.nodes[0].socket, "run", "-d", "--cpus", "0.5", "-m", "64m", image}
	docker := []string{"docker", "--host", b.many.DockerHost(), "run", "-d", "--cpus", "0.5", "-m", "64m",
		"--memory-swap", "64m", "--pids-limit", "512"} // what ours sets by itself
	bridge, own := append(slices.Clone(docker), image), append(slices.Clone(docker), "--network", "bench", image)
	first, err := b.turns(ctx, ours)
	if err != nil {
		return err
	}
	if err := tell(b.many.Command(ctx, b.caravela, "-H", b.nodes[0].socket, "run", "-d", "--name", "resident",
		"--replicas", "4", "--spread", "--cpus", "0.1", "-m", "16m", image), nil); err != nil {
		return err
	}
	took, err := b.turns(ctx, ours, bridge, own)
	if err != nil {
		return err
	}
	mid := b.table.spread("caravela run -d", took[0], 0)
	ratio := float64(mid) / float64(b.table.spread("docker run -d, same limits", took[1], 0))
	b.table.add("caravela run -d / docker run -d", fmt.Sprintf("%.2f", ratio), "at most 1.25", ratio <= 1.25)
	ratio = float64(mid) / float64(b.table.spread("docker run -d --network of its own, same limits", took[2], 0))
	b.table.add("caravela run -d / docker run -d --network of its own", fmt.Sprintf("%.2f", ratio), "", true)
	b.table.spread("caravela run -d, first container at its supplier", first[0], 0)
	return nil
}

// turns runs a container by each of the command lines, again and again.
func (b *bench) turns(ctx context.Context, lines ...[]string) ([][]time.Duration, error) {
	took := make([][]time.Duration, len(lines))
	for i := range b.n + 2 {
		for j, words := range lines {
			d, err := b.timed(ctx, words)
			if err != nil {
				return nil, err
			}
			if i >= 2 { // the first ones warm up
				took[j] = append(took[j], d)
			}
		}
	}
	return took, nil
}

// timed runs a container by a command line whose third word is the address
// to ask, removes it, and waits until all is as before.
func (b *bench) timed(ctx context.Context, words []string) (time.Duration, error) {
	cmd := b.many.Command(ctx, words[0], words[1:]...)
	began := time.Now()
	out, err := cmd.Output()
	took := time.Since(began)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	id := strings.TrimSpace(string(out))
	if err := tell(b.many.Command(ctx, words[0], words[1], words[2], "rm", "-f", id), nil); err != nil {
		return 0, err
	}
	return took, b.finds(ctx, b.nodes[0], 4)
}

// search measures a search whose traders are known, among twenty nodes.
func search(ctx context.Context, b *bench) error {
	if err := b.market(ctx, 20); err != nil {
		return err
	}
	var inside, asked, typed []time.Duration
	for range b.n {
		for _, n := range b.nodes[5:15] {
			began := time.Now()
			r, err := n.client.Search(ctx, wanted())
			if err != nil || len(r.Offers) != 4 {
				return fmt.Errorf("%s: %d offers: %w", n.name, len(r.Offers), err)
			}
			asked = append(asked, time.Since(began))
			inside = append(inside, time.Duration(r.ElapsedUS)*time.Microsecond)
		}
		began := time.Now()
		if err := tell(b.many.Command(ctx, b.caravela, "-H", b.nodes[6].socket, "market", "search", "--cpus", "0.5"), nil); err != nil {
			return err
		}
		typed = append(typed, time.Since(began))
	}
	b.table.spread("search, 20 nodes, known traders: in the node", inside, 10*time.Millisecond)
	b.table.spread("the same through the API's client", asked, 10*time.Millisecond)
	b.table.spread("caravela market search, with the process' start", typed, 0)
	return nil
}

var crowdLine = regexp.MustCompile(`nodes=\d+ searches=\d+ .*`)

// crowd runs the test of sixty real nodes in one process.
func crowd(ctx context.Context, b *bench) error {
	var out string
	cmd := b.many.Command(ctx, b.tests, "-test.run", "^TestCrowdSearches$", "-test.v", "-test.timeout", "3m")
	if err := tell(cmd, &out); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	b.table.add("60 nodes, 1,000 searches, 32 at once", crowdLine.FindString(out), "no failure", true)
	return nil
}
