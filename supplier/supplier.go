package supplier

import (
	"time"

	"caravela/ledger"
	"caravela/market"
)

// Waiting times that are nobody else's concern.
const (
	ackTimeout    = 4 * time.Second         // for a trader's OfferAck
	maxTries      = 3                       // before another trader is looked for
	maxStale      = 3                       // claims of a trader in a row that it knows a newer offer
	relook        = 15 * time.Second        // first pause between searches that find too few traders; doubles up to Params.Resettle
	shunTime      = 10 * time.Minute        // without a trader that did not answer or refused
	maxShunned    = 16                      //
	linger        = 12 * time.Second        // of an offer in a region that it has left
	statusRetry   = 2 * time.Second         // first repetition of a status; doubles up to statusMax
	statusMax     = 5 * time.Minute         //
	removeRetry   = 5 * time.Minute         // before the engine is told again to remove a container
	keepExited    = 10 * time.Second        // a container with Spec.Remove, for its last output to be read
	keepEnded     = 10 * time.Minute        // an ended unit whose owner does not answer
	maxSkew       = 2 * time.Minute         // between a buyer's clock and ours at signing
	tombTime      = 2*maxSkew + time.Minute // as long as a late launch could still be accepted
	maxTombs      = 1024
	maxEnded      = 1024               // ended units whose owners have not confirmed it
	maxSilent     = 32                 // of these, one buyer's
	closeTime     = 10 * time.Minute   // for the last usage note to be acknowledged, before the receipt is written without
	keepReceipt   = 7 * 24 * time.Hour // an ended unit whose owner does not sign the receipt
	receiptMax    = time.Hour          // between two repetitions of a receipt
	maxWarning    = 10 * time.Minute   // before the end of a lease that is not renewed
	maxHolds      = 256
	maxBuyerHolds = 16   // of these, one buyer's
	maxOrders     = 16   // commands under way to one unit
	seqBlock      = 1024 // sequence numbers reserved by one write
	maxSeqJump    = 1 << 32
	updatePause   = 20 * time.Millisecond // gathers changes of the free resources into one update
	probeDepth    = 1                     // of the first region that is looked up where nothing tells how large the network is
	maxKnown      = 8                     // regions that are remembered
)

// Supplier is the selling role.
//
// It accepts Boot, Supply, EngineChanged, UnitChanged, Tick, Found, Near,
// Gone, Measured, Reclaim, Leave, Undelivered, and Received with OfferAck,
// RefreshOffer, LaunchContainer, StopContainer, StatusAck, RequestHold,
// ReleaseHold, AckUsage, AckNotice, SignReceipt, Goodbye. It emits Saves of
// Sold, Meter, Reserved, Tomb and Seq, and of the books' Entry and Account,
// Sends, Lookups, Runs, Controls, and Outcomes of Reclaim. It repeats offers,
// statuses, usage notes, notices and receipts until they are acknowledged; it
// forgets a unit when its end is acknowledged and its receipts are signed.
type Supplier struct {
	me     *market.Party
	books  *ledger.Books // shared by the roles of this peer
	rng    market.Rand
	refs   uint64
	asleep time.Duration // what the meters know of market.Time.Asleep

	stock   *market.Stock // never nil, never changed
	selling bool
	engine  bool // the engine answers
	leaving bool

	sales *sales // nil until something is sold
	pub   publication
}

// New returns a supplier that sells nothing until Supply. refs is the start
// of the numbers by which it knows its lookups again.
func New(me *market.Party, books *ledger.Books, seed, refs uint64) Supplier {
	return Supplier{me: me, books: books, rng: market.Rand(seed), refs: refs,
		stock: nothing, pub: publication{at: market.Never, lookAt: market.Never, first: probeDepth}}
}

// nothing is what a supplier sells that was told of no stock yet.
var nothing = &market.Stock{}

// Step implements market.Machine.
func (s *Supplier) Step(now market.Time, ev market.Event, out *market.Outbox) {
	s.wake(now)
	switch ev := ev.(type) {
	case market.Boot:
		s.onBoot(now, ev, out)
	case market.Joined:
		s.pub.crowd(ev.Members, s.me.Params.SplitAt)
	case market.Supply:
		s.onSupply(now, ev)
	case market.EngineChanged:
		s.onEngineChanged(now, ev, out)
	case market.UnitChanged:
		s.onUnitChanged(now, ev, out)
	case market.Tick:
		s.onTick(now, out)
	case market.Found:
		s.onFound(now, ev, out)
	case market.Near:
		s.onNear(now, ev, out)
	case market.Gone:
		s.onGone(ev.Peer)
	case market.Measured:
		s.onMeasured(now, ev)
	case market.Reclaim:
		s.onReclaim(now, ev, out)
	case market.Leave:
		s.onLeave(now, ev, out)
	case market.Undelivered:
		s.onUndelivered(now, ev)
	case market.Received:
		s.onReceived(now, ev, out)
	}
	s.recount(now, out)
	s.publish(now, out)
}

func (s *Supplier) onReceived(now market.Time, ev market.Received, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.OfferAck:
		s.onOfferAck(now, ev.From, m, out)
	case *market.RefreshOffer:
		s.onRefreshOffer(now, ev.From, m, out)
	case *market.LaunchContainer:
		s.onLaunch(now, ev.From, m, out)
	case *market.StopContainer:
		s.onStop(now, ev.From, m, out)
	case *market.StatusAck:
		s.onStatusAck(now, ev.From, m, out)
	case *market.RequestHold:
		s.onRequestHold(now, ev.From, m, out)
	case *market.ReleaseHold:
		s.onReleaseHold(now, ev.From, m, out)
	case *market.AckUsage:
		s.onAckUsage(now, ev.From, m, out)
	case *market.AckNotice:
		s.onAckNotice(ev.From, m)
	case *market.SignReceipt:
		s.onSignReceipt(now, ev.From, m, out)
	case *market.Goodbye:
		s.onGoodbye(now, ev.From.Peer)
	}
}

func (s *Supplier) onBoot(now market.Time, ev market.Boot, out *market.Outbox) {
	var tombs []*market.Tomb
	var meters []*market.Meter
	for _, r := range ev.Records {
		switch r := r.(type) {
		case *market.Tomb:
			tombs = append(tombs, r)
		case *market.Seq:
			s.pub.seq, s.pub.reserved = r.Seq, r.Seq
		case *market.Home:
			s.pub.recall().home = r
		case *market.Sold:
			s.restore(now, r, out)
		case *market.Meter:
			if r.Sold {
				meters = append(meters, r)
			}
		case *market.Reserved:
			s.restoreHold(now, r)
		}
	}
	for _, r := range meters { // after their units
		s.restoreMeter(now, r, out)
	}
	s.exhume(now, tombs)
}

func (s *Supplier) onSupply(now market.Time, ev market.Supply) {
	s.stock, s.selling = ev.Stock, ev.Selling
	if t := s.stock.Terms; t != nil && *t == (market.Terms{}) {
		s.stock = new(*s.stock)
		s.stock.Terms = nil
	}
	s.changed(now)
}

func (s *Supplier) onEngineChanged(now market.Time, ev market.EngineChanged, out *market.Outbox) {
	s.engine = ev.Up
	s.changed(now)
	if s.sales == nil {
		return
	}
	for _, u := range s.sales.units {
		s.touch(u)
		switch {
		case u.ended():
		case ev.Up:
			s.resume(now, u, out)
		case u.state() != market.Unknown && !u.starting(): // what has not begun need not be adopted later
			s.say(now, u, market.Status{State: market.Unknown, Reason: market.EngineDown, Detail: clip(ev.Reason)}, out)
		}
	}
}

// onLeave withdraws the offer; publish does the sending.
func (s *Supplier) onLeave(now market.Time, ev market.Leave, out *market.Outbox) {
	s.leaving = true
	s.changed(now)
	if !ev.End || s.sales == nil {
		return
	}
	for _, u := range s.sales.units {
		if !u.over() {
			s.touch(u)
			s.end(now, u, market.SupplierLeft, 0, out)
		}
	}
}

func (s *Supplier) onUndelivered(now market.Time, ev market.Undelivered) {
	switch m := ev.Msg.(type) {
	case *market.CreateOffer:
		if m.Offer.Supplier == s.me.Self { // else this peer's trader handed it over
			s.onLostOffer(now, ev)
		}
	case *market.UpdateOffer:
		s.onLostOffer(now, ev)
	}
}

func (s *Supplier) onTick(now market.Time, out *market.Outbox) {
	s.tickUnits(now, out)
	s.tickHolds(now, out)
	s.tickPublication(now, out)
}

// Deadline implements market.Machine.
func (s *Supplier) Deadline() time.Duration {
	d := s.pub.deadline(s.silence())
	if s.sales != nil {
		d = min(d, s.sales.due.deadline())
		if holds := s.holds(); len(holds) > 0 {
			d = min(d, holds[0].until)
		}
	}
	return d
}

// Stock is what Supply told last, and whether it is sold.
func (s *Supplier) Stock() (*market.Stock, bool) { return s.stock, s.selling && !s.leaving }

// Sold lists the units that this peer sold, by unit. The records are never
// mutated.
func (s *Supplier) Sold() []*market.Sold {
	if s.sales == nil {
		return nil
	}
	list := make([]*market.Sold, len(s.sales.units))
	for i, u := range s.sales.units {
		list[i] = u.rec
	}
	return list
}

func (s *Supplier) ref() uint64 { s.refs++; return s.refs }

func clip(s string) string {
	if len(s) > market.MaxDetail {
		return s[:market.MaxDetail]
	}
	return s
}
