package trader

import (
	"slices"
	"time"

	"caravela/market"
)

// absent is a replica that suppliers do not name any more: they notice first
// when a trader is gone, for they tell it of every change.
type absent struct {
	peer market.PeerID
	by   market.PeerID // the supplier that left it out first
	sure bool          // another one did, too
	at   time.Duration
}

const (
	absentLasts = 10 * time.Minute // for which suppliers' word on a replica counts
	maxAbsent   = 8
	maxGiven    = 8
)

// leftOut notes which replicas a supplier does not name among its traders. It
// takes two of them: what follows is no more than that this peer tells news as
// early as the missing one would have.
func (p *place) leftOut(now market.Time, self, by market.PeerID, named []market.PeerID) {
	if len(named) < 2 || !slices.Contains(named, self) {
		return
	}
	p.absent = slices.DeleteFunc(p.absent, func(a absent) bool { return now.Mono-a.at > absentLasts })
	for _, id := range p.replicas {
		if slices.Contains(named, id) {
			continue
		}
		switch i := slices.IndexFunc(p.absent, func(a absent) bool { return a.peer == id }); {
		case i < 0:
			if len(p.absent) >= maxAbsent {
				p.absent = slices.Delete(p.absent, 0, 1)
			}
			p.absent = append(p.absent, absent{peer: id, by: by, at: now.Mono})
		case p.absent[i].by != by:
			p.absent[i].sure, p.absent[i].at = true, now.Mono
		}
	}
}

// present notes that a replica has spoken.
func (p *place) present(peer market.PeerID) {
	p.absent = slices.DeleteFunc(p.absent, func(a absent) bool { return a.peer == peer })
}

// missing reports whether a replica is gone as far as suppliers know.
func (p *place) missing(now market.Time, peer market.PeerID) bool {
	return slices.ContainsFunc(p.absent, func(a absent) bool { return a.peer == peer && a.sure && now.Mono-a.at <= absentLasts })
}

// weigh notes whether a replica holds much less than this one: few suppliers
// know it yet, or it has begun anew.
func (p *place) weigh(peer market.PeerID, offers uint32) {
	here := uint32(p.shelf.count() + p.childOffers())
	i := slices.Index(p.thin, peer)
	switch less := !aboutAsMuch(offers, here); {
	case less && i < 0 && slices.Contains(p.replicas, peer):
		p.thin = append(p.thin, peer)
	case !less && i >= 0:
		p.thin = slices.Delete(p.thin, i, i+1)
	}
	p.thin = slices.DeleteFunc(p.thin, func(id market.PeerID) bool { return !slices.Contains(p.replicas, id) })
}

// lacks reports whether this peer is to give a replica what it has not: suppliers
// missed it until now, or it holds much less. What one question can fetch, it
// fetches for itself.
func (t *Trader) lacks(now market.Time, p *place, peer market.PeerID) bool {
	return !p.split && p.shelf.count() > market.MaxOffers && (p.missing(now, peer) || slices.Contains(p.thin, peer)) && t.rank(now, p) == 0
}

// given is a peer to which a place was handed over.
type given struct {
	peer market.PeerID
	at   time.Duration
}

// give notes that a place is handed over, and reports whether it was not of late.
func (p *place) give(now market.Time, peer market.PeerID, pause time.Duration) bool {
	p.given = slices.DeleteFunc(p.given, func(g given) bool { return now.Mono-g.at > pause })
	if slices.ContainsFunc(p.given, func(g given) bool { return g.peer == peer }) {
		return false
	}
	if len(p.given) >= maxGiven {
		p.given = slices.Delete(p.given, 0, 1)
	}
	p.given = append(p.given, given{peer, now.Mono})
	return true
}
