package simulator

import (
	"slices"
	"time"
)

// partition finds the cuts that are in force in a window.
func (s *Sim) partition(now time.Duration) {
	s.cuts = s.cuts[:0]
	for i := range s.c.Cuts {
		c := &s.c.Cuts[i]
		at := now
		if c.Every > 0 && now >= c.From {
			at = c.From + (now-c.From)%c.Every
		}
		if at >= c.From && at < c.Until {
			s.cuts = append(s.cuts, c)
		}
	}
}

// cut reports whether two nodes cannot hear each other.
func (s *Sim) cut(a, b uint32) bool {
	for _, c := range s.cuts {
		if s.side(c, a) != s.side(c, b) {
			return true
		}
	}
	return false
}

func (s *Sim) side(c *Cut, i uint32) bool {
	if len(c.Regions) > 0 {
		return slices.Contains(c.Regions, s.c.Network.region(i))
	}
	return mix(uint64(i), s.c.Seed, 7)%million < uint64(c.Share)
}
