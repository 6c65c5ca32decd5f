package libp2p

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	lib "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/remote"
)

// question asks a member to dial the asker back. The member dials nothing but
// the IP address that the question came from: nobody can be made to knock at a
// third party's door. Addresses with another IP lend their port and transport.
type question struct {
	Addrs []string `json:"addrs"` // at most maxDialled
}

// verdict is the answer.
type verdict struct {
	Observed string   `json:"observed"` // IP address from which the question came
	Dialled  []string `json:"dialled"`
	Reached  []string `json:"reached"` // those of Dialled where the asker answered and proved its identity
}

const (
	maxDialled      = 4
	maxQuestion     = 8 << 10 // bytes, of an answer, too
	dialbackTimeout = 4 * time.Second
	dialbackEvery   = 3 * time.Second // from one peer
	dialbacks       = 4               // at once
)

// onDialback serves one question.
func (h *Host) onDialback(s network.Stream, from peer.ID) {
	defer s.Close()
	s.SetReadDeadline(time.Now().Add(h.cfg.ReadTimeout))
	b, err := remote.ReadBlob(bufio.NewReaderSize(s, 1<<10), maxQuestion)
	var q question
	if err == nil && json.Unmarshal(b, &q) != nil {
		err = fmt.Errorf("%w: dialback question", remote.ErrMalformed)
	}
	if err != nil {
		h.reject(s, from, err)
		return
	}
	v, err := h.dialBack(s.Conn(), q)
	if err != nil {
		h.reply(s, remote.StatusOf(err))
		return
	}
	answer, err := json.Marshal(v)
	if err != nil {
		h.reply(s, remote.StatusRefused)
		return
	}
	h.reply(s, remote.StatusTaken)
	s.SetWriteDeadline(time.Now().Add(h.cfg.ReadTimeout))
	_, _ = s.Write(remote.AppendBlob(nil, answer)) // who does not take it asks another
}

func (h *Host) dialBack(c network.Conn, q question) (verdict, error) {
	observed, ok := ipOf(c.RemoteMultiaddr())
	if !ok || isCircuit(c.RemoteMultiaddr()) {
		return verdict{}, fmt.Errorf("%w: asked through a relay", remote.ErrRefused)
	}
	if !h.admit.mayDial(c.RemotePeer(), time.Now()) {
		return verdict{}, remote.ErrBusy
	}
	select {
	case h.admit.dials <- struct{}{}:
		defer func() { <-h.admit.dials }()
	default:
		return verdict{}, remote.ErrBusy
	}
	targets := atObserved(observed, q.Addrs)
	reached, err := h.dialAfresh(c.RemotePeer(), targets)
	return verdict{Observed: observed.String(), Dialled: texts(targets), Reached: texts(reached)}, err
}

// atObserved moves addresses to one IP address and drops doubles.
func atObserved(ip netip.Addr, addrs []string) (out []ma.Multiaddr) {
	family := "/ip4/"
	if ip.Is6() {
		family = "/ip6/"
	}
	base, err := ma.NewMultiaddr(family + ip.WithZone("").String())
	if err != nil {
		return nil
	}
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil || len(a) < 2 || isCircuit(a) {
			continue
		}
		if asked, ok := ipOf(a); !ok || asked.Is4() != ip.Is4() {
			continue
		}
		_, rest := ma.SplitFirst(a)
		if moved := base.Encapsulate(rest); !ma.Contains(out, moved) && len(out) < maxDialled {
			out = append(out, moved)
		}
	}
	return out
}

// dialAfresh dials each address from a host made for this one purpose, so
// that neither an open connection nor a mapping that some router remembers is
// mistaken for an open door.
func (h *Host) dialAfresh(p peer.ID, addrs []ma.Multiaddr) ([]ma.Multiaddr, error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	caller, err := h.caller()
	if err != nil {
		return nil, err
	}
	defer caller.Close()
	ctx, cancel := context.WithTimeout(h.ctx, dialbackTimeout)
	defer cancel()
	var wg sync.WaitGroup
	ok := make([]bool, len(addrs))
	for i, a := range addrs {
		wg.Go(func() { ok[i] = answers(ctx, caller, p, a) })
	}
	wg.Wait()
	var reached []ma.Multiaddr
	for i, a := range addrs {
		if ok[i] {
			reached = append(reached, a)
		}
	}
	return reached, nil
}

// answers dials one address below the level where libp2p would choose among
// several.
func answers(ctx context.Context, caller host.Host, p peer.ID, a ma.Multiaddr) bool {
	n, ok := caller.Network().(interface {
		TransportForDialing(ma.Multiaddr) transport.Transport
	})
	if !ok {
		return false
	}
	t := n.TransportForDialing(a)
	if t == nil {
		return false
	}
	c, err := t.Dial(ctx, a, p)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func (h *Host) caller() (host.Host, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	opts := []lib.Option{
		lib.Identity(key), lib.NoListenAddrs, lib.DisableMetrics(), lib.DisableIdentifyAddressDiscovery(),
		lib.ResourceManager(&network.NullResourceManager{}), lib.Security(noise.ID, noise.New),
		lib.Transport(tcp.NewTCPTransport, tcp.DisableReuseport()),
	}
	if h.cfg.PSK != nil {
		opts = append(opts, lib.PrivateNetwork(h.cfg.psk()))
	} else {
		opts = append(opts, lib.Transport(libp2pquic.NewTransport))
	}
	c, err := lib.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("make a host to dial back: %w", err)
	}
	return c, nil
}

// askDialback asks one member.
func (h *Host) askDialback(ctx context.Context, p peer.ID, addrs []string) (verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*dialbackTimeout)
	defer cancel()
	_, proto, err := h.serving()
	if err != nil {
		return verdict{}, err
	}
	s, err := h.lib.NewStream(network.WithNoDial(ctx, "dialback"), p, proto.dialback)
	if err != nil {
		return verdict{}, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	b, err := json.Marshal(question{Addrs: addrs})
	if err != nil {
		return verdict{}, err
	}
	if _, err := s.Write(remote.AppendBlob(nil, b)); err != nil {
		return verdict{}, err
	}
	r := bufio.NewReaderSize(s, 1<<10)
	status, err := r.ReadByte()
	if err == nil {
		err = remote.Status(status).Err()
	}
	if err != nil {
		return verdict{}, err
	}
	if b, err = remote.ReadBlob(r, maxQuestion); err != nil {
		return verdict{}, err
	}
	var v verdict
	if err := json.Unmarshal(b, &v); err != nil {
		return verdict{}, err
	}
	return v, v.check()
}

func (v *verdict) check() error {
	if _, err := netip.ParseAddr(v.Observed); err != nil {
		return fmt.Errorf("%w: %w", remote.ErrMalformed, err)
	}
	if len(v.Dialled) > maxDialled || len(v.Reached) > len(v.Dialled) {
		return errors.New("libp2p: dialback answer too long")
	}
	return nil
}
