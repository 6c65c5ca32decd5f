package market_test

import (
	"encoding/hex"
	"testing"

	"caravela/market"
)

// keyVector is a region, its key, and how far the fixed supplier is from it.
type keyVector struct {
	Network  string `json:"network"`
	Region   string `json:"region"`
	Key      string `json:"key"`
	Peer     string `json:"peer"`
	Distance string `json:"distance"`
}

// Nodes that disagree about keys or distances never find each other's offers.
func TestGoldenKeys(t *testing.T) {
	o := testOffer()
	var got []keyVector
	for _, r := range path(&o, 4) {
		key := r.Key(o.Network)
		d := market.Distance(o.Supplier, key)
		got = append(got, keyVector{o.Network.String(), r.String(), hex.EncodeToString(key[:]), o.Supplier.String(), hex.EncodeToString(d[:])})
	}
	compareGolden(t, "keys.json", got)
}
