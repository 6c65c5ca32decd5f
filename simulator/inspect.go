package simulator

import (
	"fmt"
	"slices"
	"time"

	"caravela/discovery"
	"caravela/market"
)

// Checks are what the inspection of peers found. All but PeersChecked should
// be 0 and empty.
type Checks struct {
	PeersChecked   int
	DoubleBookings int // a supplier leased out more than it has
	Unbalanced     int // free and leased are not what there is
	LostLeases     int // a lease that its supplier forgot though it kept its disk
	Outliving      int // an offer is held long after its supplier went
	Storms         int // a peer sent more than a thousand messages within a minute, answers left out: it runs in a circle
	Violations     []string
}

// inspectable is a peer of the market's own kind.
type inspectable interface {
	Sold() []*market.Sold
	Bought() []*market.Bought
	Held() []discovery.HeldOffer
}

// inspector checks the invariants of a sample of the peers once a virtual
// minute.
type inspector struct {
	Checks
	next  time.Duration
	some  []uint32
	sent  []uint32 // by each of some, until the last inspection
	begun bool
	known map[market.LeaseID]bool // leases that were found lost already
}

const (
	inspectEvery  = time.Minute
	maxViolations = 10
	settled       = 10 * time.Minute // after which both sides of a lease must agree
)

// allChecked is the largest market of which every peer is checked.
const allChecked = 10_000

func (k *inspector) begin(s *Sim) {
	parts := s.c.Check
	if parts == 0 {
		parts = million
		if len(s.nodes) > allChecked {
			parts = million / 100
		}
	}
	for i := range s.nodes {
		if mix(uint64(i), s.c.Seed, 8)%million < uint64(parts) {
			k.some = append(k.some, uint32(i))
		}
	}
	k.begun, k.known = true, map[market.LeaseID]bool{}
	k.PeersChecked = len(k.some)
	k.sent = make([]uint32, len(k.some))
}

// storm looks for a peer that answers itself through another one.
func (k *inspector) storm(n *node, before *uint32, now time.Duration) {
	const most = 1000
	sent := n.sent - n.told // a trader may have thousands of suppliers, and be asked by all: whoever asks without end counts
	if _, ok := n.machine.(inspectable); ok && sent-*before > most {
		k.violated(&k.Storms, now, "node %d sent %d messages within a minute", n.index, sent-*before)
	}
	*before = sent
}

// inspect runs between windows.
func (s *Sim) inspect(now time.Duration) {
	k := &s.check
	if now < k.next {
		return
	}
	if !k.begun {
		k.begin(s)
	}
	k.next = now + inspectEvery
	for j, i := range k.some {
		n := &s.nodes[i]
		k.storm(n, &k.sent[j], now)
		if peer, ok := n.machine.(inspectable); ok && n.up && !n.fell && n.counter > 0 {
			k.supplier(n, peer, now)
			k.buyer(s, n, peer, now)
			k.trader(s, n, peer, now)
		}
	}
}

func (k *inspector) violated(count *int, now time.Duration, format string, args ...any) {
	*count++
	if len(k.Violations) < maxViolations {
		k.Violations = append(k.Violations, fmt.Sprintf("at %v: ", now)+fmt.Sprintf(format, args...))
	}
}

func (k *inspector) supplier(n *node, peer inspectable, now time.Duration) {
	free := n.machine.Free()
	var leased market.Resources
	for _, sold := range peer.Sold() {
		if sold.Status == nil || sold.Status.State != market.Ended {
			leased = leased.Add(sold.Lease.Resources)
		}
	}
	total := n.offered()
	switch {
	case !total.Fits(leased):
		k.violated(&k.DoubleBookings, now, "node %d leased %v out of %v", n.index, leased, total)
	case free.Add(leased) != total && !free.IsZero():
		k.violated(&k.Unbalanced, now, "node %d: %v free and %v leased are not %v", n.index, free, leased, total)
	}
}

// buyer looks for leases that the supplier, up for long and never without its
// disk, does not know any more.
func (k *inspector) buyer(s *Sim, n *node, peer inspectable, now time.Duration) {
	for _, b := range peer.Bought() {
		l := b.Lease
		if l.BySupplier == "" || b.Undo || b.Status != nil && b.Status.State == market.Ended || l.End <= Start.Add(now) {
			continue
		}
		t := &s.nodes[indexOf(l.Supplier)]
		other, ok := t.machine.(inspectable)
		if !ok || !t.up || t.lost || now-t.since < settled || now-n.since < settled || t.fault == refuser {
			continue
		}
		unit := l.Unit()
		if _, over := s.part(t.index).over[unit]; over || k.known[unit] {
			continue
		}
		if !slices.ContainsFunc(other.Sold(), func(x *market.Sold) bool { return x.Lease.Unit() == unit }) {
			k.known[unit] = true
			k.violated(&k.LostLeases, now, "node %d bought %v of node %d, which does not know it and did not end it", n.index, unit, t.index)
		}
	}
}

// trader looks for offers of suppliers that have been away for longer than an
// offer lives.
func (k *inspector) trader(s *Sim, n *node, peer inspectable, now time.Duration) {
	for _, h := range peer.Held() {
		t := &s.nodes[indexOf(h.Offer.Supplier)]
		if away := now - t.since; !t.up && away > s.c.Params.OfferTTL+2*time.Minute {
			k.violated(&k.Outliving, now, "node %d holds an offer of node %d, away for %v", n.index, t.index, away)
		}
	}
}
