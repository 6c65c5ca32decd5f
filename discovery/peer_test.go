package discovery_test

import (
	"testing"
	"time"

	"caravela/discovery"
	"caravela/discovery/discoverytest"
	"caravela/market"
)

func sellerAndBuyer(t *testing.T) (w *discoverytest.World, seller, buyer *discoverytest.Node) {
	t.Helper()
	w = discoverytest.New()
	seller, buyer = w.Add("seller"), w.Add("buyer")
	w.Sell(seller, market.Resources{CPU: 2000, Memory: market.GiB})
	w.Advance(time.Second)
	return w, seller, buyer
}

// A supplier that keeps no offers answers for its own.
func TestNamedSupplierAnswers(t *testing.T) {
	w, seller, buyer := sellerAndBuyer(t)
	seller.Peer.EnableTrader(false)
	ask := func(cpu market.MilliCPU) *market.Offers {
		var out market.Outbox
		seller.Peer.Step(w.Time(seller), market.Received{From: market.Ref{Peer: buyer.ID}, Msg: &market.GetOffers{
			Region: market.RootRegion(seller.Stock.Platform), Want: market.Want{On: seller.ID, Need: market.Resources{CPU: cpu}}}}, &out)
		return out.Sends[0].Msg.(*market.Offers)
	}
	if a := ask(2000); len(a.Offers) != 1 || !a.Trader || a.Tally.Fit != 1 {
		t.Errorf("answers %+v", a)
	}
	if a := ask(3000); len(a.Offers) != 0 || a.Tally.Offers != 1 || len(a.Tally.Misses) != 1 {
		t.Errorf("answers %+v", a)
	}
	w.Step(seller, market.Supply{Stock: &market.Stock{}})
	w.Advance(time.Second)
	if a := ask(1); a.Trader {
		t.Errorf("answers %+v without an offer", a)
	}
}

// A request that names no platform is for the node's own, or linux/amd64.
func TestDefaultPlatform(t *testing.T) {
	for _, own := range []market.Platform{{}, {OS: "linux", Arch: "arm64"}} {
		params := market.DefaultParams(market.NetworkID{1})
		p := discovery.New(discovery.Config{Self: market.PeerID{1}, Network: params.Network, Params: &params, Sealer: &discoverytest.Keys{}})
		var out market.Outbox
		p.Step(market.Time{}, market.Boot{}, &out)
		p.Step(market.Time{}, market.Supply{Stock: &market.Stock{Wares: market.Wares{Platform: own}}}, &out)
		p.Step(market.Time{}, market.Wanted{Spec: &market.Spec{Image: "web"}}, &out)
		want := own
		if own == (market.Platform{}) {
			want = market.Platform{OS: "linux", Arch: "amd64"}
		}
		if len(out.Lookups) != 1 || out.Lookups[0].Key != market.RootRegion(want).Key(params.Network) {
			t.Errorf("with platform %q: looks up %+v", own, out.Lookups)
		}
	}
}

func TestViews(t *testing.T) {
	w, seller, buyer := sellerAndBuyer(t)
	need := market.Resources{CPU: 500, Memory: 64 * market.MiB}
	w.Want(buyer, market.Wanted{Spec: &market.Spec{Image: "web", Limits: need}, Want: market.Want{Need: need}})
	w.Advance(time.Second)
	if len(seller.Peer.Sold()) != 1 || len(buyer.Peer.Bought()) != 1 || len(buyer.Peer.Held()) != 1 || seller.Peer.Free().CPU != 1500 {
		t.Error("the views do not show the lease")
	}
	own := seller.Peer.OwnOffer()
	if own.Offer == nil || own.Offer.Free != seller.Peer.Free() || len(own.Traders) != 2 || !own.Traders[0].Acked {
		t.Errorf("own offer %+v", own)
	}
}

// An event or message that this version cannot know is a mistake in the code.
func TestUnknownEvent(t *testing.T) {
	for _, ev := range []market.Event{nil, market.Received{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T is taken", ev)
				}
			}()
			params := market.DefaultParams(market.NetworkID{1})
			var out market.Outbox
			discovery.New(discovery.Config{Params: &params}).Step(market.Time{}, ev, &out)
		}()
	}
}
