package market_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"testing"

	kb "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"caravela/market"
)

// The core never imports libp2p, and agrees with it on every peer's name.
func TestPeerIDsAreLibp2ps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		seed := randomPeer(r)
		key := ed25519.NewKeyFromSeed(seed[:])
		ours := market.NewKeyring(key).Self()
		pub, err := crypto.UnmarshalEd25519PublicKey(key.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := peer.IDFromPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if ours.String() != theirs.String() || !bytes.Equal(ours.Bytes(), []byte(theirs)) {
			t.Fatalf("ours %s, libp2p's %s", ours, theirs)
		}
		if p, err := market.ParsePeerID(theirs.String()); p != ours || err != nil {
			t.Fatalf("ParsePeerID(%s) = %s, %v", theirs, p, err)
		}
		if p, err := market.PeerIDFromBytes([]byte(theirs)); p != ours || err != nil {
			t.Fatalf("PeerIDFromBytes(%s) = %s, %v", theirs, p, err)
		}
		if got, err := peer.Decode(ours.String()); got != theirs || err != nil {
			t.Fatalf("libp2p reads %s as %s, %v", ours, got, err)
		}
	}
}

// Traders are the peers that kad-dht calls the nearest.
func TestDistanceIsKadDHTs(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		p, q := randomPeer(r), randomPeer(r)
		key := market.Key(randomPeer(r))
		target := kb.ConvertKey(string(key[:]))
		id := kb.ConvertPeerID(peer.ID(p.Bytes()))
		want := make([]byte, len(target))
		for i := range want {
			want[i] = target[i] ^ id[i]
		}
		if d := market.Distance(p, key); !bytes.Equal(d[:], want) {
			t.Fatalf("distance %x, kad-dht's %x", d, want)
		}
		if kb.Closer(peer.ID(p.Bytes()), peer.ID(q.Bytes()), string(key[:])) != market.Nearer(p, q, key) {
			t.Fatalf("kad-dht orders %s and %s differently", p, q)
		}
	}
}

func TestBadPeerIDs(t *testing.T) {
	good := seller.Self()
	text := good.String()
	for name, s := range map[string]string{
		"empty":           "",
		"short":           text[:30],
		"cut":             text[:len(text)-1],
		"too long":        text + text,
		"one more digit":  text + "1",
		"leading one":     "1" + text,
		"other first":     "Q" + text[1:],
		"not base58":      text[:20] + "0" + text[21:],
		"not ASCII":       text[:20] + "é" + text[22:],
		"an RSA peer":     "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
		"zeros":           "1111111111111111111111111111111111111111111111111111",
		"a huge multihas": "1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
	} {
		if p, err := market.ParsePeerID(s); !errors.Is(err, market.ErrBadID) {
			t.Errorf("%s: %s, %v", name, p, err)
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "key only": good[:], "prefix": bytes.Repeat([]byte{1}, 38), "longer": append(good.Bytes(), 0),
	} {
		if p, err := market.PeerIDFromBytes(b); !errors.Is(err, market.ErrBadID) {
			t.Errorf("%s: %s, %v", name, p, err)
		}
	}
}

func TestHexIDs(t *testing.T) {
	l, n := market.LeaseID(filled(0xab)), market.NetworkID(filled(0xcd))
	if got, err := market.ParseLeaseID(l.String()); got != l || err != nil {
		t.Errorf("lease: %s, %v", got, err)
	}
	if got, err := market.ParseNetworkID(n.String()); got != n || err != nil {
		t.Errorf("network: %s, %v", got, err)
	}
	if l.Short() != "abababababab" || n.Short() != "cdcdcdcdcdcd" || len(seller.Self().Short()) != 8 {
		t.Errorf("short forms %q, %q, %q", l.Short(), n.Short(), seller.Self().Short())
	}
	for _, s := range []string{"", "ab", l.String()[1:], l.String() + "00", "zz" + l.String()[2:]} {
		if _, err := market.ParseLeaseID(s); !errors.Is(err, market.ErrBadID) {
			t.Errorf("ParseLeaseID(%q) = %v", s, err)
		}
		if _, err := market.ParseNetworkID(s); !errors.Is(err, market.ErrBadID) {
			t.Errorf("ParseNetworkID(%q) = %v", s, err)
		}
	}
	if same := l; l.Compare(same) != 0 || l.Compare(market.LeaseID{}) != 1 || !(market.LeaseID{}).IsZero() || l.IsZero() {
		t.Error("leases are out of order")
	}
	p := market.PeerID(filled(1))
	if same := p; p.Compare(same) != 0 || p.Compare(market.PeerID(filled(2))) != -1 || !(market.PeerID{}).IsZero() || p.IsZero() {
		t.Error("peers are out of order")
	}
}

// An error about a long text shows its beginning only.
func TestErrorsAreShort(t *testing.T) {
	_, err := market.ParsePeerID(string(bytes.Repeat([]byte("x"), 1<<20)))
	if len(err.Error()) > 200 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
}
