package libp2p

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"caravela/market"
	"caravela/remote"
)

// protocols are the names under which one network's members talk.
type protocols struct{ message, stream, dialback protocol.ID }

const configurationProtocol = protocol.ID("/caravela/configuration/1.0.0")

func protocolsOf(n market.NetworkID) protocols {
	p := "/caravela/" + n.Short()
	return protocols{
		message:  protocol.ID(p + "/message/1.0.0"),
		stream:   protocol.ID(p + "/stream/1.0.0"),
		dialback: protocol.ID(p + "/dialback/1.0.0"),
	}
}

// Serve names the network and begins to answer.
func (h *Host) Serve(n market.NetworkID, handler remote.Handler) error {
	if err := h.claim(n, handler); err != nil {
		return err
	}
	h.lib.SetStreamHandler(configurationProtocol, h.bounded(h.admit.messages, h.onConfiguration))
	h.lib.SetStreamHandler(h.proto.stream, h.bounded(h.admit.streams, h.onStream))
	h.lib.SetStreamHandler(h.proto.dialback, h.bounded(h.admit.messages, h.onDialback))
	h.lib.SetStreamHandler(h.proto.message, h.bounded(h.admit.messages, h.onMessage))
	h.relays.adapt(remote.ReachUnknown)
	h.work.Go(h.relays.run)
	if err := h.watchMembers(); err != nil {
		return err
	}
	return h.watchReach()
}

func (h *Host) claim(n market.NetworkID, handler remote.Handler) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return remote.ErrClosed
	case h.handler != nil:
		return errors.New("libp2p: a network is served already")
	}
	h.handler, h.proto = handler, protocolsOf(n)
	return nil
}

// serving returns the handler and the protocols, once there are any.
func (h *Host) serving() (remote.Handler, protocols, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, protocols{}, remote.ErrClosed
	case h.handler == nil:
		return nil, protocols{}, remote.ErrNotServing
	}
	return h.handler, h.proto, nil
}

// bounded runs f while there is room, for the peer and in all; otherwise the
// peer hears that this node is busy, and nothing of what it sends is read.
func (h *Host) bounded(room chan struct{}, f func(network.Stream, peer.ID)) network.StreamHandler {
	return func(s network.Stream) {
		h.work.Add(1)
		defer h.work.Done()
		from := s.Conn().RemotePeer()
		leave, err := h.admit.enter(from, room, time.Now())
		if err != nil {
			h.countBusy(err)
			h.reply(s, remote.StatusBusy)
			s.Close()
			return
		}
		defer leave()
		f(s, from)
	}
}

func (h *Host) countBusy(err error) {
	if errors.Is(err, errRate) {
		h.stats.rate.Add(1)
	} else {
		h.stats.busy.Add(1)
	}
}

func (h *Host) onMessage(s network.Stream, from peer.ID) {
	defer s.Close()
	handler, _, err := h.serving()
	if err != nil {
		s.Reset()
		return
	}
	msg, err := h.readMessage(s)
	if err != nil {
		h.reject(s, from, err)
		return
	}
	ctx, cancel := context.WithTimeout(h.ctx, h.cfg.HandlerTimeout)
	defer cancel()
	err = handler.Receive(ctx, h.known(from), msg)
	switch status := remote.StatusOf(err); status {
	case remote.StatusMalformed:
		h.reject(s, from, err)
	default:
		if status == remote.StatusTaken {
			h.stats.messagesIn.Add(1)
			h.used(from)
		}
		h.reply(s, status)
	}
}

func (h *Host) readMessage(s network.Stream) (remote.Message, error) {
	s.SetReadDeadline(time.Now().Add(h.cfg.ReadTimeout))
	b, err := remote.ReadBlob(bufio.NewReaderSize(s, 1<<10), remote.MaxMessage)
	if err != nil {
		return nil, err
	}
	msg, err := h.cfg.Codec.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrMalformed, err)
	}
	return msg, nil
}

// reject ends a stream on which something else came than was agreed, and
// counts it against the peer where the peer is to blame.
func (h *Host) reject(s network.Stream, from peer.ID, err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		h.stats.slow.Add(1)
		s.Reset()
	case errors.Is(err, remote.ErrMalformed), errors.Is(err, remote.ErrTooLarge), errors.Is(err, io.ErrUnexpectedEOF):
		h.stats.malformed.Add(1)
		h.log.Debug("malformed input", "peer", from, "error", err)
		h.reply(s, remote.StatusMalformed)
		s.Close()
		if h.admit.strike(from, time.Now()) {
			h.penalise(from)
		}
	default: // the sender gave up
		s.Reset()
	}
}

func (h *Host) penalise(p peer.ID) {
	h.stats.penalties.Add(1)
	h.log.Warn("peer sends malformed messages; refusing it for a while", "peer", p, "time", h.cfg.PenaltyTime)
	h.gate.penalise(p, time.Now())
	h.hangUp(p)
}

func (h *Host) reply(s network.Stream, status remote.Status) {
	s.SetWriteDeadline(time.Now().Add(h.cfg.ReadTimeout))
	_, _ = s.Write([]byte{byte(status)}) // a sender that is gone needs no answer
}

func (h *Host) onStream(s network.Stream, from peer.ID) {
	defer s.Close()
	handler, _, err := h.serving()
	if err != nil {
		s.Reset()
		return
	}
	s.SetReadDeadline(time.Now().Add(h.cfg.ReadTimeout))
	r := bufio.NewReaderSize(s, 1<<10)
	head, err := remote.ReadHeader(r)
	if err != nil {
		h.reject(s, from, err)
		return
	}
	h.reply(s, remote.StatusTaken)
	s.SetDeadline(time.Time{})
	h.stats.streamsIn.Add(1)
	release := h.keep(from)
	defer release()
	id, _ := FromPeerID(from) // the gate lets nobody else in
	st := remote.NewStream(id, conduit{s, r})
	ctx, cancel := st.Guard(h.ctx)
	defer cancel()
	stop := context.AfterFunc(h.ctx, func() { s.Reset() })
	defer stop()
	handler.Accept(ctx, id, head, st)
}

// conduit reads through the buffer that the header was read from.
type conduit struct {
	network.Stream
	r io.Reader
}

func (c conduit) Read(p []byte) (int, error) { return c.r.Read(p) }
