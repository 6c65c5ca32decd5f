package supplier

import (
	"time"

	"caravela/market"
)

// wake has the meters miss what this machine has slept through: no container
// ran, and nobody could acknowledge anything. What a date was promised for
// comes when it comes.
func (s *Supplier) wake(now market.Time) {
	slept := now.Asleep - s.asleep
	s.asleep = now.Asleep
	if slept <= 0 || s.sales == nil {
		return
	}
	for _, u := range s.sales.units {
		if u.meter != nil {
			u.meter.miss(slept)
			s.touch(u)
		}
	}
}

func (m *meter) miss(d time.Duration) {
	m.since += d
	for _, at := range []*time.Duration{&m.nextAt, &m.costAt, &m.graceEnd} {
		if *at != market.Never {
			*at += d
		}
	}
}
