package simulator

import (
	"testing"

	"caravela/market"
)

// Reasons that cannot be true are told from those that can.
func TestUntrue(t *testing.T) {
	s := &Sim{}
	p := &Profile{Class: 1, CPU: 2000, Memory: 512 * mib}
	tally := func(m ...market.Miss) *market.Tally { return &market.Tally{Offers: 3, Misses: m} }
	for name, c := range map[string]struct {
		o    market.Outcome
		want bool
	}{
		"none":               {market.Outcome{Tally: tally()}, true},
		"no table":           {market.Outcome{Reason: market.NoCapacity}, true},
		"busy":               {market.Outcome{Reason: market.Busy}, false},
		"too little CPU":     {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissCPU, Best: 1900})}, false},
		"enough CPU":         {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissCPU, Best: 2000})}, true},
		"enough memory":      {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissMemory, Best: int64(mib) * 512})}, true},
		"class of the least": {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissClass})}, true},
		"label not asked":    {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissLabel})}, true},
		"port not asked":     {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissPort})}, true},
		"promised to others": {market.Outcome{Reason: market.NoCapacity, Tally: tally(market.Miss{Kind: market.MissPromised})}, false},
		"perfect engine":     {market.Outcome{Reason: market.StartFailed, Tally: tally()}, true},
	} {
		if got := s.untrue(&c.o, p); got != c.want {
			t.Errorf("%s: untrue = %v", name, got)
		}
	}
}
