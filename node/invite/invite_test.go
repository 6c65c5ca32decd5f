package invite_test

import (
	"crypto/ed25519"
	"errors"
	"reflect"
	"testing"
	"time"

	"caravela/market"
	"caravela/node/invite"
)

func keyring(seed byte) *market.Keyring {
	return market.NewKeyring(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)))
}

func network(k *market.Keyring) *market.SignedNetwork {
	return k.Found(market.Genesis{Name: "test", Creator: k.Self()}, market.DefaultParams)
}

func TestConfiguration(t *testing.T) {
	k := keyring(1)
	want := &invite.Configuration{Network: network(k), Peers: []market.Ref{{Peer: k.Self(), Addrs: []string{"/ip4/10.0.0.1/tcp/7401"}}}}
	b, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := invite.Open(b, want.Network.ID())
	if err != nil || !reflect.DeepEqual(got.Peers, want.Peers) || got.Network.ID() != want.Network.ID() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := invite.Open(b, network(keyring(2)).ID()); !errors.Is(err, invite.ErrBadConfiguration) {
		t.Errorf("another network than the token's: %v", err)
	}
	forged := &invite.Configuration{Network: &market.SignedNetwork{
		GenesisEnvelope: want.Network.GenesisEnvelope, ParamsEnvelope: network(keyring(2)).ParamsEnvelope}}
	if b, err = forged.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := invite.Open(b, market.NetworkID{}); !errors.Is(err, invite.ErrBadConfiguration) {
		t.Errorf("parameters by another peer: %v", err)
	}
	for _, s := range []string{"", "{}", "[", `{"version":9}`} {
		if _, err := invite.Open([]byte(s), market.NetworkID{}); !errors.Is(err, invite.ErrBadConfiguration) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestToken(t *testing.T) {
	k := keyring(1)
	issuer := market.Ref{Peer: k.Self(), Addrs: []string{"/ip4/203.0.113.1/tcp/7401"}}
	want := invite.NewToken(network(k).ID(), issuer, make([]byte, 32), time.Unix(1_900_000_000, 0).UTC())
	got, err := invite.Parse(want.String())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v, %v; want %+v", got, err, want)
	}
	if !invite.Proves(got.Proof(), want.Hash()) || invite.IDOf(got.Proof()) != want.ID {
		t.Error("the token does not prove itself")
	}
	other := invite.NewToken(want.Network, issuer, nil, time.Time{})
	if invite.Proves(other.Proof(), want.Hash()) {
		t.Error("another token's proof holds")
	}
	for _, s := range []string{"", "10.0.0.1", "cvl1_", want.String()[:40], want.String()[:len(want.String())-1] + "%"} {
		if _, err := invite.Parse(s); !errors.Is(err, invite.ErrBadToken) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add(invite.NewToken(network(keyring(1)).ID(), market.Ref{Peer: keyring(1).Self()}, nil, time.Time{}).String())
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := invite.Parse(s)
		if err != nil {
			return
		}
		if again, err := invite.Parse(tok.String()); err != nil || again.Proof() != tok.Proof() {
			t.Errorf("%q: not the same again (%v)", s, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	b, err := (&invite.Configuration{Network: network(keyring(1))}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = invite.Open(b, market.NetworkID{}) })
}
