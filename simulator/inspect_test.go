package simulator

import (
	"testing"

	"caravela/discovery"
	"caravela/market"
)

// A peer that asks without end is a storm, one that is asked without end is
// none.
func TestStorm(t *testing.T) {
	for _, c := range []struct {
		name string
		says market.Message
		want int
	}{
		{"advertisements", &market.AdvertiseOffersNeighbor{}, 1},
		{"questions", &market.GetOffers{}, 1},
		{"its own offer", &market.UpdateOffer{}, 1},
		{"answers", &market.Offers{}, 0},
		{"acknowledgements", &market.OfferAck{}, 0},
	} {
		var k inspector
		var before uint32
		n := &node{machine: &discovery.Peer{}}
		for range 1000 {
			n.charge(c.says)
		}
		if k.storm(n, &before, 0); k.Storms != 0 {
			t.Errorf("%s: a thousand in a minute are a storm", c.name)
		}
		for range 1001 {
			n.charge(c.says)
		}
		if k.storm(n, &before, 0); k.Storms != c.want {
			t.Errorf("%s: %d storms, want %d", c.name, k.Storms, c.want)
		}
	}
}
