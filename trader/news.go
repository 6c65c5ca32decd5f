package trader

import (
	"bytes"
	"slices"
	"time"

	"caravela/market"
)

// plan lets what is new be told above soon. The first replica is quick, the
// others make sure.
func (t *Trader) plan(now market.Time, p *place) {
	if !p.dirty || p.region.Depth == 0 || len(p.above) == 0 {
		return
	}
	pause := newsPause
	switch t.rank(now, p) {
	case 0:
	case 1:
		pause = secondPause
	default:
		pause = thirdPause
	}
	p.newsAt = min(p.newsAt, max(now.Mono+newsDelay, p.saidAt+pause))
}

// rank is this peer's place among the region's traders that are there, and hold
// about as much as any: the others are not believed above.
func (t *Trader) rank(now market.Time, p *place) int {
	rank, own := 0, slices.Contains(p.replicas, t.me.Self)
	var key market.Key
	if !own {
		key = p.region.Key(t.me.Params.Network)
	}
	for _, id := range p.replicas { // nearest first
		switch {
		case id == t.me.Self:
			return rank
		case p.missing(now, id) || slices.Contains(p.thin, id):
		case own || market.Nearer(id, t.me.Self, key):
			rank++
		}
	}
	return rank
}

// tellNews tells the traders above what is free here, if that has changed.
// What is gone from a large region costs others a vain question, and can wait;
// what is free there and unknown is lost to all.
func (t *Trader) tellNews(now market.Time, p *place, out *market.Outbox) {
	p.newsAt = market.Never
	t.summarize(p)
	same := p.summary.Deeper == p.said.Deeper
	if same && slices.Equal(p.summary.Peaks, p.said.Peaks) {
		return
	}
	if calm := p.saidAt + lossPause; same && now.Mono < calm && t.large(p) && !p.summary.Exceeds(&p.said) {
		p.newsAt = calm
		return
	}
	above := p.above
	t.tellAbove(now, above, t.advert(now, p), out)
}

// summarize works out anew what is free in a place and below.
func (t *Trader) summarize(p *place) {
	s := market.Summary{Region: p.region, Peaks: p.summary.Peaks[:0]}
	s.Offers = uint32(p.shelf.count())
	for i := range p.shelf.briefs {
		b := &p.shelf.briefs[i]
		s.Add(market.Point{Free: b.free, Class: b.class})
	}
	for c := range p.believed() {
		s.Merge(&c.summary)
		s.Offers += c.summary.Offers
		s.Deeper = max(s.Deeper, c.summary.Deeper+1)
	}
	p.summary, p.dirty = s, false
}

// believed yields the best word on each region below, out of those traders
// that hold about as much as any: one that holds far less is known to few
// suppliers. The nearest one tells news at once. Another one that speaks soon
// after it may not have heard them yet; one that speaks much later knows what
// the nearest one, which may be dead, does not tell, and so does one that speaks
// again and again as only the first one does.
func (p *place) believed() func(func(*child) bool) {
	return func(yield func(*child) bool) {
		for i := 0; i < len(p.children); {
			end, most := i, uint32(0)
			for ; end < len(p.children) && p.children[end].summary.Region == p.children[i].summary.Region; end++ {
				most = max(most, p.children[end].summary.Offers)
			}
			var best *child
			for j := i; j < end; j++ {
				c := &p.children[j]
				if aboutAsMuch(c.summary.Offers, most) && (best == nil || c.overrules(best)) {
					best = c
				}
			}
			if !yield(best) {
				return
			}
			i = end
		}
	}
}

// aboutAsMuch reports whether a trader that holds n offers of a region is to be
// believed beside one that holds most of them.
func aboutAsMuch(n, most uint32) bool { return n >= most-most/4 }

// overrules reports whether the word of c counts, and not that of d.
func (c *child) overrules(d *child) bool {
	switch {
	case c.before > d.heard && c.heard-c.before < eager:
		return true
	case d.before > c.heard && d.heard-d.before < eager:
		return false
	}
	if late := c.heard - d.heard; late > wordLasts || late < -wordLasts {
		return late > 0
	}
	return c.nearer(d)
}

// nearer reports whether the trader c is nearer to the region than d.
func (c *child) nearer(d *child) bool { return bytes.Compare(c.far[:], d.far[:]) < 0 }

// childOffers counts what is below a place.
func (p *place) childOffers() (n int) {
	for c := range p.believed() {
		n += int(c.summary.Offers)
	}
	return n
}

// childTTL is how long a neighbour's word counts.
func (t *Trader) childTTL() time.Duration { return 5 * t.me.Params.Refresh / 2 }
