package node_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/docker/fake"
	"caravela/market"
	"caravela/node/identity"
	"caravela/node/nodetest"
)

// unpacked is a debug bundle by the names of its files.
func unpacked(t *testing.T, h *nodetest.Host) map[string]string {
	t.Helper()
	var file bytes.Buffer
	if err := h.DebugBundle(t.Context(), &file); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for r := tar.NewReader(z); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(head.Name, "caravela-debug/")] = string(text)
	}
}

// secretSettings is a configuration file with what nobody else should read.
type secretSettings struct{}

func (secretSettings) All() ([]api.Setting, error) {
	return []api.Setting{
		{Key: "node.name", Value: "cedar"},
		{Key: "webhook.url", Value: "https://hooks.example/planted-path?key=planted-query"},
		{Key: "price.command", Value: `["/bin/price", "--password=planted-argument"]`},
		{Key: "engine.host", Value: "tcp://planted-user@engine.example:2376"},
	}, nil
}

func (secretSettings) Get(string) (api.Setting, error)         { return api.Setting{}, nil }
func (secretSettings) Set(string, string) (api.Setting, error) { return api.Setting{}, nil }

// TestDebugBundle: it says what there is to say, and no secret.
func TestDebugBundle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := w.Host("seller"), w.Host("buyer")
		seller.Sale.Terms, seller.Sale.Credit = priced(), 10*time.Hour
		seller.Settings = secretSettings{}
		r := &receiver{}
		seller.Webhook = hook(r, "offer")
		seller.Webhook.Secret = []byte("planted-signature-key")
		seller.Start()
		buyer.Start()
		w.Until("two offers", func() bool { return offers(t, buyer) == 2 })
		token, err := seller.CreateToken(t.Context(), api.TokenRequest{Name: "friends"})
		if err != nil {
			t.Fatal(err)
		}
		seller.Daemon.AddRemote("registry/tool", fake.Toolbox)
		for _, h := range []*nodetest.Host{seller, buyer} {
			req := nodetest.Request("sleep", "planted-word")
			req.Spec.Image, req.Spec.Env, req.Policy.Node = "registry/tool", []string{"PASSWORD=planted-environment"}, "seller"
			req.RegistryAuth = base64.URLEncoding.EncodeToString([]byte(`{"username":"u","password":"planted-password"}`))
			h.MustRun(req)
		}
		pauseVirtual(time.Minute)
		files := unpacked(t, seller)
		for _, name := range []string{
			"version.json", "settings.json", "status.json", "doctor.json", "sale.json", "nodes.json", "leases.json", "peers.json",
			"store.json", "events.json", "metrics.txt", "goroutines.txt",
		} {
			if len(files[name]) < 3 {
				t.Errorf("%s: %q", name, files[name])
			}
		}
		if !strings.Contains(files["settings.json"], "https://hooks.example/...") || !strings.Contains(files["metrics.txt"], "caravela_store_commit_seconds_count") {
			t.Errorf("settings %s", files["settings.json"])
		}
		seed := seller.Key().Seed()
		secrets := []string{
			"planted", token.Text, string(identity.FormatKey(seller.Key())), base64.StdEncoding.EncodeToString(seed), hex.EncodeToString(seed),
			base64.URLEncoding.EncodeToString([]byte(`{"username":"u"`))[:16],
		}
		for name, text := range files {
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("%s holds the secret %q", name, s)
				}
			}
		}
	})
}

// TestMetricsOfMoney: what is leased, billed and owed is counted.
func TestMetricsOfMoney(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		buyer.MustRun(nodetest.Request("sleep"))
		w.Until("a debt", func() bool { return balance(t, seller, buyer).ReceivableMicro >= 20_000 })
		if _, err := buyer.Quote(t.Context(), api.QuoteRequest{Spec: nodetest.Request("sleep").Spec, Hold: true}); err != nil {
			t.Fatal(err)
		}
		sold, bought := unpacked(t, seller)["metrics.txt"], unpacked(t, buyer)["metrics.txt"]
		for _, want := range []string{
			`caravela_sold_cpu_cores{state="leased"} 0.5`, `caravela_sold_cpu_cores{state="running"} 0.5`, `caravela_sold_cpu_cores{state="held"} 0.5`,
			`caravela_holds 1`, `caravela_leases{side="sold"} 1`, `caravela_usage_notes_total{result="acknowledged",side="sold"} `,
			`caravela_money_units_total{unit="credit",what="earned"} 0.0`,
		} {
			if !strings.Contains(sold, want) {
				t.Errorf("seller has no %s", want)
			}
		}
		for _, want := range []string{
			`caravela_money_units_total{unit="credit",what="spent"} 0.0`, `caravela_usage_notes_total{result="acknowledged",side="bought"} `, `caravela_leases{side="bought"} 1`,
		} {
			if !strings.Contains(bought, want) {
				t.Errorf("buyer has no %s", want)
			}
		}
		if strings.Contains(sold, `caravela_usage_notes_total{result="acknowledged",side="sold"} 0`) {
			t.Error("nothing was acknowledged")
		}
	})
}

// TestOrphans: a container that no lease keeps is told of, then removed; one
// that a lease keeps stays.
func TestOrphans(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		kept := buyer.MustRun(nodetest.Request("sleep"))
		orphan := market.LeaseID{1, 2, 3}
		forgotten := market.LeaseID{4, 5, 6}
		if err := errors.Join(seller.Plant(orphan), seller.PlantVolume(forgotten)); err != nil {
			t.Fatal(err)
		}
		volumes := func() int {
			left, err := seller.Engine().Leftovers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return len(left)
		}
		actions := func() (out []string) {
			for _, e := range past(t, seller, "container") {
				if e.Container == orphan.String() {
					out = append(out, e.Action)
				}
			}
			return out
		}
		w.Until("it to be told of", func() bool { return slices.Contains(actions(), "orphan-found") })
		if len(seller.Units()) != 2 || volumes() != 1 {
			t.Error("removed before anybody was told")
		}
		w.Until("it to be removed", func() bool { return len(seller.Units()) == 1 })
		if got := actions(); !slices.Equal(got, []string{"orphan-found", "orphan-removed"}) {
			t.Errorf("told %v", got)
		}
		w.Until("the volume to be removed", func() bool { return volumes() == 0 })
		pauseVirtual(time.Hour)
		if buyer.State(kept) != "running" || len(seller.Units()) != 1 {
			t.Errorf("what a lease keeps is %s", buyer.State(kept))
		}
	})
}
