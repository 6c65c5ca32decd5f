package realtest

import (
	"context"
	"crypto/ed25519"
	"slices"
	"sync"
	"testing"

	"caravela/market"
	"caravela/node/nodetest"
	"caravela/overlay"
	"caravela/remote"
	"caravela/remote/libp2p"
)

// puppet is a member of the market that says what a test wants. To what it
// hears it answers by reply, or not at all where that is nil.
type puppet struct {
	t    *testing.T
	ring *market.Keyring
	id   market.PeerID
	net  market.NetworkID
	host *libp2p.Host

	mu    sync.Mutex
	reply func(from market.PeerID, m market.Message)
	heard []heard
}

type heard struct {
	from market.PeerID
	msg  market.Message
}

// newPuppet adds a puppet that is in the overlay. It is forgotten with the test.
func newPuppet(t *testing.T, w *nodetest.World, key ed25519.PrivateKey) *puppet {
	t.Helper()
	p := &puppet{t: t, ring: market.NewKeyring(key), net: w.Network().ID(), host: newHost(t, key, remote.MarketCodec())}
	p.id = p.ring.Self()
	if err := p.host.Serve(p.net, p); err != nil {
		t.Fatal(err)
	}
	over := newOverlay(t, p.host, p.net)
	if err := over.Join(t.Context(), w.Bootstrap()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = over.Leave(context.Background()) // the nodes around it are gone
		p.host.Close()
	})
	w.Until("everybody knows the puppet", func() bool { return len(over.Neighbours()) == len(w.Bootstrap()) })
	return p
}

// answer changes what the puppet says.
func (p *puppet) answer(reply func(from market.PeerID, m market.Message)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reply = reply
}

// Receive implements remote.Handler.
func (p *puppet) Receive(_ context.Context, from remote.Peer, m remote.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, heard{from.ID, m})
	if p.reply != nil {
		go p.reply(from.ID, m)
	}
	return nil
}

func (p *puppet) Accept(context.Context, market.PeerID, remote.Header, *remote.Stream) {}

func (p *puppet) Configuration(context.Context, remote.Newcomer, string) ([]byte, error) {
	return nil, remote.ErrRefused
}

func (p *puppet) Observe(remote.Event) {}

// send says something and returns what the receiver's transport thinks of it.
func (p *puppet) send(to market.PeerID, m market.Message) error {
	return p.host.Send(context.Background(), remote.Peer{ID: to}, m)
}

// said returns what the puppet has heard of one kind.
func said[M market.Message](p *puppet) (list []M) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.heard {
		if m, ok := h.msg.(M); ok {
			list = append(list, m)
		}
	}
	return list
}

// await returns the first message of one kind that the puppet hears and that
// is as it should be.
func await[M market.Message](w *nodetest.World, p *puppet, what string, is func(M) bool) (found M) {
	p.t.Helper()
	w.Until(what, func() bool {
		list := said[M](p)
		i := slices.IndexFunc(list, is)
		if i >= 0 {
			found = list[i]
		}
		return i >= 0
	})
	return found
}

// offer is the puppet's own, of so many cores, as like's but for that.
func (p *puppet) offer(like *market.Offer, cores market.MilliCPU, seq uint64) *market.SignedOffer {
	o := *like
	o.Supplier, o.Seq, o.Name = p.id, seq, "puppet"
	o.Free.CPU, o.Total.CPU = cores, cores
	return p.ring.Offer(o)
}

// tell brings the puppet's offer to the nodes as a supplier does.
func (p *puppet) tell(o *market.SignedOffer, to ...*nodetest.Host) {
	p.t.Helper()
	m := &market.CreateOffer{Offer: o, At: p.ref(), Region: market.RootRegion(o.Platform)}
	for _, h := range to {
		m.Replicas = append(m.Replicas, h.ID)
	}
	for _, h := range to {
		if err := p.send(h.ID, m); err != nil {
			p.t.Errorf("offer to %s: %v", h.Name, err)
		}
	}
}

func (p *puppet) ref() market.Ref {
	self := overlay.Peer(p.host.Self())
	return market.Ref{Peer: self.ID, Addrs: self.Addrs}
}

// lease asks a node for a container in the puppet's own name, but for what
// change does to it.
func (p *puppet) lease(of market.PeerID, change func(*market.Lease)) *market.LaunchContainer {
	spec := &market.Spec{Image: nodetest.Image, Command: []string{"sleep"}, Limits: market.Resources{CPU: 500, Memory: 64 * market.MiB}}
	now := clock()
	l := market.Lease{
		Network: p.net, Buyer: p.id, Supplier: of, OfferSeq: 1, Nonce: 7, Resources: spec.Limits, Image: spec.Image,
		SpecHash: market.HashSpec(spec), Start: now, End: now.Add(market.DefaultParams(p.net).Term),
	}
	if change != nil {
		change(&l)
	}
	return &market.LaunchContainer{Lease: p.ring.Lease(l), Spec: spec, At: p.ref()}
}
