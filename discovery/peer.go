package discovery

import (
	"time"

	"caravela/buyer"
	"caravela/ledger"
	"caravela/market"
	"caravela/supplier"
	"caravela/trader"
)

// Config is what a peer is made of. All parts are required.
type Config struct {
	Self    market.PeerID
	Network market.NetworkID // as Params has it
	Params  *market.Params   // shared by all peers of a process; not copied
	Sealer  market.Sealer
	Seed    uint64 // differs from peer to peer and from start to start
	Trader  bool   // whether this peer may keep others' offers
}

// Peer is one participant of the market. It implements market.Machine and
// accepts every event; see the roles for what each does with it.
type Peer struct {
	me       market.Party
	trader   trader.Trader
	supplier supplier.Supplier
	buyer    buyer.Buyer
	books    ledger.Books
}

// The roles know their lookups and questions again by numbers. Each counts in
// a range of its own, from a random start, so that an answer to an earlier
// life means nothing.
const (
	buyerRefs    = 1 << 60
	supplierRefs = 2 << 60
	traderRefs   = 3 << 60
	refMask      = 1<<59 - 1
)

// New returns a peer that waits for Boot.
func New(c Config) *Peer {
	r := market.Rand(c.Seed)
	next := r.Uint64
	p := &Peer{me: market.Party{Self: c.Self, Params: c.Params, Seal: c.Sealer}}
	p.books = ledger.New(&p.me)
	p.trader = trader.New(&p.me, c.Trader, next(), traderRefs|next()&refMask)
	p.supplier = supplier.New(&p.me, &p.books, next(), supplierRefs|next()&refMask)
	p.buyer = buyer.New(&p.me, &p.books, next(), buyerRefs|next()&refMask)
	return p
}

// Step implements market.Machine.
func (p *Peer) Step(now market.Time, ev market.Event, out *market.Outbox) {
	switch ev := ev.(type) {
	case market.Boot, market.Near:
		p.books.Step(now, ev, out)
		p.all(now, ev, out)
	case market.Supply, market.Found, market.Undelivered, market.Gone:
		p.all(now, ev, out)
	case market.Tick:
		p.onTick(now, out)
	case market.UnitChanged, market.EngineChanged, market.Joined, market.Reclaim, market.Measured:
		p.supplier.Step(now, ev, out)
	case market.Settle, market.SetPeer:
		p.books.Step(now, ev, out)
	case market.Leave:
		p.supplier.Step(now, ev, out)
		p.trader.Step(now, ev, out)
	case market.Wanted:
		p.onWanted(now, ev, out)
	case market.Abandon, market.Ordered, market.Renewal:
		p.buyer.Step(now, ev, out)
	case market.Received:
		p.onReceived(now, ev, out)
	default:
		panic("discovery: unknown event")
	}
}

func (p *Peer) all(now market.Time, ev market.Event, out *market.Outbox) {
	p.supplier.Step(now, ev, out)
	p.trader.Step(now, ev, out)
	p.buyer.Step(now, ev, out)
}

// onTick wakes the roles that are due.
func (p *Peer) onTick(now market.Time, out *market.Outbox) {
	for _, m := range []market.Machine{&p.supplier, &p.trader, &p.buyer, &p.books} {
		if m.Deadline() <= now.Mono {
			m.Step(now, market.Tick{}, out)
		}
	}
}

// onWanted lets the search begin at the traders of the own offer: whoever
// sells needs no lookup to buy.
func (p *Peer) onWanted(now market.Time, ev market.Wanted, out *market.Outbox) {
	if stock, _ := p.supplier.Stock(); ev.Want.Platform == (market.Platform{}) {
		ev.Want.Platform = stock.Platform
	}
	if ev.Want.Platform == (market.Platform{}) {
		ev.Want.Platform = market.Platform{OS: "linux", Arch: "amd64"}
	}
	if region, traders := p.supplier.Home(); traders != nil {
		p.buyer.Home(now, region, traders)
	}
	p.buyer.Step(now, ev, out)
}

// onReceived routes a message. Offers answer the buyer's questions, or the
// trader's to another replica; each ignores what it did not ask.
func (p *Peer) onReceived(now market.Time, ev market.Received, out *market.Outbox) {
	switch m := ev.Msg.(type) {
	case *market.CreateOffer, *market.UpdateOffer, *market.RefreshAck, *market.RemoveOffer, *market.AdvertiseOffersNeighbor:
		p.trader.Step(now, ev, out)
	case *market.OfferAck, *market.RefreshOffer, *market.LaunchContainer, *market.StopContainer, *market.StatusAck,
		*market.RequestHold, *market.ReleaseHold, *market.AckUsage, *market.AckNotice, *market.SignReceipt:
		p.supplier.Step(now, ev, out)
	case *market.Grant, *market.Refusal, *market.StatusUpdate, *market.StopAck,
		*market.GrantHold, *market.ReportUsage, *market.GiveNotice, *market.IssueReceipt:
		p.buyer.Step(now, ev, out)
	case *market.ProposeSettlement, *market.AnswerSettlement:
		p.books.Step(now, ev, out)
	case *market.Offers:
		p.buyer.Step(now, ev, out)
		p.trader.Step(now, ev, out)
	case *market.Goodbye:
		p.supplier.Step(now, ev, out)
		p.trader.Step(now, ev, out)
	case *market.GetOffers:
		p.onGetOffers(now, ev.From, m, out)
	default:
		panic("discovery: unknown message")
	}
}

// onGetOffers answers as a trader. A question for one supplier's offer is
// answered by that supplier itself, wherever its offer is kept.
func (p *Peer) onGetOffers(now market.Time, from market.Ref, m *market.GetOffers, out *market.Outbox) {
	var own *market.SignedOffer
	if m.Want.On == p.me.Self {
		own = p.supplier.Offer()
	}
	if own == nil {
		p.trader.Step(now, market.Received{From: from, Msg: m}, out)
		return
	}
	stock, _ := p.supplier.Stock()
	a := &market.Offers{Ref: m.Ref, Region: m.Region, Trader: true, Tally: market.Tally{Regions: 1}}
	if a.Tally.Look(&m.Want, &own.Offer) {
		a.Offers = append(a.Offers, market.OfferAt{Offer: own, Addrs: stock.Addrs})
	}
	out.Send(from, a)
}

// Deadline implements market.Machine.
func (p *Peer) Deadline() time.Duration {
	return min(p.supplier.Deadline(), p.trader.Deadline(), p.buyer.Deadline(), p.books.Deadline())
}

// EnableTrader says whether this peer may keep others' offers: not while it
// cannot be reached, nor on a weak machine.
func (p *Peer) EnableTrader(on bool) { p.trader.Enable(on) }

// Books are this peer's accounts.
func (p *Peer) Books() *ledger.Books { return &p.books }
