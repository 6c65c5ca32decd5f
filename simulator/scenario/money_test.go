package scenario

import (
	"reflect"
	"testing"

	"caravela/simulator/report"
)

// dayOfWeek is the week's scenario for a shorter time among fewer nodes.
func dayOfWeek(t *testing.T, workers int, set ...string) *report.Summary {
	t.Helper()
	s, err := Load("../../scenarios/week.toml", append([]string{"nodes=200", "duration=1d", "expect={}"}, set...))
	if err != nil {
		t.Fatal(err)
	}
	s.Config.Workers = workers
	return s.Run(t.Context(), "test", nil).Summary
}

// A day of the week keeps what the week promises: with bills every ten minutes,
// with nodes that come and go, with bills every minute, and with messages that
// are lost and many renewals. A plain test takes the first days only.
func TestDayOfWeek(t *testing.T) {
	var overbilled, atBound float64
	for _, set := range [][]string{
		{"load.rate=0.1"},
		{`life.session={law="exponential", mean="3h"}`, `life.absence={law="exponential", mean="10m"}`, "life.crash=1", "life.keep=0.5", "load.rate=0.1"},
		{"metering.interval=1m", "metering.credit=1h", "metering.settle=30m", "duration=8h", "load.rate=0.3"},
		{"network.loss=0.02", "market.term=30m", "load.rate=0.1"},
	}[:days] {
		s := dayOfWeek(t, 1, set...)
		m := s.Money
		if m.LossOverBound != 0 || m.OverCredit != 0 || m.LedgersDisagree != 0 || s.DoubleBookings != 0 || s.LostLeases != 0 {
			t.Errorf("%v: %d lost more than they may, %d are owed more, %d ledgers disagree, %v", set, m.LossOverBound, m.OverCredit, m.LedgersDisagree, s.Violations)
		}
		if m.Disputed == 0 || m.UnpaidByCheats == 0 || m.Receipts < 100 || m.LossOfBoundMax < .4 || m.LossOfBoundMax > 1 {
			t.Errorf("%v: %+v: the test is blind", set, *m)
		}
		overbilled, atBound = max(overbilled, m.OverbilledMax), max(atBound, m.LossOfBoundMax)
		if m.Acked < .9*m.Earned {
			t.Errorf("%v: of %v that were billed only %v are acknowledged", set, m.Earned, m.Acked)
		}
	}
	if overbilled == 0 || atBound < .99 {
		t.Errorf("at most %v are billed too much, and %v of the bound are lost: the test is blind", overbilled, atBound)
	}
}

// What is found out about money does not depend on how many partitions step at
// once.
func TestMoneyHash(t *testing.T) {
	one := dayOfWeek(t, 1, "duration=4h", "load.rate=0.5")
	if two := dayOfWeek(t, 3, "duration=4h", "load.rate=0.5"); two.TraceHash != one.TraceHash || !reflect.DeepEqual(two.Money, one.Money) {
		t.Errorf("three workers find %+v, one finds %+v", *two.Money, *one.Money)
	}
	if one.Money.Disputed == 0 {
		t.Error("nobody is billed too much: the test is blind")
	}
}

// Where everything is free there is nothing to tell.
func TestFree(t *testing.T) {
	s := parsed1(t, "nodes=20\nduration=\"10m\"\nbaseline=false").Run(t.Context(), "test", nil).Summary
	if s.Money != nil {
		t.Errorf("%+v", *s.Money)
	}
	if _, ok := s.Metric("money.earned"); ok {
		t.Error("a metric of what was not measured")
	}
}
