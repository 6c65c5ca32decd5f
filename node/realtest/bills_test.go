package realtest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
)

// billed are terms with a note each second; half a core costs 500 micro-units
// in that time.
func billed() *market.Terms {
	return &market.Terms{
		Price: market.Price{Unit: "credit", Core: 3_600_000}, Interval: time.Second, Bear: market.MaxBear, Grace: time.Hour, Notice: time.Hour,
	}
}

// bazaar is a market in which everything costs something. The buyer has a
// container at cedar, whose bills it has begun to sign; the puppet has
// overheard all that was said.
type bazaar struct {
	*stage

	asked uint64

	mu    sync.Mutex
	heard []heard
}

func newBazaar(t *testing.T) *bazaar {
	t.Helper()
	b := &bazaar{stage: &stage{}}
	b.w = nodetest.NewOver(t, &wires{heard: func(_, from market.PeerID, m market.Message) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.heard = append(b.heard, heard{from, m})
	}})
	t.Cleanup(b.w.Close)
	for name, h := range map[string]**nodetest.Host{"cedar": &b.cedar, "birch": &b.birch} {
		*h = b.w.Host(name)
		(*h).Sale.Terms, (*h).Sale.Credit = *billed(), 100*time.Hour
		(*h).Start()
	}
	b.buyer = buyer(b.w, "buyer")
	b.w.Until("two offers", func() bool { return len(search(t, b.buyer)) == 2 })
	req := nodetest.Request("sleep")
	req.Policy.Node = "cedar"
	unit, err := market.ParseLeaseID(string(b.buyer.MustRun(req)))
	if err != nil {
		t.Fatal(err)
	}
	b.unit = unit
	b.w.Until("the first bills are signed", func() bool { return balanceOf(t, b.cedar, b.buyer.ID).EarnedMicro >= 1000 })
	b.puppet = newPuppet(t, b.w, keyOf("puppet"))
	return b
}

// overheard returns all of one kind that any node has received.
func overheard[M market.Message](b *bazaar) (list []M) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.heard {
		if m, ok := h.msg.(M); ok {
			list = append(list, m)
		}
	}
	return list
}

func balanceOf(t *testing.T, h *nodetest.Host, peer market.PeerID) api.Balance {
	t.Helper()
	list, err := h.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if a.Peer == peer.String() && len(a.Balances) == 1 {
			return a.Balances[0]
		}
	}
	return api.Balance{}
}

// fence waits until a host has answered the puppet a question, and so has
// taken what it was told before that.
func (b *bazaar) fence(t *testing.T, h *nodetest.Host) {
	t.Helper()
	b.asked++
	ask := &market.GetOffers{Ref: b.asked, Region: market.RootRegion(market.Platform{OS: "linux", Arch: "amd64"}),
		Want: market.Want{Need: market.Resources{CPU: 100, Memory: 16 * market.MiB}}, Max: 1, Relay: true}
	if err := b.puppet.send(h.ID, ask); err != nil {
		t.Fatal(err)
	}
	await(b.w, b.puppet, "an answer of "+h.Name, func(a *market.Offers) bool { return a.Ref == ask.Ref })
}

// sound checks that the hosts' logs hold, and that what cedar and the buyer
// have in common goes on as if nobody else had said a word.
func (b *bazaar) sound(t *testing.T) {
	t.Helper()
	for _, h := range []*nodetest.Host{b.cedar, b.birch, b.buyer} {
		err := h.VerifyLedger(t.Context(), api.VerifyOptions{}, func(v api.LedgerVerdict) error {
			if !v.OK {
				t.Errorf("%s: the log of %s: entry %d: %s", h.Name, v.Name, v.BadIndex, v.Why)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	due := balanceOf(t, b.buyer, b.cedar.ID).SpentMicro
	b.w.Until("cedar is owed what the buyer has signed, and more", func() bool {
		return balanceOf(t, b.cedar, b.buyer.ID).EarnedMicro > due
	})
}

// TestBuyerThatSignsWrongly: a puppet buys, signs some bills, and then says
// again what it and others have said. Nothing of that counts.
func TestBuyerThatSignsWrongly(t *testing.T) {
	b := newBazaar(t)
	p := b.puppet
	launch := p.lease(b.cedar.ID, func(l *market.Lease) { l.Terms = billed() })
	if err := p.send(b.cedar.ID, launch); err != nil {
		t.Fatal(err)
	}
	var acks []*market.AckUsage
	for seq := range uint64(3) {
		m := await(b.w, p, "a bill", func(m *market.ReportUsage) bool { return m.Note.Lease == launch.Lease.ID && m.Note.Seq > seq })
		ack := &market.AckUsage{Lease: m.Note.Lease, Seq: m.Note.Seq, Note: p.ring.AckUsage(m.Note)}
		acks = append(acks, ack)
		if err := p.send(b.cedar.ID, ack); err != nil {
			t.Fatal(err)
		}
		b.w.Until("it counts", func() bool { return balanceOf(t, b.cedar, p.id).EarnedMicro == int64(m.Note.Amount) })
	}
	due := balanceOf(t, b.cedar, p.id).EarnedMicro
	later := await(b.w, p, "a later bill", func(m *market.ReportUsage) bool {
		return m.Note.Lease == launch.Lease.ID && m.Note.Seq > acks[2].Seq
	})
	for what, m := range map[string]market.Message{
		"its first signature":          acks[0],
		"its last signature":           acks[2],
		"the buyer's first signature":  overheard[*market.AckUsage](b)[0],
		"a bill of cedar's":            overheard[*market.ReportUsage](b)[0],
		"a bill that it got, as its":   later,
		"another number for its note":  &market.AckUsage{Lease: later.Note.Lease, Seq: later.Note.Seq + 9, Note: p.ring.AckUsage(acks[0].Note)},
		"a number without a signature": &market.AckUsage{Lease: later.Note.Lease, Seq: later.Note.Seq},
		"its note as the buyer's":      &market.AckUsage{Lease: b.unit, Seq: later.Note.Seq, Note: p.ring.AckUsage(later.Note)},
	} {
		for _, h := range []*nodetest.Host{b.cedar, b.birch, b.buyer} {
			_ = p.send(h.ID, m) // the transport may call it malformed
		}
		b.fence(t, b.cedar)
		if now := balanceOf(t, b.cedar, p.id).EarnedMicro; now != due {
			t.Errorf("%s: cedar has earned %d of the puppet, want %d", what, now, due)
		}
		if now := balanceOf(t, b.birch, p.id); now != (api.Balance{}) {
			t.Errorf("%s: birch has dealt with the puppet: %+v", what, now)
		}
	}

	b.sound(t)

	foreign := p.lease(b.cedar.ID, func(l *market.Lease) { l.Terms, l.Network = billed(), market.NetworkID{1} })
	_ = p.send(b.cedar.ID, foreign)
	b.fence(t, b.cedar)
	if n := len(b.cedar.Units()); n != 2 {
		t.Errorf("%d containers at cedar after a lease of another network, want 2", n)
	}
}

// TestSupplierThatBillsWrongly: a puppet sells, bills, and then bills what it
// may not. The buyer signs what is right and nothing else.
func TestSupplierThatBillsWrongly(t *testing.T) {
	b := newBazaar(t)
	p := b.puppet
	p.answer(func(from market.PeerID, m market.Message) {
		switch m := m.(type) {
		case *market.LaunchContainer:
			_ = p.send(from, &market.Grant{Lease: p.ring.Countersign(m.Lease)})
			_ = p.send(from, &market.StatusUpdate{Status: p.ring.Status(market.Status{Lease: m.Lease.ID, Seq: 1, State: market.Running, At: clock()})})
		case *market.StopContainer:
			_ = p.send(from, &market.StopAck{Unit: m.Unit, Ref: m.Ref})
		}
	})
	offers := overheard[*market.CreateOffer](b)
	i := slices.IndexFunc(offers, func(c *market.CreateOffer) bool { return c.Offer.Supplier == b.cedar.ID })
	p.tell(p.offer(&offers[i].Offer.Offer, 64000, 1), b.cedar, b.birch, b.buyer)
	req := nodetest.Request("sleep")
	req.Policy.Node = api.NodeRef(p.id.String())
	unit, err := market.ParseLeaseID(string(b.buyer.MustRun(req)))
	if err != nil {
		t.Fatal(err)
	}

	bill := func(change func(*market.UsageNote)) *market.ReportUsage {
		n := market.UsageNote{Lease: unit, Seq: 1, Usage: market.Usage{Running: 1}, Amount: 500, At: clock()}
		change(&n)
		return &market.ReportUsage{Note: p.ring.Usage(n)}
	}
	first := bill(func(*market.UsageNote) {})
	second := func(n *market.UsageNote) { n.Seq, n.Prev, n.Usage.Running, n.Amount = 2, first.Note.Hash, 2, 1000 }
	for _, m := range []*market.ReportUsage{first, bill(second)} {
		if err := p.send(b.buyer.ID, m); err != nil {
			t.Fatal(err)
		}
		await(b.w, p, "a signature", func(a *market.AckUsage) bool { return a.Seq == m.Note.Seq && a.Note != nil })
	}
	third := func(change func(*market.UsageNote)) *market.ReportUsage {
		return bill(func(n *market.UsageNote) {
			n.Seq, n.Prev, n.Usage.Running, n.Amount = 3, [32]byte{2}, 3, 1500
			change(n)
		})
	}
	for what, m := range map[string]*market.ReportUsage{
		"its first bill":                   first,
		"a smaller total":                  third(func(n *market.UsageNote) { n.Usage.Running, n.Amount = 1, 500 }),
		"an hour of some seconds":          third(func(n *market.UsageNote) { n.Usage.Running, n.Amount = 3600, 1_800_000 }),
		"more than the price":              third(func(n *market.UsageNote) { n.Amount++ }),
		"less than the price":              third(func(n *market.UsageNote) { n.Amount-- }),
		"a bill for cedar's lease":         third(func(n *market.UsageNote) { n.Lease = b.unit }),
		"a bill for a lease that is none":  third(func(n *market.UsageNote) { n.Lease = market.LeaseID{9} }),
		"cedar's bill, as its own message": overheard[*market.ReportUsage](b)[0],
	} {
		if err := p.send(b.buyer.ID, m); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		b.fence(t, b.buyer)
		if now := balanceOf(t, b.buyer, p.id); now.SpentMicro != 1000 {
			t.Errorf("%s: the buyer has signed %d, want 1000", what, now.SpentMicro)
		}
	}
	b.sound(t)
	for _, a := range said[*market.AckUsage](p) {
		if a.Note != nil && a.Seq > 2 {
			t.Errorf("the buyer has signed note %d", a.Seq)
		}
	}
}
