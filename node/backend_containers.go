package node

import (
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
	"caravela/remote"
)

// Containers implements api.Backend.
func (n *Node) Containers(ctx context.Context, o api.ListOptions) ([]api.Container, error) {
	out := []api.Container{}
	add := func(c api.Container) {
		if matches(o.Filters, c) {
			out = append(out, c)
		}
	}
	if o.Role != api.RoleSold {
		list := slices.DeleteFunc(n.board.allBought(), unborn)
		names := displayNames(list)
		list = slices.DeleteFunc(list, func(b *market.Bought) bool { return !running(b) && (!o.All || dismissed(b)) })
		silent := n.silent(ctx, list)
		for _, b := range list {
			c := n.boughtContainer(b, names[b.Lease.Unit()])
			if running(b) {
				c.UnreachableSince = silent[b.Supplier.Peer]
			}
			add(c)
		}
		return out, nil
	}
	for _, s := range n.board.allSold() {
		if o.All || s.Status != nil && s.Status.State.Live() {
			add(n.soldContainer(s))
		}
	}
	return out, nil
}

// running reports whether `ps` shows a unit without -a: it runs, or will.
func running(b *market.Bought) bool {
	if b.Status == nil {
		return b.Lease.BySupplier != "" && !b.Undo
	}
	switch b.Status.State {
	case market.Stopped, market.Failed, market.Lost, market.Ended:
		return false
	}
	return true
}

// dismissed reports whether a unit is over and was made with --rm: as with
// docker, nothing of it is listed any more.
func dismissed(b *market.Bought) bool {
	return b.Spec.Remove && b.Status != nil && b.Status.State == market.Ended
}

func (n *Node) boughtContainer(b *market.Bought, name string) api.Container {
	c := n.container(b.Lease, b.Spec, b.Status)
	c.Role, c.Name, c.NodeName = api.RoleBought, name, b.Offer
	n.billed(&c, b.Lease, n.board.boughtMeter(b.Lease.ID))
	if c.NodeName == "" {
		c.NodeName = n.nodeName(b.Supplier.Peer)
	}
	if b.Undo && c.State != market.Ended.String() {
		c.Detail = strings.TrimSpace(c.Detail + " (being removed)")
	}
	past, _ := n.board.past(b.Lease.Unit())
	for _, s := range past {
		switch {
		case s.State.Live() && (c.StartedAt.IsZero() || !c.FinishedAt.IsZero()):
			c.StartedAt, c.FinishedAt = s.At.Time(), time.Time{}
		case (s.State == market.Stopped || s.State == market.Failed || s.State == market.Ended) && c.FinishedAt.IsZero():
			c.FinishedAt = s.At.Time()
		}
	}
	return c
}

func (n *Node) soldContainer(s *market.Sold) api.Container {
	spec := s.Spec.Unpack()
	c := n.container(s.Lease, spec, s.Status)
	c.Role, c.Name, c.NodeName = api.RoleSold, wantedName(s.Lease.Unit(), spec), n.cfg.Name
	n.billed(&c, s.Lease, n.board.soldMeter(s.Lease))
	return c
}

func (n *Node) container(l *market.SignedLease, spec *market.Spec, st *market.SignedStatus) api.Container {
	c := api.Container{
		ID: l.Unit().String(), LeaseID: l.ID.String(), Image: spec.Image,
		Command: strings.Join(append(slices.Clone(spec.Entrypoint), spec.Command...), " "),
		Node:    l.Supplier.String(), Owner: l.Buyer.String(), Resources: api.ResourcesOf(l.Resources),
		CreatedAt: l.Start.Time(), EndsAt: l.End.Time(), Renews: l.Renew == market.RenewAuto, Labels: api.LabelsOf(spec.Labels),
		Cost: costOf(l),
	}
	if st == nil || st.State != market.Ended {
		c.LeftMS = max(0, time.Until(l.End.Time()).Milliseconds())
	}
	if st == nil {
		s := market.Status{State: market.Accepted, ExitCode: -1, At: l.Start}
		if l.BySupplier == "" {
			s.State, s.Detail = market.Unknown, "the supplier has not answered yet"
		}
		c.ContainerLife = api.LifeOf(s, false)
		return c
	}
	c.ContainerLife = api.LifeOf(st.Status, true)
	c.Digest = st.Digest
	return c
}

// matches holds a container against filters: those of one key are
// alternatives.
func matches(filters []api.Filter, c api.Container) bool {
	verdict := map[string]bool{}
	for _, f := range filters {
		verdict[f.Key] = verdict[f.Key] || matchesOne(f, c)
	}
	for _, ok := range verdict {
		if !ok {
			return false
		}
	}
	return true
}

func matchesOne(f api.Filter, c api.Container) bool {
	switch f.Key {
	case "name":
		return strings.Contains(c.Name, f.Value)
	case "id":
		return strings.HasPrefix(c.ID, f.Value)
	case "state":
		return c.State == f.Value
	case "node":
		return c.NodeName == f.Value || c.Node == f.Value || len(f.Value) >= 4 && strings.HasSuffix(c.Node, f.Value)
	case "image":
		ok, err := path.Match(f.Value, c.Image)
		return c.Image == f.Value || err == nil && ok || strings.HasPrefix(c.Image, f.Value+":")
	}
	key, isLabel := strings.CutPrefix(f.Key, "label.")
	return isLabel && slices.Contains(c.Labels, api.Label{Key: key, Value: f.Value})
}

// Container implements api.Backend: of a bought unit, or of a sold one.
func (n *Node) Container(ctx context.Context, ref api.ContainerRef) (api.ContainerDetail, error) {
	b, err := n.bought(ref)
	if err != nil {
		if s := n.soldByRef(ref); s != nil && api.CodeOf(err) == api.CodeNotFound {
			return n.soldDetail(ctx, s), nil
		}
		return api.ContainerDetail{}, err
	}
	unit := b.Lease.Unit()
	past, leases := n.board.past(unit)
	d := api.ContainerDetail{Container: n.boughtContainer(b, n.displayName(unit)), Spec: api.SpecOf(*b.Spec), History: []api.ContainerLife{}}
	d.UnreachableSince = n.silent(ctx, []*market.Bought{b})[b.Supplier.Peer]
	for _, s := range past {
		d.History = append(d.History, api.LifeOf(s, true))
	}
	for _, id := range leases {
		d.Leases = append(d.Leases, id.String())
	}
	if b.Lease.BySupplier != "" && (b.Status == nil || b.Status.State != market.Ended) {
		n.addEngine(ctx, b, &d)
	}
	return d, nil
}

// inspectWait is how long an inspection waits for the supplier's part.
const inspectWait = 5 * time.Second

func (n *Node) addEngine(ctx context.Context, b *market.Bought, d *api.ContainerDetail) {
	ctx, cancel := context.WithTimeout(ctx, inspectWait)
	defer cancel()
	s, err := n.open(ctx, b, kindInspect, struct{}{})
	if err != nil {
		n.log.Debug("supplier's part of an inspection is missing", "error", err)
		return
	}
	defer s.Close()
	raw, err := readAll(s, maxDocument)
	var e engineDetails
	if err != nil || json.Unmarshal(raw, &e) != nil {
		return
	}
	d.Engine, d.CreatedAt, d.StartedAt, d.FinishedAt = e.JSON, e.Created, e.Started, e.Finished
}

func (n *Node) soldByRef(ref api.ContainerRef) *market.Sold {
	s, _ := pick(string(ref), n.board.allSold(), func(s *market.Sold) (market.LeaseID, []string) {
		return s.Lease.Unit(), []string{wantedName(s.Lease.Unit(), s.Spec.Unpack())}
	})
	return s
}

func (n *Node) soldDetail(ctx context.Context, s *market.Sold) api.ContainerDetail {
	d := api.ContainerDetail{Container: n.soldContainer(s), Spec: api.SpecOf(*s.Spec.Unpack()), Leases: []string{s.Lease.ID.String()}, History: []api.ContainerLife{}}
	d.Spec.Env = nil // the owner's secrets are none of this command's business
	if s.Status != nil {
		d.History = append(d.History, api.LifeOf(s.Status.Status, true))
	}
	if n.cfg.Engine == nil {
		return d
	}
	ctx, cancel := context.WithTimeout(ctx, inspectWait)
	defer cancel()
	if e, err := n.cfg.Engine.Inspect(ctx, s.Lease.Unit()); err == nil {
		d.CreatedAt, d.StartedAt, d.FinishedAt = e.Created, e.Started, e.Finished
	}
	return d
}

// order has the machine pass a command to a unit's supplier and waits for the
// answer.
func (n *Node) order(ctx context.Context, ref api.ContainerRef, cmd market.StopContainer) error {
	b, err := n.bought(ref)
	if err != nil {
		return err
	}
	return n.command(ctx, b, cmd)
}

func (n *Node) command(ctx context.Context, b *market.Bought, cmd market.StopContainer) error {
	cmd.Unit = b.Lease.Unit()
	q := n.requests.begin()
	defer q.end()
	if err := n.loop.Post(ctx, market.Ordered{Ref: q.ref, Cmd: cmd}); err != nil {
		return n.stopping(err)
	}
	_, end, err := q.wait(ctx, n.loop.Done())
	if err != nil {
		return n.stopping(err)
	}
	if end.Reason == market.NoReason {
		n.settle(ctx, &cmd, b.Status)
		return nil
	}
	e := api.Errorf(api.CodeOfReason(end.Reason), "%s %s: %s", cmd.Op, cmd.Unit.Short(), detailed(end.Reason, end.Detail))
	return e.WithNext("caravela inspect %s", cmd.Unit.Short())
}

// Stop implements api.Backend.
func (n *Node) Stop(ctx context.Context, ref api.ContainerRef, req api.StopRequest) error {
	return n.graceful(ctx, ref, req, market.OpStop)
}

// Restart implements api.Backend.
func (n *Node) Restart(ctx context.Context, ref api.ContainerRef, req api.StopRequest) error {
	return n.graceful(ctx, ref, req, market.OpRestart)
}

func (n *Node) graceful(ctx context.Context, ref api.ContainerRef, req api.StopRequest, op market.Op) error {
	grace := time.Duration(-1)
	if req.GraceMS != nil {
		grace = time.Duration(*req.GraceMS) * time.Millisecond
		if *req.GraceMS < 0 || *req.GraceMS > (24*time.Hour).Milliseconds() {
			return api.Errorf(api.CodeInvalid, "a stop timeout of %d ms; at most 24h", *req.GraceMS)
		}
	}
	if err := validSignal(req.Signal); err != nil {
		return err
	}
	return n.order(ctx, ref, market.StopContainer{Op: op, Grace: grace, Signal: req.Signal})
}

// Start implements api.Backend.
func (n *Node) Start(ctx context.Context, ref api.ContainerRef) error {
	return n.order(ctx, ref, market.StopContainer{Op: market.OpStart})
}

// Kill implements api.Backend.
func (n *Node) Kill(ctx context.Context, ref api.ContainerRef, req api.KillRequest) error {
	if err := validSignal(req.Signal); err != nil {
		return err
	}
	return n.order(ctx, ref, market.StopContainer{Op: market.OpKill, Signal: req.Signal})
}

func validSignal(s string) error {
	if len(s) > market.MaxSignal {
		return api.Errorf(api.CodeInvalid, "signal %q is not one such as TERM or 15", clip(s, 32))
	}
	return nil
}

// Remove implements api.Backend.
func (n *Node) Remove(ctx context.Context, ref api.ContainerRef, o api.RemoveOptions) error {
	b, err := n.bought(ref)
	if err != nil {
		return err
	}
	if o.Volumes {
		return api.Errorf(api.CodeUnsupported, "volumes that outlive a lease cannot be removed with it: those without `keep` go by themselves").
			WithNext("caravela rm %s", b.Lease.Unit().Short())
	}
	if !o.Force && running(b) {
		return api.Errorf(api.CodeConflict, "container %s is %s", b.Lease.Unit().Short(), stateOf(b)).
			WithNext("caravela rm -f %s, or caravela stop %s first", ref, ref)
	}
	err = n.command(ctx, b, market.StopContainer{Op: market.OpRemove})
	if o.Force && api.CodeOf(err) == api.CodeUnreachable {
		return nil // the machine repeats it until the supplier answers or the lease ends
	}
	return err
}

func stateOf(b *market.Bought) string {
	if b.Status == nil {
		return market.Accepted.String()
	}
	return b.Status.State.String()
}

// Wait implements api.Backend: it reads what the supplier has signed.
func (n *Node) Wait(ctx context.Context, ref api.ContainerRef) (api.Exit, error) {
	b, err := n.bought(ref)
	if err != nil {
		return api.Exit{}, err
	}
	unit := b.Lease.Unit()
	for {
		b, over, changed := n.board.boughtUnit(unit)
		if b == nil {
			return api.Exit{ExitCode: -1, State: market.Ended.String(), Reason: market.RemovedByOwner.String()}, nil
		}
		if st := b.Status; over || st != nil && stopped(st.State) {
			return exitOf(st), nil
		}
		select {
		case <-changed:
		case <-n.loop.Done():
			return api.Exit{}, n.stopError()
		case <-ctx.Done():
			return api.Exit{}, context.Cause(ctx)
		}
	}
}

func stopped(s market.State) bool {
	return s == market.Stopped || s == market.Failed || s == market.Lost || s == market.Ended
}

func exitOf(st *market.SignedStatus) api.Exit {
	if st == nil {
		return api.Exit{ExitCode: -1, State: market.Unknown.String()}
	}
	return api.Exit{ExitCode: int(st.ExitCode), State: st.State.String(), Reason: st.Reason.String(), Detail: st.Detail}
}

// Resize implements api.Backend.
func (n *Node) Resize(ctx context.Context, ref api.ContainerRef, size api.Size) error {
	b, err := n.bought(ref)
	if err != nil {
		return err
	}
	s, err := n.open(ctx, b, kindResize, size)
	if err != nil {
		return err
	}
	return s.Close()
}

// Logs implements api.Backend.
func (n *Node) Logs(ctx context.Context, ref api.ContainerRef, o api.LogOptions) (api.Session, error) {
	return n.stream(ctx, ref, kindLogs, logsArgs(o), true)
}

// Exec implements api.Backend.
func (n *Node) Exec(ctx context.Context, ref api.ContainerRef, req api.ExecRequest) (api.Session, error) {
	if len(req.Command) == 0 {
		return nil, api.Errorf(api.CodeInvalid, "no command to run").WithNext("caravela exec %s COMMAND", ref)
	}
	return n.stream(ctx, ref, kindExec, req, false)
}

// Attach implements api.Backend. A container with --rm that ended while it
// was watched has nothing more to tell: it goes at once.
func (n *Node) Attach(ctx context.Context, ref api.ContainerRef, req api.AttachRequest) (api.Session, error) {
	b, err := n.bought(ref)
	if err != nil {
		return nil, err
	}
	s, err := n.open(ctx, b, kindAttach, req)
	if err != nil {
		return nil, err
	}
	session := n.attended(b.Lease.Unit(), n.session(s, false))
	if !b.Spec.Remove {
		return session, nil
	}
	return func(ctx context.Context, stdio api.Stdio) (int, error) {
		code, err := session(ctx, stdio)
		if err == nil && code >= 0 {
			n.crew.run(func(ctx context.Context) {
				n.post(ctx, market.Ordered{Cmd: market.StopContainer{Unit: b.Lease.Unit(), Op: market.OpRemove}})
			})
		}
		return code, err
	}, nil
}

func (n *Node) stream(ctx context.Context, ref api.ContainerRef, kind string, args any, outputOnly bool) (api.Session, error) {
	b, err := n.bought(ref)
	if err != nil {
		return nil, err
	}
	s, err := n.open(ctx, b, kind, args)
	if err != nil {
		return nil, err
	}
	return n.session(s, outputOnly), nil
}

// Stats implements api.Backend.
func (n *Node) Stats(ctx context.Context, ref api.ContainerRef, o api.StatsOptions, emit func(api.Stats) error) error {
	b, err := n.bought(ref)
	if err != nil {
		return err
	}
	s, err := n.open(ctx, b, kindStats, statsArgs(o))
	if err != nil {
		return err
	}
	defer s.Close()
	name := n.displayName(b.Lease.Unit())
	for {
		f, err := s.Read()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			return nil // the container has stopped
		case f.Kind == remote.Fail:
			return refusal(f.Data)
		}
		var st docker.Stats
		if err := json.Unmarshal(f.Data, &st); err != nil {
			return api.Errorf(api.CodeInternal, "the supplier sends no statistics: %v", err)
		}
		if err := emit(statsOf(b, name, st)); err != nil {
			return err
		}
	}
}

func statsOf(b *market.Bought, name string, st docker.Stats) api.Stats {
	return api.Stats{
		At: st.At, Container: b.Lease.Unit().String(), Name: name, CPUUsageUS: st.CPUTime.Microseconds(),
		MilliCPU: int64(st.CPU), MilliCPULimit: int64(b.Lease.Resources.CPU), MemoryBytes: int64(st.Memory),
		MemoryLimitBytes: int64(st.MemoryLimit), NetReceivedBytes: int64(st.NetIn), NetSentBytes: int64(st.NetOut),
		DiskReadBytes: int64(st.BlockRead), DiskWrittenBytes: int64(st.BlockWrite), Pids: st.Pids,
	}
}
