package buyer

import (
	"bytes"
	"slices"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// Waiting times and bounds that are nobody else's concern.
const (
	answerTimeout = 1500 * time.Millisecond // for a trader's answer before another one is asked
	lateAnswer    = 6 * time.Second         // for any answer, where a region's traders are all late
	firstAgain    = 50 * time.Millisecond   // before asking again where nobody could be asked; grows by half of what has passed
	busyAgain     = 300 * time.Millisecond  // during which only those who were busy are asked again
	secondAnswer  = 60 * time.Millisecond   // for the other trader, once one had something
	startTimeout  = time.Hour               // for the first running status after a grant; pulls are slow
	roundPause    = 300 * time.Millisecond  // before searching again after refusals: for news to arrive
	waitPause     = 3 * time.Second         // between searches of a request that waits for an offer
	maxRounds     = 2                       // searches of one request
	maxAsks       = 11                      // traders asked in one search
	wideAsks      = 64                      // the same, of a search that hints do not lead
	maxInquiries  = 128                     // regions of one search
	askedRoot     = 2                       // traders asked at once about a whole market
	undoRetry     = 2 * time.Second         // first repetition of a cancellation; doubles up to undoMax
	undoMax       = 5 * time.Minute         //
	orderTimeout  = 45 * time.Second        // for the answer to a command, beyond its own grace
	statusLag     = 2 * time.Second         // for the status that follows the answer to a command
	keepEnded     = 24 * time.Hour          // an ended unit stays visible this long
	maxKnown      = 128                     // traders that are remembered
	knownFor      = time.Hour               //
	aloneFor      = 10 * time.Second        // a trader is believed to be the only one of a whole market
	mournFor      = 30 * time.Second        // for suppliers to find others in place of a dead trader
	maxStarts     = 3                       // suppliers on which a container may fail to start
	maxRequests   = 1024                    //
	maxOrders     = 32                      // commands under way to one unit
	abreast       = 3                       // regions asked at the same time
	hintTraders   = 3                       // believed of one hint
)

// Buyer is the buying role.
//
// It accepts Boot, Supply (for this peer's addresses), Wanted, Abandon,
// Ordered, Renewal, Tick, Found, Near, Undelivered, and Received with Offers,
// Grant, Refusal, StatusUpdate, StopAck, GrantHold, ReportUsage, GiveNotice,
// IssueReceipt. It emits Saves of Bought and of Meter, entries in the books,
// Sends, Lookups and Outcomes. It repeats cancellations and renewals until
// they are answered, and cancels what it does not know: a request that is
// given up leaves no lease behind. It signs no bill that it has not checked.
type Buyer struct {
	me    *market.Party
	books *ledger.Books // shared by the roles of this peer
	rng   market.Rand
	refs  uint64
	stock *market.Stock // what this peer itself sells; nil = not told yet

	requests []request
	holdings []*holding // sorted by unit
	deals    *deals     // nil = none
	known    []trader
}

// New returns a buyer that knows nobody.
func New(me *market.Party, books *ledger.Books, seed, refs uint64) Buyer {
	return Buyer{me: me, books: books, rng: market.Rand(seed), refs: refs}
}

// Step implements market.Machine.
func (b *Buyer) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Boot:
		b.onBoot(now, ev, out)
	case market.Supply:
		b.stock = ev.Stock
	case market.Wanted:
		b.onWanted(now, ev, out)
	case market.Abandon:
		b.onAbandon(now, ev, out)
	case market.Ordered:
		b.onOrdered(now, ev, out)
	case market.Renewal:
		b.onRenewal(now, ev, out)
	case market.Tick:
		b.onTick(now, out)
	case market.Found:
		b.onFound(now, ev, out)
	case market.Near:
		b.onNear(now, ev.Peer.Peer)
	case market.Undelivered:
		b.onUndelivered(now, ev, out)
	case market.Received:
		b.onReceived(now, ev, out)
	}
	b.sweep()
}

func (b *Buyer) onReceived(now market.Time, ev market.Received, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.Offers:
		b.onOffers(now, ev.From, m, out)
	case *market.Grant:
		b.onGrant(now, ev.From, m, out)
	case *market.Refusal:
		b.onRefusal(now, ev.From, m, out)
	case *market.StatusUpdate:
		b.onStatus(now, ev.From, m, out)
	case *market.StopAck:
		b.onStopAck(now, ev.From, m, out)
	case *market.GrantHold:
		b.onGrantHold(now, ev.From, m, out)
	case *market.ReportUsage:
		b.onReport(now, ev.From, m, out)
	case *market.GiveNotice:
		b.onNotice(now, ev.From, m, out)
	case *market.IssueReceipt:
		b.onReceipt(now, ev.From, m, out)
	}
}

func (b *Buyer) onUndelivered(now market.Time, ev market.Undelivered, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.GetOffers:
		b.onUnanswered(now, ev, m.Ref, out)
	case *market.LaunchContainer:
		b.onLostLaunch(now, ev.Busy, m, out)
	case *market.StopContainer:
		b.onLostOrder(m, out)
	case *market.RequestHold:
		b.onLostHold(now, ev.To, m, out)
	}
}

func (b *Buyer) onTick(now market.Time, out *market.Outbox) {
	for i := range b.requests {
		b.tickRequest(now, &b.requests[i], out)
	}
	b.tickHoldings(now, out)
	b.tickMeters(now, out)
}

// Deadline implements market.Machine.
func (b *Buyer) Deadline() time.Duration {
	d := b.metersDeadline()
	for i := range b.requests {
		d = min(d, b.requests[i].deadline())
	}
	for i := range b.holdings {
		d = min(d, b.holdings[i].deadline())
	}
	return d
}

// Bought lists what this peer bought. The records are never mutated.
func (b *Buyer) Bought() []*market.Bought {
	list := make([]*market.Bought, len(b.holdings))
	for i := range b.holdings {
		list[i] = b.holdings[i].rec
	}
	return list
}

// here is where this peer can be dialled.
func (b *Buyer) here() market.Ref {
	at := market.Ref{Peer: b.me.Self}
	if b.stock != nil {
		at.Addrs = b.stock.Addrs
	}
	return at
}

func (b *Buyer) ref() uint64 { b.refs++; return b.refs }

func (b *Buyer) find(unit market.LeaseID) (int, bool) {
	return slices.BinarySearchFunc(b.holdings, unit, func(h *holding, id market.LeaseID) int {
		u := h.rec.Lease.Unit()
		return bytes.Compare(u[:], id[:])
	})
}

// sweep forgets requests that are over, and gives their memory back: most
// peers ask for something now and then.
func (b *Buyer) sweep() {
	if len(b.requests) == 0 {
		return
	}
	b.requests = slices.DeleteFunc(b.requests, func(r request) bool { return r.phase == over })
	if len(b.requests) == 0 {
		b.requests = nil
		b.leaveHome()
	}
}
