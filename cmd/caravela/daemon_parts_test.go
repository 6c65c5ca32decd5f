package main

import (
	"crypto/ed25519"
	"testing"

	"caravela/configuration"
	"caravela/market"
	"caravela/node/identity"
)

// TestFounderServes: the first newcomer joins through the founder, whatever
// the founder's profile.
func TestFounderServes(t *testing.T) {
	cfg := configuration.Here().Defaults(configuration.LowPower)
	for i, want := range []bool{false, true} {
		key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		founder := market.NewKeyring(ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), byte(i))))
		m := &membership{cfg: cfg, key: key, network: &identity.Network{
			SignedNetwork: founder.Found(market.Genesis{Name: "ours", Creator: founder.Self()}, market.DefaultParams)}}
		if got := m.client(); got != want {
			t.Errorf("founder %v: client %v", !want, got)
		}
	}
}
