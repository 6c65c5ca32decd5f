package supplier_test

import (
	"testing"
	"time"

	"caravela/market"
	"caravela/supplier"
)

// What people are shown of the sums.
func TestViews(t *testing.T) {
	b := newBench(t, priced)
	if u, due := b.Usage(b.now, market.LeaseID{1}); u != (market.Usage{}) || due != 0 || b.Meters() != nil || b.Holds() != nil {
		t.Error("shows what is not there")
	}
	b.owner = honest(1)
	l := b.sell(1, func(s *market.Spec, _ *market.Lease) {
		s.Ports, s.Pids = []market.Port{{Container: 80}, {Container: 81, Host: 8081}}, 100
	})
	b.hold(2, 1, nil)
	b.refusal(b.launch(3, nil))
	core := market.Resources{CPU: 1000, Memory: market.GiB}
	if want := (supplier.Counts{Units: 2, Starting: 1, Resources: core.Scale(2), Pids: 612, Ports: 2}); b.Used() != want {
		t.Errorf("used are %+v, want %+v", b.Used(), want)
	}
	if want := (supplier.Counts{Units: 1, Resources: core, Pids: 512}); b.Reserved() != want {
		t.Errorf("held are %+v, want %+v", b.Reserved(), want)
	}
	b.advance(90*time.Second + time.Millisecond)
	if u, due := b.Usage(b.now, l.ID); u.Running != 90 || due != 90_500 {
		t.Errorf("used %+v for %d", u, due)
	}
	if m := b.Meters(); len(m) != 2 || b.meter(l.ID).Acked.Amount != 60_500 {
		t.Errorf("%d meters", len(m))
	}
	if c := b.Credit(l.Buyer, "credit"); c != (supplier.Credit{Owes: 60_500, Hourly: 3_600_000, Limit: 3_600_500, Bounded: true}) {
		t.Errorf("credit %+v", c)
	}
	if c := b.Credit(l.Buyer, "EUR"); c != (supplier.Credit{Bounded: true}) {
		t.Errorf("credit in another unit %+v", c)
	}
}

// What the engine measures goes with the notes, counted from the lease's
// start; nobody is billed by it.
func TestCounters(t *testing.T) {
	b := newBench(t, priced)
	b.owner = honest(1)
	b.allow(1, 1<<40)
	l := b.sell(1, nil)
	b.step(market.Measured{Unit: market.LeaseID{9}, Counters: market.Counters{CPUSeconds: 1}})
	b.step(market.Measured{Unit: l.ID, Counters: market.Counters{CPUSeconds: 30, PeakMemory: market.MiB, NetIn: 5, Unhealthy: 3}})
	b.advance(time.Minute)
	if c := b.meter(l.ID).Acked.Counters; c.CPUSeconds != 30 || c.PeakMemory != market.MiB || c.NetIn != 5 {
		t.Errorf("counters %+v", c)
	}
	b.refusal(b.renewal(1, l, nil))
	b.step(market.Measured{Unit: l.ID, Counters: market.Counters{CPUSeconds: 50, PeakMemory: market.MiB, NetIn: 4, Unhealthy: 5}})
	b.advance(time.Minute)
	if c := b.meter(l.ID).Acked.Counters; c.CPUSeconds != 20 || c.NetIn != 0 || c.Unhealthy != 2 {
		t.Errorf("counters of the renewed lease %+v", c)
	}
	b.unit(l, market.Lost, market.NoReason)
	if r := b.meter(l.ID).Receipt; r.Unhealthy != 2 {
		t.Errorf("receipt %+v", r.Receipt)
	}
}
