package discovery

import (
	"caravela/market"
	"caravela/supplier"
	"caravela/trader"
)

// The views are for people to look at. A driver calls them between steps;
// what they return is never mutated.

// Sold lists the units that this peer sold.
func (p *Peer) Sold() []*market.Sold { return p.supplier.Sold() }

// Bought lists the units that this peer bought.
func (p *Peer) Bought() []*market.Bought { return p.buyer.Bought() }

// HeldOffer is an offer that this peer keeps as a trader.
type HeldOffer = trader.Holding

// Held lists the offers that this peer keeps as a trader.
func (p *Peer) Held() []HeldOffer { return p.trader.Held() }

// TraderState is one trader of the own offer.
type TraderState = supplier.TraderState

// OwnOffer is what this peer sells now and who holds the offer.
type OwnOffer struct {
	Offer   *market.SignedOffer // nil = none is published
	Region  market.Region
	Traders []TraderState
}

// OwnOffer returns the own offer.
func (p *Peer) OwnOffer() OwnOffer {
	o, r, ts := p.supplier.Published()
	return OwnOffer{o, r, ts}
}

// Holds lists what this peer keeps for buyers that have not leased it yet.
func (p *Peer) Holds() []*market.SignedHold { return p.supplier.Holds() }

// BoughtMeters lists the bills of what this peer bought, by lease.
func (p *Peer) BoughtMeters() []*market.Meter { return p.buyer.Meters() }

// Free is what this peer could lease out now.
func (p *Peer) Free() market.Resources { return p.supplier.Free() }

// SoldMeters lists the billing of what this peer sold, by unit.
func (p *Peer) SoldMeters() []*market.Meter { return p.supplier.Meters() }

// SoldUsage is what a sold unit's lease in force has used and costs by now.
func (p *Peer) SoldUsage(now market.Time, unit market.LeaseID) (market.Usage, market.Micro) {
	return p.supplier.Usage(now, unit)
}

// Counts is how much of the stock is taken.
type Counts = supplier.Counts

// Used counts what units take of the stock.
func (p *Peer) Used() Counts { return p.supplier.Used() }

// Reserved counts what is held for buyers; Units counts the holds.
func (p *Peer) Reserved() Counts { return p.supplier.Reserved() }

// Credit is how far a buyer may go in one label of money.
type Credit = supplier.Credit

// Credit tells how far a buyer may go here.
func (p *Peer) Credit(peer market.PeerID, label string) Credit { return p.supplier.Credit(peer, label) }
