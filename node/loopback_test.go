package node_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"caravela/api"
	"caravela/market"
	"caravela/node/nodetest"
	"caravela/overlay"
	"caravela/overlay/kademlia"
	"caravela/remote"
	"caravela/remote/libp2p"
)

// loopback are real hosts on loopback.
type loopback struct{}

func (loopback) Connect(t *testing.T, h *nodetest.Host, n market.NetworkID) (remote.Transport, overlay.Overlay) {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(h.Key())
	if err != nil {
		t.Fatal(err)
	}
	c := libp2p.DefaultConfig()
	c.PrivateKey = key
	c.Listen = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}
	host, err := libp2p.New(c)
	if err != nil {
		t.Fatal(err)
	}
	kad := kademlia.DefaultConfig(n)
	kad.AddressFilter = host.Filter
	over, err := kademlia.New(host.LibP2P(), kad)
	if err != nil {
		t.Fatal(err)
	}
	return host, over
}

// TestOverLibP2P is the life of a container over real hosts: bought, watched,
// kept over kill -9 of either side, and removed.
func TestOverLibP2P(t *testing.T) {
	w := nodetest.NewOver(t, loopback{})
	defer w.Close()
	hosts := w.Start("cedar", "birch")
	buyer := w.Host("buyer")
	buyer.Sells = false
	buyer.Start()
	w.Until("two offers", func() bool { return offers(t, buyer) == 2 })

	req := nodetest.Request("cat")
	req.Spec.Stdin = true
	req.Policy.Node = "birch"
	ref := buyer.MustRun(req)
	seller := hosts[1]
	session, err := buyer.Exec(t.Context(), ref, api.ExecRequest{Command: []string{"/toolbox", "cat"}, Stdin: true})
	if err != nil {
		t.Fatal(err)
	}
	typed := strings.Repeat("0123456789abcdef", 64<<10)
	h := sha256.New()
	code, err := session(t.Context(), api.Stdio{In: strings.NewReader(typed), Out: h})
	if want := sha256.Sum256([]byte(typed)); code != 0 || err != nil || string(h.Sum(nil)) != string(want[:]) {
		t.Errorf("1 MiB through exec: code %d, %v", code, err)
	}

	before := seller.Units()[0].Created
	for name, again := range map[string]func(){
		"kill -9 of the seller": func() { seller.Kill(); seller.Start() },
		"kill -9 of the buyer":  func() { buyer.Kill(); buyer.Start() },
		"restart of the trader": hosts[0].Restart,
	} {
		again()
		w.Until(name, func() bool {
			u := seller.Units()
			return len(u) == 1 && u[0].Created.Equal(before) && buyer.State(ref) == "running" && offers(t, buyer) == 2
		})
	}
	if err := buyer.Remove(t.Context(), ref, api.RemoveOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	w.Until("the container is gone", func() bool { return len(seller.Units()) == 0 })
}
