package node_test

import (
	"bytes"
	"slices"
	"testing"

	"caravela/api"
	"caravela/ledger"
	"caravela/node/nodetest"
)

// TestSettlementNamesItsReceipts: what was paid for whole leases stands in the
// files that prove them, and other amounts in none.
func TestSettlementNamesItsReceipts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *nodetest.World) {
		seller, buyer := dealers(t, w)
		ctx := t.Context()
		buyer.MustRun(nodetest.Request("sleep"))
		w.Until("some cost", func() bool { return only(t, buyer, api.RoleBought).AmountMicro >= 20_000 })
		lease := only(t, buyer, api.RoleBought)
		if err := buyer.CancelLease(ctx, api.LeaseRef(lease.ID)); err != nil {
			t.Fatal(err)
		}
		closed(t, w, seller, buyer)
		lease = only(t, buyer, api.RoleBought)
		covered := func(h *nodetest.Host, req api.SettleRequest) []string {
			t.Helper()
			peer := api.NodeRef("seller")
			if h == seller {
				peer = "buyer"
			}
			s, err := h.Settle(ctx, peer, req)
			if err != nil {
				t.Fatal(err)
			}
			return s.LeaseIDs
		}
		if got := covered(seller, api.SettleRequest{AmountMicro: 10, Received: true}); len(got) != 0 {
			t.Errorf("a part covers %v", got)
		}
		if got := covered(buyer, api.SettleRequest{AmountMicro: lease.AmountMicro - 10}); !slices.Equal(got, []string{lease.ID}) {
			t.Errorf("the rest covers %v", got)
		}
		var asked []api.Settlement
		w.Until("the question", func() bool {
			var err error
			if asked, err = seller.Settlements(ctx); err != nil {
				t.Fatal(err)
			}
			return len(asked) == 1
		})
		if _, err := seller.AcceptSettlement(ctx, asked[0].ID); err != nil || !slices.Equal(asked[0].LeaseIDs, []string{lease.ID}) {
			t.Errorf("asked %+v, %v", asked[0], err)
		}
		w.Until("the agreement", func() bool { return balance(t, buyer, seller).PayableMicro == 0 })
		for _, h := range []*nodetest.Host{seller, buyer} {
			var file bytes.Buffer
			if err := h.ExportLease(ctx, api.LeaseRef(lease.ID), &file); err != nil {
				t.Fatal(err)
			}
			p, err := ledger.VerifyBundle(file.Bytes())
			if err != nil || len(p.Settlements) != 1 || int64(p.Settlements[0].Amount) != lease.AmountMicro-10 {
				t.Errorf("%s: %+v, %v", h.Name, p, err)
			}
		}
		even(t, seller, buyer)
	})
}
