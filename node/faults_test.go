package node_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"caravela/api"
	"caravela/docker/fake"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/node/store"
)

// pair is a node that sells and one that buys, with the offer published.
func pair(t *testing.T, w *nodetest.World) (seller, buyer *nodetest.Host) {
	t.Helper()
	seller, buyer = w.Host("seller"), w.Host("buyer")
	buyer.Sells = false
	seller.Start()
	buyer.Start()
	w.Until("an offer", func() bool { return offers(t, buyer) == 1 })
	return seller, buyer
}

// TestCrashBetweenSaveAndSend kills a node right before, or right after, each
// of its writes while a container is bought, and starts it again. Whatever
// became of the request, both sides and the engine agree in the end: one
// lease, one container, one record, or none of each.
func TestCrashBetweenSaveAndSend(t *testing.T) {
	for _, side := range []string{"seller", "buyer"} {
		for _, after := range []bool{false, true} {
			for k := range 5 {
				t.Run(fmt.Sprintf("%s, write %d, after=%v", side, k, after), func(t *testing.T) {
					inWorld(t, func(t *testing.T, w *nodetest.World) { crash(t, w, side, k, after) })
				})
			}
		}
	}
}

func crash(t *testing.T, w *nodetest.World, side string, k int, after bool) {
	seller, buyer := pair(t, w)
	victim := buyer
	if side == "seller" {
		victim = seller
	}
	if after {
		victim.Disk.CrashAfter(k)
	} else {
		victim.Disk.FailAfter(k, store.ErrFull)
	}
	asked, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	_, _, err := buyer.Run(asked, nodetest.Request("sleep"))
	cancel()
	pauseVirtual(10 * time.Second)
	crashed := !victim.Running()
	victim.Stop()
	victim.Disk.FailAfter(0, nil)
	victim.Start()
	pauseVirtual(20 * time.Minute) // repetitions, tombs, the janitor
	if !crashed && err != nil {
		t.Errorf("nothing crashed, and yet: %v", err)
	}
	agree(t, seller, buyer)
}

// agree checks that the engine, the seller and the buyer know of the same
// containers, and that nothing is leased that nobody knows of.
func agree(t *testing.T, seller, buyer *nodetest.Host) {
	t.Helper()
	ctx := t.Context()
	units := seller.Units()
	sold, err := seller.Containers(ctx, api.ListOptions{All: true, Role: api.RoleSold})
	if err != nil {
		t.Fatal(err)
	}
	bought, err := buyer.Containers(ctx, api.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var live []api.Container
	for _, c := range sold {
		if c.State != market.Ended.String() {
			live = append(live, c)
		}
	}
	if len(units) != len(live) || len(units) != len(bought) || len(units) > 1 {
		t.Fatalf("%d containers, %d sold, %d bought", len(units), len(live), len(bought))
	}
	if len(units) == 1 && (units[0].Lease.String() != live[0].ID || live[0].ID != bought[0].ID || bought[0].State != "running") {
		t.Errorf("container %s, sold %s, bought %s %s", units[0].Lease.Short(), live[0].ID, bought[0].ID, bought[0].State)
	}
	s, err := seller.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if s.Offer == nil || s.Offer.Leased.MilliCPU != int64(500*len(units)) {
		t.Errorf("%d containers of 500 and an offer with %+v leased", len(units), s.Offer)
	}
}

func TestFullDiskStopsTheNodeClearly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		seller.Disk.FailAfter(0, fmt.Errorf("%w (%w)", store.ErrFull, syscall.ENOSPC))
		_, _, err := buyer.Run(t.Context(), nodetest.Request("sleep"))
		if err == nil {
			t.Error("a container was bought of a node that cannot write")
		}
		if err := seller.Ended(); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "free some") {
			t.Errorf("the node ended with %v", err)
		}
		if n := len(seller.Units()); n != 0 {
			t.Errorf("%d containers", n)
		}
		if _, err := seller.Status(t.Context()); api.CodeOf(err) != api.CodeNotReady || !strings.Contains(err.Error(), "free some") {
			t.Errorf("status of a node that has stopped: %v", err)
		}
	})
}

func TestEngineGoesDownDuringALaunch(t *testing.T) {
	for _, step := range []fake.Step{fake.AtPull, fake.AtCreate, fake.AtStart} {
		t.Run(string(step), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *nodetest.World) {
				seller, buyer := pair(t, w)
				seller.Daemon.AddRemote("registry/tool", fake.Toolbox)
				seller.Daemon.CutAt(step)
				go func() {
					pauseVirtual(90 * time.Second)
					seller.Daemon.ComeBack()
				}()
				req := nodetest.Request("sleep")
				req.Spec.Image = "registry/tool"
				ref := buyer.MustRun(req)
				w.Until("it runs", func() bool { return buyer.State(ref) == "running" && len(seller.Units()) == 1 })
				pauseVirtual(10 * time.Minute)
				agree(t, seller, buyer)
			})
		})
	}
}

func TestEngineRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		seller.Daemon.GoDown()
		w.Until("unknown", func() bool { return buyer.State(ref) == "unknown" })
		if s, err := seller.Status(t.Context()); err != nil || s.Engine.State != api.EngineDown || s.Offer != nil {
			t.Errorf("status: %+v, %v", s, err)
		}
		seller.Daemon.ComeBack()
		w.Until("running", func() bool { return buyer.State(ref) == "running" })
		agree(t, seller, buyer)
	})
}

func TestSlowPullWhileTheBuyerRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		thaw := seller.Daemon.Freeze()
		asked, cancel := context.WithCancel(t.Context())
		granted := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = buyer.Node.Run(asked, nodetest.Request("sleep"), func(e api.RunEvent) error {
				if e.Type == api.RunLeased {
					close(granted)
				}
				return nil
			})
		}()
		<-granted
		buyer.Kill()
		<-ended
		cancel()
		buyer.Start()
		thaw()
		w.Until("it runs", func() bool { return len(seller.Units()) == 1 })
		pauseVirtual(20 * time.Minute)
		agree(t, seller, buyer)
	})
}

// TestDiskFillsUp: a supplier without room sells nothing until it has some.
func TestDiskFillsUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		offered := func() bool {
			s, err := seller.Status(t.Context())
			return err == nil && s.Offer != nil
		}
		w.Until("it is offered", offered)
		seller.Daemon.SetFree(market.MiB)
		w.Until("it is not offered any more", func() bool { return !offered() })
		if _, _, err := buyer.Run(t.Context(), nodetest.Request("sleep")); api.CodeOf(err) != api.CodeNoOffer {
			t.Errorf("run: %v", err)
		}
		if s, err := seller.Status(t.Context()); err != nil || !strings.Contains(s.Engine.Detail, "offer.disk-floor") {
			t.Errorf("status: %+v, %v", s.Engine, err)
		}
		seller.Daemon.SetFree(market.TiB)
		w.Until("it is offered again", func() bool { return offered() && offers(t, buyer) == 1 })
		buyer.MustRun(nodetest.Request("sleep"))
	})
}

func TestContainerVanishes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		seller.Daemon.Vanish(seller.Scope(), seller.Units()[0].Lease)
		w.Until("it is over", func() bool { return buyer.State(ref) == "ended" })
		if c, err := buyer.Container(t.Context(), ref); err != nil || c.Reason != market.Vanished.String() {
			t.Errorf("%s, %v", c.Reason, err)
		}
	})
}

func TestFailedLaunches(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(d *fake.Daemon)
		image string
		code  api.Code
		text  string
	}{
		"no such image":  {func(*fake.Daemon) {}, "nowhere/none", api.CodeNotFound, "no such image"},
		"registry fails": {func(d *fake.Daemon) { d.Inject(fake.PullFails, 9) }, "registry/tool", api.CodeConflict, "pull failed"},
		"start fails":    {func(d *fake.Daemon) { d.Inject(fake.StartFails, 9) }, nodetest.Image, api.CodeConflict, "start failed"},
		"disk full":      {func(d *fake.Daemon) { d.FillDisk(true) }, nodetest.Image, api.CodeEngineDown, "disk full"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *nodetest.World) {
				seller, buyer := pair(t, w)
				seller.Daemon.AddRemote("registry/tool", fake.Toolbox)
				c.fault(seller.Daemon)
				req := nodetest.Request("sleep")
				req.Spec.Image = c.image
				_, _, err := buyer.Run(t.Context(), req)
				if api.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.text) {
					t.Errorf("%v (%s), want %s: %s", err, api.CodeOf(err), c.code, c.text)
				}
				pauseVirtual(20 * time.Minute)
				agree(t, seller, buyer)
			})
		})
	}
}

func TestStopDuringAPull(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		seller.Daemon.AddRemote("registry/tool", fake.Toolbox)
		seller.Daemon.Inject(fake.PullStalls, 1)
		req := nodetest.Request("sleep")
		req.Spec.Image, req.Attach = "registry/tool", true
		asked, cancel := context.WithCancel(t.Context())
		go func() {
			pauseVirtual(time.Minute)
			cancel()
		}()
		if _, _, err := buyer.Run(asked, req); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
		pauseVirtual(10 * time.Minute)
		agree(t, seller, buyer)
		if n := len(seller.Units()); n != 0 {
			t.Errorf("%d containers", n)
		}
	})
}
