package trader

import (
	"fmt"

	"caravela/market"
)

func (t *Trader) Debug(r market.Region, now market.Time) string {
	s := ""
	for i := range t.places {
		p := &t.places[i]
		if p.region == r {
			s += fmt.Sprintf("[place %v replicas %d above %d(at %v) split %v dirty %v advAt %v refAt %v told %v@%v sum %v]", p.region, len(p.replicas), len(p.above), p.aboveAt, p.split, p.dirty, p.advertiseAt, p.refreshAt, p.told.Peaks, p.toldAt, p.summary.Peaks)
		}
		for _, c := range p.children {
			if c.summary.Region == r {
				s += fmt.Sprintf("{child of %v heard %v ago %v}", p.region, now.Mono-c.heard, c.summary.Peaks)
			}
		}
	}
	return s
}
