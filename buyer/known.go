package buyer

import (
	"slices"
	"time"

	"caravela/market"
)

// trader is a peer that answered, or is said to answer, for a region.
type trader struct {
	region market.Region
	market.Ref
	at    time.Duration // when it was learnt or last answered
	found time.Duration // when the overlay last named it
	bad   bool          // did not answer
	gone  bool          // could not be reached
	home  bool          // a region to start from
}

// Home remembers the traders of the own offer: whoever sells needs no lookup
// to buy.
func (b *Buyer) Home(now market.Time, r market.Region, refs []market.Ref) {
	for _, ref := range refs {
		b.learn(now, r, ref)
	}
	for i := range b.known {
		b.known[i].home = b.known[i].region == r
	}
}

// leaveHome forgets the traders of the own offer: they are told again with the
// next request.
func (b *Buyer) leaveHome() {
	b.known = slices.DeleteFunc(b.known, func(k trader) bool { return k.home })
	if len(b.known) == 0 {
		b.known = nil
	}
}

// Learn remembers traders of a region.
func (b *Buyer) Learn(now market.Time, r market.Region, refs []market.Ref) {
	if b.known == nil {
		b.known = make([]trader, 0, min(len(refs), maxKnown))
	}
	for _, ref := range refs {
		b.learn(now, r, ref).found = now.Mono
	}
}

func (b *Buyer) learn(now market.Time, r market.Region, ref market.Ref) *trader {
	i := slices.IndexFunc(b.known, func(k trader) bool { return k.region == r && k.Peer == ref.Peer })
	if i < 0 {
		if len(b.known) >= maxKnown {
			oldest := 0
			for j := range b.known {
				if b.known[j].at < b.known[oldest].at {
					oldest = j
				}
			}
			b.known = slices.Delete(b.known, oldest, oldest+1)
		}
		b.known = append(b.known, trader{region: r})
		i = len(b.known) - 1
	}
	k := &b.known[i]
	k.at, k.bad, k.gone, k.Peer = now.Mono, false, false, ref.Peer
	if len(ref.Addrs) > 0 {
		k.Addrs = ref.Addrs
	}
	return k
}

// bereft reports whether a trader of the region that answered a moment ago
// is gone now. Until the suppliers have noticed, others know nothing.
func (b *Buyer) bereft(now market.Time, r market.Region) bool {
	return slices.ContainsFunc(b.known, func(k trader) bool { return k.region == r && k.gone && now.Mono-k.at < mournFor })
}

func (b *Buyer) unlearn(r market.Region, p market.PeerID) {
	b.known = slices.DeleteFunc(b.known, func(k trader) bool { return k.region == r && k.Peer == p })
}

// start is the region where a search begins: the deepest one whose traders
// are known, the latest learnt first.
func (b *Buyer) start(now market.Time, p market.Platform) market.Region {
	best, at := market.RootRegion(p), time.Duration(-1)
	for i := range b.known {
		k := &b.known[i]
		if k.region.Platform != p || k.bad || now.Mono-k.at >= knownFor {
			continue
		}
		if k.home && (k.region.Depth > best.Depth || k.region.Depth == best.Depth && k.at > at) {
			best, at = k.region, k.at
		}
	}
	return best
}

// traders lists who is known to trade in a region, in random order.
func (b *Buyer) traders(now market.Time, r market.Region) []market.Ref {
	refs := make([]market.Ref, 0, len(b.known))
	for i := range b.known {
		if k := &b.known[i]; k.region == r && !k.bad && now.Mono-k.at < knownFor {
			refs = append(refs, k.Ref)
		}
	}
	b.shuffle(refs)
	return refs
}

// outOfDate reports whether the overlay should be asked who trades in a region
// though some traders are known: one alone is not believed for long. It may have
// been all that the overlay could name when this node was new, and it answers for
// a whole market as it likes.
func (b *Buyer) outOfDate(now market.Time, known []market.Ref, r market.Region) bool {
	return len(known) < askedRoot && !slices.ContainsFunc(b.known, func(k trader) bool { return k.region == r && now.Mono-k.found < aloneFor })
}

func (b *Buyer) shuffle(refs []market.Ref) {
	for i := len(refs) - 1; i > 0; i-- {
		j := b.rng.IntN(i + 1)
		refs[i], refs[j] = refs[j], refs[i]
	}
}

// score is how badly a supplier has treated us; it halves every scoreHalf.
type score struct {
	peer market.PeerID
	n    int64
	at   time.Duration
}

const (
	scoreHalf = 10 * time.Minute
	maxScores = 256
	oneBad    = 100 // thousandths of a machine that a refusal weighs in the ranking
)

func (b *Buyer) blame(now market.Time, p market.PeerID) {
	n := b.blamed(now, p) + oneBad
	d := b.open()
	d.scores = slices.DeleteFunc(d.scores, func(s score) bool { return s.peer == p })
	if len(d.scores) >= maxScores {
		d.scores = slices.Delete(d.scores, 0, 1)
	}
	d.scores = append(d.scores, score{p, n, now.Mono})
}

func (b *Buyer) blamed(now market.Time, p market.PeerID) int64 {
	if b.deals == nil {
		return 0
	}
	for _, s := range b.deals.scores {
		if s.peer == p {
			return s.n >> min(62, uint((now.Mono-s.at)/scoreHalf))
		}
	}
	return 0
}
