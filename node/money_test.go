package node_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"caravela/api"
	"caravela/ledger"
	"caravela/market"
	"caravela/node/nodetest"
)

// priced is what a test can wait for: a core costs 3.6 an hour, 0.001 a second.
func priced() market.Terms {
	return market.Terms{
		Price:    market.Price{Unit: "credit", Core: 3_600_000, Start: 10},
		Interval: 10 * time.Second, Bear: 2, Grace: 30 * time.Second, Notice: time.Minute,
	}
}

// dealers are a node that sells at a price and one that buys, with the offer
// published.
func dealers(t *testing.T, w *nodetest.World) (seller, buyer *nodetest.Host) {
	t.Helper()
	seller, buyer = w.Host("seller"), w.Host("buyer")
	seller.Sale.Terms, seller.Sale.Credit, buyer.Sells = priced(), 10*time.Hour, false
	seller.Start()
	buyer.Start()
	w.Until("an offer", func() bool { return offers(t, buyer) == 1 })
	return seller, buyer
}

// only returns the one lease that a node has on that side, over or not.
func only(t *testing.T, h *nodetest.Host, role api.Role) api.Lease {
	t.Helper()
	list, err := h.Leases(t.Context(), api.LeaseOptions{All: true, Role: role})
	if err != nil || len(list) != 1 {
		t.Fatalf("%s: %d leases %s, %v", h.Name, len(list), role, err)
	}
	return list[0]
}

// balance is what a node's account with a peer says in credits.
func balance(t *testing.T, h, peer *nodetest.Host) api.Balance {
	t.Helper()
	list, err := h.Accounts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range list {
		if i := slices.IndexFunc(a.Balances, func(b api.Balance) bool { return b.Unit == "credit" }); a.Peer == peer.ID.String() && i >= 0 {
			return a.Balances[i]
		}
	}
	return api.Balance{Unit: "credit"}
}

// verified checks that a node finds nothing wrong with its own logs.
func verified(t *testing.T, h *nodetest.Host) {
	t.Helper()
	err := h.VerifyLedger(t.Context(), api.VerifyOptions{}, func(v api.LedgerVerdict) error {
		if !v.OK {
			t.Errorf("%s: log of %s: entry %d: %s", h.Name, v.Name, v.BadIndex, v.Why)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// even checks that both sides say the same of what is due between them.
func even(t *testing.T, seller, buyer *nodetest.Host) {
	t.Helper()
	s, b := balance(t, seller, buyer), balance(t, buyer, seller)
	if s.EarnedMicro != b.SpentMicro || s.ReceivableMicro != b.PayableMicro || s.SettledInMicro != b.SettledOutMicro {
		t.Errorf("seller %+v, buyer %+v", s, b)
	}
	verified(t, seller)
	verified(t, buyer)
}

// closed waits until the one lease is over on both sides, with both receipts.
func closed(t *testing.T, w *nodetest.World, seller, buyer *nodetest.Host) {
	t.Helper()
	w.Until("both receipts", func() bool {
		return only(t, buyer, api.RoleBought).Receipt == api.ReceiptSigned && only(t, seller, api.RoleSold).Receipt == api.ReceiptSigned
	})
}

// TestPricedLease: what runs costs, both sides see the same grow, the end has
// a receipt of both, and the two ledgers agree.
func TestPricedLease(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		req := nodetest.Request("sleep")
		req.Spec.Name = "web"
		_, events, err := buyer.Run(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(events, func(e api.RunEvent) bool { return e.Type == api.RunLeased })
		if l := events[i].Lease; l.Cost.HourlyMicro != 1_800_000 || l.Cost.StartMicro != 10 || l.Cost.Unit != "credit" || l.Terms == nil || l.MaxMicro < l.Cost.TermMicro {
			t.Errorf("leased %+v", l)
		}
		w.Until("some cost", func() bool { return only(t, buyer, api.RoleBought).AmountMicro >= 20_000 })
		l := only(t, buyer, api.RoleBought)
		if l.AmountMicro != 10+int64(l.RunningS)*500 || l.Name != "web" || l.LeftMS <= 0 || l.Receipt != api.ReceiptNone || l.PeerName != "seller" {
			t.Errorf("bought %+v", l)
		}
		list, err := buyer.Containers(ctx, api.ListOptions{})
		if err != nil || list[0].AmountMicro < l.AmountMicro || list[0].LeftMS <= 0 || list[0].Cost.HourlyMicro != 1_800_000 {
			t.Errorf("ps: %+v, %v", list, err)
		}
		if d, err := seller.Lease(ctx, "web"); err != nil || d.Role != api.RoleSold || d.NoteSeq == 0 || len(d.SignedBy) != 2 || d.NoteHash == "" || d.Usage == nil || d.Usage.PeakMemoryBytes == 0 {
			t.Errorf("sold %+v, counters %+v, %v", d, d.Usage, err)
		}
		if err := buyer.CancelLease(ctx, "web"); err != nil {
			t.Fatal(err)
		}
		closed(t, w, seller, buyer)
		b, s := only(t, buyer, api.RoleBought), only(t, seller, api.RoleSold)
		if b.AmountMicro != s.AmountMicro || b.RunningS != s.RunningS || b.UnackedMicro != 0 || s.UnackedMicro != 0 || b.State != "ended" {
			t.Errorf("bought %+v\nsold %+v", b, s)
		}
		if got := balance(t, seller, buyer); got.ReceivableMicro != s.AmountMicro || got.UnconfirmedMicro != 0 {
			t.Errorf("balance %+v, receipt %+v", got, s)
		}
		even(t, seller, buyer)
		if err := buyer.CancelLease(ctx, api.LeaseRef(b.ID)); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("cancel what is over: %v", err)
		}
		if _, err := seller.ReclaimLease(ctx, "web", api.ReclaimRequest{}); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("reclaim what is over: %v", err)
		}
		var kinds []string
		page, err := buyer.Entries(ctx, "seller", api.EntryOptions{})
		for _, e := range page.Entries {
			kinds = append(kinds, e.Kind)
		}
		if err != nil || kinds[0] != "lease" || kinds[1] != "usage" || !slices.Contains(kinds, "receipt") {
			t.Errorf("entries %v, %v", kinds, err)
		}
		for _, h := range []*nodetest.Host{seller, buyer} {
			exported(t, h, b)
			pauseVirtual(8 * 24 * time.Hour) // nobody keeps the lease itself any more
			h.Restart()
			if _, err := h.Lease(ctx, api.LeaseRef(b.ID)); api.CodeOf(err) != api.CodeNotFound {
				t.Errorf("%s still knows the lease: %v", h.Name, err)
			}
			exported(t, h, b) // from the log
		}
	})
}

// exported checks that a lease's file proves it.
func exported(t *testing.T, h *nodetest.Host, l api.Lease) {
	t.Helper()
	var file, table bytes.Buffer
	if err := h.ExportLease(t.Context(), api.LeaseRef(l.ID[:12]), &file); err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
	p, err := ledger.VerifyBundle(file.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", h.Name, err)
	}
	if len(p.Leases) != 1 || int64(p.Leases[0].Due()) != l.AmountMicro {
		t.Errorf("%s: %+v", h.Name, p)
	}
	broken := slices.Clone(file.Bytes())
	broken[len(broken)/2] ^= 1
	if _, err := ledger.VerifyBundle(broken); err == nil {
		t.Errorf("%s: a changed byte is not found", h.Name)
	}
	if err := h.ExportLedger(t.Context(), api.ExportOptions{}, &table); err != nil || strings.Count(table.String(), "\n") < 4 || !strings.Contains(table.String(), l.ID) {
		t.Errorf("%s: csv %q, %v", h.Name, table.String(), err)
	}
}

// TestBilledOverRestarts: kills on either side cost no second and bill none
// twice.
func TestBilledOverRestarts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ref := buyer.MustRun(nodetest.Request("sleep"))
		began := time.Now()
		for range 3 {
			for _, victim := range []*nodetest.Host{seller, buyer} {
				pauseVirtual(25 * time.Second)
				victim.Kill()
				pauseVirtual(5 * time.Second)
				victim.Start()
			}
		}
		w.Until("notes after the last kill", func() bool { return only(t, buyer, api.RoleBought).NotedAt.After(time.Now().Add(-15 * time.Second)) })
		if err := buyer.CancelLease(t.Context(), api.LeaseRef(ref)); err != nil {
			t.Fatal(err)
		}
		lasted := time.Since(began)
		closed(t, w, seller, buyer)
		l := only(t, seller, api.RoleSold)
		if ran := time.Duration(l.RunningS) * time.Second; ran > lasted+time.Second || ran < lasted/2 {
			t.Errorf("billed %v of %v", ran, lasted)
		}
		even(t, seller, buyer)
	})
}

// TestSettle: a debt is paid by the word of whom it costs.
func TestSettle(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		buyer.MustRun(nodetest.Request("sleep"))
		w.Until("a debt", func() bool { return balance(t, seller, buyer).ReceivableMicro >= 20_000 })
		if _, err := buyer.Settle(ctx, "seller", api.SettleRequest{AmountMicro: 1, Received: true}); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("what nobody owes was paid: %v", err)
		}
		if _, err := seller.Settle(ctx, "buyer", api.SettleRequest{AmountMicro: 1 << 30, Received: true}); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("more than is owed was paid: %v", err)
		}
		s, err := seller.Settle(ctx, "buyer", api.SettleRequest{AmountMicro: 5_000, Received: true, Reference: "cash"})
		if err != nil || s.State != api.SettlementSettled || s.Unit != "credit" {
			t.Fatalf("received: %+v, %v", s, err)
		}
		if s, err = buyer.Settle(ctx, "seller", api.SettleRequest{AmountMicro: 7_000, Reference: "=invoice 12"}); err != nil || s.State != api.SettlementProposed {
			t.Fatalf("paid: %+v, %v", s, err)
		}
		var asked []api.Settlement
		w.Until("the question", func() bool {
			if asked, err = seller.Settlements(ctx); err != nil {
				t.Fatal(err)
			}
			return len(asked) == 1
		})
		if asked[0].State != api.SettlementAsked || !asked[0].Received || asked[0].ID != s.ID {
			t.Errorf("asked %+v", asked)
		}
		if _, err := buyer.AcceptSettlement(ctx, s.ID[:8]); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("accept what oneself has proposed: %v", err)
		}
		if got, err := seller.AcceptSettlement(ctx, s.ID[:8]); err != nil || got.State != api.SettlementSettled {
			t.Errorf("accept: %+v, %v", got, err)
		}
		if _, err := seller.AcceptSettlement(ctx, s.ID[:8]); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("accept again: %v", err)
		}
		w.Until("both to know", func() bool {
			return balance(t, buyer, seller).SettledOutMicro == 12_000 && balance(t, seller, buyer).SettledInMicro == 12_000
		})
		even(t, seller, buyer)
		var table bytes.Buffer
		if err := seller.ExportLedger(ctx, api.ExportOptions{Peer: "buyer"}, &table); err != nil || !strings.Contains(table.String(), "'=invoice 12") {
			t.Errorf("csv %q, %v", table.String(), err)
		}
	})
}

// TestOpinions: whom the user blocks gets nothing, and a limit is a limit.
func TestOpinions(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		yes, no, remark := true, false, "pays late"
		a, err := seller.SetPeer(ctx, "buyer", api.PeerRequest{Blocked: &yes, Remark: &remark})
		if err != nil || !a.Blocked || a.Remark != remark || a.Credit.Kind != api.CreditDefault {
			t.Fatalf("block: %+v, %v", a, err)
		}
		if _, _, err := buyer.Run(ctx, nodetest.Request("sleep")); api.CodeOf(err) != api.CodeNoOffer {
			t.Errorf("a blocked buyer: %v", err)
		}
		if a, err = seller.SetPeer(ctx, "buyer", api.PeerRequest{Blocked: &no}); err != nil || a.Blocked {
			t.Fatalf("unblock: %+v, %v", a, err)
		}
		if a, err = seller.SetCredit(ctx, "buyer", api.CreditRequest{LimitMicro: 5, Unit: "credit"}); err != nil || a.Credit != (api.Credit{Kind: api.CreditSet, LimitMicro: 5, Unit: "credit"}) {
			t.Fatalf("credit: %+v, %v", a, err)
		}
		_, events, err := buyer.Run(ctx, nodetest.Request("sleep"))
		refused := slices.ContainsFunc(events, func(e api.RunEvent) bool { return e.Reason == market.OverCredit.String() })
		if api.CodeOf(err) != api.CodeNoOffer || !refused {
			t.Errorf("over the limit: %v, %+v", err, events)
		}
		if a, err = seller.SetCredit(ctx, "buyer", api.CreditRequest{Default: true}); err != nil || a.Credit.Kind != api.CreditDefault {
			t.Fatalf("credit: %+v, %v", a, err)
		}
		if a, err = seller.SetPeer(ctx, "buyer", api.PeerRequest{Trusted: &yes}); err != nil || a.Credit.Kind != api.CreditUnlimited {
			t.Fatalf("trust: %+v, %v", a, err)
		}
		seller.Restart()
		list, err := seller.Peers(ctx)
		if err != nil || len(list) != 1 || !list[0].Trusted || list[0].Remark != remark {
			t.Errorf("after a restart %+v, %v", list, err)
		}
		w.Until("an offer", func() bool { return offers(t, buyer) == 1 })
		buyer.MustRun(nodetest.Request("sleep"))
		if _, err := seller.SetPeer(ctx, "seller", api.PeerRequest{Trusted: &yes}); api.CodeOf(err) != api.CodeInvalid {
			t.Errorf("trust in oneself: %v", err)
		}
	})
}

// TestBlockedByOneself: whoever names a supplier that they have blocked is told
// so, and how to take it back.
func TestBlockedByOneself(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		_, buyer := dealers(t, w)
		ctx := t.Context()
		yes, no := true, false
		if _, err := buyer.SetPeer(ctx, "seller", api.PeerRequest{Blocked: &yes}); err != nil {
			t.Fatal(err)
		}
		req := nodetest.Request("sleep")
		req.Policy.Node = "seller"
		_, _, run := buyer.Run(ctx, req)
		_, search := buyer.Search(ctx, api.SearchRequest{Resources: req.Spec.Resources, Node: "seller"})
		_, quote := buyer.Quote(ctx, api.QuoteRequest{Spec: req.Spec, Policy: req.Policy})
		for _, err := range []error{run, search, quote} {
			var e *api.Error
			if !errors.As(err, &e) || e.Code != api.CodeNoOffer || e.Detail != "seller is blocked by you" || e.Next != "caravela peer unblock seller" {
				t.Errorf("told %+v", err)
			}
		}
		if _, err := buyer.SetPeer(ctx, "seller", api.PeerRequest{Blocked: &no}); err != nil {
			t.Fatal(err)
		}
		buyer.MustRun(req)
	})
}

// TestReclaim: what was sold is taken back after its notice, which the buyer
// hears of; a new term starts on request.
func TestReclaim(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		req := nodetest.Request("sleep")
		req.Spec.Name = "web"
		buyer.MustRun(req)
		before := only(t, buyer, api.RoleBought)
		pauseVirtual(time.Second)
		l, err := buyer.RenewLease(ctx, "web", api.RenewRequest{TermMS: (48 * time.Hour).Milliseconds()})
		if err != nil || l.ID == before.ID || l.ContainerID != before.ContainerID || l.LeftMS <= before.LeftMS || l.Cost.StartMicro != 0 {
			t.Fatalf("renewed %+v, %v", l, err)
		}
		w.Until("the receipt of the first lease", func() bool {
			list, err := buyer.Leases(ctx, api.LeaseOptions{All: true})
			i := slices.IndexFunc(list, func(l api.Lease) bool { return l.ID == before.ID })
			return err == nil && len(list) == 2 && i >= 0 && list[i].Receipt == api.ReceiptSigned && list[i].Reason == market.Renewed.String()
		})
		if d, err := buyer.Lease(ctx, "web"); err != nil || len(d.Chain) != 2 || d.Chain[0] != before.ID || d.ID != l.ID || len(d.Receipts) != 1 {
			t.Errorf("inspect %+v, %v", d, err)
		}
		if _, err := buyer.ReclaimLease(ctx, "web", api.ReclaimRequest{}); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("reclaim what was bought: %v", err)
		}
		if _, err := seller.RenewLease(ctx, "web", api.RenewRequest{}); api.CodeOf(err) != api.CodeConflict {
			t.Errorf("renew what was sold: %v", err)
		}
		reclaim := func(req api.ReclaimRequest) api.Lease {
			t.Helper()
			l, err := seller.ReclaimLease(ctx, api.LeaseRef(before.ContainerID), req) // the first lease's ID, too
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		second := l.ID
		if l, err = buyer.RenewLease(ctx, api.LeaseRef(before.ContainerID), api.RenewRequest{}); err != nil || l.ID == second {
			t.Fatalf("renewed by the container's ID: %+v, %v", l, err)
		}
		if l := reclaim(api.ReclaimRequest{Detail: "tonight"}); l.Notice == nil || l.Notice.Kind != "reclaim" {
			t.Errorf("notice %+v", l.Notice)
		}
		notice := func() *api.Notice {
			d, err := buyer.Lease(ctx, "web")
			if err != nil {
				t.Fatal(err)
			}
			return d.Notice
		}
		w.Until("the notice", func() bool { n := notice(); return n != nil && strings.Contains(n.Detail, "tonight") })
		reclaim(api.ReclaimRequest{Cancel: true})
		w.Until("its withdrawal", func() bool { return notice() == nil })
		reclaim(api.ReclaimRequest{Detail: "really"})
		w.Until("the end", func() bool { return buyer.State("web") == "ended" && len(seller.Units()) == 0 })
		w.Until("the receipt", func() bool {
			d, err := seller.Lease(ctx, api.LeaseRef(l.ID))
			return err == nil && d.Receipt == api.ReceiptSigned && d.Reason == market.Reclaimed.String() && !d.Receipts[len(d.Receipts)-1].Early
		})
		if got := past(t, buyer, "notice"); !slices.ContainsFunc(got, func(e api.Event) bool { return strings.Contains(e.Detail, "reclaim") }) {
			t.Errorf("the buyer's notices: %+v", got)
		}
		even(t, seller, buyer)
	})
}

// TestQuote: a quote reserves nothing, one with a hold does, and the hold is
// what the run then gets, whatever became of the price.
func TestQuote(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		req := nodetest.Request("sleep")
		q, err := buyer.Quote(ctx, api.QuoteRequest{Spec: req.Spec})
		if err != nil || len(q.Parts) != 1 || q.Parts[0].Hold != nil || q.Parts[0].Cost.HourlyMicro != 1_800_000 || q.Totals[0] != q.Parts[0].Cost || q.Parts[0].Offer.NodeName != "seller" {
			t.Fatalf("quote %+v, %v", q, err)
		}
		if s, err := seller.Node.Sale(ctx); err != nil || s.Holds != 0 {
			t.Errorf("a quote holds something: %+v, %v", s, err)
		}
		if q, err = buyer.Quote(ctx, api.QuoteRequest{Spec: req.Spec, Hold: true}); err != nil || q.Parts[0].Hold == nil || q.Parts[0].Cost.HourlyMicro != 1_800_000 {
			t.Fatalf("quote --hold %+v, %v", q, err)
		}
		if s, err := seller.Node.Sale(ctx); err != nil || s.Holds != 1 || s.Held.MilliCPU != 500 {
			t.Errorf("the hold is not seen: %+v, %v", s, err)
		}
		double := int64(7_200_000)
		if _, err := seller.SetPrice(ctx, api.PriceRequest{CoreHourMicro: &double}); err != nil {
			t.Fatal(err)
		}
		req.Policy.Hold = q.Parts[0].Hold.ID
		_, events, err := buyer.Run(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(events, func(e api.RunEvent) bool { return e.Type == api.RunLeased })
		if events[i].Lease.Cost.HourlyMicro != 1_800_000 {
			t.Errorf("leased at %+v", events[i].Lease.Cost)
		}
		if _, _, err := buyer.Run(ctx, req); api.CodeOf(err) != api.CodeNotFound {
			t.Errorf("the hold again: %v", err)
		}
		ceiling := int64(3_000_000)
		w.Until("the new price", func() bool {
			req := nodetest.Request("sleep")
			req.Policy.MaxHourlyMicro = &ceiling
			req.Policy.DryRun = true
			_, _, err := buyer.Run(ctx, req)
			return api.CodeOf(err) == api.CodeNoOffer
		})
		r, err := buyer.Search(ctx, api.SearchRequest{Resources: req.Spec.Resources, MaxPrice: api.MaxPrice{MaxHourlyMicro: &ceiling}})
		if err != nil || len(r.Offers) != 0 || r.WhyNot[0].Reason != "price" || r.WhyNot[0].Detail != "cheapest 3.60001 credit/h, at most 3 credit/h" || r.Nearest == nil || r.Nearest.Next != "--max-price 3.60001/h" {
			t.Errorf("search %+v, nearest %+v, %v", r.WhyNot, r.Nearest, err)
		}
	})
}

// TestLeaveClosesAccounts: a supplier that leaves by force ends its leases with
// receipts that both have signed.
func TestLeaveClosesAccounts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		buyer.MustRun(nodetest.Request("sleep"))
		w.Until("some cost", func() bool { return only(t, buyer, api.RoleBought).AmountMicro >= 20_000 })
		buyer.Kill()
		left := make(chan error, 1)
		go func() {
			left <- seller.Leave(t.Context(), api.LeaveRequest{Force: true}, func(api.LeaveEvent) error { return nil })
		}()
		pauseVirtual(5 * time.Second)
		buyer.Start() // just in time
		if err := <-left; err != nil {
			t.Fatal(err)
		}
		if err := seller.Ended(); err != nil {
			t.Fatal(err)
		}
		l := only(t, buyer, api.RoleBought)
		if l.Receipt != api.ReceiptSigned || l.Reason != market.SupplierLeft.String() || l.State != "ended" {
			t.Errorf("%+v", l)
		}
		verified(t, buyer)
	})
}

// TestBuyerAway: whom nobody hears of for longer than the grace loses the
// lease, owes what was acknowledged and no more, and learns all of it later.
func TestBuyerAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		buyer.MustRun(nodetest.Request("sleep"))
		w.Until("some cost", func() bool { return only(t, buyer, api.RoleBought).AmountMicro >= 20_000 })
		owed := only(t, buyer, api.RoleBought).AmountMicro
		buyer.Kill()
		pauseVirtual(5 * time.Minute)
		if len(seller.Units()) != 0 {
			t.Error("it still runs")
		}
		s := only(t, seller, api.RoleSold)
		if s.State != "ended" || s.Reason != market.Unacknowledged.String() {
			t.Errorf("sold %+v", s)
		}
		terms := priced()
		if most := terms.Exposure(market.Resources{CPU: 500}); s.UnackedMicro > int64(most) {
			t.Errorf("%d unacknowledged, at most %v by the terms", s.UnackedMicro, most)
		}
		buyer.Start()
		closed(t, w, seller, buyer)
		b := only(t, buyer, api.RoleBought)
		if s = only(t, seller, api.RoleSold); b.AmountMicro != s.AmountMicro || b.AmountMicro < owed || b.Reason != market.Unacknowledged.String() {
			t.Errorf("bought %+v\nsold %+v", b, s)
		}
		even(t, seller, buyer)
	})
}
