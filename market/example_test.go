package market_test

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"caravela/market"
)

// A lease is one payload under two signatures. Whoever holds both envelopes
// can verify it, offline and without asking anybody.
func Example() {
	seed := make([]byte, ed25519.SeedSize)
	buyer := market.NewKeyring(ed25519.NewKeyFromSeed(seed))
	seed[0] = 1
	supplier := market.NewKeyring(ed25519.NewKeyFromSeed(seed))

	start := market.Wall(1767355200000)
	asked := buyer.Lease(market.Lease{
		Buyer: buyer.Self(), Supplier: supplier.Self(), Image: "nginx",
		Resources: market.Resources{CPU: 500, Memory: 64 * market.MiB},
		Start:     start, End: start.Add(24 * time.Hour),
	})
	granted := supplier.Countersign(asked)

	lease, err := market.OpenLease(granted.Envelopes())
	fmt.Println(lease.ID == asked.ID, lease.Resources, lease.Term(), err)
	// Output: true 0.5 cpu / 64m 24h0m0s <nil>
}
