package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"caravela/api"
	"caravela/docker/fake"
	"caravela/market"
	"caravela/node/nodetest"
)

// inWorld runs a test in virtual time, with nodes that meet in memory.
func inWorld(t *testing.T, test func(t *testing.T, w *nodetest.World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := nodetest.New(t)
		defer w.Close()
		test(t, w)
	})
}

func TestLifeOfAContainer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("cedar", "birch")
		buyer := w.Host("buyer")
		buyer.Sells = false
		buyer.Start()
		w.Until("two offers", func() bool { return offers(t, buyer) == 2 })

		req := nodetest.Request("web", "80", "hello")
		req.Spec.Name = "web"
		req.Spec.Ports = []api.Port{{ContainerPort: 80, HostPort: 8080}}
		buyer.MustRun(req)
		seller := hosts[0]
		if len(seller.Units()) == 0 {
			seller = hosts[1]
		}
		if n := len(hosts[0].Units()) + len(hosts[1].Units()); n != 1 {
			t.Fatalf("%d containers, want 1", n)
		}
		ctx := t.Context()
		list, err := buyer.Containers(ctx, api.ListOptions{})
		if err != nil || len(list) != 1 || list[0].State != "running" || list[0].NodeName != seller.Name || len(list[0].Ports) != 1 {
			t.Fatalf("ps: %+v, %v", list, err)
		}
		if _, _, err := buyer.Run(ctx, req); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("a second container of the same name: %v", err)
		}
		for _, step := range []struct {
			what string
			do   func() error
			want string
		}{
			{"stop", func() error { return buyer.Node.Stop(ctx, "web", api.StopRequest{}) }, "stopped"},
			{"start", func() error { return buyer.Node.Start(ctx, "web") }, "running"},
			{"restart", func() error { return buyer.Node.Restart(ctx, "web", api.StopRequest{}) }, "running"},
			{"kill", func() error { return buyer.Node.Kill(ctx, "web", api.KillRequest{}) }, "stopped"},
			{"rm", func() error { return buyer.Remove(ctx, "web", api.RemoveOptions{}) }, ""},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.what, err)
			}
			w.Until(step.what, func() bool { return buyer.State("web") == step.want })
		}
		w.Until("the container is gone", func() bool { return len(seller.Units()) == 0 })
	})
}

func TestOwnOfferIsAnOfferLikeAnyOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		h := w.Start("alone")[0]
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		ref := h.MustRun(nodetest.Request("print", "one", "two"))
		out, code, err := nodetest.Output(h.Logs(t.Context(), ref, api.LogOptions{Follow: true}))
		if out != "one\ntwo\n" || code != 0 || err != nil {
			t.Errorf("logs: %q, %d, %v", out, code, err)
		}
	})
}

func TestStreams(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("seller", "stranger")
		buyer := w.Host("buyer")
		buyer.Sells = false
		buyer.Start()
		w.Until("offers", func() bool { return offers(t, buyer) == 2 })
		req := nodetest.Request("sleep")
		req.Policy.Node = "seller"
		ref := buyer.MustRun(req)
		ctx := t.Context()

		out, code, err := nodetest.Output(buyer.Exec(ctx, ref, api.ExecRequest{Command: []string{"/toolbox", "exit", "7"}}))
		if code != 7 || err != nil {
			t.Errorf("exec: %q, %d, %v", out, code, err)
		}
		session, err := buyer.Exec(ctx, ref, api.ExecRequest{Command: []string{"/toolbox", "cat"}, Stdin: true})
		if err != nil {
			t.Fatal(err)
		}
		var echo strings.Builder
		code, err = session(ctx, api.Stdio{In: strings.NewReader("typed"), Out: &echo})
		if echo.String() != "typed" || code != 0 || err != nil {
			t.Errorf("cat: %q, %d, %v", echo.String(), code, err)
		}
		if _, err := hosts[1].Logs(ctx, ref, api.LogOptions{}); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("logs of another's container: %v", err)
		}
		var samples int
		if err := buyer.Stats(ctx, ref, api.StatsOptions{}, func(api.Stats) error { samples++; return nil }); err != nil || samples != 1 {
			t.Errorf("stats: %d samples, %v", samples, err)
		}
		d, err := buyer.Container(ctx, ref)
		if err != nil || len(d.Engine) == 0 || len(d.History) == 0 {
			t.Errorf("inspect: %d bytes of the engine, %d statuses, %v", len(d.Engine), len(d.History), err)
		}
	})
}

func TestAttachToWhatHasEnded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		h := w.Start("alone")[0]
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		req := nodetest.Request("print", "hello")
		req.Spec.Remove, req.Attach = true, true
		ref := h.MustRun(req)
		out, code, err := nodetest.Output(h.Attach(t.Context(), ref, api.AttachRequest{Logs: true}))
		if out != "hello\n" || code != 0 || err != nil {
			t.Errorf("attach: %q, %d, %v", out, code, err)
		}
		w.Until("the container is removed", func() bool { return len(h.Units()) == 0 && h.State(ref) == "" })
	})
}

// TestEndThatTheStreamMisses: a watched container that has ended lets its
// watcher go, whatever became of the stream.
func TestEndThatTheStreamMisses(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("cedar", "birch")
		w.Until("two offers", func() bool { return offers(t, hosts[0]) == 2 })
		for _, remove := range []bool{false, true} {
			hosts[1].Daemon.Inject(fake.EndMissed, 1)
			req := nodetest.Request("count")
			req.Policy.Node, req.Spec.Remove, req.Attach = "birch", remove, true
			ref := hosts[0].MustRun(req)
			session, err := hosts[0].Attach(t.Context(), ref, api.AttachRequest{Logs: true})
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			time.AfterFunc(time.Minute, func() { _ = hosts[0].Node.Kill(t.Context(), ref, api.KillRequest{}) })
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			code, err := session(ctx, api.Stdio{Out: &out})
			cancel()
			if code != 137 || err != nil || !strings.HasPrefix(out.String(), "0\n1\n") {
				t.Errorf("--rm %v: code %d, %v, %d bytes", remove, code, err, out.Len())
			}
			if took := time.Since(start); took < time.Minute || took > 2*time.Minute {
				t.Errorf("--rm %v: it took %v", remove, took)
			}
		}
	})
}

// TestRunTellsOfSilence: whoever waits for a container hears that its supplier
// is gone, and the container starts when it is back.
func TestRunTellsOfSilence(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("cedar", "birch")
		w.Until("two offers", func() bool { return offers(t, hosts[0]) == 2 })
		hosts[1].Daemon.Inject(fake.PullStalls, 1)
		req := nodetest.Request("sleep")
		req.Policy.Node, req.Spec.Image = "birch", "elsewhere"
		hosts[1].Daemon.AddRemote("elsewhere", fake.Toolbox)
		var steps []api.RunEventType
		ended := make(chan error, 1)
		told := make(chan api.RunEvent, 100)
		go func() {
			ended <- hosts[0].Node.Run(t.Context(), req, func(e api.RunEvent) error { told <- e; return nil })
		}()
		await := func(kind api.RunEventType) api.RunEvent {
			for {
				select {
				case e := <-told:
					if steps = append(steps, e.Type); e.Type == kind {
						return e
					}
				case <-time.After(10 * time.Minute):
					t.Fatalf("no %s after %v", kind, steps)
				}
			}
		}
		await(api.RunLeased)
		hosts[1].Kill()
		gone := time.Now()
		if e := await(api.RunSilent); e.NodeName != "birch" || time.Since(gone) > 30*time.Second {
			t.Errorf("after %v: %+v", time.Since(gone), e)
		}
		hosts[1].Start()
		await(api.RunDone)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestNothingFits(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		h := w.Start("small")[0]
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		req := nodetest.Request()
		req.Spec.Resources.MilliCPU = 64000
		_, _, err := h.Run(t.Context(), req)
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeNoOffer || e.WhyNot == nil || len(e.WhyNot.WhyNot) != 1 || e.WhyNot.Nearest == nil {
			t.Fatalf("%+v", err)
		}
		if got := e.WhyNot.WhyNot[0]; got.Reason != "cpu" || got.Detail != "largest free 4, need 64" || e.WhyNot.Nearest.Next != "--cpus 4" {
			t.Errorf("why not: %+v, nearest %+v", got, e.WhyNot.Nearest)
		}
		req.Policy.DryRun = true
		if _, _, err := h.Run(t.Context(), req); api.CodeOf(err) != api.CodeNoOffer {
			t.Errorf("dry run: %v", err)
		}
		r, err := h.Explain(t.Context(), api.SearchRequest{Resources: req.Spec.Resources})
		if err != nil || len(r.Verdicts) != 1 || r.Verdicts[0].Fits || r.Verdicts[0].Reason != "cpu" {
			t.Errorf("explain: %+v, %v", r.Verdicts, err)
		}
	})
}

func TestWaitForOffer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		first := w.Host("first")
		first.Sells = false
		first.Start()
		done := make(chan error, 1)
		go func() {
			req := nodetest.Request("sleep")
			req.Policy.WaitForOfferMS = (10 * time.Minute).Milliseconds()
			_, _, err := first.Run(context.Background(), req)
			done <- err
		}()
		pauseVirtual(time.Minute)
		w.Start("late")
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestReplicasApart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("a", "b", "c")
		w.Until("three offers", func() bool { return offers(t, hosts[0]) == 3 })
		req := nodetest.Request("sleep")
		req.Spec.Name = "app"
		req.Policy.Replicas, req.Policy.Placement = 3, api.PlaceApart
		hosts[0].MustRun(req)
		for _, h := range hosts {
			if n := len(h.Units()); n != 1 {
				t.Errorf("%d containers on %s, want 1", n, h.Name)
			}
		}
		for _, name := range []api.ContainerRef{"app-1", "app-2", "app-3"} {
			if _, err := hosts[0].Container(t.Context(), name); err != nil {
				t.Error(err)
			}
		}
		list, err := hosts[0].Containers(t.Context(), api.ListOptions{})
		if err != nil || len(list) != 3 {
			t.Fatalf("%d containers, %v", len(list), err)
		}
		for _, c := range list {
			if d, err := hosts[0].Container(t.Context(), api.ContainerRef(c.Name)); err != nil || d.ID != c.ID {
				t.Errorf("%s is not found by its name: %v", c.Name, err)
			}
		}
	})
}

func TestRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := w.Host("seller"), w.Host("buyer")
		buyer.Sells = false
		seller.Start()
		buyer.Start()
		w.Until("an offer", func() bool { return offers(t, buyer) == 1 })
		ref := buyer.MustRun(nodetest.Request("sleep"))
		before := seller.Units()
		for _, again := range []func(){buyer.Restart, seller.Restart, func() { seller.Kill(); seller.Start() }, func() { buyer.Kill(); buyer.Start() }} {
			again()
			w.Until("the container runs, for both", func() bool {
				u := seller.Units()
				return len(u) == 1 && u[0].Created.Equal(before[0].Created) && buyer.State(ref) == "running"
			})
			w.Until("an offer of the rest", func() bool {
				s, err := seller.Status(t.Context())
				return err == nil && s.Offer != nil && s.Offer.Leased.MilliCPU == 500
			})
		}
	})
}

func TestRenewalAndExpiry(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		h := w.Start("alone")[0]
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		kept := nodetest.Request("sleep")
		kept.Policy.LeaseTermMS = (3 * time.Hour).Milliseconds()
		a := h.MustRun(kept)
		kept.Policy.Renew = api.RenewNever
		b := h.MustRun(kept)
		pauseVirtual(4 * time.Hour)
		if s := h.State(a); s != "running" {
			t.Errorf("the one that renews is %s", s)
		}
		if s := h.State(b); s != "ended" {
			t.Errorf("the one that does not is %s", s)
		}
		if n := len(h.Units()); n != 1 {
			t.Errorf("%d containers, want 1", n)
		}
	})
}

func offers(t *testing.T, h *nodetest.Host) int {
	t.Helper()
	r, err := h.Search(t.Context(), api.SearchRequest{Resources: api.Resources{MilliCPU: 100, MemoryBytes: int64(16 * market.MiB)}})
	if err != nil {
		t.Fatal(err)
	}
	return len(r.Offers)
}

func pauseVirtual(d time.Duration) { <-time.After(d) }
