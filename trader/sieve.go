package trader

import (
	"math/bits"
	"time"

	"caravela/market"
)

// sieve tells which offers fit a request, and tallies why others do not. It
// says what Tally.Look says; but of a request for a CPU class and resources
// only, which most are, it reads no more of an offer than its brief, and takes no
// branch that depends on what the offer lacks: a thousand offers are looked at for
// each question.
type sieve struct {
	want  *market.Want
	tally *market.Tally
	now   time.Duration
	late  bool // some offers may have lapsed
	plain bool

	seen [1 << briefMisses]uint32 // offers by what they lack
	best [briefMisses]int64       // of those that lack this first
	near [briefMisses]closest     // that lack nothing else
	kind int                      // of the first offer that lacks one thing; -1 = none yet
}

type closest struct {
	at   int
	have int64
}

// What a brief tells of: the kinds of misses, in the order of market.MissKind,
// in which the first one counts.
const (
	lacksClass = iota
	lacksCPU
	lacksMemory
	lacksDisk
	briefMisses
)

var missKinds = [briefMisses]market.MissKind{market.MissClass, market.MissCPU, market.MissMemory, market.MissDisk}

func newSieve(now time.Duration, s *shelf, r market.Region, w *market.Want, t *market.Tally) sieve {
	v := sieve{want: w, tally: t, now: now, kind: -1}
	v.late = s.due() <= now // the tick is to come
	v.plain = s.bound == 0 && plain(w) && r.Platform.Serves(w.Platform)
	for i := range v.near {
		v.near[i].have = -1
	}
	return v
}

// plain reports whether a request asks for nothing but class and resources.
func plain(w *market.Want) bool {
	return len(w.Exclude)+len(w.Constraints)+len(w.Ports) == 0 && !w.Publishes && w.On.IsZero() && !w.Priced()
}

// next is the first offer from i on that fits, or how many there are.
func (v *sieve) next(s *shelf, i int) int {
	need, class := v.want.Need, v.want.Class
	for ; i < len(s.briefs); i++ {
		if v.late && v.now >= s.rest[i].expires {
			continue
		}
		if !v.plain {
			if v.tally.Look(v.want, &s.rest[i].offer.Offer) {
				return i
			}
			continue
		}
		b := &s.briefs[i]
		lacks := bit(b.class < class)<<lacksClass | bit(b.free.CPU < need.CPU)<<lacksCPU |
			bit(b.free.Memory < need.Memory)<<lacksMemory | bit(b.free.Disk < need.Disk)<<lacksDisk
		v.seen[lacks&(1<<briefMisses-1)]++
		if lacks == 0 {
			return i
		}
		first := bits.TrailingZeros(lacks) % briefMisses
		have := [briefMisses]int64{0, int64(b.free.CPU), int64(b.free.Memory), int64(b.free.Disk)}[first]
		v.best[first] = max(v.best[first], have)
		if lacks&(lacks-1) == 0 && have > v.near[first].have {
			v.near[first] = closest{i, have}
			if v.kind < 0 {
				v.kind = first
			}
		}
	}
	return i
}

func bit(b bool) uint {
	if b {
		return 1
	}
	return 0
}

// finish adds what was seen to the tally.
func (v *sieve) finish(s *shelf) {
	sum := market.Tally{Fit: v.seen[0], Offers: v.seen[0]}
	var misses [briefMisses]uint32
	for lacks := uint(1); lacks < 1<<briefMisses; lacks++ {
		misses[bits.TrailingZeros(lacks)] += v.seen[lacks]
	}
	for first, n := range misses {
		if sum.Offers += n; n > 0 {
			sum.Misses = append(sum.Misses, market.Miss{Kind: missKinds[first], Count: n, Best: v.best[first]})
		}
	}
	if v.kind >= 0 {
		n := v.near[v.kind]
		o := &s.rest[n.at].offer.Offer
		sum.Near = &market.Nearest{Supplier: o.Supplier, Name: o.Name, Kind: missKinds[v.kind], Have: n.have}
	}
	v.tally.Merge(&sum)
}
