package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
	"caravela/node/invite"
	"caravela/node/nodetest"
	"caravela/remote"
)

func TestConfigurationIsGivenToNewcomers(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("first", "second")
		w.Until("they know each other", func() bool { return len(hosts[0].Neighbours()) == 1 })
		b, err := hosts[0].Configuration(t.Context(), remote.Newcomer{ID: hosts[1].ID}, "")
		if err != nil {
			t.Fatal(err)
		}
		c, err := invite.Open(b, market.NetworkID{})
		if err != nil || len(c.Peers) != 2 || c.Peers[0].Peer != hosts[0].ID {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestTokens(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		h := w.Start("issuer")[0]
		ctx := t.Context()
		short, err := h.CreateToken(ctx, api.TokenRequest{Name: "short", ExpiresInMS: time.Hour.Milliseconds()})
		if err != nil {
			t.Fatal(err)
		}
		once, err := h.CreateToken(ctx, api.TokenRequest{Name: "once", MaxUses: 1})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := h.Status(ctx); err != nil || !s.Open {
			t.Errorf("a node with tokens is not open (%v)", err)
		}
		proof := func(text string) string {
			tok, err := invite.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return tok.Proof()
		}
		try := func(proof, want string) {
			t.Helper()
			if _, err := h.Configuration(ctx, remote.Newcomer{ID: h.ID, Afar: true}, proof); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		try("", "ask its owner for a token")
		if _, err := h.Configuration(ctx, remote.Newcomer{ID: h.ID}, ""); err != nil {
			t.Errorf("a neighbour without a token: %v", err)
		}
		try(proof(short.Text), "")
		try(proof(once.Text), "")
		try(proof(once.Text), "as often as it may be")
		try(short.ID+".0123", "not known here")
		h.Restart()
		pauseVirtual(2 * time.Hour)
		try(proof(short.Text), "expired")
		if err := h.RemoveToken(ctx, once.ID); err != nil {
			t.Fatal(err)
		}
		try(proof(once.Text), "not known here")
		if list, err := h.Tokens(ctx); err != nil || len(list) != 1 || list[0].Uses != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if s, err := h.Status(ctx); err != nil || !s.Open {
			t.Errorf("after a restart a node with tokens is not open (%v)", err)
		}
	})
}

func TestLeave(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		quiet := func(api.LeaveEvent) error { return nil }
		if err := seller.Leave(t.Context(), api.LeaveRequest{}, quiet); api.CodeOf(err) != api.CodeConflict {
			t.Fatalf("leave with a guest: %v", err)
		}
		var steps []string
		if err := seller.Leave(t.Context(), api.LeaveRequest{Force: true}, func(e api.LeaveEvent) error {
			steps = append(steps, string(e.Type))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := seller.Ended(); err != nil {
			t.Error(err)
		}
		if !slices.Equal(steps, []string{"offer", "left"}) {
			t.Errorf("steps %v", steps)
		}
		if n := len(seller.Units()); n != 0 {
			t.Errorf("%d containers", n)
		}
		w.Until("the buyer knows", func() bool { return buyer.State(ref) == "ended" })
		if c, err := buyer.Container(t.Context(), ref); err != nil || c.Reason != market.SupplierLeft.String() {
			t.Errorf("%s, %v", c.Reason, err)
		}
		if n := offers(t, buyer); n != 0 {
			t.Errorf("%d offers", n)
		}
		if _, err := seller.Membership(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("network of a node that left: %v", err)
		}
	})
}

func TestDrain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		err := seller.Leave(t.Context(), api.LeaveRequest{Drain: true, DeadlineMS: 1000}, func(api.LeaveEvent) error { return nil })
		if api.CodeOf(err) != api.CodeConflict {
			t.Fatalf("drain past its deadline: %v", err)
		}
		w.Until("it sells again", func() bool { return offers(t, buyer) == 1 })
		go func() {
			pauseVirtual(time.Minute)
			_ = buyer.Remove(context.Background(), ref, api.RemoveOptions{Force: true})
		}()
		if err := seller.Leave(t.Context(), api.LeaveRequest{Drain: true}, func(api.LeaveEvent) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if err := seller.Ended(); err != nil {
			t.Error(err)
		}
	})
}

func TestJanitor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		stray := docker.Unit{Lease: market.LeaseID{1}, Owner: buyer.ID, Spec: market.Spec{
			Image: nodetest.Image, Limits: market.Resources{CPU: 100, Memory: 16 * market.MiB}}}
		stray.SpecHash = market.HashSpec(&stray.Spec)
		if _, err := seller.Engine().Launch(t.Context(), stray, nil); err != nil {
			t.Fatal(err)
		}
		foreign := seller.Daemon.Engine(docker.Scope{Network: seller.Scope().Network, Supplier: buyer.ID}, docker.DefaultConfig())
		if _, err := foreign.Launch(t.Context(), stray, nil); err != nil {
			t.Fatal(err)
		}
		pauseVirtual(90 * time.Second)
		if n := len(seller.Units()); n != 2 {
			t.Errorf("%d containers within the grace, want 2", n)
		}
		pauseVirtual(5 * time.Minute)
		if u := seller.Units(); len(u) != 1 || u[0].Lease.String() != string(ref) {
			t.Errorf("containers after the grace: %+v", u)
		}
		if all, err := foreign.List(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("another node's containers: %d, %v", len(all), err)
		}
		if err := foreign.Remove(t.Context(), stray.Lease, true); err != nil {
			t.Error(err)
		}
	})
}

func TestNodesAreKnownByName(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("cedar", "birch")
		w.Until("birch has told its name", func() bool {
			n, err := hosts[0].Node.Node(t.Context(), "birch")
			return err == nil && n.ID == hosts[1].ID.String()
		})
		req := nodetest.Request("sleep")
		req.Policy.Node = "birch"
		w.Until("two offers", func() bool { return offers(t, hosts[0]) == 2 })
		hosts[0].MustRun(req)
		if n := len(hosts[1].Units()); n != 1 {
			t.Errorf("%d containers on birch", n)
		}
		req.Policy.Node = "nobody"
		if _, _, err := hosts[0].Run(t.Context(), req); api.CodeOf(err) != api.CodeNoOffer {
			t.Errorf("on a node that nobody knows: %v", err)
		}
	})
}

func TestEventsTellTheStory(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		began := time.Now()
		h := w.Start("alone")[0]
		w.Until("an offer", func() bool { return offers(t, h) == 1 })
		h.MustRun(nodetest.Request("exit", "3"))
		w.Until("it has ended", func() bool {
			list, err := h.Containers(t.Context(), api.ListOptions{All: true})
			return err == nil && len(list) == 1 && list[0].State == "stopped"
		})
		var story []string
		err := h.Events(t.Context(), api.EventOptions{Since: began}, func(e api.Event) error {
			story = append(story, e.Type+" "+e.Action)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"engine up", "node ready", "offer published", "lease bought", "container stopped"} {
			if !slices.Contains(story, want) {
				t.Errorf("no %q in %q", want, story)
			}
		}
	})
}

func TestDoctorOfAHealthyNode(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("a", "b")
		w.Until("offers", func() bool { return offers(t, hosts[0]) == 2 })
		d, err := hosts[0].Doctor(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range d.Checks {
			if c.State == api.CheckFail {
				t.Errorf("%s: %s (%s)", c.Name, c.Cause, c.Detail)
			}
			if c.State != api.CheckOK && c.Remedy == "" {
				t.Errorf("%s: no remedy", c.Name)
			}
		}
		hosts[0].Daemon.GoDown()
		if d, err = hosts[0].Doctor(t.Context()); err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(d.Checks, func(c api.Check) bool { return c.Name == "container engine answers" })
		if d.Checks[i].State != api.CheckFail || d.Checks[i].Remedy == "" {
			t.Errorf("engine down: %+v", d.Checks[i])
		}
	})
}

// TestStrangersAsk sends what no honest node sends.
func TestStrangersAsk(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		unit, err := market.ParseLeaseID(string(ref))
		if err != nil {
			t.Fatal(err)
		}
		stranger := w.Host("stranger")
		stranger.Sells = false
		stranger.Start()
		for _, c := range []struct {
			by   *nodetest.Host
			head remote.Header
			code api.Code
		}{
			{stranger, remote.Header{Kind: "logs", Lease: unit, Args: []byte(`{}`)}, api.CodeNotOwner},
			{stranger, remote.Header{Kind: "exec", Lease: unit, Args: []byte(`{"command":["id"]}`)}, api.CodeNotOwner},
			{buyer, remote.Header{Kind: "logs", Lease: market.LeaseID{9}, Args: []byte(`{}`)}, api.CodeNotFound},
			{buyer, remote.Header{Kind: "exec", Lease: unit, Args: []byte(`{}`)}, api.CodeInvalid},
			{buyer, remote.Header{Kind: "exec", Lease: unit, Args: []byte(`[`)}, api.CodeInvalid},
			{buyer, remote.Header{Kind: "format-disk", Lease: unit}, api.CodeUnsupported},
		} {
			s, err := c.by.Transport().Open(t.Context(), remote.Peer{ID: seller.ID}, c.head)
			if err != nil {
				t.Fatal(err)
			}
			f, err := s.Read()
			var e api.Error
			if err != nil || f.Kind != remote.Fail || json.Unmarshal(f.Data, &e) != nil || e.Code != c.code {
				t.Errorf("%s: %v %q %v, want %s", c.head.Kind, f.Kind, f.Data, err, c.code)
			}
			s.Close()
		}
	})
}

// A node that is killed soon after it has come remembers whom it met, and does
// not forget them for those whom it meets later.
func TestKnownPeersOutliveKills(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		hosts := w.Start("cedar", "birch")
		cedar, birch := hosts[0], hosts[1]
		pauseVirtual(2 * time.Second)
		birch.Kill()
		cedar.Kill()
		if known, err := cedar.Known(); err != nil || len(known) != 1 || known[0].ID != birch.ID.String() {
			t.Errorf("cedar knew %+v, %v; want birch", known, err)
		}
		cedar.Start()
		reed := w.Start("reed")[0]
		pauseVirtual(4 * time.Second)
		cedar.Kill()
		if known, err := cedar.Known(); err != nil || len(known) != 2 || known[0].ID != reed.ID.String() || known[1].ID != birch.ID.String() {
			t.Errorf("cedar knew %+v, %v; want reed, and then birch", known, err)
		}
	})
}
