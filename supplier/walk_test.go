package supplier_test

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"caravela/ledger"
	"caravela/market"
	"caravela/supplier"
)

// TestWalk takes random walks: launches, holds, renewals, reclaims, engines that
// fail, messages that are lost, late, doubled and replayed, and crashes between
// any two effects. After each step no core is sold twice and nobody owes more
// than its limit; at rest both sides' books agree to the micro-credit. WALKS=500
// takes more of them.
func TestWalk(t *testing.T) {
	walks := walks
	if n, err := strconv.Atoi(os.Getenv("WALKS")); err == nil {
		walks = n
	}
	for seed := range uint64(walks) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWalk(t, seed)
			for range 250 {
				w.op()
			}
			w.rest()
		})
	}
}

const (
	walkers = 3
	limit   = 1_500_000 // of the first buyer; the second has none, the third the default
)

// walk is a supplier, its engine, and some buyers who have books of their own.
type walk struct {
	*bench
	rng     market.Rand
	post    []market.Send // on its way to buyers
	old     []market.Send // delivered before
	engine  map[market.LeaseID]market.State
	says    []market.UnitChanged
	up      bool
	buyers  [walkers]*shopper
	begun   map[market.LeaseID]time.Duration                   // when a unit was first asked for
	signed  map[market.LeaseID]map[uint64][32]byte             // notes that left, by lease and number
	granted map[market.LeaseID]*market.SignedLease             // by lease
	used    map[market.LeaseID]map[market.LeaseID]market.Usage // by unit and lease
}

// shopper is a buyer: what it keeps survives everything.
type shopper struct {
	i        byte
	leases   []*market.SignedLease // granted, the newest of each unit
	acked    map[market.LeaseID]*market.SignedUsage
	receipts map[market.LeaseID]*market.SignedReceipt
	holds    []*market.SignedHold
	launches []*market.LaunchContainer
}

func newWalk(t *testing.T, seed uint64) *walk {
	w := &walk{bench: newBench(t, priced), rng: market.Rand(seed*977 + 5), up: true,
		engine: map[market.LeaseID]market.State{}, begun: map[market.LeaseID]time.Duration{}, signed: map[market.LeaseID]map[uint64][32]byte{},
		granted: map[market.LeaseID]*market.SignedLease{}, used: map[market.LeaseID]map[market.LeaseID]market.Usage{}}
	for i := range w.buyers {
		w.buyers[i] = &shopper{i: byte(i + 1), acked: map[market.LeaseID]*market.SignedUsage{}, receipts: map[market.LeaseID]*market.SignedReceipt{}}
	}
	w.allow(1, limit)
	w.account(2, func(a *market.Account) { a.Trusted = true })
	return w
}

// do takes a step, and performs its effects; now and then the process dies
// between two of them.
func (w *walk) do(ev market.Event) {
	var out market.Outbox
	w.Step(w.now, ev, &out)
	w.audit()
	cut := -1
	if w.rng.IntN(25) == 0 {
		cut = w.rng.IntN(2 + len(out.Sends))
	}
	if cut != 0 {
		w.save(&out)
	}
	for i, s := range out.Sends {
		if cut >= 0 && i >= cut-1 {
			break
		}
		w.send(s)
	}
	if cut < 0 {
		for _, r := range out.Runs {
			w.run(r)
		}
		for _, c := range out.Controls {
			w.control(c)
		}
	}
	w.check()
	if cut >= 0 {
		w.crash()
	}
}

func (w *walk) crash() {
	w.says = nil // a launch under way dies with the process
	w.pass(time.Duration(w.rng.IntN(300)) * time.Second)
	var out market.Outbox
	for _, s := range w.boot().Sends {
		w.send(s)
	}
	w.step(market.Supply{Selling: true, Stock: new(w.stock)})
	w.Step(w.now, market.EngineChanged{Up: w.up}, &out)
	w.save(&out)
	w.check()
	for _, r := range out.Runs {
		w.run(r)
	}
	for _, c := range out.Controls {
		w.control(c)
	}
	for _, s := range out.Sends {
		w.send(s)
	}
}

func (w *walk) send(s market.Send) {
	switch m := s.Msg.(type) {
	case *market.ReportUsage:
		n := m.Note
		if w.signed[n.Lease] == nil {
			w.signed[n.Lease] = map[uint64][32]byte{}
		}
		if h, known := w.signed[n.Lease][n.Seq]; known && h != n.Hash {
			w.t.Fatalf("two notes %d of lease %s", n.Seq, n.Lease.Short())
		}
		w.signed[n.Lease][n.Seq] = n.Hash
		w.elapsed(n)
	case *market.Grant:
		w.granted[m.Lease.ID] = m.Lease
	}
	w.post = append(w.post, s)
}

// elapsed: all leases of a unit together bill no more seconds than have passed,
// and each what its price makes of them.
func (w *walk) elapsed(n *market.SignedUsage) {
	l := w.granted[n.Lease]
	if l == nil { // its grant was lost in a crash
		return
	}
	if due := l.Due(n.Usage); n.Amount != due || l.MaxCost > 0 && due > l.MaxCost {
		w.t.Fatalf("note %d bills %d for %+v; it is %d, at most %d", n.Seq, n.Amount, n.Usage, due, l.MaxCost)
	}
	u := l.Unit()
	if w.used[u] == nil {
		w.used[u] = map[market.LeaseID]market.Usage{}
	}
	w.used[u][n.Lease] = n.Usage
	var all uint64
	for _, x := range w.used[u] {
		all += x.Running + x.Parked
	}
	if passed := w.now.Mono - w.begun[u]; time.Duration(all)*time.Second > passed {
		w.t.Fatalf("%d s are billed in %v", all, passed)
	}
}

// check holds the supplier against what must be true after every step.
func (w *walk) check() {
	free := w.Free().Add(w.Used().Resources).Add(w.Reserved().Resources)
	if free != w.stock.Total {
		w.t.Fatalf("free, used and held are %v of %v", free, w.stock.Total)
	}
	due := w.balance(1).Receivable()
	for _, r := range w.disk {
		if m, ok := r.(*market.Meter); ok && m.Note != nil && w.granted[m.Lease] != nil && w.granted[m.Lease].Buyer == keys(1).Self() && m.Seen == 0 {
			due += m.Note.Amount
			if m.Acked != nil {
				due -= m.Acked.Amount
			}
		}
	}
	if due > limit {
		w.t.Fatalf("a buyer owes %d; its limit is %d", due, limit)
	}
}

func (w *walk) run(r market.Run) {
	st, exists := w.engine[r.Unit]
	switch {
	case !w.up:
		return
	case exists:
	case r.Adopt:
		w.says = append(w.says, market.UnitChanged{Unit: r.Unit, State: market.Lost})
		return
	default:
		w.engine[r.Unit], st = market.Running, market.Running
		w.says = append(w.says, market.UnitChanged{Unit: r.Unit, State: market.Pulling})
	}
	w.says = append(w.says, market.UnitChanged{Unit: r.Unit, State: st, Reason: market.NoReason})
}

func (w *walk) control(c market.Control) {
	ev := market.UnitChanged{Unit: c.Unit, Ref: c.Ref}
	_, exists := w.engine[c.Unit]
	switch {
	case !w.up:
		ev.State, ev.Reason = market.Unknown, market.EngineDown
	case c.Op == market.OpRemove:
		delete(w.engine, c.Unit)
		ev.State = market.Ended
	case !exists:
		ev.State = market.Unknown
	case c.Op == market.OpStop:
		w.engine[c.Unit], ev.State, ev.Reason = market.Stopped, market.Stopped, market.Exited
	default:
		w.engine[c.Unit], ev.State = market.Running, market.Running
	}
	w.says = append(w.says, ev)
}

// op does something at random.
func (w *walk) op() {
	s := w.buyers[w.rng.IntN(walkers)]
	switch k := w.rng.IntN(40); {
	case k < 4:
		w.launch(s)
	case k < 5:
		w.do(market.Received{From: s.ref(), Msg: w.ask(w.rng.Uint64()%4, nil)})
	case k < 6 && len(s.launches) > 0: // once more
		m := s.launches[w.rng.IntN(len(s.launches))]
		w.do(market.Received{From: s.ref(), Msg: m})
	case k < 8 && len(s.leases) > 0:
		w.renew(s, s.leases[w.rng.IntN(len(s.leases))])
	case k < 10 && len(s.leases) > 0:
		op := []market.Op{market.OpStop, market.OpStart, market.OpStop, market.OpStart, market.OpRemove}[w.rng.IntN(5)]
		w.do(market.Received{From: s.ref(), Msg: &market.StopContainer{Unit: s.leases[w.rng.IntN(len(s.leases))].Unit(), Op: op, Ref: w.rng.Uint64()}})
	case k < 11 && len(s.leases) > 0:
		w.do(market.Reclaim{Unit: s.leases[w.rng.IntN(len(s.leases))].Unit(), Now: w.rng.IntN(4) == 0, Cancel: w.rng.IntN(3) == 0})
	case k < 12:
		w.up = !w.up
		w.do(market.EngineChanged{Up: w.up})
	case k < 13 && len(w.engine) > 0:
		w.exit()
	case k < 14:
		w.do(market.Near{Peer: s.ref()})
	case k < 15:
		w.pay(s)
	case k < 16:
		w.reprice()
	case k < 18 && len(w.old) > 0:
		w.deliver(w.old[w.rng.IntN(len(w.old))]) // a replay
	case k < 19 && len(w.post) > 0: // lost
		i := w.rng.IntN(len(w.post))
		w.post = slices.Delete(w.post, i, i+1)
	case k < 24 && len(w.says) > 0:
		w.hear()
	case k < 34 && len(w.post) > 0:
		i := w.rng.IntN(len(w.post))
		m := w.post[i]
		w.post = slices.Delete(w.post, i, i+1)
		w.deliver(m)
	default:
		w.wait(time.Duration(1+w.rng.IntN(150)) * time.Second)
	}
}

func (s *shopper) ref() market.Ref { return market.Ref{Peer: keys(s.i).Self()} }

func (w *walk) launch(s *shopper) {
	var from *market.SignedHold
	m := w.bench.launch(s.i, func(spec *market.Spec, l *market.Lease) {
		spec.Limits.CPU = market.MilliCPU(200 * (1 + w.rng.IntN(5)))
		if w.rng.IntN(3) == 0 {
			l.MaxCost = market.Micro(100_000 + w.rng.IntN(500_000))
		}
		if len(s.holds) > 0 {
			from, s.holds = s.holds[0], s.holds[1:]
			l.Hold, l.Terms = from.ID, from.Terms
		}
	})
	w.begun[m.Lease.ID] = w.now.Mono
	s.launches = append(s.launches, m)
	w.do(market.Received{From: s.ref(), Msg: m})
}

func (w *walk) renew(s *shopper, l *market.SignedLease) {
	m := w.renewal(s.i, l, func(n *market.Lease) { n.MaxCost = 0 })
	s.launches = append(s.launches, m)
	w.do(market.Received{From: s.ref(), Msg: m})
}

// exit ends a container's process, or makes it vanish.
func (w *walk) exit() {
	var units []market.LeaseID
	for u := range w.engine {
		units = append(units, u)
	}
	slices.SortFunc(units, market.LeaseID.Compare)
	u := units[w.rng.IntN(len(units))]
	if w.rng.IntN(4) == 0 {
		delete(w.engine, u)
		w.do(market.UnitChanged{Unit: u, State: market.Lost})
		return
	}
	w.engine[u] = market.Stopped
	w.do(market.UnitChanged{Unit: u, State: market.Stopped, Reason: market.Exited})
}

func (w *walk) pay(s *shopper) {
	w.account(s.i, func(a *market.Account) {
		a.Balances = slices.Clone(a.Balances)
		for i := range a.Balances {
			a.Balances[i].SettledIn = a.Balances[i].Earned
		}
	})
}

func (w *walk) reprice() {
	x := *w.stock.Terms
	x.Price.Core = market.Micro(1_800_000 * (1 + w.rng.IntN(4)))
	w.stock.Terms = &x
	w.do(market.Supply{Selling: true, Stock: new(w.stock)})
}

func (w *walk) hear() {
	i := w.rng.IntN(len(w.says))
	ev := w.says[i]
	for j, x := range w.says { // in order for each unit
		if x.Unit == ev.Unit {
			i, ev = j, x
			break
		}
	}
	w.says = slices.Delete(w.says, i, i+1)
	w.do(ev)
}

// wait lets time pass; ticks come when they are due.
func (w *walk) wait(d time.Duration) {
	end := w.now.Mono + d
	for n := 0; w.Deadline() <= end; n++ {
		if n > 5000 {
			w.t.Fatalf("the deadline stays at %v, it is %v", w.Deadline(), w.now.Mono)
		}
		w.pass(max(0, w.Deadline()-w.now.Mono))
		w.do(market.Tick{})
	}
	w.pass(max(0, end-w.now.Mono))
}

// deliver lets a buyer take and answer a message.
func (w *walk) deliver(m market.Send) {
	w.old = append(w.old, m)
	for _, s := range w.buyers {
		if s.ref().Peer == m.To.Peer {
			if answer := s.take(m.Msg); answer != nil {
				w.do(market.Received{From: s.ref(), Msg: answer})
			}
		}
	}
}

// take is an honest buyer: it signs what follows what it signed before.
func (s *shopper) take(m market.Message) market.Message {
	k := keys(s.i)
	switch m := m.(type) {
	case *market.Grant:
		i := slices.IndexFunc(s.leases, func(l *market.SignedLease) bool { return l.Unit() == m.Lease.Unit() })
		switch {
		case i < 0:
			s.leases = append(s.leases, m.Lease)
		case m.Lease.Prev == s.leases[i].ID:
			s.leases[i] = m.Lease
		}
	case *market.GrantHold:
		if len(s.holds) < 3 {
			s.holds = append(s.holds, m.Hold)
		}
	case *market.ReportUsage:
		n, last := m.Note, s.acked[m.Note.Lease]
		if last != nil && n.Seq < last.Seq || s.receipts[n.Lease] != nil {
			return nil
		}
		s.acked[n.Lease] = k.AckUsage(n)
		return &market.AckUsage{Lease: n.Lease, Seq: n.Seq, Note: s.acked[n.Lease]}
	case *market.IssueReceipt:
		r, last := m.Receipt, s.acked[m.Receipt.Lease]
		if last != nil && r.NoteSeq < last.Seq {
			return &market.AckUsage{Lease: r.Lease, Seq: last.Seq, Note: last}
		}
		s.receipts[r.Lease] = k.SignReceipt(r)
		return &market.SignReceipt{Lease: r.Lease, Receipt: s.receipts[r.Lease]}
	case *market.GiveNotice:
		return &market.AckNotice{Unit: m.Notice.Unit, Seq: m.Notice.Seq}
	case *market.StatusUpdate:
		return &market.StatusAck{Unit: m.Status.Lease, Seq: m.Status.Seq}
	}
	return nil
}

// rest ends everything, and compares the books.
func (w *walk) rest() {
	w.up = true
	w.rng = market.Rand(1)
	quiet := func() {
		for n := 0; len(w.post)+len(w.says) > 0; n++ {
			if n > 10_000 {
				w.t.Fatal("the walk does not come to rest")
			}
			if len(w.says) > 0 {
				w.hear()
				continue
			}
			m := w.post[0]
			w.post = w.post[1:]
			w.deliver(m)
		}
	}
	w.do(market.EngineChanged{Up: true})
	quiet()
	for round := 0; len(w.Sold()) > 0; round++ {
		if round > 300 {
			w.t.Fatalf("%d units are not forgotten: %+v", len(w.Sold()), w.Sold()[0])
		}
		for _, u := range w.Sold() {
			w.do(market.Reclaim{Unit: u.Lease.Unit(), Now: true})
		}
		quiet()
		w.wait(10 * time.Minute)
		quiet()
	}
	w.wait(2 * time.Minute)
	if w.Used() != (supplier.Counts{}) || w.Reserved() != (supplier.Counts{}) {
		w.t.Errorf("used are %+v, held %+v", w.Used(), w.Reserved())
	}
	for _, s := range w.buyers {
		w.agree(s)
	}
}

// agree compares both sides' books, and audits the supplier's log.
func (w *walk) agree(s *shopper) {
	var due market.Micro
	for lease, n := range s.acked {
		due += n.Amount
		if r := s.receipts[lease]; r == nil || r.Amount != n.Amount {
			w.t.Errorf("lease %s: note %d of %d is acknowledged, the receipt is %+v", lease.Short(), n.Seq, n.Amount, r)
		}
	}
	if earned := w.balance(s.i).Earned; earned != due {
		w.t.Errorf("the buyer has acknowledged %d, the supplier has earned %d", due, earned)
	}
	a := *w.books.Account(s.ref().Peer)
	a.Balances = slices.Clone(a.Balances)
	for i := range a.Balances { // payments here have no entries
		a.Balances[i].SettledIn = 0
	}
	if _, err := ledger.Verify(w.keys.Self(), network, &a, w.log(a.Peer)); err != nil {
		w.t.Error(err)
	}
}

// log is what the disk holds about a peer.
func (b *bench) log(p market.PeerID) iter.Seq2[*market.Entry, error] {
	var list []*market.Entry
	for _, r := range b.disk {
		if e, ok := r.(*market.Entry); ok && e.Peer == p {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(x, y *market.Entry) int { return int(x.Index) - int(y.Index) })
	return func(yield func(*market.Entry, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}
