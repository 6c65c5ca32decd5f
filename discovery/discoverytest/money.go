package discoverytest

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"caravela/ledger"
	"caravela/market"
)

// Keyring returns the real keys of the i-th node of a world that is Signed.
func Keyring(i int) *market.Keyring {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(i), byte(i>>8)
	return market.NewKeyring(ed25519.NewKeyFromSeed(seed))
}

// doMoney carries out a command about prices, bills and accounts.
func (w *World) doMoney(cmd string, n *Node, args []string) string {
	switch cmd {
	case "price":
		return w.price(n, args)
	case "renew":
		return w.renew(n, args)
	case "reclaim":
		return w.reclaim(n, args)
	case "settle":
		return w.settle(n, args)
	case "peer":
		return w.setPeer(n, args)
	case "notices":
		return n.notices()
	case "bills":
		return w.bills(n)
	}
	return "unknown command " + cmd
}

// price reads "free", or "core=36 [mem=1] [disk=1] [parked=1] [start=5] [unit=credit] [interval=1m] [bear=3] [grace=5m] [notice=10m] [credit=1h]".
func (w *World) price(n *Node, args []string) string {
	t := &market.Terms{Price: market.Price{Unit: "credit"}, Interval: market.DefaultInterval, Bear: 3, Grace: market.DefaultGrace, Notice: market.DefaultNotice}
	rates := map[string]*market.Micro{"core": &t.Price.Core, "mem": &t.Price.Memory, "disk": &t.Price.Disk, "parked": &t.Price.Parked, "start": &t.Price.Start}
	times := map[string]*time.Duration{"interval": &t.Interval, "grace": &t.Grace, "notice": &t.Notice, "credit": &n.Stock.Credit}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		var err error
		switch {
		case a == "free":
			t = nil
		case k == "unit":
			t.Price.Unit = v
		case k == "bear":
			_, err = fmt.Sscan(v, &t.Bear)
		case rates[k] != nil:
			_, err = fmt.Sscan(v, rates[k])
		case times[k] != nil:
			*times[k], err = time.ParseDuration(v)
		default:
			return "unknown argument " + a
		}
		if err != nil {
			return err.Error()
		}
	}
	n.Stock.Terms = t
	if n.told {
		w.Step(n, market.Supply{Selling: n.Selling, Stock: new(n.Stock)})
	}
	return ""
}

// wantMoney reads an argument of a request that is about money.
func (w *World) wantMoney(n *Node, ev *market.Wanted, k, v string) error {
	var err error
	switch k {
	case "cheapest":
		ev.Want.Strategy = market.Cheapest
	case "maxprice":
		ev.Want.MaxPriceSet = true
		_, err = fmt.Sscan(v, &ev.Want.MaxPrice)
	case "unit":
		ev.Want.Unit = v
	case "maxcost":
		_, err = fmt.Sscan(v, &ev.MaxCost)
	case "quote":
		ev.DryRun, ev.Quote = true, true
	case "held": // by the newest quote
		ev.Hold = n.quoted
	default:
		err = fmt.Errorf("unknown argument %s", k)
	}
	return err
}

// bought finds the i-th unit that a node bought, in a script's counting.
func (n *Node) nth(arg string) (unit market.LeaseID, ok bool) {
	var i int
	fmt.Sscan(arg, &i)
	list := n.Peer.Bought()
	if i < 1 || i > len(list) {
		return unit, false
	}
	return list[i-1].Lease.Unit(), true
}

func (w *World) renew(n *Node, args []string) string {
	unit, ok := n.nth(args[0])
	if !ok {
		return "no such unit"
	}
	w.seq++
	ev := market.Renewal{Ref: w.seq, Unit: unit}
	for _, a := range args[1:] {
		if v, ok := strings.CutPrefix(a, "term="); ok {
			ev.Term, _ = time.ParseDuration(v)
		}
	}
	w.Step(n, ev)
	return ""
}

func (w *World) reclaim(n *Node, args []string) string {
	var i int
	fmt.Sscan(args[0], &i)
	sold := n.Peer.Sold()
	if i < 1 || i > len(sold) {
		return "no such unit"
	}
	w.seq++
	ev := market.Reclaim{Ref: w.seq, Unit: sold[i-1].Lease.Unit(), Now: slices.Contains(args, "now"), Cancel: slices.Contains(args, "cancel")}
	for _, a := range args[1:] {
		if v, ok := strings.CutPrefix(a, "notice="); ok {
			ev.Notice, _ = time.ParseDuration(v)
		}
	}
	w.Step(n, ev)
	return ""
}

// settle reads "b AMOUNT [owed]".
func (w *World) settle(n *Node, args []string) string {
	w.seq++
	ev := market.Settle{Ref: w.seq, Peer: w.Node(args[0]).ID, Unit: "credit", Owed: slices.Contains(args, "owed")}
	if _, err := fmt.Sscan(args[1], &ev.Amount); err != nil {
		return err.Error()
	}
	w.Step(n, ev)
	return ""
}

// setPeer reads "b block|unblock|trust|limit=N".
func (w *World) setPeer(n *Node, args []string) string {
	w.seq++
	yes, no := true, false
	ev := market.SetPeer{Ref: w.seq, Peer: w.Node(args[0]).ID}
	switch k, v, _ := strings.Cut(args[1], "="); k {
	case "block":
		ev.Blocked = &yes
	case "unblock":
		ev.Blocked = &no
	case "trust":
		ev.Trusted = &yes
	case "limit":
		ev.Limit = &market.Limit{Set: true, Unit: "credit"}
		if _, err := fmt.Sscan(v, &ev.Limit.Amount); err != nil {
			return err.Error()
		}
	default:
		return "unknown argument " + args[1]
	}
	w.Step(n, ev)
	return ""
}

// notices returns what a node's user was warned of since the last notes.
func (n *Node) notices() string {
	s := ""
	for _, x := range n.Notes {
		if x.Kind == market.NoteNotice || x.Kind == market.NoteDisputed {
			s += fmt.Sprintf("%s: %v: %s\n", n.Name, x.Kind, x.Text)
		}
	}
	n.Notes = slices.DeleteFunc(n.Notes, func(x market.Note) bool { return x.Kind == market.NoteNotice || x.Kind == market.NoteDisputed })
	return s
}

// bills shows what a node has acknowledged, by supplier.
func (w *World) bills(n *Node) string {
	var lines []string
	for _, m := range n.Peer.BoughtMeters() {
		s := fmt.Sprintf("%s: nothing acknowledged", n.Name)
		if a := m.Acked; a != nil {
			s = fmt.Sprintf("%s: %s bills %d for %d s", n.Name, w.byID(a.By).Name, a.Amount, a.Usage.Running+a.Usage.Parked)
		}
		if r := m.Receipt; r != nil {
			s += fmt.Sprintf("; closed by %s: %v", w.byID(r.EndedBy).Name, r.Reason)
		}
		lines = append(lines, s)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// balances shows every account in which something is due or was.
func (w *World) balances() string {
	s := ""
	for _, n := range w.Nodes {
		if !n.Up {
			continue
		}
		for _, a := range n.Peer.Books().Accounts() {
			for _, b := range a.Balances {
				s += fmt.Sprintf("%s and %s:", n.Name, w.byID(a.Peer).Name)
				for _, part := range []struct {
					what string
					sum  market.Micro
				}{{"earned", b.Earned}, {"spent", b.Spent}, {"settled in", b.SettledIn}, {"settled out", b.SettledOut}, {"lost", b.Unconfirmed}} {
					if part.sum != 0 {
						s += fmt.Sprintf(" %s %d", part.what, part.sum)
					}
				}
				s += " " + b.Unit + "\n"
			}
		}
	}
	return s
}

// lieAboutUsage makes a supplier claim more seconds than have passed, or less
// than it did before.
func (n *Node) lieAboutUsage(by int64) {
	n.Lie = func(w *World, m market.Message) market.Message {
		r, ok := m.(*market.ReportUsage)
		if !ok {
			return m
		}
		note := r.Note.UsageNote
		note.Usage.Running = uint64(max(1, int64(note.Usage.Running)+by))
		for _, s := range n.Peer.Sold() {
			if s.Lease.ID == note.Lease {
				note.Amount = s.Lease.Due(note.Usage)
			}
		}
		return &market.ReportUsage{Note: n.keys.Usage(note)}
	}
}

// log yields a node's log about a peer, from its disk.
func (n *Node) log(peer market.PeerID) iter.Seq2[*market.Entry, error] {
	var list []*market.Entry
	for _, r := range n.Disk { // in any order: sorted below
		if e, ok := r.(*market.Entry); ok && e.Peer == peer {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *market.Entry) int { return cmp.Compare(a.Index, b.Index) })
	return func(yield func(*market.Entry, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Audited verifies the logs of all nodes, which must be Signed, and that the
// two sides of each account agree: whatever one has earned, the other has
// spent. It returns what each node's log of its last account holds.
func (w *World) Audited() (map[*Node]ledger.Report, error) {
	reports := map[*Node]ledger.Report{}
	for _, n := range w.Nodes {
		for _, a := range n.Peer.Books().Accounts() {
			r, err := ledger.Verify(n.ID, w.Network, a, n.log(a.Peer))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", n.Name, err)
			}
			reports[n] = r
		}
		if err := w.settledAccounts(n); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// settledAccounts: both sides of an account say the same.
func (w *World) settledAccounts(n *Node) error {
	for _, a := range n.Peer.Books().Accounts() {
		theirs := w.byID(a.Peer).Peer.Books().Account(n.ID)
		for _, b := range a.Balances {
			if o := ledger.BalanceOf(theirs, b.Unit); b.Earned != o.Spent || b.Spent != o.Earned || b.SettledIn != o.SettledOut || b.SettledOut != o.SettledIn {
				return fmt.Errorf("%s says %+v of %s, who says %+v", n.Name, b, w.byID(a.Peer).Name, o)
			}
		}
	}
	return nil
}

// settledBills: a bill is open only as long as its supplier has the unit, and
// so has something to send for it.
func (w *World) settledBills(n *Node) error {
	leases := map[market.LeaseID]*market.SignedLease{}
	for _, b := range n.Peer.Bought() {
		leases[b.Lease.ID] = b.Lease
	}
	for _, m := range n.Peer.BoughtMeters() {
		l := m.Past
		if l == nil {
			l = leases[m.Lease]
		}
		if m.Receipt == nil && l.Terms.Metered() && w.byID(l.Supplier).sold(m.Unit) == nil {
			return fmt.Errorf("the bill of %s at %s is open, and %s has closed it", m.Lease.Short(), n.Name, w.byID(l.Supplier).Name)
		}
	}
	return nil
}
