package libp2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"

	"caravela/remote"
)

// onConfiguration answers a newcomer: status, then the configuration or the
// reason why not.
func (h *Host) onConfiguration(s network.Stream, from peer.ID) {
	defer s.Close()
	handler, _, err := h.serving()
	if err != nil {
		s.Reset()
		return
	}
	s.SetReadDeadline(time.Now().Add(h.cfg.ReadTimeout))
	token, err := remote.ReadBlob(bufio.NewReaderSize(s, 1<<10), remote.MaxToken)
	if err != nil {
		h.reject(s, from, err)
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.HandlerTimeout)
	defer cancel()
	data, err := handler.Configuration(ctx, h.newcomer(from, s.Conn()), string(token))
	if err == nil && len(data) > remote.MaxConfiguration {
		err = fmt.Errorf("%w: configuration of %d bytes", remote.ErrTooLarge, len(data))
	}
	status := remote.StatusOf(err)
	if err != nil {
		data = []byte(err.Error())
	} else {
		h.stats.configurations.Add(1)
	}
	h.reply(s, status)
	s.SetWriteDeadline(time.Now().Add(h.cfg.ReadTimeout))
	_, _ = s.Write(remote.AppendBlob(nil, data)) // who does not take it asks again
}

// newcomer is a peer at the place from which it asks, which is not always the
// one that it says it has.
func (h *Host) newcomer(p peer.ID, c network.Conn) remote.Newcomer {
	id, _ := FromPeerID(p) // the gate lets nobody else in
	return remote.Newcomer{ID: id, Afar: h.horizon.outside(c.RemoteMultiaddr())}
}

// FetchConfiguration asks the node at target for its network's configuration.
func (h *Host) FetchConfiguration(ctx context.Context, target, token string) (remote.Configuration, error) {
	t, err := remote.ParseTarget(target)
	if err != nil {
		return remote.Configuration{}, err
	}
	c, err := h.FetchConfigurationFrom(ctx, t, token)
	if err != nil {
		return c, fmt.Errorf("join %s: %w", target, err)
	}
	return c, nil
}

// FetchConfigurationFrom is FetchConfiguration of a target that may have many
// addresses; they are dialled together, and the node is asked once.
func (h *Host) FetchConfigurationFrom(ctx context.Context, t remote.Target, token string) (remote.Configuration, error) {
	if len(token) > remote.MaxToken {
		return remote.Configuration{}, fmt.Errorf("%w: token of %d bytes", remote.ErrTooLarge, len(token))
	}
	ctx, cancel := h.timed(ctx)
	defer cancel()
	p, err := h.meet(ctx, t)
	if err != nil {
		return remote.Configuration{}, err
	}
	data, err := h.ask(ctx, p, token)
	if err != nil {
		return remote.Configuration{}, fmt.Errorf("ask for the configuration: %w", err)
	}
	return remote.Configuration{Data: data, From: h.met(p), Pinned: t.Known}, nil
}

// met names a connected peer, the address that worked first.
func (h *Host) met(p peer.ID) remote.Peer {
	who := h.known(p)
	var addrs []string
	for _, c := range h.lib.Network().ConnsToPeer(p) {
		addrs = append(addrs, c.RemoteMultiaddr().String())
	}
	for _, a := range who.Addrs {
		if len(addrs) == 0 || a != addrs[0] {
			addrs = append(addrs, a)
		}
	}
	who.Addrs = addrs[:min(len(addrs), maxAddrs)]
	return who
}

// meet connects to whoever listens at the target. Without a peer ID it dials
// a made-up one: the handshake fails and names who is really there. That name
// is not proven, so it is dialled once more.
func (h *Host) meet(ctx context.Context, t remote.Target) (peer.ID, error) {
	addrs, err := h.resolve(ctx, t.Addrs)
	if err != nil {
		return "", err
	}
	id := ToPeerID(t.ID)
	if !t.Known {
		if id, err = h.reveal(ctx, addrs); err != nil {
			return "", err
		}
	}
	if err := h.lib.Connect(ctx, peer.AddrInfo{ID: id, Addrs: addrs}); err != nil {
		return "", explainDial(ctx, err)
	}
	return id, nil
}

// reveal asks all addresses at once, each with an identity of its own, and
// believes the first answer: where UDP is blocked, QUIC takes 5 s to find out.
func (h *Host) reveal(ctx context.Context, addrs []ma.Multiaddr) (peer.ID, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		id  peer.ID
		err error
	}
	answers := make(chan answer, len(addrs))
	for _, a := range addrs {
		go func() {
			id, err := h.revealAt(ctx, a)
			answers <- answer{id, err}
		}()
	}
	var last error
	for range addrs {
		a := <-answers
		if a.err == nil || errors.Is(a.err, remote.ErrTarget) {
			return a.id, a.err
		}
		last = a.err
		if errors.Is(last, syscall.ECONNREFUSED) && !slices.ContainsFunc(addrs, isPublic) {
			break // as in unlessRefused
		}
	}
	return "", explainDial(ctx, last)
}

func (h *Host) revealAt(ctx context.Context, a ma.Multiaddr) (peer.ID, error) {
	id, err := nobody()
	if err != nil {
		return "", err
	}
	err = h.lib.Connect(ctx, peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{a}})
	h.lib.Peerstore().ClearAddrs(id)
	var mismatch sec.ErrPeerIDMismatch
	switch {
	case !errors.As(err, &mismatch):
		return "", err
	case mismatch.Actual == h.lib.ID():
		return "", fmt.Errorf("%w: this node itself listens there", remote.ErrTarget)
	}
	return mismatch.Actual, nil
}

func explainDial(ctx context.Context, err error) error {
	var mismatch sec.ErrPeerIDMismatch
	switch {
	case errors.As(err, &mismatch):
		return fmt.Errorf("%w: another node, %s, answers there; if that is the right one, leave the peer ID out or ask for a new token",
			remote.ErrUnreachable, mismatch.Actual)
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	return fmt.Errorf("%w: no node answers (%w): is it running (`caravela status` on that machine), and is its port open for TCP and UDP?",
		remote.ErrUnreachable, brief(err))
}

// resolve turns texts into addresses that this node may dial.
func (h *Host) resolve(ctx context.Context, addrs []string) (out []ma.Multiaddr, err error) {
	for _, s := range addrs {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", remote.ErrTarget, err)
		}
		if !isDNS(a) {
			out = append(out, a)
			continue
		}
		found, err := lookup(ctx, a)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	permitted := h.Filter(out)
	if len(out) > 0 && len(permitted) == 0 {
		return nil, fmt.Errorf("%w: %s is a public address, and this node deals with private ones only: join with a token, or start with --open",
			remote.ErrRefused, out[0])
	}
	return permitted, nil
}

// lookup replaces a host name by its addresses.
func lookup(ctx context.Context, a ma.Multiaddr) (out []ma.Multiaddr, err error) {
	head, tail := ma.SplitFirst(a)
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", head.Value())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	for _, ip := range ips {
		family := "/ip4/"
		if ip = ip.Unmap(); ip.Is6() {
			family = "/ip6/"
		}
		base, err := ma.NewMultiaddr(family + ip.String())
		if err == nil {
			out = append(out, base.Encapsulate(tail))
		}
	}
	return out, nil
}

func (h *Host) ask(ctx context.Context, p peer.ID, token string) ([]byte, error) {
	s, err := h.lib.NewStream(network.WithAllowLimitedConn(ctx, "configuration"), p, configurationProtocol)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, err)
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if _, err := s.Write(remote.AppendBlob(nil, []byte(token))); err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrUnknown, err)
	}
	r := bufio.NewReader(s)
	status, err := r.ReadByte()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrUnknown, err)
	}
	data, err := remote.ReadBlob(r, remote.MaxConfiguration)
	if status := remote.Status(status).Err(); status != nil {
		return nil, fmt.Errorf("%w: %.512s", status, data)
	}
	return data, err
}
