package discovery_test

import (
	"fmt"
	"time"

	"caravela/discovery/discoverytest"
	"caravela/ledger"
	"caravela/market"
)

// life is all that can become of metered containers between two peers: one is
// launched, stopped, started, renewed, and taken back by its supplier; another
// follows in its place, and is removed by its owner; then half of the debt is
// settled as the debtor proposes, and the rest as the creditor does. There is
// room for one container only.
type life struct {
	*discoverytest.World
	seller, buyer *discoverytest.Node
	ran, parked   time.Duration // of containers while their supplier was up, to a second
	deaths        map[*discoverytest.Node]int
	away          map[*discoverytest.Node]time.Duration
	todo          []task
	since         time.Duration // the last of what was to do was done
	tried         time.Duration
	then          func() // called when somebody has died
	plans         []plan
	err           error // the first time that too much ran unacknowledged
}

// task is something that a person does, and tries again until it is done: a
// command is lost with the process that it was given to.
type task struct {
	what  string
	after time.Duration // the task before
	who   *discoverytest.Node
	done  func() bool
	do    func()
}

// plan is what befalls the two at a time.
type plan struct {
	at time.Duration
	do func()
}

const (
	reboot   = 7 * time.Second
	interval = 5 * time.Second
	grace    = 15 * time.Second
)

func newLife() *life {
	w := discoverytest.New()
	w.Signed = true
	w.Params.Term = 45 * time.Second
	l := &life{World: w, deaths: map[*discoverytest.Node]int{}, away: map[*discoverytest.Node]time.Duration{}}
	l.seller, l.buyer = w.Add("a"), w.Add("x")
	l.seller.Stock.Terms = &market.Terms{Price: market.Price{Unit: "credit", Core: 3_600_000, Parked: 360_000, Start: 500},
		Interval: interval, Bear: 3, Grace: grace, Notice: 10 * time.Second}
	l.seller.Stock.Credit = 24 * time.Hour
	w.Sell(l.seller, market.Resources{CPU: 1000, Memory: market.GiB})
	l.plan()
	return l
}

func (l *life) plan() {
	s, b := l.seller, l.buyer
	l.todo = []task{
		{"launch", 2 * time.Second, b, func() bool { return l.bought("one") != nil }, func() { l.launch("one") }},
		{"stop", 11 * time.Second, b, func() bool { return l.is("one", market.Stopped) }, func() { l.order("one", market.OpStop) }},
		{"start", 8 * time.Second, b, func() bool { return l.is("one", market.Running) }, func() { l.order("one", market.OpStart) }},
		{"reclaim", 22 * time.Second, s, l.reclaimed, l.reclaim},
		{"launch another", 14 * time.Second, b, func() bool { return l.bought("two") != nil }, func() { l.launch("two") }},
		{"remove", 21 * time.Second, b, func() bool { return l.bought("two") == nil }, func() { l.order("two", market.OpRemove) }},
		{"pay half", 10 * time.Second, b, func() bool { return len(s.Peer.Books().Proposals()) > 0 }, func() { l.settle(b, s, false) }},
		{"agree", 2 * time.Second, s, func() bool { return l.balance(b, s).SettledOut > 0 }, l.agree},
		{"be paid", 2 * time.Second, s, l.paid, func() { l.settle(s, b, true) }},
	}
}

func (l *life) bought(image string) *market.Bought {
	for _, r := range l.buyer.Peer.Bought() {
		if r.Spec.Image == image && r.Lease.BySupplier != "" && !r.Undo {
			return r
		}
	}
	return nil
}

// is reports whether the buyer knows a unit to be in a state, or to be over.
func (l *life) is(image string, s market.State) bool {
	r := l.bought(image)
	return r == nil || r.Status != nil && (r.Status.State == s || r.Status.State == market.Ended)
}

func (l *life) launch(image string) {
	need := market.Resources{CPU: 1000, Memory: 64 * market.MiB}
	l.Want(l.buyer, market.Wanted{Spec: &market.Spec{Image: image, Limits: need}, Want: market.Want{Need: need}})
}

func (l *life) order(image string, op market.Op) {
	if r := l.bought(image); r != nil {
		l.Order(l.buyer, market.StopContainer{Unit: r.Lease.Unit(), Op: op})
	}
}

func (l *life) reclaimed() bool {
	for _, m := range l.seller.Peer.SoldMeters() {
		if m.Notice != nil && m.Notice.Kind == market.NoticeReclaim {
			return true
		}
	}
	return len(l.seller.Peer.Sold()) == 0
}

func (l *life) reclaim() {
	for _, r := range l.seller.Peer.Sold() {
		l.Step(l.seller, market.Reclaim{Ref: 1, Unit: r.Lease.Unit()})
	}
}

// paid reports whether all is settled, and nothing more is to come.
func (l *life) paid() bool {
	return l.balance(l.seller, l.buyer).Receivable() == 0 && l.balance(l.buyer, l.seller).Payable() == 0 && len(l.seller.Peer.Sold()) == 0
}

func (l *life) balance(n, of *discoverytest.Node) market.Balance {
	return ledger.BalanceOf(n.Peer.Books().Account(of.ID), "credit")
}

// settle has a node propose that half of what is due between two is paid, or
// all of it.
func (l *life) settle(by, with *discoverytest.Node, all bool) {
	if len(by.Peer.Books().Proposals()) > 0 {
		return
	}
	due := l.balance(by, with).Receivable()
	if !all {
		due = l.balance(by, with).Payable() / 2
	}
	if due > 0 {
		l.Step(by, market.Settle{Ref: 1, Peer: with.ID, Amount: due, Unit: "credit", Owed: all})
	}
}

func (l *life) agree() {
	for _, p := range l.seller.Peer.Books().Proposals() {
		if p.By == l.buyer.ID {
			l.Step(l.seller, market.Settle{Ref: 1, Accept: p.ID})
		}
	}
}

// live lets everything happen, and then come to rest. Who has lost a trader
// looks for another one within the half hour.
func (l *life) live() {
	for end := l.Now() + 45*time.Minute; l.Now() < end && !l.over(); {
		l.tick()
	}
}

// over reports whether nothing is left to wait for.
func (l *life) over() bool {
	return len(l.todo) == 0 && len(l.plans) == 0 && l.Now() > l.since+10*time.Second && l.seller.Up && l.buyer.Up &&
		len(l.seller.Peer.Sold()) == 0 && l.Settled() == nil
}

// tick lets a second pass. Who has died is started again after some.
func (l *life) tick() {
	for _, state := range l.seller.Engine.Units { // in any order: there is one at most
		switch {
		case !l.seller.Up: // nobody can bill what nobody sees
		case state == market.Running:
			l.ran += time.Second
		default:
			l.parked += time.Second
		}
	}
	l.pass(time.Second)
	for _, n := range l.Nodes {
		switch {
		case n.Up:
			l.away[n] = 0
		case l.away[n] == 0:
			if l.deaths[n]++; l.then != nil {
				then := l.then
				l.then = nil
				then()
			}
			l.away[n] = time.Second
		case l.away[n] >= reboot:
			l.Boot(n)
		default:
			l.away[n] += time.Second
		}
	}
	l.people()
	l.watch()
}

// pass lets time pass, and do what it brings.
func (l *life) pass(d time.Duration) {
	end := l.Now() + d
	for len(l.plans) > 0 && l.plans[0].at <= end {
		p := l.plans[0]
		l.plans = l.plans[1:]
		l.Advance(p.at - l.Now())
		p.do()
	}
	l.Advance(end - l.Now())
}

// watch holds what runs unacknowledged against what the supplier may lose at
// most. A tick is a second.
func (l *life) watch() {
	if !l.seller.Up || l.err != nil {
		return
	}
	t := l.seller.Stock.Terms
	most := t.Exposure(l.seller.Stock.Total) + t.Price.Hourly(l.seller.Stock.Total)/3600
	if c := l.seller.Peer.Credit(l.buyer.ID, "credit"); c.Pending > most {
		l.err = fmt.Errorf("%v: %v run unacknowledged; %v may", l.Now(), c.Pending, most)
	}
}

// people do what is next.
func (l *life) people() {
	if len(l.todo) == 0 || !l.seller.Up || !l.buyer.Up || l.Now() < l.since+l.todo[0].after {
		return
	}
	t := l.todo[0]
	switch {
	case t.done():
		l.todo, l.since, l.tried = l.todo[1:], l.Now(), 0
	case l.tried == 0 || l.Now() >= l.tried+15*time.Second:
		l.tried = l.Now()
		t.do()
	}
}

// excuse is what troubles may cost.
type excuse struct {
	lost   time.Duration // run, and never billed
	undone int           // launches that are taken back before their grant comes: the buyer knows nothing of them, and signs nothing
	ran    time.Duration // each of these
}

// check holds a life that is over against what must be true of each.
func (l *life) check(x excuse) error {
	if err := l.Settled(); err != nil {
		return err
	}
	if l.err != nil {
		return l.err
	}
	if len(l.todo) > 0 {
		return fmt.Errorf("the people could not %s", l.todo[0].what)
	}
	reports, err := l.Audited()
	if err != nil {
		return err
	}
	s, b := reports[l.seller], reports[l.buyer]
	undone := s.Leases - b.Leases
	if s.Receipts != b.Receipts || b.Leases != b.Receipts || undone < 0 || undone > x.undone {
		return fmt.Errorf("the supplier's log has %d leases and %d receipts, the buyer's %d and %d", s.Leases, s.Receipts, b.Leases, b.Receipts)
	}
	if n := len(l.seller.Peer.Sold()) + len(l.seller.Peer.SoldMeters()) + len(l.seller.Engine.Units); n > 0 {
		return fmt.Errorf("%d units and meters are left at the supplier", n)
	}
	const slack = 5 * time.Second // starts and ends are seen late by up to a second
	ran, parked := l.billed()
	if ran > l.ran+slack || ran < l.ran-slack-x.lost-time.Duration(undone)*x.ran || parked > l.parked+slack {
		return fmt.Errorf("%v running and %v parked are billed; it was %v and %v", ran, parked, l.ran, l.parked)
	}
	if b := l.balance(l.seller, l.buyer); b.Receivable() != 0 || b.Earned == 0 || x.undone == 0 && b.Unconfirmed != 0 {
		return fmt.Errorf("the supplier's books say %+v", b)
	}
	return nil
}

// billed adds up what was acknowledged.
func (l *life) billed() (ran, parked time.Duration) {
	for _, m := range l.buyer.Peer.BoughtMeters() {
		if m.Acked != nil {
			ran += time.Duration(m.Acked.Usage.Running) * time.Second
			parked += time.Duration(m.Acked.Usage.Parked) * time.Second
		}
	}
	return ran, parked
}
