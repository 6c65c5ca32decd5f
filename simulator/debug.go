package simulator

import (
	"time"

	"caravela/market"
)

var (
	missed func(s *Sim, i uint32, need market.Resources, class market.CPUClass, x *news)
	debug  func(*node, time.Duration, *market.Outbox)
)
