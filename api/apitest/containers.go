package apitest

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"caravela/api"
)

// Run implements api.Backend. The container runs until it is stopped.
func (n *Fake) Run(ctx context.Context, req api.RunRequest, emit func(api.RunEvent) error) error {
	if err := emit(api.RunEvent{Type: api.RunSearching, At: day, Search: &api.SearchRound{Round: 1, Regions: 1, Offers: 1}}); err != nil {
		return err
	}
	var ids []string
	for replica := range max(1, req.Policy.Replicas) {
		c, err := n.launch(ctx, req)
		if err != nil {
			return err
		}
		ids = append(ids, c.ID)
		for _, e := range launchEvents(c) {
			e.At, e.Replica, e.Node, e.NodeName = day, replica, CedarID, "cedar"
			if err := emit(e); err != nil {
				return err
			}
		}
	}
	return emit(api.RunEvent{Type: api.RunDone, At: day, Containers: ids})
}

// launch leases and starts one container.
func (n *Fake) launch(ctx context.Context, req api.RunRequest) (c *container, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c, n.update(func() error {
		found := n.search(req.Spec.Resources)
		switch {
		case len(found.Offers) == 0:
			return &api.Error{Code: api.CodeNoOffer, Detail: "no offer fits", Next: "caravela market explain", WhyNot: &found}
		case req.Spec.Image == "missing":
			return api.Errorf(api.CodeNotFound, "no such image: missing").WithNext("push it to a registry")
		}
		c = n.newContainer(req.Spec)
		n.containers = append(n.containers, c)
		n.record(c, "running")
		return nil
	})
}

// newContainer makes a running container. The caller holds the lock.
func (n *Fake) newContainer(s api.Spec) *container {
	id := n.id("lease")
	c := &container{spec: s, output: "hello\n", Container: api.Container{
		ID: id, LeaseID: id, Name: s.Name, Role: api.RoleBought, Image: s.Image, Command: strings.Join(s.Command, " "),
		Node: CedarID, NodeName: "cedar", Owner: SelfID, Resources: s.Resources, CreatedAt: day, StartedAt: day,
		EndsAt: day.Add(24 * time.Hour), LeftMS: 86400000, Renews: true, Labels: s.Labels, Cost: cost(s.Resources), AmountMicro: 30, RunningS: 60,
		ContainerLife: api.ContainerLife{State: "running", Reason: "none", StatusAt: day, Seq: 4, Ports: []api.PublishedPort{}},
	}}
	if c.Name == "" {
		c.Name = "c-" + id[:6]
	}
	if c.Labels == nil {
		c.Labels = []api.Label{}
	}
	for _, p := range s.Ports {
		c.Ports = append(c.Ports, api.PublishedPort{
			ContainerPort: int(p.ContainerPort), HostPort: int(p.HostPort), Protocol: "tcp", Address: "10.0.0.2", Reachable: true,
		})
	}
	return c
}

// launchEvents are what a buyer sees of one launch.
func launchEvents(c *container) []api.RunEvent {
	life := c.ContainerLife
	return []api.RunEvent{
		{Type: api.RunAsked},
		{Type: api.RunLeased, Lease: &api.Leased{
			ContainerID: c.ID, Name: c.Name, Resources: c.Resources, TermMS: 86400000, EndsAt: c.EndsAt, Renews: true,
			Region: "linux/amd64/v3/cpu2/mem8192", Labels: []api.Label{{Key: "region", Value: "eu"}}, LatencyUS: 18000,
			LeaseID: c.ID, Terms: terms(), Cost: c.Cost,
		}},
		{Type: api.RunPulling, Pull: &api.PullProgress{Image: c.Image, LayersDone: 1, LayersTotal: 1, BytesDone: 1000, BytesTotal: 1000}},
		{Type: api.RunStatus, Status: &life},
	}
}

// find resolves a reference. The caller holds the lock.
func (n *Fake) find(ref api.ContainerRef) (*container, error) {
	var found []*container
	for _, c := range n.containers {
		if c.Name == string(ref) || c.ID == string(ref) {
			return c, nil
		}
		if ref != "" && strings.HasPrefix(c.ID, string(ref)) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return nil, api.Errorf(api.CodeNotFound, "no container %q", ref).WithNext("caravela ps -a")
	case 1:
		return found[0], nil
	}
	e := api.Errorf(api.CodeAmbiguous, "%d containers begin with %q", len(found), ref).WithNext("give more of the ID")
	for _, c := range found {
		e.Matches = append(e.Matches, c.ID)
	}
	return nil, e
}

// change finds a container and changes it.
func (n *Fake) change(ref api.ContainerRef, f func(c *container) error) error {
	return n.update(func() error {
		c, err := n.find(ref)
		if err != nil {
			return err
		}
		return f(c)
	})
}

// running finds a container that must run, and returns a copy.
func (n *Fake) running(ref api.ContainerRef) (container, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, err := n.find(ref)
	if err != nil {
		return container{}, err
	}
	if c.State != "running" {
		return container{}, api.Errorf(api.CodeConflict, "container %s is %s", c.Name, c.State).WithNext("caravela start %s", c.Name)
	}
	return *c, nil
}

func (n *Fake) stop(c *container, code int, reason string) {
	if c.State == "running" {
		c.State, c.ExitCode, c.Reason, c.FinishedAt = "stopped", &code, reason, day
		n.record(c, "stopped")
	}
}

// Containers implements api.Backend.
func (n *Fake) Containers(_ context.Context, opts api.ListOptions) ([]api.Container, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []api.Container
	for _, c := range n.containers {
		matches := !slices.ContainsFunc(opts.Filters, func(f api.Filter) bool { return f.Key == "name" && f.Value != c.Name })
		if (opts.All || c.State == "running") && opts.Role != api.RoleSold && matches {
			out = append(out, c.Container)
		}
	}
	return out, nil
}

// Container implements api.Backend.
func (n *Fake) Container(_ context.Context, ref api.ContainerRef) (api.ContainerDetail, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	c, err := n.find(ref)
	if err != nil {
		return api.ContainerDetail{}, err
	}
	return api.ContainerDetail{
		Container: c.Container, Spec: c.spec, Leases: []string{c.ID}, History: []api.ContainerLife{c.ContainerLife},
		Engine: json.RawMessage(`{"State":{"Status":"running"}}`),
	}, nil
}

// Stop implements api.Backend.
func (n *Fake) Stop(_ context.Context, ref api.ContainerRef, _ api.StopRequest) error {
	return n.change(ref, func(c *container) error { n.stop(c, 0, "stopped by owner"); return nil })
}

// Start implements api.Backend.
func (n *Fake) Start(_ context.Context, ref api.ContainerRef) error {
	return n.change(ref, func(c *container) error {
		c.State, c.Reason, c.ExitCode, c.FinishedAt = "running", "none", nil, time.Time{}
		n.record(c, "running")
		return nil
	})
}

// Restart implements api.Backend.
func (n *Fake) Restart(ctx context.Context, ref api.ContainerRef, req api.StopRequest) error {
	if err := n.Stop(ctx, ref, req); err != nil {
		return err
	}
	return n.Start(ctx, ref)
}

// Kill implements api.Backend.
func (n *Fake) Kill(_ context.Context, ref api.ContainerRef, _ api.KillRequest) error {
	return n.change(ref, func(c *container) error { n.stop(c, 137, "exited"); return nil })
}

// Remove implements api.Backend.
func (n *Fake) Remove(_ context.Context, ref api.ContainerRef, opts api.RemoveOptions) error {
	return n.change(ref, func(c *container) error {
		if c.State == "running" && !opts.Force {
			return api.Errorf(api.CodeConflict, "container %s is running", c.Name).WithNext("caravela rm -f %s", c.Name)
		}
		n.stop(c, 137, "removed by owner")
		n.containers = slices.DeleteFunc(n.containers, func(d *container) bool { return c == d })
		return nil
	})
}

// Wait implements api.Backend.
func (n *Fake) Wait(ctx context.Context, ref api.ContainerRef) (e api.Exit, err error) {
	n.mu.Lock()
	c, err := n.find(ref)
	n.mu.Unlock()
	if err != nil {
		return e, err
	}
	return e, n.await(ctx, func() bool {
		if c.State == "running" {
			return false
		}
		e = api.Exit{ExitCode: *c.ExitCode, State: c.State, Reason: c.Reason}
		return true
	})
}

// Resize implements api.Backend.
func (n *Fake) Resize(_ context.Context, ref api.ContainerRef, _ api.Size) error {
	_, err := n.running(ref)
	return err
}

// Stats implements api.Backend.
func (n *Fake) Stats(ctx context.Context, ref api.ContainerRef, opts api.StatsOptions, emit func(api.Stats) error) error {
	c, err := n.running(ref)
	if err != nil {
		return err
	}
	s := api.Stats{
		At: day, Container: c.ID, Name: c.Name, MilliCPU: 250, MilliCPULimit: c.Resources.MilliCPU, MemoryBytes: 20 << 20,
		MemoryLimitBytes: c.Resources.MemoryBytes, Pids: 3,
	}
	if err := emit(s); err != nil || !opts.Follow {
		return err
	}
	return n.await(ctx, func() bool { found, err := n.find(ref); return err != nil || found.State != "running" })
}
