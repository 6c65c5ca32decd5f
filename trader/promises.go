package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// promise keeps an offer from others while a buyer who was shown it leases it.
type promise struct {
	supplier market.PeerID
	sum      market.Resources
	to       market.PeerID // the last buyer
	till     time.Duration
}

// promise notes that a buyer was shown one of few offers that fit.
func (p *place) promise(now market.Time, supplier, to market.PeerID, need market.Resources) {
	p.promises = slices.DeleteFunc(p.promises, func(x promise) bool { return now.Mono >= x.till })
	i := slices.IndexFunc(p.promises, func(x promise) bool { return x.supplier == supplier })
	if i < 0 {
		i = len(p.promises)
		p.promises = append(p.promises, promise{supplier: supplier})
	}
	x := &p.promises[i]
	if x.to == to {
		x.sum = market.Resources{}
	}
	x.sum, x.to, x.till = x.sum.Add(need), to, now.Mono+promiseTime
}

// promised reports whether an offer would not do for another buyer as well.
func (p *place) promised(now market.Time, o *market.Offer, from market.PeerID, need market.Resources) bool {
	for i := range p.promises {
		if x := &p.promises[i]; x.supplier == o.Supplier {
			return now.Mono < x.till && from != x.to && !o.Free.Sub(x.sum).Fits(need)
		}
	}
	return false
}

// settled says that a supplier has told anew what is free.
func (p *place) settled(supplier market.PeerID) {
	p.promises = slices.DeleteFunc(p.promises, func(x promise) bool { return x.supplier == supplier })
}
