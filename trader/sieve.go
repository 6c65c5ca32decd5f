package trader

import "caravela/market"

// sieve tells which offers fit a request, and tallies why others do not. It
// says what Tally.Look says; but of a request for a CPU class and resources
// only, which most are, it reads no more of an offer than its brief.
type sieve struct {
	want   *market.Want
	tally  *market.Tally
	plain  bool
	offers uint32
	fit    uint32
	misses [briefMisses]market.Miss // by kind, from MissClass on
	near   int                      // the nearest offer; -1 = none yet
	have   int64
	lacks  int // what the nearest one lacks
}

// What a brief tells of: the kinds of misses, in the order of market.MissKind.
const (
	lacksClass = iota
	lacksCPU
	lacksMemory
	lacksDisk
	briefMisses
)

func newSieve(s *shelf, r market.Region, w *market.Want, t *market.Tally) sieve {
	v := sieve{want: w, tally: t, near: -1, plain: s.bound == 0 && plain(w) && r.Platform.Serves(w.Platform)}
	for i, kind := range [briefMisses]market.MissKind{market.MissClass, market.MissCPU, market.MissMemory, market.MissDisk} {
		v.misses[i].Kind = kind
	}
	return v
}

// plain reports whether a request asks for nothing but class and resources.
func plain(w *market.Want) bool {
	return len(w.Exclude)+len(w.Constraints)+len(w.Ports) == 0 && !w.Publishes && w.On.IsZero() && !w.Priced()
}

// fits looks at an offer.
func (v *sieve) fits(s *shelf, i int) bool {
	if !v.plain {
		return v.tally.Look(v.want, &s.rest[i].offer.Offer)
	}
	b, need := &s.briefs[i], &v.want.Need
	v.offers++
	if b.class >= v.want.Class && need.CPU <= b.free.CPU && need.Memory <= b.free.Memory && need.Disk <= b.free.Disk {
		v.fit++
		return true
	}
	v.miss(b, i)
	return false
}

func (v *sieve) miss(b *brief, i int) {
	need := &v.want.Need
	first, lacks, have := 0, 0, int64(0)
	if need.Disk > b.free.Disk {
		first, lacks, have = lacksDisk, lacks+1, int64(b.free.Disk)
	}
	if need.Memory > b.free.Memory {
		first, lacks, have = lacksMemory, lacks+1, int64(b.free.Memory)
	}
	if need.CPU > b.free.CPU {
		first, lacks, have = lacksCPU, lacks+1, int64(b.free.CPU)
	}
	if b.class < v.want.Class { // the first reason counts
		first, lacks, have = lacksClass, lacks+1, 0
	}
	m := &v.misses[first]
	m.Count++
	m.Best = max(m.Best, have)
	if lacks == 1 && (v.near < 0 || v.lacks == first && have > v.have) {
		v.near, v.lacks, v.have = i, first, have
	}
}

// finish adds what was seen to the tally.
func (v *sieve) finish(s *shelf) {
	sum := market.Tally{Offers: v.offers, Fit: v.fit}
	for _, m := range v.misses {
		if m.Count > 0 {
			sum.Misses = append(sum.Misses, m)
		}
	}
	if v.near >= 0 {
		o := &s.rest[v.near].offer.Offer
		sum.Near = &market.Nearest{Supplier: o.Supplier, Name: o.Name, Kind: v.misses[v.lacks].Kind, Have: v.have}
	}
	v.tally.Merge(&sum)
}
