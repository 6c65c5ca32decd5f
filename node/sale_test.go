package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/node/nodetest"
)

// TestPauseLasts: a paused node sells nothing, over restarts too, and says so;
// its price is kept the same way.
func TestPauseLasts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := pair(t, w)
		ctx := t.Context()
		rate := int64(20_000)
		if s, err := seller.SetPrice(ctx, api.PriceRequest{CoreHourMicro: &rate}); err != nil || s.PriceFrom != api.PriceByUser || s.Terms == nil || s.Terms.Price.Unit != "credit" {
			t.Fatalf("price: %+v, %v", s, err)
		}
		w.Until("the new price", func() bool {
			r, err := buyer.Search(ctx, api.SearchRequest{Resources: api.Resources{MilliCPU: 1000, MemoryBytes: 64 << 20}})
			return err == nil && len(r.Offers) == 1 && r.Offers[0].Cost.HourlyMicro == 20_000
		})
		if s, err := seller.PauseOffer(ctx, api.PauseRequest{Reason: "holidays"}); err != nil || s.Selling || !s.Paused || s.Detail != "paused: holidays" {
			t.Fatalf("pause: %+v, %v", s, err)
		}
		w.Until("no offer", func() bool { return offers(t, buyer) == 0 })
		seller.Restart()
		if s, err := seller.Node.Sale(ctx); err != nil || s.Selling || !s.Paused || s.Terms.Price.CoreHourMicro != 20_000 {
			t.Errorf("after a restart: %+v, %v", s, err)
		}
		d, err := seller.Doctor(ctx)
		if err != nil || !strings.Contains(checkOf(d, "offer published").Cause, "holidays") {
			t.Errorf("doctor: %+v, %v", d, err)
		}
		if s, err := seller.ResumeOffer(ctx); err != nil || !s.Selling || s.Paused {
			t.Errorf("resume: %+v, %v", s, err)
		}
		w.Until("an offer", func() bool { return offers(t, buyer) == 1 })
		if s, err := seller.SetPrice(ctx, api.PriceRequest{Reset: true}); err != nil || s.Terms != nil || s.PriceFrom != api.PriceConfigured {
			t.Errorf("reset: %+v, %v", s, err)
		}
		unit := ""
		if _, err := seller.SetPrice(ctx, api.PriceRequest{Unit: &unit, CoreHourMicro: &rate}); err != nil {
			t.Errorf("a rate without a unit: %v", err)
		}
		if _, err := buyer.PauseOffer(ctx, api.PauseRequest{}); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("pause where nothing is sold: %v", err)
		}
	})
}

func checkOf(d api.Diagnosis, name string) api.Check {
	for _, c := range d.Checks {
		if c.Name == name {
			return c
		}
	}
	return api.Check{}
}

// script writes an executable shell script.
func script(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "price")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

// TestPriceCommand: the command's word is the price; one that misbehaves is
// told of, ends in time, and leaves the price alone.
func TestPriceCommand(t *testing.T) {
	for _, c := range []struct{ name, script, detail string }{
		{"says a price", `grep -q '"peers"' || exit 9; echo '{"unit": "EUR", "core": 0.02, "start": "1"}'`, ""},
		{"fails", `echo broken >&2; exit 3`, "exit status 3: broken"},
		{"hangs", `sleep 60 & sleep 60`, "did not answer within 2s"},
		{"babbles", `yes`, "more than 4096 bytes"},
		{"says much", `head -c 5000 /dev/zero`, "more than 4096 bytes"},
		{"says nonsense", `echo hello`, "no price such as"},
		{"says too much", `echo '{"core": 1, "gpu": 2}'`, `unknown field "gpu"`},
		{"says less than nothing", `echo '{"core": -1}'`, "core"},
		{"says what cannot be kept", `echo '{"core": 0.0000001}'`, "six decimals"},
		{"is not there", "", "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := nodetest.New(t)
			defer w.Close()
			h := w.Host("seller")
			h.PriceCommand = []string{"/nowhere/price"}
			if c.script != "" {
				h.PriceCommand = script(t, c.script)
			}
			h.Start()
			var s api.Sale
			w.Until("the command to be asked", func() bool {
				var err error
				if s, err = h.Node.Sale(t.Context()); err != nil {
					t.Fatal(err)
				}
				return s.PriceDetail != "" || s.PriceFrom == api.PriceByCommand
			})
			if c.detail == "" {
				if s.PriceFrom != api.PriceByCommand || s.Terms == nil || s.Terms.Price != (api.Price{Unit: "EUR", CoreHourMicro: 20_000, StartMicro: 1_000_000}) || !s.Selling {
					t.Errorf("%+v", s)
				}
				return
			}
			if s.Selling || !strings.Contains(s.PriceDetail, c.detail) || s.PriceFrom != api.PriceConfigured {
				t.Errorf("%+v", s)
			}
			events := past(t, h, "offer")
			if len(events) == 0 || events[0].Action != "price-failed" {
				t.Errorf("events %+v", events)
			}
		})
	}
}

// TestPriceCommandLeavesNothing: what a command has started ends with it.
func TestPriceCommandLeavesNothing(t *testing.T) {
	t.Parallel()
	w := nodetest.New(t)
	defer w.Close()
	h := w.Host("seller")
	h.PriceCommand = script(t, "sleep 600 &\necho $! >\"$0.pid\"\nwait")
	h.Start()
	w.Until("the command to be given up", func() bool {
		s, err := h.Node.Sale(t.Context())
		return err == nil && s.PriceDetail != ""
	})
	pid, err := os.ReadFile(h.PriceCommand[0] + ".pid")
	if err != nil {
		t.Fatal(err)
	}
	w.Until("its child to end", func() bool {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// TestPriceCommandStandIn: where a price is configured, it is asked for while
// the command does not work.
func TestPriceCommandStandIn(t *testing.T) {
	t.Parallel()
	w := nodetest.New(t)
	defer w.Close()
	h := w.Host("seller")
	h.Sale.Terms = priced()
	h.PriceCommand = script(t, "exit 1")
	h.Start()
	w.Until("an offer at the configured price", func() bool {
		s, err := h.Node.Sale(t.Context())
		return err == nil && s.Selling && s.PriceDetail != "" && s.Terms.Price.CoreHourMicro == 3_600_000
	})
}

// past returns the events of a type that a node has kept.
func past(t *testing.T, h *nodetest.Host, kind string) (out []api.Event) {
	t.Helper()
	err := h.Events(t.Context(), api.EventOptions{Since: time.Unix(1, 0), Type: kind}, func(e api.Event) error {
		out = append(out, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
