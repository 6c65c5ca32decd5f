package simulator

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"

	"caravela/discovery"
	"caravela/market"
)

// What messages are said to weigh is what their real encoding weighs, with
// signatures and two addresses a peer, on the average of each kind in a market
// at work.
func TestSizes(t *testing.T) {
	c := DefaultConfig()
	c.Nodes, c.Workers, c.Duration, c.Load.Warmup = 300, 1, 40*time.Minute, 5*time.Minute
	c.Params.SplitAt = 64
	w := &scales{ring: market.NewKeyring(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))), kinds: map[string]*weight{}}
	c.Machine = func(d discovery.Config) Participant { return weighed{discovery.New(d), w} }
	New(c).Run(t.Context())
	seen := 0
	for _, kind := range slices.Sorted(maps.Keys(w.kinds)) {
		k := w.kinds[kind]
		said, real := k.said/k.n, k.real/k.n
		t.Logf("%-26s %6.0f messages of %4.0f bytes, said to be %4.0f", kind, k.n, real, said)
		if math.Abs(said-real) > .15*real {
			t.Errorf("%s takes %.0f bytes, not %.0f", kind, real, said)
		}
		seen++
	}
	if seen < 12 {
		t.Errorf("%d kinds of messages: the test is blind", seen)
	}
	if w.err != nil {
		t.Error(w.err)
	}
}

// A question of a lookup weighs what kad-dht's own encoding of it weighs.
func TestRPCBytes(t *testing.T) {
	question := pb.NewMessage(pb.Message_FIND_NODE, make([]byte, 32), 0)
	answer := pb.NewMessage(pb.Message_FIND_NODE, nil, 0)
	for range 20 {
		p := &pb.Message_Peer{Id: make([]byte, len(market.PeerID{}.Bytes())), Connection: pb.Message_CONNECTED}
		for _, a := range addrs() {
			p.Addrs = append(p.Addrs, ma.StringCast(a).Bytes())
		}
		answer.CloserPeers = append(answer.CloserPeers, p)
	}
	real := float64(proto.Size(question) + proto.Size(answer) + 2*frame)
	if math.Abs(rpcBytes-real) > .15*real {
		t.Errorf("a question and its answer take %.0f bytes, not %d", real, rpcBytes)
	}
}

// scales add up what messages weigh, by kind.
type scales struct {
	ring  *market.Keyring
	kinds map[string]*weight
	err   error
}

type weight struct{ n, said, real float64 }

// weighed is a peer whose messages are put on the scales.
type weighed struct {
	*discovery.Peer
	scales *scales
}

func (p weighed) Step(now market.Time, ev market.Event, out *market.Outbox) {
	p.Peer.Step(now, ev, out)
	for i := range out.Sends {
		p.scales.put(out.Sends[i].Msg)
	}
}

func (w *scales) put(m market.Message) {
	kind := fmt.Sprintf("%T", m)
	k := w.kinds[kind]
	if k == nil {
		k = &weight{}
		w.kinds[kind] = k
	}
	if k.n > 2000 {
		return
	}
	b, err := market.EncodeMessage(w.complete(m))
	if err != nil {
		w.err = fmt.Errorf("%s: %w", kind, err)
	}
	k.n, k.said, k.real = k.n+1, k.said+float64(size(m)), k.real+float64(len(b)+frame)
}

// complete returns a message as a real node would send it.
func (w *scales) complete(m market.Message) market.Message {
	switch m := m.(type) {
	case *market.CreateOffer:
		c := *m
		c.Offer, c.At, c.Above = w.offer(m.Offer), at(m.At), ats(m.Above)
		return &c
	case *market.UpdateOffer:
		c := *m
		c.Offer, c.At = w.offer(m.Offer), at(m.At)
		return &c
	case *market.RefreshAck:
		c := *m
		c.Offer, c.At = w.offer(m.Offer), at(m.At)
		return &c
	case *market.Offers:
		c := *m
		c.Offers, c.Hints = slices.Clone(m.Offers), slices.Clone(m.Hints)
		for i := range c.Offers {
			c.Offers[i] = market.OfferAt{Offer: w.offer(c.Offers[i].Offer), Addrs: addrs()}
		}
		for i := range c.Hints {
			c.Hints[i].Traders = ats(c.Hints[i].Traders)
		}
		return &c
	case *market.AdvertiseOffersNeighbor:
		c := *m
		c.At = at(m.At)
		return &c
	case *market.LaunchContainer:
		c := *m
		c.Lease, c.At = w.ring.Lease(m.Lease.Lease), at(m.At)
		return &c
	case *market.Grant:
		return &market.Grant{Lease: w.ring.Countersign(w.ring.Lease(m.Lease.Lease))}
	case *market.StatusUpdate:
		return &market.StatusUpdate{Status: w.ring.Status(m.Status.Status)}
	}
	return m
}

func (w *scales) offer(o *market.SignedOffer) *market.SignedOffer {
	if o == nil {
		return nil
	}
	return w.ring.Offer(o.Offer)
}

func addrs() []string {
	return []string{"/ip4/192.168.17.110/tcp/7401", "/ip4/192.168.17.110/udp/7401/quic-v1"}
}

func at(r market.Ref) market.Ref { return market.Ref{Peer: r.Peer, Addrs: addrs()} }

func ats(rs []market.Ref) (out []market.Ref) {
	for _, r := range rs {
		out = append(out, at(r))
	}
	return out
}
