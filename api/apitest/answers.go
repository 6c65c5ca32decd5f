package apitest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"caravela/api"
)

type opener = func(t *testing.T, b api.Backend) api.Backend

// same holds an answer through the way under test against the direct one.
func same[T any](t *testing.T, what string, ask func(api.Backend) (T, error), via, direct api.Backend) {
	t.Helper()
	got, gotErr := ask(via)
	want, wantErr := ask(direct)
	if gotErr != nil || wantErr != nil {
		t.Errorf("%s: %v; directly: %v", what, gotErr, wantErr)
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// answers: every method that answers once answers what the backend does.
func answers(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	ctx := t.Context()
	need := api.SearchRequest{Resources: api.Resources{MilliCPU: 500, MemoryBytes: 64 << 20}}
	same(t, "version", func(b api.Backend) (api.Version, error) { return b.Version(ctx) }, b, direct)
	same(t, "status", func(b api.Backend) (api.Status, error) { return b.Status(ctx) }, b, direct)
	same(t, "doctor", func(b api.Backend) (api.Diagnosis, error) { return b.Doctor(ctx) }, b, direct)
	same(t, "nodes", func(b api.Backend) ([]api.Node, error) { return b.Nodes(ctx) }, b, direct)
	same(t, "node", func(b api.Backend) (api.NodeDetail, error) { return b.Node(ctx, "cedar") }, b, direct)
	same(t, "settings", func(b api.Backend) ([]api.Setting, error) { return b.Settings(ctx) }, b, direct)
	same(t, "setting", func(b api.Backend) (api.Setting, error) { return b.Setting(ctx, "offer.cpus") }, b, direct)
	same(t, "set", func(b api.Backend) (api.Setting, error) { return b.SetSetting(ctx, "offer.cpus", "3") }, b, direct)
	same(t, "offers", func(b api.Backend) ([]api.Offer, error) { return b.Offers(ctx) }, b, direct)
	same(t, "offer", func(b api.Backend) (api.Offer, error) { return b.Offer(ctx, "0c") }, b, direct)
	same(t, "search", func(b api.Backend) (api.SearchResult, error) { return b.Search(ctx, need) }, b, direct)
	same(t, "explain", func(b api.Backend) (api.SearchResult, error) { return b.Explain(ctx, need) }, b, direct)

	made, err := b.CreateToken(ctx, api.TokenRequest{Name: "friends", ExpiresInMS: 60_000, MaxUses: 3})
	if err != nil || made.Text == "" || made.MaxUses != 3 {
		t.Fatalf("token %+v: %v", made, err)
	}
	same(t, "tokens", func(b api.Backend) ([]api.Token, error) { return b.Tokens(ctx) }, b, direct)
	if err := b.RemoveToken(ctx, made.ID); err != nil {
		t.Error(err)
	}
	if left, err := b.Tokens(ctx); err != nil || len(left) != 0 {
		t.Errorf("tokens left %v: %v", left, err)
	}
	var steps []api.LeaveEventType
	err = b.Leave(ctx, api.LeaveRequest{}, func(e api.LeaveEvent) error { steps = append(steps, e.Type); return nil })
	if want := []api.LeaveEventType{api.LeaveOffer, api.LeaveHandover, api.LeaveLeft}; err != nil || !reflect.DeepEqual(steps, want) {
		t.Errorf("leave %v: %v", steps, err)
	}
}

// containers: the life of one container, step by step.
func containers(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	ctx := t.Context()
	c := Start(t, b, "web")
	ref := api.ContainerRef(c.ID[:8])
	same(t, "ps", func(b api.Backend) ([]api.Container, error) {
		return b.Containers(ctx, api.ListOptions{Filters: []api.Filter{{Key: "name", Value: "web"}}})
	}, b, direct)
	same(t, "inspect", func(b api.Backend) (api.ContainerDetail, error) { return b.Container(ctx, ref) }, b, direct)

	waited := make(chan error, 1)
	go func() {
		e, err := b.Wait(ctx, ref)
		if err == nil && e.ExitCode != 137 {
			err = errors.New("wait told another exit code than 137")
		}
		waited <- err
	}()
	for _, step := range []func() error{
		func() error { return b.Resize(ctx, ref, api.Size{Rows: 24, Columns: 80}) },
		func() error { return b.Kill(ctx, ref, api.KillRequest{Signal: "KILL"}) },
		func() error { return <-waited },
		func() error { return b.Start(ctx, ref) },
		func() error { return b.Restart(ctx, ref, api.StopRequest{}) },
		func() error {
			return b.Stats(ctx, ref, api.StatsOptions{}, func(s api.Stats) error {
				if s.Container != c.ID {
					return errors.New("stats of another container")
				}
				return nil
			})
		},
		func() error { return b.Stop(ctx, ref, api.StopRequest{}) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if running, err := b.Containers(ctx, api.ListOptions{}); err != nil || len(running) != 0 {
		t.Errorf("running %v: %v", running, err)
	}
	same(t, "ps -a", func(b api.Backend) ([]api.Container, error) { return b.Containers(ctx, api.ListOptions{All: true}) }, b, direct)
	if err := b.Remove(ctx, ref, api.RemoveOptions{Volumes: true}); err != nil {
		t.Error(err)
	}
	if _, err := b.Container(ctx, ref); api.CodeOf(err) != api.CodeNotFound {
		t.Errorf("inspect after rm: %v", err)
	}
}

// failures: an error comes with its code, its words and the next command.
func failures(t *testing.T, open opener) {
	b := open(t, NewFake())
	ctx := t.Context()
	Start(t, b, "web")
	for _, c := range []struct {
		code api.Code
		next string
		do   func() error
	}{
		{api.CodeNotFound, "caravela ps -a", func() error { return b.Start(ctx, "nobody") }},
		{api.CodeNotFound, "caravela node ls", func() error { _, err := b.Node(ctx, "a/../b?c=%2F#"); return err }},
		{api.CodeConflict, "caravela rm -f web", func() error { return b.Remove(ctx, "web", api.RemoveOptions{}) }},
		{api.CodeConflict, "caravela leave --drain", func() error {
			return b.Leave(ctx, api.LeaveRequest{}, func(api.LeaveEvent) error { return nil })
		}},
		{api.CodeNotFound, "caravela ps -a", func() error { _, err := b.Exec(ctx, "nobody", api.ExecRequest{Command: []string{"cat"}}); return err }},
		{api.CodeNotFound, "caravela ps -a", func() error { _, err := b.Logs(ctx, "nobody", api.LogOptions{}); return err }},
		{api.CodeNotFound, "caravela ps -a", func() error {
			return b.Stats(ctx, "nobody", api.StatsOptions{}, func(api.Stats) error { return nil })
		}},
	} {
		err := c.do()
		var e *api.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Next != c.next || e.Detail == "" {
			t.Errorf("got %#v, want code %s and next %q", err, c.code, c.next)
		}
		if !errors.Is(err, &api.Error{Code: c.code}) {
			t.Errorf("errors.Is does not see the code %s", c.code)
		}
	}
	_, err := b.Offer(ctx, "0")
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeAmbiguous || len(e.Matches) != 2 {
		t.Errorf("offer 0: %v", err)
	}
}

// runStreams: the steps of a run come in order, and a search that finds
// nothing says why.
func runStreams(t *testing.T, open opener) {
	b := open(t, NewFake())
	req := api.RunRequest{
		Spec: api.Spec{
			Image: "web", Command: []string{"serve", "-v"}, Env: []string{"A=1"}, Resources: api.Resources{MilliCPU: 1000, MemoryBytes: 1 << 30},
			Ports: []api.Port{{ContainerPort: 80, HostPort: 8080}},
		},
		Policy: api.Policy{Replicas: 2, Placement: api.PlaceApart, Constraints: []string{"region==eu"}},
	}
	var got []string
	var ids []string
	err := b.Run(t.Context(), req, func(e api.RunEvent) error {
		got = append(got, string(e.Type))
		if e.Type == api.RunLeased {
			ids = append(ids, e.Lease.ContainerID)
		}
		if e.Type == api.RunDone && !reflect.DeepEqual(e.Containers, ids) {
			t.Errorf("done with %v, leased %v", e.Containers, ids)
		}
		return nil
	})
	want := "searching asked leased pulling status asked leased pulling status done"
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("run %v: %v", got, err)
	}

	req.Spec.Resources.MemoryBytes = 64 << 30
	err = b.Run(t.Context(), req, func(api.RunEvent) error { return nil })
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeNoOffer || e.WhyNot == nil || e.WhyNot.WhyNot[0].Reason != "memory" {
		t.Errorf("too large: %#v", err)
	}

	stop := errors.New("enough")
	if err := b.Run(t.Context(), req, func(api.RunEvent) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("emit failed and Run returned %v", err)
	}
}

// eventsFollow: a follower hears what happens later, until it leaves.
func eventsFollow(t *testing.T, open opener) {
	direct := NewFake()
	b := open(t, direct)
	Start(t, direct, "one")
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan api.Event, 8)
	ended := make(chan error, 1)
	go func() {
		ended <- b.Events(ctx, api.EventOptions{Since: day, Follow: true, Type: "container"}, func(e api.Event) error { heard <- e; return nil })
	}()
	if e := <-heard; e.Name != "one" || e.Seq != 1 {
		t.Errorf("first %+v", e)
	}
	Start(t, direct, "two")
	if e := <-heard; e.Name != "two" {
		t.Errorf("second %+v", e)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

// lateFailure is a node whose events break off.
type lateFailure struct{ *Fake }

// Events sends one event and fails.
func (l lateFailure) Events(_ context.Context, _ api.EventOptions, emit func(api.Event) error) error {
	if err := emit(api.Event{At: day, Type: "node", Action: "tested"}); err != nil {
		return err
	}
	return api.Errorf(api.CodeEngineDown, "the engine went away").WithNext("caravela doctor")
}

// streamFailsLate: a stream that fails after its first line says why.
func streamFailsLate(t *testing.T, open opener) {
	b := open(t, lateFailure{NewFake()})
	n := 0
	err := b.Events(t.Context(), api.EventOptions{}, func(api.Event) error { n++; return nil })
	var e *api.Error
	if n != 1 || !errors.As(err, &e) || e.Code != api.CodeEngineDown || e.Next != "caravela doctor" {
		t.Errorf("%d events, then %v", n, err)
	}
}
