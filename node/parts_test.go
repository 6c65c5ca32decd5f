package node

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/docker"
	"caravela/market"
	"caravela/remote"
)

func TestSaleNeverSellsMoreThanThereIs(t *testing.T) {
	machine := docker.Info{CPU: 8000, Memory: 16*market.GiB + 12345}
	for name, c := range map[string]struct {
		sale Sale
		want market.Resources
	}{
		"a share":           {Sale{Share: 50, OvercommitCPU: 1000, OvercommitMemory: 1000}, market.Resources{CPU: 4000, Memory: 8 * market.GiB}},
		"named amounts":     {Sale{CPU: 2000, Memory: market.GiB, OvercommitCPU: 1000, OvercommitMemory: 1000}, market.Resources{CPU: 2000, Memory: market.GiB}},
		"more than there":   {Sale{CPU: 64000, Memory: market.TiB, OvercommitCPU: 1000, OvercommitMemory: 1000}, market.Resources{CPU: 8000, Memory: 16 * market.GiB}},
		"overcommitted CPU": {Sale{CPU: 2000, Memory: market.GiB, OvercommitCPU: 1500, OvercommitMemory: 1000}, market.Resources{CPU: 3000, Memory: market.GiB}},
		"disk, not bounded": {Sale{CPU: 1000, Memory: market.GiB, Disk: market.TiB, OvercommitCPU: 1000, OvercommitMemory: 1000}, market.Resources{CPU: 1000, Memory: market.GiB}},
	} {
		if got := c.sale.total(machine); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMadeNamesAreValid(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			if n := madeName(market.LeaseID{byte(a), byte(b)}); !market.ValidName(n) {
				t.Fatalf("%q", n)
			}
		}
	}
}

func TestPullProgressIsReadAsItWasWritten(t *testing.T) {
	p := docker.Progress{State: market.Pulling, Done: 12 * market.MiB, Total: 40 * market.MiB, LayersDone: 3, Layers: 5}
	got := pullProgress("web", pullText(p))
	want := api.PullProgress{Image: "web", LayersDone: 3, LayersTotal: 5, BytesDone: 12 << 20, BytesTotal: 40 << 20, Detail: "3 of 5 layers, 12m of 40m"}
	if *got != want {
		t.Errorf("%+v, want %+v", *got, want)
	}
	if got := pullProgress("web", "something else"); got.LayersTotal != 0 || got.Detail != "something else" {
		t.Errorf("%+v", got)
	}
}

func TestFilters(t *testing.T) {
	c := api.Container{ID: "abcdef", Name: "web-1", Image: "shop/web:2", NodeName: "cedar", Labels: []api.Label{{Key: "tier", Value: "front"}}}
	c.State = "running"
	for text, want := range map[string]bool{
		"name=web": true, "name=db": false, "id=abc": true, "id=b": false, "state=running": true, "state=stopped": false,
		"node=cedar": true, "node=birch": false, "image=shop/web": true, "image=shop/web:2": true, "image=shop/*": true,
		"image=web": false, "label.tier=front": true, "label.tier=back": false,
		"name=db name=web": true, "name=web state=stopped": false,
	} {
		var filters []api.Filter
		for _, f := range strings.Fields(text) {
			k, v, _ := strings.Cut(f, "=")
			filters = append(filters, api.Filter{Key: k, Value: v})
		}
		if got := matches(filters, c); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestFeedKeepsTheNewest(t *testing.T) {
	f := newFeed()
	for range maxEvents + 100 {
		f.add(api.Event{Type: "node"})
	}
	events, _ := f.after(0)
	if len(events) > maxEvents || events[len(events)-1].Seq != maxEvents+100 {
		t.Errorf("%d events, the last is number %d", len(events), events[len(events)-1].Seq)
	}
	if later, _ := f.after(maxEvents + 98); len(later) != 2 {
		t.Errorf("%d events after the last but two", len(later))
	}
}

func TestPoolIsBounded(t *testing.T) {
	c := &crew{ctx: t.Context()}
	p := &pool{crew: c, workers: 2, depth: 3}
	block, ran := make(chan struct{}), make(chan struct{}, 10)
	taken := 0
	for range 10 {
		if p.do(func(context.Context) { <-block; ran <- struct{}{} }) {
			taken++
		}
	}
	if taken != 5 {
		t.Errorf("%d taken, want 2 workers and 3 that wait", taken)
	}
	close(block)
	if !c.wait(time.Minute) || len(ran) != 5 {
		t.Errorf("%d ran", len(ran))
	}
	if p.do(func(context.Context) {}) {
		t.Error("work is taken after the end")
	}
}

func TestPlainErrors(t *testing.T) {
	got := plain(docker.ErrPortTaken)
	if got != "port taken or not allowed" {
		t.Errorf("%q", got)
	}
	if got := clip(strings.Repeat("x", 100), 10); len(got) != 10 {
		t.Errorf("%q", got)
	}
}

// A receiver without time is not dead: only then nothing of the message was read.
func TestUndelivered(t *testing.T) {
	for err, busy := range map[error]bool{remote.ErrBusy: true, remote.ErrUnknown: false, remote.ErrUnreachable: false} {
		if u := undelivered(market.Send{To: market.Ref{Peer: market.PeerID{1}}}, fmt.Errorf("send: %w", err)); u.Busy != busy || u.To != (market.PeerID{1}) {
			t.Errorf("%v: %+v", err, u)
		}
	}
}

func TestIncompleteBy(t *testing.T) {
	for c, want := range map[market.Coverage]string{
		{Questions: 2}:                         "",
		{Questions: 2, Silent: 1}:              "no trader of 1 region answered",
		{Questions: 64, Silent: 2, Unasked: 3}: "no trader of 2 regions answered; 3 regions left out, for one search asks so many only",
	} {
		if got := incompleteBy(c); got != want {
			t.Errorf("%+v: %q, want %q", c, got, want)
		}
	}
}
