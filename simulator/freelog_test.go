package simulator

import (
	"testing"
	"time"

	"caravela/market"
)

// The log says what a full history says, and where what is free has grown too
// often in a row, rather that it was there than that it was not.
func TestFreeLog(t *testing.T) {
	r := market.Rand(1)
	yes, no, long := 0, 0, 0
	for range 300 {
		var l freeLog
		l.reset(unset)
		type change struct {
			at   time.Duration
			free market.Resources
		}
		var all []change
		var rises []market.Resources // that tell all of the history
		forgotten := false
		for at := time.Duration(1); at < 40; at++ {
			free := market.Resources{CPU: market.MilliCPU(r.IntN(4)), Memory: market.Bytes(r.IntN(4))}
			if len(all) > 0 && r.IntN(3) > 0 { // what ends on a large machine adds up
				free = all[len(all)-1].free.Add(market.Resources{CPU: 1})
			}
			if !l.set(at, free) {
				continue
			}
			all = append(all, change{at, free})
			for len(rises) > 0 && rises[len(rises)-1].Fits(free) {
				rises = rises[:len(rises)-1]
			}
			rises = append(rises, free)
			forgotten = forgotten || len(rises) >= len(l)
			for since := range at {
				need := market.Resources{CPU: market.MilliCPU(r.IntN(5)), Memory: market.Bytes(1 + r.IntN(3))}
				want := all[0].at <= since
				for i, c := range all {
					if over := i+1 < len(all) && all[i+1].at <= since; !over && !c.free.Fits(need) {
						want = false
					}
				}
				got := l.had(since, need)
				switch {
				case want && !got, got && !want && !forgotten:
					t.Fatalf("%+v: had %v since %d: %v", all, need, since, got)
				case got && !want:
					long++
				case want:
					yes++
				default:
					no++
				}
			}
		}
	}
	if yes == 0 || no == 0 || long == 0 {
		t.Errorf("%d had, %d not, %d forgotten: the test is blind", yes, no, long)
	}
}
