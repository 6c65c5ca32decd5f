package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"caravela/market"
	"caravela/node/invite"
	"caravela/remote"
)

// receiveWait is how long a sender waits for room in a full inbox.
const receiveWait = 2 * time.Second

// Receive implements remote.Handler.
func (n *Node) Receive(ctx context.Context, from remote.Peer, m remote.Message) error {
	ctx, cancel := context.WithTimeout(ctx, receiveWait)
	defer cancel()
	n.stats.received(m)
	ref := market.Ref{Peer: from.ID, Addrs: boundAddrs(from.Addrs)}
	if err := n.loop.Post(ctx, market.Received{From: ref, Msg: m}); err != nil {
		return fmt.Errorf("%w: %w", remote.ErrBusy, err)
	}
	return nil
}

// Configuration implements remote.Handler: it answers a newcomer. The texts
// of its errors are read by the newcomer's user.
func (n *Node) Configuration(_ context.Context, from remote.Newcomer, proof string) ([]byte, error) {
	if err := n.admit(from, proof); err != nil {
		return nil, err
	}
	n.log.Info("configuration given to a newcomer", "peer", from.ID.Short(), "token", invite.IDOf(proof))
	c := invite.Configuration{
		Network: n.cfg.Network.SignedNetwork,
		Peers:   append([]market.Ref{n.ref()}, n.members()...),
	}
	return c.Encode()
}

// admit says why a newcomer is told nothing; nil if it is. A token that was
// given out opens the node to its holders, not to the rest of the world.
func (n *Node) admit(from remote.Newcomer, proof string) error {
	switch {
	case proof != "":
		return n.tokens.use(proof, time.Now())
	case n.cfg.Network.Genesis.Private:
		return errors.New("this network is private: ask its owner for a token (caravela token create) and join with that")
	case from.Afar && !n.cfg.Open:
		return errors.New("this node tells strangers at public addresses nothing: ask its owner for a token (caravela token create) and join with that")
	}
	return nil
}
