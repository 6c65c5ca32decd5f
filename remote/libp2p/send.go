package libp2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multistream"

	"caravela/remote"
)

// Send delivers a message.
func (h *Host) Send(ctx context.Context, to remote.Peer, msg remote.Message) error {
	handler, proto, err := h.serving()
	if err != nil {
		return err
	}
	b, err := h.cfg.Codec.Encode(msg)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if len(b) > remote.MaxMessage {
		return fmt.Errorf("%w: message of %d bytes, at most %d", remote.ErrTooLarge, len(b), remote.MaxMessage)
	}
	ctx, cancel := h.timed(ctx)
	defer cancel()
	if to.ID == h.self {
		return remote.StatusOf(handler.Receive(ctx, h.Self(), msg)).Err()
	}
	if err := h.exchange(ctx, to, proto.message, b); err != nil {
		h.stats.sendErrors.Add(1)
		if errors.Is(err, context.DeadlineExceeded) {
			h.suspect(to)
		}
		return fmt.Errorf("send to %s: %w", to.ID.Short(), err)
	}
	h.stats.messagesOut.Add(1)
	h.used(ToPeerID(to.ID))
	return nil
}

// suspect makes sure that a peer which did not answer is still there, and
// closes the connection if it is not: QUIC takes half a minute to notice that
// the other process has died.
func (h *Host) suspect(to remote.Peer) {
	h.work.Go(func() {
		ctx, cancel := context.WithTimeout(network.WithNoDial(h.ctx, "suspect"), localDialTimeout)
		defer cancel()
		if _, err := h.Ping(ctx, remote.Peer{ID: to.ID}); err != nil && h.ctx.Err() == nil {
			h.hangUp(ToPeerID(to.ID))
		}
	})
}

// timed bounds a call whose caller did not.
func (h *Host) timed(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, h.cfg.SendTimeout)
}

func (h *Host) exchange(ctx context.Context, to remote.Peer, proto protocol.ID, b []byte) error {
	s, err := h.open(ctx, to, proto)
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	_, err = s.Write(remote.AppendBlob(make([]byte, 0, len(b)+5), b))
	if err == nil {
		err = s.CloseWrite()
	}
	return h.answer(ctx, s, to, err)
}

// answer reads the receiver's status byte. A receiver that is busy answers
// without reading, so a failed write does not mean that there is no answer.
func (h *Host) answer(ctx context.Context, s network.Stream, to remote.Peer, wrote error) error {
	var status [1]byte
	if _, err := io.ReadFull(s, status[:]); err != nil {
		s.Reset()
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case h.foreign(ToPeerID(to.ID), err):
			return remote.ErrForeign
		case wrote != nil:
			err = wrote
		}
		return fmt.Errorf("%w: %w", remote.ErrUnknown, err)
	}
	return remote.Status(status[0]).Err()
}

// open starts a libp2p stream, dialling first where there is no connection.
func (h *Host) open(ctx context.Context, to remote.Peer, proto protocol.ID) (network.Stream, error) {
	id := ToPeerID(to.ID)
	if addrs := h.parse(id, to.Addrs); len(addrs) > 0 {
		h.lib.Peerstore().AddAddrs(id, addrs, peerstore.TempAddrTTL)
	}
	dialling, cancel := h.unlessRefused(network.WithAllowLimitedConn(ctx, "caravela"), id)
	defer cancel()
	s, err := h.lib.NewStream(dialling, id, proto)
	switch {
	case err == nil:
		if isCircuit(s.Conn().RemoteMultiaddr()) {
			h.straighten(id)
		}
		return s, nil
	case h.foreign(id, err):
		return nil, remote.ErrForeign
	case dialling.Err() != nil:
		return nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, context.Cause(dialling))
	default:
		return nil, fmt.Errorf("%w: %w", remote.ErrUnreachable, brief(err))
	}
}

// foreign reports whether a call failed because the peer does not speak this
// network's protocols.
func (h *Host) foreign(id peer.ID, err error) bool {
	var unsupported multistream.ErrNotSupported[protocol.ID]
	return errors.As(err, &unsupported) || h.otherNetwork(id)
}

// otherNetwork reports whether a peer is known to serve another network.
func (h *Host) otherNetwork(id peer.ID) bool {
	_, own, err := h.serving()
	if err != nil {
		return false
	}
	all, err := h.lib.Peerstore().GetProtocols(id)
	if err != nil {
		return false
	}
	other := false
	for _, p := range all {
		if p == own.message {
			return false
		}
		other = other || strings.HasPrefix(string(p), "/caravela/") && strings.HasSuffix(string(p), "/message/1.0.0")
	}
	return other
}

// Open starts a stream of frames.
func (h *Host) Open(ctx context.Context, to remote.Peer, head remote.Header) (*remote.Stream, error) {
	handler, proto, err := h.serving()
	if err != nil {
		return nil, err
	}
	b, err := head.Append(nil)
	if err != nil {
		return nil, err
	}
	if to.ID == h.self {
		return h.openSelf(ctx, handler, head), nil
	}
	st, err := h.openStream(ctx, to, proto.stream, b)
	if err != nil {
		return nil, fmt.Errorf("open %s at %s: %w", head.Kind, to.ID.Short(), err)
	}
	h.stats.streamsOut.Add(1)
	return st, nil
}

func (h *Host) openStream(ctx context.Context, to remote.Peer, proto protocol.ID, head []byte) (*remote.Stream, error) {
	within, cancel := h.timed(ctx)
	defer cancel()
	s, err := h.open(within, to, proto)
	if err != nil {
		return nil, err
	}
	s.SetDeadline(time.Now().Add(h.cfg.ReadTimeout))
	_, err = s.Write(head)
	if err := h.answer(within, s, to, err); err != nil {
		s.Reset()
		return nil, err
	}
	s.SetDeadline(time.Time{})
	release := h.keep(s.Conn().RemotePeer())
	stop := context.AfterFunc(ctx, func() {
		release()
		s.Reset()
	})
	return remote.NewStream(to.ID, &ownedConduit{s, stop, release}), nil
}

// openSelf serves a stream within this node: a buyer may well have bought
// from itself.
func (h *Host) openSelf(ctx context.Context, handler remote.Handler, head remote.Header) *remote.Stream {
	mine, theirs := remote.Pipe()
	context.AfterFunc(ctx, func() { mine.Reset() })
	st := remote.NewStream(h.self, theirs)
	served, cancel := st.Guard(h.ctx)
	context.AfterFunc(h.ctx, func() { mine.Reset() })
	h.work.Go(func() {
		defer theirs.Close()
		defer cancel()
		handler.Accept(served, h.self, head, st)
	})
	return remote.NewStream(h.self, mine)
}

// Ping measures one round trip.
func (h *Host) Ping(ctx context.Context, to remote.Peer) (time.Duration, error) {
	ctx, cancel := h.timed(ctx)
	defer cancel()
	id := ToPeerID(to.ID)
	if addrs := h.parse(id, to.Addrs); len(addrs) > 0 {
		h.lib.Peerstore().AddAddrs(id, addrs, peerstore.TempAddrTTL)
	}
	r, ok := <-ping.Ping(network.WithAllowLimitedConn(ctx, "ping"), h.lib, id)
	if !ok {
		r.Error = ctx.Err()
	}
	if r.Error != nil {
		return 0, fmt.Errorf("ping %s: %w: %w", to.ID.Short(), remote.ErrUnreachable, r.Error)
	}
	return r.RTT, nil
}
