// Package supplier is the selling role of a peer. It owns the local capacity:
// it publishes one offer at the traders of the region where the offer
// belongs, admits leases against what is free, has the engine run the units
// and tells their owners how they fare.
//
// A unit is one leased container; its name is the ID of the first lease of a
// chain of renewals. The stock is what the node's user sells; free is the
// stock less what units hold. A contact is a trader of the offer.
//
// The package is part of the pure core: discovery calls it, a driver performs
// its effects.
package supplier
